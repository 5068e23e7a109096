"""What is behind one verdict: its pairs in the order in which they were measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pybench.comparison.judging import comparable, difference
from pybench.comparison.timings import operations
from pybench.records.results import PairRecord, RowRecord, TurnSample
from pybench.records.run import Run
from pybench.statistics.differences import CPU, DifferenceError, timed_ns


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


def details(run: Run) -> tuple[RowDetail, ...]:
    """Return what is behind each verdict of a run, those on the baseline's copy too.

    Pairs of which no ratio can be made are left out, as the verdict leaves them out.
    """
    sides = [*run.contenders, *([run.twin] if run.twin is not None else [])]
    found = []
    for side in sides:
        for row, record in comparable(run, side.name):
            metric = record.metric or CPU
            pairs = [
                (pair, ratio)
                for _, pair in sorted(run.pairs.get(row, {}).items())
                if side.name in pair.samples
                and (ratio := _ratio(pair, metric, run.baseline.name, side.name))
            ]
            if pairs:
                found.append(
                    RowDetail(
                        row=row,
                        side=side.name,
                        is_twin=side.twin_of is not None,
                        pairs=tuple(
                            _pair(record, pair, ratio, run.baseline.name)
                            for pair, ratio in pairs
                        ),
                        warm_up=WarmUp(
                            baseline=_warm_up(pairs, run.baseline.name, metric),
                            side=_warm_up(pairs, side.name, metric),
                        ),
                    )
                )
    return tuple(found)


def _pair(
    record: RowRecord, pair: PairRecord, ratio: float, baseline: str
) -> PairDetail:
    baseline_ns = _median(record, pair, baseline)
    return PairDetail(
        pair=pair.pair,
        first=pair.order[0],
        ratio=ratio,
        baseline_ns=baseline_ns,
        side_ns=baseline_ns * ratio,
    )


def _ratio(pair: PairRecord, metric: str, baseline: str, side: str) -> float | None:
    try:
        return math.exp(difference(pair, metric, baseline, side))
    except DifferenceError:
        return None


def _times(processes: Sequence[Sequence[TurnSample]], metric: str) -> list[list[int]]:
    return [[timed_ns(sample, metric) for sample in process] for process in processes]


def _median(record: RowRecord, pair: PairRecord, side: str) -> float:
    courses = _times(pair.timed(side), record.metric or CPU)
    middle = statistics.median(time for course in courses for time in course)
    return middle / operations(record, pair)


def _warm_up(
    pairs: list[tuple[PairRecord, float]], side: str, metric: str
) -> tuple[float, ...]:
    """Return the median course of a process, its warm-up sample first."""
    courses = [
        [time / middle for time in process]
        for pair, _ in pairs
        for process in _times(pair.samples[side], metric)
        if len(process) > pair.warmups
        and (middle := statistics.median(process[pair.warmups :])) > 0
    ]
    length = min(map(len, courses), default=0)
    return tuple(
        statistics.median(course[place] for course in courses)
        for place in range(length)
    )
