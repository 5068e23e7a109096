"""What profiles put into their records: means of repeats, and the interpreter."""

from collections.abc import Sequence

from pybench.interpreters import Interpreter
from pybench.records.imports import Estimate
from pybench.records.means import Mean, ProfiledPython
from pybench.statistics.intervals import mean_and_half


def mean_of(values: Sequence[float]) -> Mean | None:
    """Return the mean of values of which each comes from a process of its own."""
    if not values:
        return None
    mean, half = mean_and_half(values)
    if half is None:
        return Mean(value=mean, low=None, high=None)
    return Mean(value=mean, low=mean - half, high=mean + half, repeats=len(values))


def estimate(values_ns: Sequence[float]) -> Estimate:
    """Return the same of times, with half of the interval."""
    mean, half = mean_and_half(values_ns)
    return Estimate(mean_ns=mean, half_ns=half, processes=len(values_ns))


def profiled(interpreter: Interpreter) -> ProfiledPython:
    """Return what a record says of an interpreter."""
    return ProfiledPython(
        label=interpreter.label,
        path=str(interpreter.path),
        free_threaded=interpreter.free_threaded,
        gil_enabled=interpreter.gil_enabled,
    )
