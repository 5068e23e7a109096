"""What became of every collected row, measured or not, and why not.

A row without a value is as much a result as one with: a file that does not name it
looks complete and is not.
"""

from collections.abc import Iterable, Mapping

import pytest

from pybench.records.journal import JournalRow, RowStatus
from pybench.records.outcomes import (
    DISTURBED,
    MEASURED,
    NOT_RUN,
    SKIPPED,
)
from pybench.target.plugin.summary import na_reason, row_flag

# A message of an exception is for a line, not for a traceback.
_LONGEST_REASON = 300


def error_reason(report: pytest.TestReport, error: BaseException) -> str:
    """Return the type of an exception and the first line of what it says."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = ": ".join([type(error).__name__, *said[:1]])
    when = "" if report.when == "call" else f"{report.when}: "
    return (when + text)[:_LONGEST_REASON]


def skip_reason(report: pytest.TestReport) -> str:
    """Return why a test was skipped, or failed as it was expected to."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return f"expected to fail: {getattr(report, 'wasxfail', '')}".rstrip(": ")


def na_of(report: pytest.TestReport) -> str | None:
    """Return why a row is not available; None if it was skipped for another reason."""
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return None
    return na_reason(str(report.longrepr[2]))


def row_statuses(
    collected: Iterable[str],
    rows: Mapping[str, JournalRow],
    skipped: Mapping[str, str],
) -> list[RowStatus]:
    """Return the status of every row.

    Parameters
    ----------
    collected : iterable of str
        The ids of all rows of this session, in their order.
    rows : mapping
        What is known of those that ended, the ones out of a journal included.
    skipped : mapping
        Why the others were skipped.
    """
    names = dict.fromkeys([*collected, *rows])
    return [_status(name, rows.get(name), skipped.get(name)) for name in names]


def _status(name: str, row: JournalRow | None, skipped: str | None) -> RowStatus:
    if row is None and skipped is not None:
        return RowStatus(fullname=name, status=SKIPPED, reason=skipped)
    if row is None:
        reason = "the session ended before it did"
        return RowStatus(fullname=name, status=NOT_RUN, reason=reason)
    if row.outcome == MEASURED and row_flag(row.extra_info, "disturbed"):
        record = row.extra_info.get("pybench")
        found = record.get("disturbances") if isinstance(record, dict) else None
        texts = found if isinstance(found, list | tuple) else ()
        reason = "; ".join(text for text in texts if isinstance(text, str))
        reason = reason or "the row says so"
        return RowStatus(fullname=name, status=DISTURBED, reason=reason)
    return RowStatus(fullname=name, status=row.outcome, reason=row.reason)
