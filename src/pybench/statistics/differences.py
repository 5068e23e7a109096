"""From the samples of one pair to its one number, and which clock it is read from."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Protocol

CPU = "cpu"
WALL = "wall"

# More CPU than wall time: threads. Less than this share of it: waiting. Between them
# CPU time is the better clock, since nobody else's work is in it.
_THREADS = 1.05
_WAITS = 0.95


class Sample(Protocol):
    """What a sample took by each clock, in ns; see `pybench.records.samples`."""

    @property
    def wall_ns(self) -> int:
        """Wall time."""

    @property
    def cpu_ns(self) -> int:
        """CPU time of the process."""

    @property
    def waited_ns(self) -> int:
        """Time in which it could have run and did not."""

    @property
    def blocked(self) -> int | None:
        """How often the process gave the CPU up of itself."""


class DifferenceError(ValueError):
    """Samples that no ratio can be made of."""


def timed_ns(sample: Sample, metric: str) -> int:
    """Return what a sample took by one of the two clocks."""
    if metric == CPU:
        return sample.cpu_ns
    return running_ns(sample.wall_ns, sample.cpu_ns, sample.waited_ns)


def running_ns(wall_ns: int, cpu_ns: int, waited_ns: int) -> int:
    """Return the wall time of a sample as it is judged by.

    It leaves out what the thread spent waiting for a CPU, where the system
    says, but never more than was left of it by the CPU time of the process: while its
    first thread waits others may run, and then the work goes on and nothing is lost.
    (Left out in full, a row of two threads without the GIL was told to take a
    thirtieth of its time.) A wait longer than the sample is an error of that count, and
    not believed.
    """
    if waited_ns >= wall_ns:
        return wall_ns
    return wall_ns - min(waited_ns, max(0, wall_ns - cpu_ns))


def choose_metric(arms: Iterable[Sequence[Sample]]) -> str:
    """Choose the clock for a row, from the samples of each arm.

    Wall time if the row runs threads or waits on any arm. The sample that got most of
    a CPU stands for its arm, since on a busy machine any row looks as if it waited.
    Where the system counts how often a process gave the CPU up of itself, a row that
    never did has not waited, however little of the CPU its samples got: no count of
    this machine shows what a hypervisor takes away.
    """
    known = False
    for samples in arms:
        ratios = [s.cpu_ns / timed_ns(s, WALL) for s in samples if s.wall_ns > 0]
        if not ratios:
            continue
        known = True
        if not any(s.cpu_ns for s in samples):
            return WALL  # its CPU time is not known, or none
        # By the whole of the wall time: what a sample waited for the CPU is counted
        # from a little before it began, and less than nothing may be left of it.
        if max(s.cpu_ns / s.wall_ns for s in samples if s.wall_ns > 0) > _THREADS:
            return WALL
        if max(ratios) < _WAITS and waits(samples) is not False:
            return WALL
    if not known:
        raise DifferenceError("no samples to choose a clock from")
    return CPU


def waits(samples: Sequence[Sample]) -> bool | None:
    """Tell whether each of the samples gave the CPU up of itself; None if not known."""
    counts = [sample.blocked for sample in samples if sample.blocked is not None]
    return min(counts) > 0 if counts and len(counts) == len(samples) else None


def adjacent_difference(
    baseline: Sequence[Sample], contender: Sequence[Sample], metric: str
) -> float:
    """Return the median log ratio of samples that were taken one after the other.

    Raises
    ------
    DifferenceError
        For unequal numbers of samples, none, or a time that is not positive.
    """
    if len(baseline) != len(contender) or not baseline:
        raise DifferenceError(
            f"{len(baseline)} samples of the baseline, "
            f"{len(contender)} of the contender"
        )
    return statistics.median(
        _log_ratio(timed_ns(ours, metric), timed_ns(theirs, metric))
        for ours, theirs in zip(baseline, contender, strict=True)
    )


def exclusive_difference(
    baseline: Sequence[Sample], contender: Sequence[Sample], metric: str
) -> float:
    """Return the log ratio of the medians of samples taken in separate processes."""
    if not baseline or not contender:
        raise DifferenceError("an arm without samples")
    return _log_ratio(
        statistics.median(timed_ns(sample, metric) for sample in baseline),
        statistics.median(timed_ns(sample, metric) for sample in contender),
    )


def _log_ratio(baseline_ns: float, contender_ns: float) -> float:
    if baseline_ns <= 0 or contender_ns <= 0:
        raise DifferenceError(
            f"a time of {min(baseline_ns, contender_ns)} ns: the clock is too coarse "
            "or went backwards"
        )
    # Not the logarithm of the quotient: rounding it would not mirror exactly.
    return math.log(contender_ns) - math.log(baseline_ns)
