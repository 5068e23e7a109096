"""The exact signed-rank test, its estimate and its interval.

Chosen over a t-test, which needs ten pairs before it keeps its level in the far tail
that a suite needs, and over the bootstrap, which never keeps it with so few. The coin
that says who starts makes each difference as likely to be `d` as `-d` when nothing
differs, and that is all the test assumes.

Source: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, chapter 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Alternative = Literal["two-sided", "less", "greater"]
Floats = NDArray[np.float64]

# Rows whose averages are in memory at once: of forty pairs there are 820 a row.
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An interval of logarithms; infinite where the pairs are too few for one."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of its length."""
        return (self.high - self.low) / 2

    def lies_within(self, bound: float) -> bool:
        """Tell whether all of it is nearer to zero than `bound`."""
        return -bound < self.low and self.high < bound


def signed_rank_p(
    differences: Floats, alternative: Alternative = "two-sided"
) -> Floats:
    """Return the exact p-value of each row of differences.

    Parameters
    ----------
    differences : array, shape (rows, pairs)
        Log ratios; zeros and ties are allowed.
    alternative : {"two-sided", "less", "greater"}
        What is claimed of their centre, against zero.

    Returns
    -------
    array, shape (rows,)
        Exact also with ties, where it conditions on them.

    Raises
    ------
    ValueError
        For an array that is not two-dimensional, has no pairs or holds something
        that is not finite.
    """
    if differences.ndim != 2 or differences.shape[1] == 0:
        raise ValueError(f"expected rows of pairs, not shape {differences.shape}")
    if not np.isfinite(differences).all():
        raise ValueError("a difference is not finite")
    if differences.shape[0] == 0:
        return np.empty(0)
    size = np.sort(np.abs(differences), axis=1)
    tied = (size[:, 0] == 0) | (np.diff(size, axis=1) == 0).any(axis=1)
    p = np.empty(len(differences))
    if not tied.all():
        found = stats.wilcoxon(
            differences[~tied], axis=1, alternative=alternative, method="exact"
        )
        p[~tied] = found.pvalue
    for row in np.flatnonzero(tied):
        p[row] = _tied_p(differences[row], alternative)
    return p


def _tied_p(row: Floats, alternative: Alternative) -> float:
    """Return the p-value over all signs of the ranks that this row has.

    scipy's exact method is exact without ties only, and its permutation test cannot
    go through 2**40 signs; a sum over the doubled, so whole, mid-ranks can.
    """
    moved = row[row != 0]
    ranks = (2 * stats.rankdata(np.abs(moved))).astype(int)
    ways = sums_of_signs(ranks.tolist())
    positive = int(ranks[moved > 0].sum())
    at_least = float(ways[positive:].sum())
    at_most = float(ways[: positive + 1].sum())
    if alternative == "greater":
        return min(1.0, at_least)
    if alternative == "less":
        return min(1.0, at_most)
    return min(1.0, 2 * min(at_least, at_most))


def walsh_averages(rows: Floats) -> Floats:
    """Return the sorted means of all pairs of values of each row, each with itself."""
    first, second = np.triu_indices(rows.shape[-1])
    return np.sort((rows[..., first] + rows[..., second]) / 2, axis=-1)


def estimate(row: Floats) -> float:
    """Return the Hodges-Lehmann estimate of the centre: the median Walsh average."""
    return float(np.median(walsh_averages(row)))


def interval(row: Floats, confidence: float) -> Interval:
    """Return the exact interval that belongs to the two-sided test.

    Below six pairs there is none at 95 %; it is then infinite.
    """
    return estimates(row[None, :], confidence)[0][1]


def estimates(rows: Floats, confidence: float) -> list[tuple[float, Interval]]:
    """Return estimate and interval of each row."""
    cut = _interval_cut(rows.shape[1], confidence)
    found = []
    for start in range(0, len(rows), _AT_ONCE):
        averages = walsh_averages(rows[start : start + _AT_ONCE])
        centres = np.median(averages, axis=1).tolist()
        ends = [(-math.inf, math.inf)] * len(centres)
        if cut is not None:
            ends = averages[:, [cut, -1 - cut]].tolist()
        found += [
            (centre, Interval(low=low, high=high))
            for centre, (low, high) in zip(centres, ends, strict=True)
        ]
    return found


@lru_cache
def _interval_cut(pairs: int, confidence: float) -> int | None:
    """Return how many Walsh averages lie beyond each end, None if it takes all."""
    below = np.cumsum(sums_of_signs(range(1, pairs + 1)))
    # So many of the sums from zero on are together at most as likely as one tail.
    allowed = int(np.searchsorted(below, (1 - confidence) / 2, side="right"))
    return allowed - 1 if allowed else None


def sums_of_signs(ranks: Iterable[int]) -> Floats:
    """Return how likely each sum of a random half of the ranks is, from zero on."""
    ways = np.ones(1)
    for rank in ranks:
        longer = np.zeros(len(ways) + rank)
        longer[: len(ways)] += ways / 2
        longer[rank:] += ways / 2
        ways = longer
    return ways
