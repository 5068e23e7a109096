"""What each side of a run took, process by process, for tools that read only times."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pybench.records.results import MEASURED, PairRecord, RowRecord, TurnSample
from pybench.records.run import Run
from pybench.statistics.differences import CPU, timed_ns


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
        metric = record.metric or CPU
        pairs = [pair for _, pair in sorted(run.pairs.get(row, {}).items())]
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
            left_out[row] = f"a sample took no time by the {metric} clock"
        else:
            found.append(
                RowTimes(
                    row=row,
                    group=record.group,
                    metric=metric,
                    operations=operations(record, pairs[-1]),
                    processes=processes,
                )
            )
    return tuple(found), left_out


def _process(
    record: RowRecord, pair: PairRecord, process: Sequence[TurnSample]
) -> ProcessTimes:
    scale = operations(record, pair) * 1e9
    times_s = [timed_ns(sample, record.metric or CPU) / scale for sample in process]
    return ProcessTimes(
        warm_up_s=times_s[0] if pair.warmups else None,
        values_s=tuple(times_s[pair.warmups :]),
    )


def operations(record: RowRecord, pair: PairRecord) -> int:
    """Return how many operations one sample of a pair is on the baseline."""
    numbers = pair.numbers
    calls = numbers.get("count", 1) * numbers.get("iterations", 1)
    return record.operations * calls
