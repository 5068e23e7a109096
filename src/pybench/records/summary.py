"""`summary.json`: what a run decided, verdict first, with a published schema.

The record of the run is the evidence; this is what other programs read.

Schema history
--------------
1. Fields that came later have defaults: `notes`, `parts`, `controls`, `apart`, `kind`,
   `side_median_ns`, `values`, `ref`, `commit`, `spent`, `hosts`, `between`,
   `i_squared`, `instructions`, `counter`, `metrics`, and `reasons`, read from `reason`
   where a file has none.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from pybench.records.documents import MOST_RATIO, DocumentError, read_document
from pybench.records.files import write_file
from pybench.records.outcomes import Reason, ReasonKind
from pybench.records.run import TIME
from pybench.records.values import RowValue

SCHEMA = 1
NAME = "summary.json"

SLOWER = "slower"
FASTER = "faster"
EQUIVALENT = "equivalent"
INCONCLUSIVE = "inconclusive"
# Of a row that could not be judged.
NO_VERDICT = "none"
VERDICTS = (SLOWER, FASTER, EQUIVALENT, INCONCLUSIVE)

# Verdicts on counts of instructions.
MORE, LESS, SAME, UNDECIDED = "more", "less", "equal", "undecided"
COUNT_WORDS = (MORE, LESS, SAME, UNDECIDED, NO_VERDICT)

# Kinds of controls: the baseline a second time, and a kernel without Python.
TWIN = "twin"
YARDSTICK = "yardstick"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSummary:
    """One interpreter; `ref` and `commit` are what its package was built from."""

    name: str
    python: str
    interpreter: str
    free_threaded: bool
    gil_enabled: bool
    build_flags: tuple[str, ...]
    jit: str
    ref: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSummary:
    """A geometric mean of ratios.

    Among `means` they are of rows of one thread in which Python computes, by category;
    "" is all of these. Among `apart` the category is what the rows are instead:
    "contended and scaling", "start-up", "waiting", "kernels without Python". Among
    `parts` it is "computation", "memory" or "start-up". Machine controls are in none.
    """

    side: str
    category: str
    ratio: float
    low: float | None
    high: float | None
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    """What one host of a run that was joined says of a row, and which runs it was."""

    host: str
    runs: tuple[str, ...]
    ratio: float
    low: float | None
    high: float | None
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSummary:
    """One machine of a run that was joined, and the runs that it measured."""

    name: str
    cpu_model: str
    usable_cpus: int
    system: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountSummary:
    """The instructions of one row of one contender.

    `baseline` and `side` are per iteration; `low` and `high` are the least and the
    greatest ratio of two processes. `verdict` is more, less, equal, undecided or none,
    and then `reason` says why. A count says nothing of time.
    """

    verdict: str
    reason: str
    baseline: float | None
    side: float | None
    ratio: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSummary:
    """One row of one contender; ratios are its time over the baseline's.

    `verdict` is slower, faster, equivalent, inconclusive or none; `reason` says why
    there is none, or that it is withheld. Times are per operation: `baseline_ns` is
    the median of all its samples, and `side_ns` is that times the ratio, so that the
    two never point another way than the ratio does. `side_median_ns` is the median of
    the side's own samples: where the machine drifted it is off a little. `kind` is the
    mean that the row counts in: "python", one of `apart`, or "control" for none.
    `reasons` has what `reason` says, one by one, with the kind of each. In a run that
    was joined `hosts` are those that measured it. With two or more of them the ratio is
    their mean, `between` the spread between hosts as a share of it, and `i_squared` the
    share of their differences that the pairs do not explain. `instructions` is
    the second metric, None where it was not asked for.
    """

    row: str
    category: str
    group: str | None
    side: str
    verdict: str
    is_regression: bool
    is_beyond_margin: bool
    reason: str
    ratio: float | None
    low: float | None
    high: float | None
    margin: float | None
    below_margin: bool
    smallest_visible: float | None
    pairs: int
    pairs_to_settle: int | None
    metric: str
    oversubscribed: bool
    baseline_ns: float | None
    side_ns: float | None
    side_median_ns: float | None = None
    kind: str = ""
    reasons: tuple[Reason, ...] = ()
    hosts: tuple[HostRow, ...] = ()
    between: float | None = None
    i_squared: float | None = None
    instructions: CountSummary | None = None

    @property
    def outcome(self) -> str:
        """What became of a row without a ratio: n/a, void, error, lost or none."""
        outcomes = [reason.outcome for reason in self.reasons]
        words = ("n/a", "void", "error", "lost")
        return next((word for word in words if word in outcomes), NO_VERDICT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSummary:
    """What cannot differ: `kind` is "twin" (A/A control) or "yardstick"."""

    row: str
    kind: str
    metric: str
    verdict: str
    ratio: float
    low: float | None
    high: float | None
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSummary:
    """A row that came to values which are no times, by side; they have no verdict.

    A side without one is left out; the row is among `rows` too then, with the reason.
    """

    row: str
    values: dict[str, RowValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a comparison says.

    `metrics` are what was asked for, and `counter` what counted instructions, with its
    version, "" if nothing did.
    `verdict` is one sentence; `regressions` counts the rows slower by the margin or
    more; `noise_floor` is the largest change that a copy of the baseline showed.
    `spent` has the seconds of the run by kind of row and by phase.
    `hosts` are those of a run that was joined.
    """

    verdict: str
    regressions: int
    counts: dict[str, dict[str, int]]
    withheld: dict[str, str]
    sides: tuple[SideSummary, ...]
    means: tuple[MeanSummary, ...]
    rows: tuple[RowSummary, ...]
    noise_floor: float | None
    smallest_visible: float | None
    margin: float
    seed: int
    started: str
    command: tuple[str, ...]
    version: str
    notes: tuple[str, ...] = ()
    parts: tuple[MeanSummary, ...] = ()
    controls: tuple[ControlSummary, ...] = ()
    apart: tuple[MeanSummary, ...] = ()
    values: tuple[ValueSummary, ...] = ()
    spent: dict[str, dict[str, float]] = field(default_factory=dict)
    hosts: tuple[HostSummary, ...] = ()
    counter: str = ""
    metrics: tuple[str, ...] = (TIME,)
    pybench: str = "summary"
    schema: int = SCHEMA


def read_summary(path: Path) -> Summary:
    """Read the file; `DocumentError` if it is none, or none that a run can come to."""
    summary = read_document(
        path,
        Summary,
        remedy="judge the run's folder again, or use the version that wrote it",
        check=_check,
    )
    return replace(summary, rows=tuple(map(_with_reasons, summary.rows)))


def _with_reasons(row: RowSummary) -> RowSummary:
    """Add the kinds to a reason of a version that wrote none."""
    if row.reasons or not row.reason:
        return row
    kinds = ("n/a", "void", "error", "lost", "withheld")
    return replace(
        row,
        reasons=tuple(
            Reason(kind=ReasonKind(kind), culprit="", text=row.reason)
            for kind in kinds
            if f"{kind}:" in row.reason
        ),
    )


def _check(summary: Summary) -> None:
    if not summary.sides:
        raise DocumentError("no comparison: it has no sides")
    names = [side.name for side in summary.sides]
    contenders = names[1:]
    if len({*names}) < len(names):
        raise DocumentError(f"two of its sides have one name: {', '.join(names)}")
    words = {*VERDICTS, NO_VERDICT}
    for row in summary.rows:
        if row.side not in contenders:
            raise DocumentError(f"a row of {row.side!r}, which is no side of it")
        if row.verdict not in words:
            raise DocumentError(f"{row.verdict!r} is no verdict")
        if (count := row.instructions) and count.verdict not in COUNT_WORDS:
            raise DocumentError(f"{count.verdict!r} is no verdict on a count")
        if row.ratio is None and row.verdict != NO_VERDICT:
            raise DocumentError(f"{row.row!r} is {row.verdict} without a ratio")
    for side, counts in summary.counts.items():
        if side not in contenders or not {*counts} <= words:
            raise DocumentError(f"its counts are of {side!r}: {', '.join(counts)}")
    for mean in (*summary.means, *summary.parts):
        if mean.side not in contenders:
            raise DocumentError(f"a mean of {mean.side!r}, which is no side of it")
    for part in _parts(summary):
        for name in ("ratio", "low", "high"):
            value = getattr(part, name, None)
            if value is not None and not 1 / MOST_RATIO < value < MOST_RATIO:
                raise DocumentError(f"{value!r} is no ratio")
    for margin in (summary.margin, *(row.margin for row in summary.rows)):
        if margin is not None and not 0 < margin < 1:
            raise DocumentError(f"a margin of {margin} is no share between 0 and 1")


def _parts(summary: Summary) -> Iterator[Any]:
    for item in fields(summary):
        value = getattr(summary, item.name)
        if isinstance(value, tuple):
            yield from filter(is_dataclass, value)


def write_summary(summary: Summary, folder: Path) -> Path:
    """Write the file; the one before it stays until the new one is whole."""
    import msgspec

    path = folder / NAME
    text = msgspec.json.format(msgspec.json.encode(summary), indent=1)
    write_file(path, text + b"\n", inside=True)
    return path


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    import msgspec

    document: dict[str, Any] = msgspec.json.schema(Summary)
    for part in document["$defs"].values():
        # From 3.13 on docstrings come without their indentation.
        part["description"] = inspect.cleandoc(part.get("description", ""))
    return document
