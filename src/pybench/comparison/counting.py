"""Instructions of rows: each is counted in two processes of each arm.

Nothing takes turns here: a count is the same whatever else the machine does. All
processes have the same hash seed, and rows run in the order of the record. A row that
callgrind cannot run ends its session alone: another one goes on with the rest.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pybench.children import Callgrind
from pybench.comparison.sessions import Sessions
from pybench.comparison.worker import RowEndedError, StartError, Worker, WorkerError
from pybench.records.outcomes import MEASURED
from pybench.records.run import INSTRUCTIONS, CountRecord, RowRecord, Run
from pybench.statistics.counts import (
    STEADY,
    CountVerdict,
    compare_counts,
    spread_between,
    spread_within,
)

PROCESSES = 2
HASH_SEED = 0

THREADS = "n/a: it has threads, and whose turn it is depends on time"
# What valgrind says in its log when it cannot go on; the signal alone says as much of a
# row that ran without it.
_UNKNOWN = re.compile(r"unhandled instruction bytes: ([^\n]*)")
_ILLEGAL = "was ended by SIGILL"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCell:
    """The instructions of a row on a contender; without a verdict, `reason` says why.

    Counts are per iteration; None where there are none.
    """

    baseline: float | None
    side: float | None
    verdict: CountVerdict | None
    reason: str = ""


def count_rows(
    sessions: Sessions,
    run: Run,
    callgrind: Callgrind,
    on_session: Callable[[int, int], None] = lambda number, whole: None,
) -> Iterator[CountRecord]:
    """Count what is not counted yet; yields each row's record as soon as it is known.

    `on_session` is given the number of each session when it begins, and of how many.
    """
    arms = [side.name for side in (run.baseline, *run.contenders)]
    for number in range(PROCESSES * len(arms)):
        process, arm = number // len(arms) + 1, arms[number % len(arms)]
        on_session(number + 1, PROCESSES * len(arms))
        together: dict[object, list[RowRecord]] = {}
        for row in run.rows.values():
            if not _is_due(run, row, arm, process):
                continue
            if row.threads > 1:
                yield _none(row.row, arm, process, callgrind, THREADS)
                continue
            key = (row.session, row.file if row.own_process else "")
            together.setdefault(key, []).append(row)
        for rows in together.values():
            yield from _count_session(sessions, run, callgrind, arm, process, rows)


def _is_due(run: Run, row: RowRecord, arm: str, process: int) -> bool:
    of_row = run.counts.get(row.row, {})
    if any(count.process == process for count in of_row.get(arm, ())):
        return False
    # What has no count in one process has none that is the same in all.
    if any(count.reason for counts in of_row.values() for count in counts):
        return False
    measured = [side.name for side in run.contenders if row.is_measured(side.name)]
    is_baseline = arm == run.baseline.name and measured
    return row.is_measured(run.baseline.name) and bool(is_baseline or arm in measured)


def _count_session(
    sessions: Sessions,
    run: Run,
    callgrind: Callgrind,
    arm: str,
    process: int,
    rows: Sequence[RowRecord],
) -> Iterator[CountRecord]:
    """Count rows in one session, in one more after each row that ends its session."""
    left = [row.row for row in rows]
    under = callgrind.of_process(process)
    while left:
        records = [run.rows[row] for row in left]
        failure = ""
        try:
            with sessions.start_with(arm, records, HASH_SEED, under) as worker:
                worker.await_hello()
                sessions.check(arm, worker)
                for row in [row for row in left if row not in worker.rows]:
                    left.remove(row)
                    reason = "this process has no such row"
                    yield _none(row, arm, process, callgrind, reason)
                worker.choose(left)
                while left:
                    yield _count_row(worker, run, callgrind, left[0], arm, process)
                    del left[0]
                worker.hang_up()
        except StartError as error:
            for row in left:
                reason = explained(error.reason, callgrind.version)
                yield _none(row, arm, process, callgrind, reason)
            return
        except WorkerError as error:
            failure = explained(error.reason, callgrind.version)
        if failure and left:
            yield _none(left.pop(0), arm, process, callgrind, failure)


def _count_row(
    worker: Worker, run: Run, callgrind: Callgrind, row: str, arm: str, process: int
) -> CountRecord:
    try:
        worker.await_row(row)
        numbers, counts, reason = worker.count(_numbers(run, row))
        how = worker.stop_row(row)
    except RowEndedError as error:
        how, numbers, counts, reason = error.how, {}, (), ""
    if how.outcome != MEASURED:
        counts, reason = (), reason or f"{how.outcome}: {how.reason}"
    return CountRecord(
        row=row,
        side=arm,
        process=process,
        counter=callgrind.version,
        numbers=numbers if counts else {},
        counts=counts,
        reason=reason,
    )


def _none(
    row: str, arm: str, process: int, callgrind: Callgrind, reason: str
) -> CountRecord:
    return CountRecord(
        row=row, side=arm, process=process, counter=callgrind.version, reason=reason
    )


def _numbers(run: Run, row: str) -> Mapping[str, int]:
    """Return the size of a window, as the first process that counted has found it."""
    known = (n for counts in run.counts.get(row, {}).values() for n in counts)
    return next((count.numbers for count in known if count.numbers), {})


def explained(reason: str, version: str) -> str:
    """Say in a line why a session ended under callgrind."""
    match = _UNKNOWN.search(reason)
    if match or _ILLEGAL in reason:
        which = f" ({match[1].strip()})" if match else ""
        return f"n/a: it has an instruction that {version} does not know{which}"
    head, _, rest = reason.partition("\n")
    # Of a process that a signal has ended, they are what its tests were at.
    lines = rest.splitlines() if "exit status" in head else []
    last = next((line.strip() for line in lines[::-1] if line.strip()), "")
    return f"ended under callgrind: {head.rstrip(':')}" + (f": {last}" if last else "")


def judge_counts(run: Run, row: str, arm: str) -> CountCell | None:
    """Compare the instructions of a row; None where there can be none."""
    is_there = run.rows[row].is_measured(run.baseline.name, arm)
    if INSTRUCTIONS not in run.header.metrics or not is_there:
        return None
    of_row = run.counts.get(row, {})
    baseline, side = ([*of_row.get(name, ())] for name in (run.baseline.name, arm))
    for count in (*baseline, *side):
        if count.reason:
            return CountCell(
                baseline=None,
                side=None,
                verdict=None,
                reason=f"{count.side}: {count.reason}",
            )
    record = run.rows[row]
    ours, theirs = (
        [count.per_iteration(record) for count in counts] for counts in (side, baseline)
    )
    if len(ours) < PROCESSES or len(theirs) < PROCESSES:
        return CountCell(
            baseline=None, side=None, verdict=None, reason="not counted yet"
        )
    verdict = compare_counts(theirs, ours)
    reason = ""
    for name, processes in ((run.baseline.name, theirs), (arm, ours)):
        reason = reason or _unsteady(record, name, processes)
    value = statistics.median(map(min, theirs))
    return CountCell(
        baseline=value,
        side=value * verdict.ratio,
        verdict=None if reason else verdict,
        reason=reason,
    )


def _unsteady(record: RowRecord, arm: str, processes: Sequence[Sequence[float]]) -> str:
    """Say by how much counts vary that are not the same each time, "" if they are."""
    within, between = spread_within(processes), spread_between(processes)
    if max(within, between) <= STEADY:
        return ""
    if within > STEADY:
        why = (
            "it waits, so time decides"
            if record.waits
            else "time, chance or its memory"
        )
        return f"{arm}: not deterministic: windows differ by {within:.1%}: {why}"
    why = "addresses, or files and the environment"
    return f"{arm}: not deterministic: processes differ by {between:.1%}: {why}"
