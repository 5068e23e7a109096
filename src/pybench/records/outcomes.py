"""What can become of a row, and why: enums, so that no code reads a message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a collected row on one interpreter."""

    MEASURED = "measured"
    # It came to a value that is no time.
    VALUE = "value"
    NOT_AVAILABLE = "n/a"
    VOID = "void"
    ERROR = "error"
    # Measured with a reservation, or not begun.
    DISTURBED = "disturbed"
    SKIPPED = "skipped"
    NOT_RUN = "not run"
    # One arm of a comparison has the row, and this one does not.
    MISSING = "missing"


MEASURED = Outcome.MEASURED
VALUE = Outcome.VALUE
NOT_AVAILABLE = Outcome.NOT_AVAILABLE
VOID = Outcome.VOID
ERROR = Outcome.ERROR
DISTURBED = Outcome.DISTURBED
SKIPPED = Outcome.SKIPPED
NOT_RUN = Outcome.NOT_RUN
MISSING = Outcome.MISSING

# What a row that was run can come to.
OUTCOMES = (MEASURED, VALUE, NOT_AVAILABLE, VOID, ERROR)


class ReasonKind(StrEnum):
    """Why a row has no verdict. The first ones are outcomes of an arm."""

    NOT_AVAILABLE = "n/a"
    VOID = "void"
    ERROR = "error"
    SKIPPED = "skipped"
    NOT_RUN = "not run"
    MISSING = "missing"
    # Special cases of an outcome.
    GIL_TURNED_ON = "gil turned on"
    UNCOLLECTED = "uncollected"
    UNSTABLE_NAME = "unstable name"
    # Of a pair.
    LOST = "lost"
    SUSPENDED = "suspended"
    # Of a row as a whole.
    PENDING = "pending"
    WITHHELD = "withheld"
    OVERSUBSCRIBED = "oversubscribed"
    # Hosts do not say the same of it.
    HOSTS = "hosts"


_CASE_OF = {
    ReasonKind.GIL_TURNED_ON: ReasonKind.VOID,
    ReasonKind.UNCOLLECTED: ReasonKind.ERROR,
    ReasonKind.UNSTABLE_NAME: ReasonKind.ERROR,
    ReasonKind.SUSPENDED: ReasonKind.LOST,
}
# Something went wrong, as opposed to a row that an interpreter cannot run.
FAILURES = frozenset({ReasonKind.ERROR, ReasonKind.VOID, ReasonKind.LOST, *_CASE_OF})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a row has no verdict; `culprit` is the arm that it lies with, "" for none."""

    kind: ReasonKind
    culprit: str
    text: str

    @property
    def outcome(self) -> str:
        """The kind, or what it is a special case of."""
        return _CASE_OF.get(self.kind, self.kind)
