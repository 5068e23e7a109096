"""What is behind the verdict of a row: pairs in their order, and process times."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from pybench.comparison.judging import difference
from pybench.records.outcomes import MEASURED
from pybench.records.pair_details import (
    PairDetail,
    ProcessTimes,
    RowDetail,
    RowTimes,
    WarmUp,
)
from pybench.records.run import PairRecord, RowRecord, Run
from pybench.records.samples import Sample
from pybench.statistics.differences import DifferenceError, timed_ns


def details(run: Run) -> tuple[RowDetail, ...]:
    """Return what is behind each verdict of a run, those on the baseline's copy too.

    Pairs of which no ratio can be made are left out, as the verdict leaves them out.
    """
    sides = [*run.contenders, *([run.twin] if run.twin is not None else [])]
    found = []
    for side in sides:
        for record in run.comparable(side.name):
            pairs = [
                (pair, ratio)
                for pair in run.pairs_of(record.row)
                if side.name in pair.samples
                and (ratio := _ratio(pair, record.clock, run.baseline.name, side.name))
            ]
            if pairs:
                found.append(
                    RowDetail(
                        row=record.row,
                        side=side.name,
                        is_twin=side.twin_of is not None,
                        pairs=tuple(
                            _pair(record, pair, ratio, run.baseline.name)
                            for pair, ratio in pairs
                        ),
                        warm_up=WarmUp(
                            baseline=_warm_up(pairs, run.baseline.name, record.clock),
                            side=_warm_up(pairs, side.name, record.clock),
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


def _times(processes: Sequence[Sequence[Sample]], metric: str) -> list[list[int]]:
    return [[timed_ns(sample, metric) for sample in process] for process in processes]


def _median(record: RowRecord, pair: PairRecord, side: str) -> float:
    courses = _times(pair.timed(side), record.clock)
    middle = statistics.median(time for course in courses for time in course)
    return middle / pair.operations(record)


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


def row_times(run: Run, side: str) -> tuple[tuple[RowTimes, ...], dict[str, str]]:
    """Return the times of a side, and why the other rows have none.

    Parameters
    ----------
    side : str
        The name of a side of the run.

    Returns
    -------
    tuple of RowTimes
        In the order of the run.
    dict of str to str
        The rows that are left out, each with its reason: it was not measured, or a
        sample took no time by its clock, and so is not a time.
    """
    found, left_out = [], {}
    asked = run.sides[side].twin_of or side
    for row, record in run.rows.items():
        pairs = run.pairs_of(row)
        outcome = record.outcomes.get(asked, "not measured")
        processes = tuple(
            _process(record, pair, process)
            for pair in pairs
            for process in pair.samples.get(side, ())
            if len(process) > pair.warmups
        )
        if outcome != MEASURED or not processes:
            left_out[row] = record.reasons.get(asked) or f"{outcome}: no pairs"
        elif min(time for one in processes for time in one.values_s) <= 0:
            left_out[row] = f"a sample took no time by the {record.clock} clock"
        else:
            found.append(
                RowTimes(
                    row=row,
                    group=record.group,
                    metric=record.clock,
                    operations=pairs[-1].operations(record),
                    processes=processes,
                )
            )
    return tuple(found), left_out


def _process(
    record: RowRecord, pair: PairRecord, process: Sequence[Sample]
) -> ProcessTimes:
    scale = pair.operations(record) * 1e9
    times_s = [timed_ns(sample, record.clock) / scale for sample in process]
    return ProcessTimes(
        warm_up_s=times_s[0] if pair.warmups else None,
        values_s=tuple(times_s[pair.warmups :]),
    )
