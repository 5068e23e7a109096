"""The record of ``pybench profile gc``: how long the collector stops a program.

Schema history
--------------
1. Pauses by heap, and what recording them costs.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from pybench.records.means import Mean, ProfiledPython

SCHEMA = 1
SHAPES = ("tree", "chain", "lists", "dicts", "cycles")
MODES = ("on", "off", "frozen", "thresholds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One heap: its shape, how many objects it has, and the collector's mode."""

    shape: str
    size: int
    mode: str

    def __str__(self) -> str:
        """Name it in messages."""
        return f"{self.shape} of {self.size}, gc {self.mode}"


class Span(NamedTuple):
    """From when to when, on the monotonic clock in nanoseconds."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Its nanoseconds."""
        return self.stop - self.start

    def meets(self, other: "Span") -> bool:
        """Tell whether they have a moment in common."""
        return self.start < other.stop and other.start < self.stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What one process recorded of one cell; written by the program `gc_pauses`.

    A pause begins with its start and end; a gap of the victim is start, end, and how
    often it waited: -1 if unknown. The collector is on its own from ``start_ns`` to
    ``stop_ns``, and the texts of ``/proc/self/status`` are from before and after that.
    """

    thresholds: list[int]
    start_ns: int
    stop_ns: int
    pauses: list[list[int]]
    pauses_lost: int
    status_before: str = ""
    status_after: str = ""
    gaps: list[list[int]] = field(default_factory=list)
    gaps_lost: int = 0
    naps: bool | None = None

    @property
    def collections(self) -> list[Span]:
        """When the recorder saw the collector at work."""
        return [Span(*pause[:2]) for pause in self.pauses]

    @property
    def stops(self) -> list[Span]:
        """The gaps in which the victim waited, or nobody knows.

        In the others its CPU was taken away.
        """
        return [Span(*gap[:2]) for gap in self.gaps if gap[2] != 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Pauses of all repeats together; durations in nanoseconds."""

    count: int
    p50_ns: float
    p95_ns: float
    p99_ns: float
    max_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What the victim saw of the long pauses that the recorder noted, at the median.

    ``seen`` of ``count`` met a gap at all.
    """

    count: int
    seen: int
    pause_ns: float
    gap_ns: float

    @property
    def ratio(self) -> float:
        """Gap over pause; 1 where both observers say the same."""
        return self.gap_ns / self.pause_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """One cell, from all its repeats; None is what could not be had.

    ``automatic`` are the pauses while a second heap is built, ``asked`` those of full
    collections: one each, without the GIL its longest stop. ``share`` is the part of
    the automatic part's wall time in which the program stood still, ``per_million``
    the collections for a million container objects, and ``overshoot_bytes`` the peak
    of resident memory above what was still in use.
    """

    cell: Cell
    observer: str = ""
    automatic: Pauses | None
    asked: Pauses | None
    share: Mean | None = None
    per_million: Mean | None = None
    overshoot_bytes: Mean | None = None
    agreement: Agreement | None = None
    other_gaps: int | None = None
    thresholds: tuple[int, ...] | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A median ratio of CPU times with its exact 95 % interval, from pairs.

    With fewer than six pairs the interval has no upper end, and begins at zero.
    """

    value: float
    low: float
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """What the recorder takes: against no callback, and against an idle one."""

    shape: str
    whole: Ratio
    own: Ratio
    pairs: int
    collections: float  # recorded in one run, on average


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Which collector an interpreter has, and a sentence that says what that means."""

    kind: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GcProfile:
    """Pauses by heap; from ``comparable_ns`` on the two observers are compared."""

    interpreter: ProfiledPython
    collector: Collector
    comparable_ns: int = 0
    complete: bool = False
    cells: tuple[CellSummary, ...]
    overheads: tuple[Overhead, ...] = ()
    pybench: str = "profile-gc"
    schema: int = SCHEMA
