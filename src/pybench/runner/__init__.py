"""The host's side: which interpreters are there, what each is, and a suite on one.

Nothing here imports the extension or the plugin: those belong to the interpreter
under test, and every interpreter is asked in a child process of its own.
"""

from pybench.runner.choose import ChoiceError, choose
from pybench.runner.find import SUPPORTED, Rejected, Search, find
from pybench.runner.measure import Measured, NotReadyError, check_ready, measure
from pybench.runner.probe import Interpreter, ProbeError, probe

__all__ = [
    "SUPPORTED",
    "ChoiceError",
    "Interpreter",
    "Measured",
    "NotReadyError",
    "ProbeError",
    "Rejected",
    "Search",
    "check_ready",
    "choose",
    "find",
    "measure",
    "probe",
]
