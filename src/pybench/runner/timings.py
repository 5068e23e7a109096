"""What each side of a run took, process by process, for tools that read only times."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from pybench.results import PairRecord, RowRecord
from pybench.runner.record import Run
from pybench.verdicts import CPU, timed_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTimes:
    """The samples of one process, in seconds per operation.

    `warm_up_s` is its first one, which no verdict sees; `values_s` are the others.
    """

    warm_up_s: float
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
    for row, record in run.rows.items():
        metric = record.metric or CPU
        pairs = [pair for _, pair in sorted(run.pairs.get(row, {}).items())]
        courses = [
            [timed_ns(sample, metric) / operations(record, pair) for sample in process]
            for pair in pairs
            for process in pair.samples.get(side, ())
            if len(process) > 1
        ]
        if not courses:
            outcome = record.outcomes.get(side, "not measured")
            left_out[row] = record.reasons.get(side) or f"{outcome}: no pairs"
        elif min(time for course in courses for time in course[1:]) <= 0:
            left_out[row] = f"a sample took no time by the {metric} clock"
        else:
            found.append(
                RowTimes(
                    row=row,
                    group=record.group,
                    metric=metric,
                    operations=operations(record, pairs[-1]),
                    processes=tuple(
                        ProcessTimes(
                            warm_up_s=course[0] / 1e9,
                            values_s=tuple(time / 1e9 for time in course[1:]),
                        )
                        for course in courses
                    ),
                )
            )
    return tuple(found), left_out


def operations(record: RowRecord, pair: PairRecord) -> int:
    """Return how many operations one sample of a pair is on the baseline."""
    numbers = pair.numbers
    calls = numbers.get("count", 1) * numbers.get("iterations", 1)
    return record.operations * calls
