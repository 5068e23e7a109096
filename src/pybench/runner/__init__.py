"""The host's side: which interpreters are there, and what each of them is.

Nothing here imports the extension or the plugin: those belong to the interpreter
under test, and every interpreter is asked in a child process of its own.
"""

from pybench.runner.find import SUPPORTED, Rejected, Search, find
from pybench.runner.probe import Interpreter, ProbeError, probe

__all__ = [
    "SUPPORTED",
    "Interpreter",
    "ProbeError",
    "Rejected",
    "Search",
    "find",
    "probe",
]
