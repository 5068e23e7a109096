"""What repeats in fresh processes say of a number: its mean and a 95 % interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean with Student's interval; infinite ends where there is one value only."""

    value: float
    low: float
    high: float
    repeats: int

    @property
    def half_width(self) -> float:
        """Half of the interval, in the unit of the values."""
        return (self.high - self.low) / 2


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean of values of which each comes from a process of its own.

    Raises
    ------
    ValueError
        Without any value.
    """
    # Here, not above: it takes a second.
    from scipy import stats

    count = len(values)
    if count == 0:
        raise ValueError("there is no mean of no values")
    mean = math.fsum(values) / count
    if count == 1:
        return Mean(value=mean, low=-math.inf, high=math.inf, repeats=1)
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (count - 1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * spread
    half /= math.sqrt(count)
    return Mean(value=mean, low=mean - half, high=mean + half, repeats=count)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all do not exceed.

    Raises
    ------
    ValueError
        Without any value, or for a share that is not from 0 to 1.
    """
    if not values:
        raise ValueError("there is no percentile of no values")
    if not 0 <= share <= 1:
        raise ValueError(f"share must be from 0 to 1, not {share!r}")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
