"""What a session of the plugin writes: its journal, the rows of a saved file, counts.

Schema history
--------------
1. Identity, kernel record, journal (header, rows, finished mark), session counts,
   the status of every collected row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pybench.records.documents import DocumentError, as_mapping, check_schema, parse
from pybench.records.identity import SCHEMA, Identity, identity_document
from pybench.records.outcomes import MEASURED, OUTCOMES

# What the stock table, comparison and JSON read of a row. "ops" is younger than the
# others: pytest-benchmark fills it in where a file has none.
STATISTICS = ("min", "max", "mean", "stddev", "median", "iqr", "rounds", "iterations")

# Of anything that is counted or timed, whatever its unit.
_MOST = 10**30


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRecord:
    """What a kernel row says beside its values (`extra_info["pybench"]`)."""

    kernel: str
    arguments: Mapping[str, object]
    threads: int
    iterations: int
    rounds_kept: int
    rounds_dropped: int
    disturbed: bool
    disturbances: tuple[str, ...]
    clock: str
    floor_ns: float | None
    floor_above_tenth: bool
    cpu_ns_per_operation: float
    overlap: float
    fairness: float
    attach_wait_ns: float
    attached: bool
    serialised: bool
    oversubscribed: bool
    gil_enabled: bool
    gc_enabled: bool
    gc_enabled_outside: bool
    clock_cost_ns: float
    detail: Mapping[str, object] | None
    detail_left_out: tuple[str, ...] = ()
    loop: str = ""  # the C function


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHeader:
    """First line of a journal."""

    identity: Identity
    arguments: tuple[str, ...]
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One finished row: its outcome, and if it was measured all that is saved.

    One whose outcome is a value has it in `extra_info`.
    """

    fullname: str
    outcome: str
    reason: str = ""
    name: str = ""
    group: str | None = None
    param: str | None = None
    params: Mapping[str, object] | None = None
    extra_info: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    stats: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStatus:
    """What became of one collected row; a reason for all but measured ones.

    The reason of a value is that value in words.

    `process_medians_s` has the median of each process in seconds, this session's own
    first, if there were several; a process that did not measure the row is left out.
    """

    fullname: str
    status: str
    reason: str = ""
    process_medians_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """What one session did, for the terminal and for ``--pybench-counts``."""

    interpreter: str
    free_threaded: bool
    gil_enabled: bool
    rows_measured: int
    rows_unmeasured: int  # ran once, as ``--benchmark-disable`` asks
    rows_na: Mapping[str, int]
    rows_void: int
    rows_error: int
    rows_skipped: int
    rows_not_run: int
    void_modules: tuple[str, ...]
    rows_disturbed: int
    rounds_dropped: int
    rows_oversubscribed: int
    rows_near_floor: int
    rows_resumed: int
    tests_passed: int
    tests_failed: int
    tests_skipped: int
    rows_value: int = 0  # that came to a value which is no time


def header_document(header: JournalHeader) -> dict[str, Any]:
    """Return a journal's first line as JSON-able values."""
    return {
        "pybench": "journal",
        "schema": SCHEMA,
        "identity": identity_document(header.identity),
        "arguments": [*header.arguments],
        "started": header.started,
    }


def parse_header(document: object, source: str) -> JournalHeader:
    """Read a journal's first line; `DocumentError` if it is none."""
    known = as_mapping(document, source)
    if known.get("pybench") != "journal":
        raise DocumentError(f"{source}: the first line is not a journal's header")
    check_schema(known, SCHEMA, source)
    check_schema(as_mapping(known.get("identity"), source), SCHEMA, source)
    return parse(JournalHeader, known, source)


def row_document(row: JournalRow) -> dict[str, Any]:
    """Return a journal's row as JSON-able values, without what is empty."""
    # Not asdict: it would copy parameters, and a lock or a socket cannot be copied.
    values = {item.name: getattr(row, item.name) for item in fields(JournalRow)}
    return {name: value for name, value in values.items() if value}


def parse_row(document: object, source: str) -> JournalRow:
    """Read a journal's row; `DocumentError` if a value is missing or odd."""
    row = parse(JournalRow, document, source)
    if row.outcome not in OUTCOMES:
        raise DocumentError(f"{source}: unknown outcome {row.outcome!r}")
    if row.outcome == MEASURED:
        check_statistics(row.stats, source)
    unknown = {*as_mapping(document, source)} - {item.name for item in fields(row)}
    if unknown:
        raise DocumentError(f"{source}: unknown fields {', '.join(sorted(unknown))}")
    return row


def statuses_document(statuses: Iterable[RowStatus]) -> dict[str, Any]:
    """Return what a saved file has at its top level as ``pybench``."""
    return {"schema": SCHEMA, "rows": [asdict(status) for status in statuses]}


def check_statistics(stats: Mapping[str, Any], source: str) -> None:
    """Raise `DocumentError` unless `stats` has what the stock table reads."""
    for name in STATISTICS:
        value = stats.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise DocumentError(f"{source}: no number for {name!r} in stats")
        if isinstance(value, int) and abs(value) > _MOST:
            raise DocumentError(f"{source}: {name!r} in stats is too large")
