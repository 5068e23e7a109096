"""What independent processes say of a number: quantiles, and Student's interval.

Only the standard library: the plugin, under test, needs the quantiles too.
"""

import math
import statistics
from collections.abc import Sequence

CONFIDENCE = 0.95


def mean_and_half(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean of independent values and half of its 95 % interval.

    The half is None for one value, which says nothing of the spread.

    Raises
    ------
    ValueError
        Without any value.
    """
    if not values:
        raise ValueError("there is no mean of no values")
    mean = statistics.fmean(values)
    if len(values) == 1:
        return mean, None
    error = statistics.stdev(values) / math.sqrt(len(values))
    return mean, student_quantile((1 + CONFIDENCE) / 2, len(values) - 1) * error


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


def student_quantile(p: float, degrees: int) -> float:
    """Return the quantile of Student's t, above its median.

    scipy has it, but is not there in the interpreters under test.

    Source: Abramowitz and Stegun, 26.7.3 and 26.7.4: for whole degrees of freedom the
    distribution is a finite sum.
    """
    low, high = 0.0, 1.0
    while _student_cdf(high, degrees) < p:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if _student_cdf(middle, degrees) < p:
            low = middle
        else:
            high = middle
    return high


def _student_cdf(t: float, degrees: int) -> float:
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    total, term = 0.0, cosine if odd else 1.0
    for k in range(1 + odd, degrees, 2):
        total += term
        term *= cosine**2 * k / (k + 1)
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return (1 + inside) / 2
