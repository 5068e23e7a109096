"""The host's side: which interpreters are there, what each is, and a suite on one.

Nothing here imports the extension or the plugin: those belong to the interpreter
under test, and every interpreter is asked in a child process of its own.
"""

from pybench.runner.find import SUPPORTED, Rejected, Search, find
from pybench.runner.measure import Measured, NotReadyError, check_ready, measure
from pybench.runner.probe import Interpreter, ProbeError, probe
from pybench.runner.requests import Requested, RequestError, resolve

__all__ = [
    "SUPPORTED",
    "Interpreter",
    "Measured",
    "NotReadyError",
    "ProbeError",
    "Rejected",
    "RequestError",
    "Requested",
    "Search",
    "check_ready",
    "find",
    "measure",
    "probe",
    "resolve",
]
