"""Means of repeats in fresh processes, as the records hold them."""

from collections.abc import Sequence

from pybench.records.imports import Estimate
from pybench.records.means import Mean
from pybench.statistics.intervals import mean_and_half


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean of values of which each comes from a process of its own.

    Raises
    ------
    ValueError
        Without any value.
    """
    mean, half = mean_and_half(values)
    if half is None:
        return Mean(value=mean, low=None, high=None, repeats=1)
    return Mean(value=mean, low=mean - half, high=mean + half, repeats=len(values))


def estimate(values_ns: Sequence[float]) -> Estimate:
    """Return the same of times, with half of the interval."""
    mean, half = mean_and_half(values_ns)
    return Estimate(mean_ns=mean, half_ns=half, processes=len(values_ns))
