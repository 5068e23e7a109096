"""What counts of instructions say: nothing is drawn, so that two processes are enough.

A process counts several windows, and the least of them stands: what a busy machine
adds, such as a look for signals, is in some, and nothing is taken from any. A count is
compared where it is the same each time. What little it varies by is in the interval,
from the least ratio of two processes to the greatest.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# Counts that differ by less are equal.
EQUAL = 0.001
# A count that varies by more has no verdict.
STEADY = 0.002

MORE, LESS, SAME, UNDECIDED = "more", "less", "equal", "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountVerdict:
    """Whether a contender executes more instructions than the baseline."""

    word: str
    ratio: float
    low: float
    high: float


def spread_within(processes: Sequence[Sequence[float]]) -> float:
    """Return by how much the two least windows of a process differ, at most."""
    least = [sorted(windows)[:2] for windows in processes]
    return max(windows[-1] / windows[0] - 1 for windows in least)


def spread_between(processes: Sequence[Sequence[float]]) -> float:
    """Return by how much processes differ."""
    least = [*map(min, processes)]
    return max(least) / min(least) - 1


def compare_counts(
    baseline: Sequence[Sequence[float]], side: Sequence[Sequence[float]]
) -> CountVerdict:
    """Compare the counts per iteration, in windows of processes, of two arms."""
    ours, theirs = [*map(min, side)], [*map(min, baseline)]
    low, high = min(ours) / max(theirs), max(ours) / min(theirs)
    if low > 1 + EQUAL:
        word = MORE
    elif high < 1 / (1 + EQUAL):
        word = LESS
    elif low >= 1 / (1 + EQUAL) and high <= 1 + EQUAL:
        word = SAME
    else:
        word = UNDECIDED
    ratio = statistics.median(ours) / statistics.median(theirs)
    return CountVerdict(word=word, ratio=ratio, low=low, high=high)
