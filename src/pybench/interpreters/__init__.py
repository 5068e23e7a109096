"""The host's side: which interpreters are there, what each is, and a suite on one.

Nothing here imports the extension or the plugin: those belong to the interpreter
under test, and every interpreter is asked in a child process of its own.
"""

from pybench.interpreters.find import SUPPORTED, Rejected, Search, find
from pybench.interpreters.probe import Interpreter, ProbeError, probe
from pybench.interpreters.requests import Requested, RequestError, resolve

__all__ = [
    "SUPPORTED",
    "Interpreter",
    "ProbeError",
    "Rejected",
    "RequestError",
    "Requested",
    "Search",
    "find",
    "probe",
    "resolve",
]
