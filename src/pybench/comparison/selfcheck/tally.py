"""From verdicts and the truth to rates, each with its binomial interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scipy import stats

from pybench.statistics.decision import FASTER, SLOWER, Verdict

# No verdict at all: the row could not be measured.
NONE = "none"


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts over the rows of one class, in one suite or many.

    Parameters
    ----------
    same : Counter
        Words of the rows in which nothing was planted.
    planted : Counter
        Words of the rows in which something was.
    false_beyond : int
        False rows by the margin or more, at which a gate would have fired.
    covered, intervals : int
        Intervals that hold the true ratio, and all that there were.
    pairs, rows : int
        Pairs that the rows took, and the rows that took any.
    """

    same: Counter[str] = field(default_factory=Counter)
    planted: Counter[str] = field(default_factory=Counter)
    false_beyond: int = 0
    covered: int = 0
    intervals: int = 0
    pairs: int = 0
    rows: int = 0

    def add(self, verdict: Verdict | None, truth: float) -> None:
        """Count one row, whose contender takes `truth` times as long."""
        word = NONE if verdict is None else verdict.word
        (self.same if truth == 1 else self.planted)[word] += 1
        if verdict is None:
            return
        if truth == 1 and word in (SLOWER, FASTER) and verdict.is_beyond_margin:
            self.false_beyond += 1
        self.rows += 1
        self.pairs += verdict.pairs
        self.intervals += 1
        self.covered += verdict.low <= truth <= verdict.high

    def merge(self, other: Tally) -> None:
        """Add the counts of another."""
        self.same += other.same
        self.planted += other.planted
        self.false_beyond += other.false_beyond
        self.covered += other.covered
        self.intervals += other.intervals
        self.pairs += other.pairs
        self.rows += other.rows

    @property
    def false(self) -> int:
        """Rows called slower or faster in which nothing was planted."""
        return self.same[SLOWER] + self.same[FASTER]

    @property
    def missed_sign(self) -> int:
        """Slower rows that were called faster: not merely missed."""
        return self.planted[FASTER]


def tally(
    cells: Iterable[tuple[str, str, Verdict | None]], truth: Mapping[str, float]
) -> dict[str, Tally]:
    """Count the rows of one suite.

    Parameters
    ----------
    cells : iterable of (row, class, verdict)
        All rows.
    truth : mapping of str to float
        Per planted row the ratio that it has; the others have 1.

    Returns
    -------
    dict of str to Tally
        Per class.
    """
    found: dict[str, Tally] = {}
    for row, kind, verdict in cells:
        found.setdefault(kind, Tally()).add(verdict, truth.get(row, 1.0))
    return found


def pooled(tallies: Iterable[Mapping[str, Tally]]) -> dict[str, Tally]:
    """Add suites up, class by class."""
    found: dict[str, Tally] = {}
    for one in tallies:
        for kind, counts in one.items():
            found.setdefault(kind, Tally()).merge(counts)
    return found


def rate(count: int, of: int) -> str:
    """Return ``97.5 % [95.1, 98.9]``: a share and its exact binomial interval."""
    if of == 0:
        return "-"
    around = stats.binomtest(count, of).proportion_ci(0.95, method="exact")
    return f"{count / of:.1%} [{around.low:.1%}, {around.high:.1%}]"
