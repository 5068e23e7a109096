"""What is behind the verdict of a row: pairs in their order, and process times."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence

from pybench.comparison.row_numbers import each_number, times_ns
from pybench.records.outcomes import MEASURED
from pybench.records.pair_details import (
    PairDetail,
    ProcessTimes,
    RowDetail,
    RowTimes,
    WarmUp,
)
from pybench.records.run import PairRecord, RowRecord, Run


def details(run: Run, rows: Collection[str] | None = None) -> tuple[RowDetail, ...]:
    """Return what is behind each verdict of a run, those on the baseline's copy too.

    Pairs of which no ratio can be made are left out, as the verdict leaves them out.
    With `rows` it is of these alone.
    """
    sides = [*run.contenders, *([run.twin] if run.twin else [])]
    measured_as = {side.name: side.twin_of or side.name for side in sides}
    by_side: dict[str, list[RowDetail]] = {side: [] for side in measured_as}
    for record in run.rows.values():
        if rows is not None and record.row not in rows:
            continue
        for detail in _of_row(run, record, measured_as):
            by_side[detail.side].append(detail)
    return tuple(detail for of_side in by_side.values() for detail in of_side)


def _of_row(
    run: Run, record: RowRecord, measured_as: Mapping[str, str]
) -> Iterator[RowDetail]:
    baseline = run.baseline.name
    sides = [s for s, arm in measured_as.items() if record.is_measured(baseline, arm)]
    pairs = run.pairs_of(record.row) if sides else []
    numbers: dict[str, list[tuple[PairRecord, float]]] = {}
    for pair, side, number in each_number(record, pairs, baseline, sides):
        numbers.setdefault(side, []).append((pair, number))
    medians = {pair.pair: _baseline_ns(record, pair, baseline) for pair in pairs}
    for side in sides:
        if side not in numbers:
            continue
        own = [pair for pair, _ in numbers[side]]
        yield RowDetail(
            row=record.row,
            side=side,
            is_twin=run.sides[side].twin_of is not None,
            pairs=tuple(
                PairDetail(
                    pair=pair.pair,
                    first=pair.order[0],
                    ratio=math.exp(number),
                    baseline_ns=medians[pair.pair],
                    side_ns=medians[pair.pair] * math.exp(number),
                )
                for pair, number in numbers[side]
            ),
            warm_up=WarmUp(
                baseline=_warm_up(record, own, baseline),
                side=_warm_up(record, own, side),
            ),
        )


def _baseline_ns(record: RowRecord, pair: PairRecord, baseline: str) -> float:
    processes = times_ns(pair, baseline, record.clock)
    timed = [time for process in processes for time in process[pair.warmups :]]
    return statistics.median(timed) / pair.operations(record) if timed else math.nan


def _processes(
    record: RowRecord, pairs: Sequence[PairRecord], side: str
) -> Iterator[tuple[PairRecord, list[int]]]:
    """Yield the times of each process that has more than its warm-ups."""
    for pair in pairs:
        for times in times_ns(pair, side, record.clock):
            if len(times) > pair.warmups:
                yield pair, times


def _warm_up(
    record: RowRecord, pairs: Sequence[PairRecord], side: str
) -> tuple[float, ...]:
    """Return the median course of a process, its warm-up sample first."""
    courses = [
        [time / middle for time in times]
        for pair, times in _processes(record, pairs, side)
        if (middle := statistics.median(times[pair.warmups :])) > 0
    ]
    # As long as the shortest.
    return tuple(map(statistics.median, zip(*courses)))  # noqa: B905


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
