"""From verdicts and the truth to rates, each with its binomial interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from scipy import stats

from pybench.statistics.decision import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    SLOWER,
    Verdict,
)

# No verdict at all: the row could not be measured.
NONE = "none"


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts over the rows of one class, in one suite or many.

    `same` and `planted` have the words of the rows without and with an injected change.
    `false_beyond` counts the false rows by the margin or more, at which a gate would
    have fired; `covered` the intervals, of `intervals`, that hold the true ratio;
    `pairs` what `rows` took.
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
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def false(self) -> int:
        """Rows called slower or faster into which nothing was injected."""
        return self.same[SLOWER] + self.same[FASTER]

    def lines(self) -> Iterator[str]:
        """Say the rates."""
        same = self.same.total() - self.same[NONE]
        planted = self.planted.total() - self.planted[NONE]
        yield (
            f"  unchanged {same}: equivalent {rate(self.same[EQUIVALENT], same)}, "
            f"inconclusive {self.same[INCONCLUSIVE]}, false {self.false} "
            f"({self.false_beyond} by the margin or more)"
        )
        if planted:
            others = ", ".join(
                f"{self.planted[word]} {word}"
                for word in (FASTER, EQUIVALENT, INCONCLUSIVE)
            )
            yield (
                f"  injected {planted}: slower {rate(self.planted[SLOWER], planted)}, "
                f"{others}"
            )
        yield (
            f"  intervals that hold the truth: {rate(self.covered, self.intervals)}; "
            f"{self.pairs / max(self.rows, 1):.1f} pairs a row"
        )


def tally(
    cells: Iterable[tuple[str, str, Verdict | None]], truth: Mapping[str, float]
) -> dict[str, Tally]:
    """Count the rows of one suite, class by class.

    Parameters
    ----------
    cells : iterable of (row, class, verdict)
        All rows.
    truth : mapping of str to float
        Per row with an injected change the ratio that it has; the others have 1.
    """
    by_class: dict[str, Tally] = {}
    for row, kind, verdict in cells:
        by_class.setdefault(kind, Tally()).add(verdict, truth.get(row, 1.0))
    return by_class


def pooled(tallies: Iterable[Mapping[str, Tally]]) -> dict[str, Tally]:
    """Add suites up, class by class."""
    by_class: dict[str, Tally] = {}
    for of_suite in tallies:
        for kind, counts in of_suite.items():
            by_class.setdefault(kind, Tally()).merge(counts)
    return by_class


def rate(count: int, of: int) -> str:
    """Return ``97.5 % [95.1, 98.9]``: a share and its exact binomial interval."""
    if of == 0:
        return "-"
    around = stats.binomtest(count, of).proportion_ci(0.95, method="exact")
    return f"{count / of:.1%} [{around.low:.1%}, {around.high:.1%}]"
