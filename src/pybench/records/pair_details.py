"""What is behind the verdict of a row: its pairs, and the times of its processes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDetail:
    """One pair of a row.

    `ratio` is the side's time over the baseline's, as the verdict saw it. Times are per
    operation: the baseline's is the median of its timed samples, the side's is that
    times the ratio, so that they point where the ratio does. `first` is the side that
    began.
    """

    pair: int
    first: str
    ratio: float
    baseline_ns: float
    side_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """How the samples of a process go on: the n-th one over the median of all.

    Medians over the pairs; the first value is that of the warm-up sample, which no
    verdict sees, except in a row that a process can run once only.
    """

    baseline: tuple[float, ...]
    side: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDetail:
    """All pairs of a row of one side, and how its samples warm up."""

    row: str
    side: str
    is_twin: bool
    pairs: tuple[PairDetail, ...]
    warm_up: WarmUp


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTimes:
    """The samples of one process, in seconds per operation.

    `warm_up_s` is its first one, which no verdict sees; `values_s` are the others. A
    row that a process can run once only has no warm-up.
    """

    warm_up_s: float | None
    values_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The one number of this process."""
        return statistics.median(self.values_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTimes:
    """All processes of a row on one side; `operations` are those of a last sample."""

    row: str
    group: str | None
    metric: str
    operations: int
    processes: tuple[ProcessTimes, ...]
