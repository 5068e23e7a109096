"""One number for many rows: the geometric mean, with an interval that is about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

# Rounds that differ by less are alike: sums of floats differ by so much.
_ALIKE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometricMean:
    """Mean ratio of a fixed set of rows, on this machine and for these builds."""

    ratio: float
    low: float
    high: float
    rows: int
    rounds: int


def geometric_mean(
    differences: Mapping[str, Sequence[float]],
    confidence: float = 0.95,
    *,
    fewest: int = 1,
) -> GeometricMean | None:
    """Return the geometric mean over rows of the ratio of contender to baseline.

    Its interval is that of the mean over rows, round by round, in the rounds that all
    rows have: rows of one round share the state of the machine, so their spread within
    a round would be too short a measure, and rows stop early because of their values,
    so rounds that only some have would be biased.

    Parameters
    ----------
    differences : mapping of str to sequence of float
        Per row the log ratios of its pairs.
    confidence : float
        Level of the interval.
    fewest : int
        Pairs that a row must have to count, if any row has so many. A row that the
        end of a run cut short would leave all of them its one or two rounds.

    Returns
    -------
    GeometricMean or None
        None without rows. Infinite ends with fewer than two common rounds.
    """
    taken = [np.asarray(row, dtype=float) for row in differences.values() if len(row)]
    taken = [row for row in taken if len(row) >= fewest] or taken
    if not taken:
        return None
    rounds = min(len(row) for row in taken)
    means = np.stack([row[:rounds] for row in taken]).mean(axis=0)
    centre = float(means.mean())
    low, high = -math.inf, math.inf
    if rounds > 1 and float(np.ptp(means)) <= _ALIKE * max(1.0, abs(centre)):
        low = high = centre  # a spread of the last bits is none
    elif rounds > 1:
        interval = stats.ttest_1samp(means, 0.0).confidence_interval(confidence)
        low, high = float(interval.low), float(interval.high)
    return GeometricMean(
        ratio=math.exp(centre),
        low=math.exp(low),
        high=math.exp(high),
        rows=len(taken),
        rounds=rounds,
    )
