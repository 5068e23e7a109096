"""What sessions send of their rows, checked where it is received.

A row says of itself how many operations a call is, how many threads it has, in which
group it is. A suite may use these words in another sense. A value that makes no sense
voids that row alone: here it becomes a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pybench.records.outcomes import ERROR, MEASURED, VALUE, ReasonKind
from pybench.records.samples import Sample
from pybench.records.texts import encodable, short
from pybench.records.values import RowValue, ValueOfRowError, read_value

# More operations, rounds or threads than any row has; larger ones are a mistake, and
# at some size no record can hold them.
MOST = 2**53

# The variable that tells a session which modules were built for its arm: JSON with the
# top-level names, `modules`, and the `folder` that they must be imported from.
BUILT = "PYBENCH_BUILT"

# What a row says of itself while it runs, and what it says if it says nothing.
COUNTS = {"operations": 1, "threads": 1}


class MessageError(ValueError):
    """A value that a session cannot mean; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFacts:
    """What is known of a row when it is collected.

    `alternate` marks an exclusive row. `file` is where it was found, "" if that is not
    said; `refused` says why it cannot be measured whatever it does, "" if it can.
    """

    alternate: bool = False
    margin: float | None = None
    group: str | None = None
    file: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a row ended: its outcome, the reason, and its counts by name.

    `kind` is that of a reason which is more than its outcome, None otherwise; `value`
    is that of a row which came to one that is no time; `native` is a kernel in C.
    """

    outcome: str
    reason: str
    kind: ReasonKind | None = None
    counts: Mapping[str, int] = field(default_factory=lambda: dict(COUNTS))
    value: RowValue | None = None
    native: bool = False


def read_facts(facts: object) -> RowFacts:
    """Read what a session says of a row that it has collected."""
    if not isinstance(facts, dict):
        return RowFacts(
            refused=f"its facts are {short(facts)}, which is not a JSON object"
        )
    margin, group = facts.get("margin"), facts.get("group")
    refused = encodable(facts.get("refused") or "")
    if margin is not None and not _is_share(margin):
        refused = refused or f"its margin is {short(margin)}, not a share such as 0.03"
        margin = None
    if group is not None and not _is_text(group):
        refused = refused or f"its group is {short(group)}, which UTF-8 cannot hold"
        group = None
    return RowFacts(
        alternate=bool(facts.get("alternate")),
        margin=margin,
        group=group,
        file=str(facts.get("file") or ""),
        refused=refused,
    )


def read_ended(message: Mapping[str, Any]) -> Ended:
    """Read how a row ended; one that says what cannot be ends with an error."""
    facts = message.get("facts")
    facts = facts if isinstance(facts, dict) else {}
    counts = {name: facts.get(name, least) for name, least in COUNTS.items()}
    outcome = encodable(message.get("outcome"))
    reason = encodable(message.get("reason"))
    for name in [name for name, value in counts.items() if not is_count(value)]:
        # What it ended with otherwise says more.
        if outcome == MEASURED:
            outcome = ERROR
            reason = encodable(
                f"extra_info[{name!r}] is {short(counts[name])}, and must be a whole "
                "number of at least 1: correct it, or rename this key"
            )
        counts[name] = COUNTS[name]
    value: RowValue | None = None
    if outcome == VALUE:
        try:
            value = read_value(message.get("value"))
        except ValueOfRowError as error:
            outcome, reason = ERROR, encodable(f"the value of this row: {error}")
    return Ended(
        outcome=outcome,
        reason=reason,
        kind=next((kind for kind in ReasonKind if kind == message.get("kind")), None),
        counts=counts,
        value=value,
        native=facts.get("native") is True,
    )


def read_rounds(message: Mapping[str, Any]) -> int | None:
    """Read how many rounds a row may do in its process; `MessageError` if unclear."""
    rounds = message.get("rounds")
    if rounds is not None and not is_count(rounds):
        raise MessageError(f"sent {short(rounds)} instead of its rounds")
    return rounds


def read_packages(packages: object) -> dict[str, str]:
    """Read the versions of packages by name; `MessageError` unless all are texts."""
    return _texts(packages, "versions of packages")


def read_events(events: object) -> dict[str, str]:
    """Read of each event why it is not counted; `MessageError` unless all are texts."""
    return {} if events is None else _texts(events, "events")


def read_strays(strays: object) -> dict[str, str]:
    """Read the files of modules by name; `MessageError` unless all are texts."""
    return _texts(strays, "files of modules")


def _texts(value: object, wanted: str) -> dict[str, str]:
    if isinstance(value, dict):
        texts = [*value, *value.values()]
        if all(isinstance(text, str) for text in texts):
            return value
    raise MessageError(f"sent {short(value)} instead of {wanted}")


def read_numbers(numbers: object) -> dict[str, int]:
    """Read what a row found to fill a sample; `MessageError` unless they are counts."""
    is_known = isinstance(numbers, dict) and "count" in numbers
    if is_known and all(map(is_count, numbers.values())):  # type: ignore[attr-defined]
        return dict(numbers)  # type: ignore[call-overload, no-any-return]
    raise MessageError(f"sent {short(numbers)} instead of the counts of a sample")


def read_sample(values: object) -> Sample:
    """Read what a sample took; `MessageError` unless it is whole nanoseconds."""
    try:
        sample = Sample(**values)  # type: ignore[arg-type]
    except TypeError:
        raise MessageError(f"sent {short(values)} instead of a sample") from None
    counts = {item.name: getattr(sample, item.name) for item in fields(sample)}
    if counts.pop("events") is not None and not isinstance(sample.events, dict):
        raise MessageError(f"sent a sample with events {short(sample.events)}")
    for name, value in {**counts, **(sample.events or {})}.items():
        is_unknown = name == "blocked" and value is None
        if not is_unknown and (type(value) is not int or abs(value) > MOST):
            raise MessageError(f"sent a sample with {name} {short(value)}")
    return sample


def read_counted(message: Mapping[str, Any]) -> tuple[dict[str, int], tuple[int, ...]]:
    """Read the numbers of a counted window, and what the kept ones came to."""
    counts = message.get("counts")
    if not (isinstance(counts, list) and counts and all(map(is_count, counts))):
        raise MessageError(f"sent {short(counts)} instead of its instructions")
    return read_numbers(message.get("numbers")), tuple(counts)


def is_count(value: object) -> bool:
    """Tell whether a value is a whole number from 1 on, and no absurd one."""
    return type(value) is int and 1 <= value <= MOST


def _is_share(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value < 1  # type: ignore[operator]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and encodable(value) == value
