"""What became of every collected row, and why: told, counted, put in words.

A row without a value is as much a result as one with: a file that does not name it
looks complete and is not. Every row is in exactly one of measured, n/a, void, error,
skipped and not run; a measured one may besides be disturbed or oversubscribed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pybench.records.outcomes import (
    DISTURBED,
    ERROR,
    MEASURED,
    NOT_AVAILABLE,
    NOT_RUN,
    SKIPPED,
    VALUE,
    VOID,
)

if TYPE_CHECKING:
    from pybench.records.journal import JournalRow, RowStatus, SessionCounts

_NA_MARK = "n/a:"

# A message of an exception is for a line, not for a traceback.
_LONGEST_REASON = 300

# Reasons that a line names, the commonest first.
_MOST_REASONS = 3


def na_reason(skip_reason: str) -> str | None:
    """Return why a row is not available, None if it was skipped otherwise."""
    _, mark, reason = skip_reason.partition(_NA_MARK)
    return reason.strip() if mark else None


def na_of(report: pytest.TestReport) -> str | None:
    """Return why a row is not available; None if it was skipped for another reason."""
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return None
    return na_reason(str(report.longrepr[2]))


def skip_reason(report: pytest.TestReport) -> str:
    """Return why a test was skipped, or failed as it was expected to."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return f"expected to fail: {getattr(report, 'wasxfail', '')}".rstrip(": ")


def uncollected_reason(report: pytest.CollectReport) -> str:
    """Return the last line of what pytest says of a file that cannot be collected."""
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    reason = lines[-1].removeprefix("E").strip() if lines else "no reason given"
    return reason[:_LONGEST_REASON]


def error_reason(report: pytest.TestReport, error: BaseException) -> str:
    """Return in what phase and by what a test failed, in a line."""
    when = "" if report.when == "call" else f"{report.when}: "
    return (when + in_words(error))[:_LONGEST_REASON]


def in_words(error: BaseException) -> str:
    """Return the type of an exception and the first line of what it says."""
    lines = [line.strip() for line in str(error).strip().splitlines()]
    return ": ".join([type(error).__name__, *lines[:1]])


def _record(extra_info: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a kernel's record; any row may put something else there."""
    record = extra_info.get("pybench")
    return record if isinstance(record, dict) else {}


def row_flag(extra_info: Mapping[str, Any], name: str) -> bool:
    """Read a flag that a kernel row has in its record and a plain row beside it."""
    return _record(extra_info).get(name) is True or extra_info.get(name) is True


def row_statuses(
    collected: Iterable[str], rows: Mapping[str, JournalRow], skipped: Mapping[str, str]
) -> list[RowStatus]:
    """Return the status of every row, in the order of those that were collected.

    `rows` are those that ended, the ones out of a journal included; `skipped` says why
    the others were skipped.
    """
    names = dict.fromkeys([*collected, *rows])
    return [_status(name, rows.get(name), skipped.get(name)) for name in names]


def _status(name: str, row: JournalRow | None, skipped: str | None) -> RowStatus:
    from pybench.records.journal import RowStatus
    from pybench.records.values import value_text
    from pybench.target.plugin.values import value_of_row

    if row is None:
        status = NOT_RUN if skipped is None else SKIPPED
        reason = "the session ended before it did" if skipped is None else skipped
        return RowStatus(fullname=name, status=status, reason=reason)
    if row.outcome == MEASURED and row_flag(row.extra_info, "disturbed"):
        by = _record(row.extra_info).get("disturbances")
        texts = by if isinstance(by, list | tuple) else ()
        reason = "; ".join(text for text in texts if isinstance(text, str))
        reason = reason or "the row says so"
        return RowStatus(fullname=name, status=DISTURBED, reason=reason)
    value = value_of_row(row) if row.outcome == VALUE else None
    reason = row.reason if value is None else value_text(value)
    return RowStatus(fullname=name, status=row.outcome, reason=reason)


def count_rows(
    rows: Iterable[JournalRow],
    statuses: Iterable[RowStatus],
    outcomes: Mapping[str, str],
    **known: Any,
) -> SessionCounts:
    """Count what a session did.

    `rows` has the last record of each row, resumed ones included, `statuses` also the
    rows without one; `outcomes` has "passed", "failed" or "skipped" per test; `known`
    are the fields of the counts that are not counted.
    """
    from pybench.records.journal import SessionCounts

    rows = list(rows)
    measured = [row.extra_info for row in rows if row.outcome == MEASURED]
    dropped = [_record(info).get("rounds_dropped") for info in measured]
    flags = {
        name: sum(row_flag(info, name) for info in measured)
        for name in ("disturbed", "oversubscribed", "floor_above_tenth")
    }
    by_status = Counter(status.status for status in statuses)
    tests = Counter(outcomes.values())
    return SessionCounts(
        **known,
        rows_measured=len(measured),
        rows_na=dict(Counter(r.reason for r in rows if r.outcome == NOT_AVAILABLE)),
        rows_void=by_status[VOID],
        rows_error=by_status[ERROR],
        rows_skipped=by_status[SKIPPED],
        rows_not_run=by_status[NOT_RUN],
        rows_disturbed=flags["disturbed"],
        rounds_dropped=sum(number for number in dropped if type(number) is int),
        rows_oversubscribed=flags["oversubscribed"],
        rows_near_floor=flags["floor_above_tenth"],
        tests_passed=tests["passed"],
        tests_failed=tests["failed"],
        tests_skipped=tests["skipped"],
        rows_value=by_status[VALUE],
    )


def summary_lines(counts: SessionCounts) -> list[str]:
    """Put the counts in words, one line and one more per reason."""
    errors = f"error{'s' * (counts.rows_error > 1)}"
    numbers = [
        (counts.rows_measured, "rows measured", True),
        (counts.rows_value, "values", False),
        (counts.rows_unmeasured, "run without measuring", False),
        (sum(counts.rows_na.values()), "n/a", True),
        (counts.rows_void, "void", True),
        (counts.rows_disturbed, "disturbed", True),
        (counts.rows_oversubscribed, "oversubscribed", True),
        (counts.rows_error, errors, False),
        (counts.rows_skipped, "skipped", False),
        (counts.rows_not_run, "not run", False),
        (counts.rows_resumed, "of them from the journal", False),
    ]
    parts = [f"{number} {what}" for number, what, always in numbers if number or always]
    gil = "GIL on" if counts.gil_enabled else "GIL off"
    lines = [f"pybench: {', '.join(parts)} on {counts.interpreter} ({gil})"]
    lines += [
        f"  n/a: {_with_rows(reason, number)}"
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


def _with_rows(reason: str, number: int) -> str:
    return f"{reason} ({number} row{'s' * (number > 1)})"


def named_folders(config: pytest.Config) -> list[Path]:
    """Return the folders of the command line.

    Files and rows are left out: whoever names one reads what became of it.
    """
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return []
    folder = config.invocation_params.dir
    return [folder / word for word in config.args if (folder / word).is_dir()]


def unmeasured_lines(
    folders: Iterable[Path], statuses: Iterable[RowStatus], root: Path
) -> list[str]:
    """Say of each folder in which nothing was measured why that is so.

    Who names a folder wants its values, and a script reads the exit status alone.
    A folder has a line if its rows are all n/a or skipped, one of them n/a at least.
    The ids of rows count from `root`.
    """
    placed = [
        ((root / status.fullname.partition("::")[0]).resolve(), status)
        for status in statuses
    ]
    lines = []
    for folder in dict.fromkeys(folders):
        top = folder.resolve()
        inside = [status for place, status in placed if place.is_relative_to(top)]
        reasons = Counter(row.reason for row in inside if row.status == NOT_AVAILABLE)
        if reasons and all(row.status in (NOT_AVAILABLE, SKIPPED) for row in inside):
            texts = [
                _with_rows(*counted) for counted in reasons.most_common(_MOST_REASONS)
            ]
            left = len(reasons) - _MOST_REASONS
            texts += [f"and {left} more reasons"] * (left > 0)
            lines.append(f"nothing was measured in {folder}: {'; '.join(texts)}")
    return lines
