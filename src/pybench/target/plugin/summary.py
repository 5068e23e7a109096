"""What this session did: counted, put in words, and written for a machine.

Every row is in exactly one of measured, n/a, void, error, skipped and not run; a
measured one may besides be disturbed or oversubscribed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pybench.records.identity import Identity
from pybench.records.journal import JournalRow, RowStatus, SessionCounts
from pybench.records.outcomes import (
    ERROR,
    MEASURED,
    NOT_AVAILABLE,
    NOT_RUN,
    SKIPPED,
    VOID,
)

_REASON_MARK = "n/a:"


def na_reason(skip_reason: str) -> str | None:
    """Return why a row is not available, None if it was skipped otherwise."""
    _, mark, reason = skip_reason.partition(_REASON_MARK)
    return reason.strip() if mark else None


def row_flag(extra_info: Mapping[str, Any], name: str) -> bool:
    """Read a flag that a kernel row has in its record and a plain row beside it."""
    record = extra_info.get("pybench")
    in_record = record.get(name) if isinstance(record, dict) else None
    return in_record is True or extra_info.get(name) is True


def _rounds_dropped(extra_info: Mapping[str, Any]) -> int:
    record = extra_info.get("pybench")
    dropped = record.get("rounds_dropped") if isinstance(record, dict) else None
    # Any row may say anything there.
    return dropped if type(dropped) is int else 0


def count_rows(
    identity: Identity,
    rows: Iterable[JournalRow],
    statuses: Iterable[RowStatus],
    *,
    gil_on: bool,
    resumed: int,
    void_modules: Iterable[str],
    outcomes: Mapping[str, str],
    unmeasured: int,
) -> SessionCounts:
    """Count what a session did.

    Parameters
    ----------
    identity : Identity
        The interpreter.
    rows : iterable of JournalRow
        The last record of each row, resumed ones included.
    statuses : iterable of RowStatus
        What became of every row, those without a record included.
    resumed : int
        How many of the rows came from a journal.
    void_modules : iterable of str
        What turned the GIL on.
    outcomes : mapping
        Test id to "passed", "failed" or "skipped".
    gil_on : bool
        The GIL at the end of the session; something may have turned it on.
    unmeasured : int
        How many rows ran once, as ``--benchmark-disable`` asks.
    """
    rows = list(rows)
    measured = [row for row in rows if row.outcome == MEASURED]
    found = Counter(status.status for status in statuses)
    tests = Counter(outcomes.values())
    return SessionCounts(
        interpreter=identity.interpreter,
        free_threaded=identity.free_threaded,
        gil_enabled=gil_on,
        rows_measured=len(measured),
        rows_unmeasured=unmeasured,
        rows_na=dict(Counter(r.reason for r in rows if r.outcome == NOT_AVAILABLE)),
        rows_void=found[VOID],
        rows_error=found[ERROR],
        rows_skipped=found[SKIPPED],
        rows_not_run=found[NOT_RUN],
        void_modules=tuple(void_modules),
        rows_disturbed=sum(row_flag(r.extra_info, "disturbed") for r in measured),
        rounds_dropped=sum(_rounds_dropped(row.extra_info) for row in measured),
        rows_oversubscribed=sum(
            row_flag(r.extra_info, "oversubscribed") for r in measured
        ),
        rows_near_floor=sum(
            row_flag(r.extra_info, "floor_above_tenth") for r in measured
        ),
        rows_resumed=resumed,
        tests_passed=tests["passed"],
        tests_failed=tests["failed"],
        tests_skipped=tests["skipped"],
    )


def summary_lines(counts: SessionCounts) -> list[str]:
    """Put the counts in words, one line and one more per reason."""
    na = sum(counts.rows_na.values())
    parts = [
        f"{counts.rows_measured} rows measured",
        f"{na} n/a",
        f"{counts.rows_void} void",
        f"{counts.rows_disturbed} disturbed",
        f"{counts.rows_oversubscribed} oversubscribed",
    ]
    if counts.rows_error:
        parts.append(f"{counts.rows_error} error{'s' * (counts.rows_error > 1)}")
    if counts.rows_skipped:
        parts.append(f"{counts.rows_skipped} skipped")
    if counts.rows_not_run:
        parts.append(f"{counts.rows_not_run} not run")
    if counts.rows_resumed:
        parts.append(f"{counts.rows_resumed} of them from the journal")
    if counts.rows_unmeasured:
        parts.insert(1, f"{counts.rows_unmeasured} run without measuring")
    gil = "GIL on" if counts.gil_enabled else "GIL off"
    lines = [f"pybench: {', '.join(parts)} on {counts.interpreter} ({gil})"]
    lines += [
        f"  n/a: {reason} ({number} row{'s' if number > 1 else ''})"
        for reason, number in sorted(counts.rows_na.items())
    ]
    if counts.rounds_dropped:
        lines.append(f"  left out: {counts.rounds_dropped} disturbed rounds")
    if counts.rows_near_floor:
        lines.append(
            f"  near the floor: the empty loop is above a tenth of the value in "
            f"{counts.rows_near_floor} rows"
        )
    if counts.rows_void:
        modules = ", ".join(counts.void_modules) or "an unknown module"
        lines.append(f"  void: the GIL was turned on by {modules}")
    return lines


def counts_document(counts: SessionCounts) -> dict[str, Any]:
    """Return the counts as JSON-able values."""
    return {**asdict(counts), "void_modules": [*counts.void_modules]}
