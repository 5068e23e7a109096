"""Whether the values of a document can be computed with, beyond having their types.

A record that somebody edited, or that a fault of a disk or of another program changed,
may be of the right form and say what nothing can be: a pair without its baseline, a
count of nothing. The readers ask here, so that nothing behind them has to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from pybench.records.results import (
    DISTURBED,
    MEASURED,
    MISSING,
    NO_VERDICT,
    NOT_RUN,
    OUTCOMES,
    SKIPPED,
    VOID,
    LostRecord,
    PairRecord,
    RowRecord,
    SideRecord,
    TurnSample,
)
from pybench.statistics.decision import VERDICTS
from pybench.statistics.differences import CPU, WALL
from pybench.statistics.plan import Plan, PlanError

if TYPE_CHECKING:
    from pybench.comparison.summary import Summary
    from pybench.records.run import Run, RunHeader

# Of a count, and of a time in nanoseconds: a century is 3e18.
MOST = 10**18
MOST_PAIRS = 100_000
# No ratio of two times is larger.
MOST_RATIO = 1e30


class UnsoundError(ValueError):
    """A value that nothing can be computed with; names it."""


def decode(data: bytes) -> Any:
    """Read JSON.

    Raises
    ------
    UnsoundError
        If it is none, or is nested deeper than can be read.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnsoundError(str(error)) from None
    except RecursionError:
        raise UnsoundError("nested too deeply to be read") from None


def convert(document: object, kind: Any) -> Any:
    """Return a document as the type that describes it.

    Raises
    ------
    UnsoundError
        If a field is missing or of another type; names the field.
    """
    try:
        found = msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise UnsoundError(str(error)) from None
    except RecursionError:
        raise UnsoundError("nested too deeply to be read") from None
    check_numbers(document)
    return found


def check_numbers(document: object) -> None:
    """Raise `UnsoundError` for a number that no measurement gives, wherever it is."""
    to_visit: list[object] = [document]
    while to_visit:
        value = to_visit.pop()
        if isinstance(value, Mapping):
            to_visit += value.values()
        elif isinstance(value, list | tuple):
            to_visit += value
        elif isinstance(value, float):
            if not abs(value) <= MOST_RATIO:
                raise UnsoundError(f"{value!r} cannot be a measured number")
        elif isinstance(value, int) and abs(value) > MOST:
            raise UnsoundError(
                f"a number above {MOST:.0e}, more than any count or time"
            )


def check_header(header: RunHeader) -> None:
    """Raise `UnsoundError` for a header that no run can have been begun with."""
    try:
        plan = Plan(margin=header.margin)
        if header.pairs is not None:
            plan.for_pairs(header.pairs)
    except PlanError as error:
        raise UnsoundError(str(error)) from None
    if header.pairs is not None and header.pairs > MOST_PAIRS:
        raise UnsoundError(f"pairs must be {MOST_PAIRS} at most, not {header.pairs}")


def sound(
    record: SideRecord | RowRecord | PairRecord | LostRecord, run: Run
) -> SideRecord | RowRecord | PairRecord | LostRecord | None:
    """Return a record as it can be added to a run, None where it is to be left out.

    A row that says of itself what cannot be is void, under its name, and its pairs are
    left out: the others can be judged all the same.

    Raises
    ------
    UnsoundError
        If it contradicts what the run has already.
    """
    match record:
        case SideRecord():
            _check_side(record, run)
        case RowRecord():
            problem = _problem_of_row(record)
            _known(record.outcomes, run)
            if problem:
                return replace(
                    record,
                    operations=1, threads=1, margin=None, metric=None, numbers={},
                    per_sample_ns=0.0, per_turn_ns=0.0,
                    outcomes=dict.fromkeys(record.outcomes, VOID),
                    reasons=dict.fromkeys(record.outcomes, f"{VOID}: {problem}"),
                )  # fmt: skip
        case PairRecord():
            row = run.rows.get(record.row)
            if row is None:
                raise UnsoundError(f"a pair of {record.row!r}, which is no row of it")
            _check_pair(record, run)
            if MEASURED not in row.outcomes.values():
                return None
    return record


def _check_side(side: SideRecord, run: Run) -> None:
    if side.twin_of is not None and side.twin_of not in run.sides:
        raise UnsoundError(
            f"{side.name} is a copy of {side.twin_of!r}, which is no side"
        )
    identity = side.identity
    if identity.affinity < 1:
        raise UnsoundError(f"{side.name}: affinity is {identity.affinity}")
    if identity.quota is not None and not identity.quota > 0:
        raise UnsoundError(f"{side.name}: quota is {identity.quota}")


def _problem_of_row(record: RowRecord) -> str:
    """Say which value of a row cannot be; empty if all can."""
    if not record.operations >= 1:
        return f"its operations are {record.operations}, and one is the least"
    if not record.threads >= 1:
        return f"its threads are {record.threads}, and one is the least"
    if record.margin is not None and not 0 < record.margin < 1:
        return f"its margin is {record.margin}, which is no share between 0 and 1"
    if record.metric not in (None, CPU, WALL):
        return f"its metric is {record.metric!r}, and not {CPU} or {WALL}"
    for name, number in record.numbers.items():
        if number < 1:
            return f"its {name} is {number}, and one is the least"
    for side, outcome in record.outcomes.items():
        if outcome not in (*OUTCOMES, DISTURBED, SKIPPED, NOT_RUN, MISSING):
            return f"its outcome on {side} is {outcome!r}, which is none"
    return ""


def _check_pair(pair: PairRecord, run: Run) -> None:
    of = f"pair {pair.pair} of {pair.row!r}"
    _known(pair.samples, run)
    baseline = run.baseline.name
    if baseline not in pair.samples:
        raise UnsoundError(f"{of} has no samples of {baseline}, the baseline")
    if not {*pair.samples} <= {*pair.order}:
        raise UnsoundError(f"{of}: its order leaves one of its sides out")
    processes = {len(samples) for samples in pair.samples.values()}
    if len(processes) > 1 or 0 in processes:
        raise UnsoundError(f"{of}: its sides have different numbers of processes")
    for name, number in pair.numbers.items():
        if number < 1:
            raise UnsoundError(f"{of}: its {name} is {number}, and one is the least")
    for sample in _samples(pair):
        if min(sample.wall_ns, sample.cpu_ns, sample.waited_ns) < 0:
            raise UnsoundError(f"{of} has a time below zero")


def _samples(pair: PairRecord) -> Iterator[TurnSample]:
    for processes in pair.samples.values():
        for samples in processes:
            yield from samples


def _known(sides: Iterable[str], run: Run) -> None:
    for side in sides:
        if side not in run.sides:
            raise UnsoundError(f"{side!r} is no side of the run")


def check_summary(summary: Summary) -> None:
    """Raise `UnsoundError` for a summary that no run can have come to."""
    if not summary.sides:
        raise UnsoundError("no comparison: it has no sides")
    names = [side.name for side in summary.sides]
    if len({*names}) < len(names):
        raise UnsoundError(f"two of its sides have one name: {', '.join(names)}")
    words = {*VERDICTS, NO_VERDICT}
    for row in summary.rows:
        if row.side not in names[1:]:
            raise UnsoundError(f"a row of {row.side!r}, which is no side of it")
        if row.verdict not in words:
            raise UnsoundError(f"{row.verdict!r} is no verdict")
        if row.ratio is None and row.verdict != NO_VERDICT:
            raise UnsoundError(f"{row.row!r} is {row.verdict} without a ratio")
    for side, counts in summary.counts.items():
        if side not in names[1:] or not {*counts} <= words:
            raise UnsoundError(f"its counts are of {side!r}: {', '.join(counts)}")
    for mean in (*summary.means, *summary.parts):
        if mean.side not in names[1:]:
            raise UnsoundError(f"a mean of {mean.side!r}, which is no side of it")
    for part in _parts(summary):
        for name in ("ratio", "low", "high"):
            value = getattr(part, name, None)
            if value is not None and not 1 / MOST_RATIO < value < MOST_RATIO:
                raise UnsoundError(f"{value!r} is no ratio")
    margins = [summary.margin, *(row.margin for row in summary.rows)]
    for margin in margins:
        if margin is not None and not 0 < margin < 1:
            raise UnsoundError(f"a margin of {margin} is no share between 0 and 1")


def _parts(summary: Summary) -> Iterator[Any]:
    for field in fields(summary):
        value = getattr(summary, field.name)
        if isinstance(value, tuple):
            yield from (part for part in value if is_dataclass(part))
