"""What is behind the verdict of a row: pairs in their order, and process times."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from pybench.comparison.judging import pair_numbers
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
from pybench.statistics.differences import timed_ns


def details(run: Run) -> tuple[RowDetail, ...]:
    """Return what is behind each verdict of a run, those on the baseline's copy too.

    Pairs of which no ratio can be made are left out, as the verdict leaves them out.
    """
    rows = []
    for side in (*run.contenders, *([run.twin] if run.twin else [])):
        for record in run.comparable(side.name):
            numbers = [*pair_numbers(run, record, side.name)]
            if not numbers:
                continue
            pairs = [pair for pair, _ in numbers]
            rows.append(
                RowDetail(
                    row=record.row,
                    side=side.name,
                    is_twin=side.twin_of is not None,
                    pairs=tuple(
                        _pair(record, pair, math.exp(number), run.baseline.name)
                        for pair, number in numbers
                    ),
                    warm_up=WarmUp(
                        baseline=_warm_up(record, pairs, run.baseline.name),
                        side=_warm_up(record, pairs, side.name),
                    ),
                )
            )
    return tuple(rows)


def _pair(
    record: RowRecord, pair: PairRecord, ratio: float, baseline: str
) -> PairDetail:
    times = [
        time for process in pair.timed(baseline) for time in _times(record, process)
    ]
    baseline_ns = statistics.median(times) / pair.operations(record)
    return PairDetail(
        pair=pair.pair,
        first=pair.order[0],
        ratio=ratio,
        baseline_ns=baseline_ns,
        side_ns=baseline_ns * ratio,
    )


def _times(record: RowRecord, process: Sequence[Sample]) -> list[int]:
    return [timed_ns(sample, record.clock) for sample in process]


def _processes(
    record: RowRecord, pairs: Sequence[PairRecord], side: str
) -> Iterator[tuple[PairRecord, list[int]]]:
    """Yield the times of each process that has more than its warm-ups."""
    for pair in pairs:
        for process in pair.samples.get(side, ()):
            if len(process) > pair.warmups:
                yield pair, _times(record, process)


def _warm_up(
    record: RowRecord, pairs: Sequence[PairRecord], side: str
) -> tuple[float, ...]:
    """Return the median course of a process, its warm-up sample first."""
    courses = [
        [time / middle for time in times]
        for pair, times in _processes(record, pairs, side)
        if (middle := statistics.median(times[pair.warmups :])) > 0
    ]
    length = min(map(len, courses), default=0)
    return tuple(
        statistics.median(course[place] for course in courses)
        for place in range(length)
    )


def row_times(run: Run, side: str) -> tuple[tuple[RowTimes, ...], dict[str, str]]:
    """Return the times of an arm in the order of the run.

    Beside them the rows that are left out, each with its reason: it was not measured,
    or a sample took no time by its clock, and so is not a time.
    """
    rows, left_out = [], {}
    measured_as = run.sides[side].twin_of or side
    for row, record in run.rows.items():
        pairs = run.pairs_of(row)
        outcome = record.outcomes.get(measured_as, "not measured")
        processes = tuple(
            _process(pair, [time / (pair.operations(record) * 1e9) for time in times])
            for pair, times in _processes(record, pairs, side)
        )
        if outcome != MEASURED or not processes:
            left_out[row] = record.reasons.get(measured_as) or f"{outcome}: no pairs"
        elif min(time for process in processes for time in process.values_s) <= 0:
            left_out[row] = f"a sample took no time by the {record.clock} clock"
        else:
            rows.append(
                RowTimes(
                    row=row,
                    group=record.group,
                    metric=record.clock,
                    operations=pairs[-1].operations(record),
                    processes=processes,
                )
            )
    return tuple(rows), left_out


def _process(pair: PairRecord, times_s: Sequence[float]) -> ProcessTimes:
    return ProcessTimes(
        warm_up_s=times_s[0] if pair.warmups else None,
        values_s=tuple(times_s[pair.warmups :]),
    )
