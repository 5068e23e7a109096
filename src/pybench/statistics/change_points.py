"""Where a ratio changed for good, in a series of runs.

ruptures (PELT with a penalty that grows with the number of runs) finds where to look;
a change is told only if a rank test agrees and it is as large as the margin. The
interval is that of the rank test: of the shift between the runs before and after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Runs that have to lie on each side: with fewer a rank test rarely rejects at `ALPHA`.
LEAST = 5
# Chosen, with the penalty, on series of recorded noise: scripts/change_points.py.
ALPHA = 0.005
_PENALTY = 3.0
_Z95 = 1.959964
# Nine steps in ten of this many standard errors pass the rank test at `ALPHA`.
_POWER_Z = 1.281552
_FOUND_Z = 2.807034 + _POWER_Z
# Precision of a rank test against a t-test where the noise is normal.
_EFFICIENCY = 3 / math.pi
_LEAST_SPREAD = 1e-6
# Runs of each side that an interval is made of, the nearest ones.
_NEAREST = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change from the run of this index on, as a ratio with its 95 % interval."""

    index: int
    ratio: float
    low: float
    high: float


def steps(ratios: Sequence[float | None], margin: float) -> list[Step]:
    """Return the changes of a series, the oldest first.

    Runs without a ratio are passed by. Raises `ImportError` without ruptures.
    """
    known = [number for number, ratio in enumerate(ratios) if ratio is not None]
    values = np.log([ratio for ratio in ratios if ratio is not None])
    cuts = _candidates(values)
    while cuts:
        judged = [_judged(values, cuts, number) for number in range(len(cuts))]
        # The least certain goes first: its runs may be what hides another.
        worst = max(range(len(cuts)), key=lambda n: judged[n][0])
        if judged[worst][0] <= ALPHA and all(
            abs(shift) >= math.log1p(margin) for _, shift, _, _ in judged
        ):
            return [
                Step(
                    index=known[cut],
                    ratio=math.exp(shift),
                    low=math.exp(low),
                    high=math.exp(high),
                )
                for cut, (_, shift, low, high) in zip(cuts, judged, strict=True)
            ]
        if judged[worst][0] <= ALPHA:
            worst = min(range(len(cuts)), key=lambda n: abs(judged[n][1]))
        del cuts[worst]
    return []


def smallest_step(
    ratios: Sequence[float | None], margin: float, after: int | None = None
) -> float | None:
    """Return the smallest step that would be told nine times in ten, as a share.

    It is of a step with `after` runs on its shorter side, by default a quarter of all;
    None where too few runs are on a side.
    """
    values = np.log([ratio for ratio in ratios if ratio is not None])
    count = len(values)
    side = max(LEAST, count // 4) if after is None else after
    if side < LEAST or count - side < LEAST:
        return None
    error = _spread(values) * math.sqrt((1 / side + 1 / (count - side)) / _EFFICIENCY)
    least = max(_FOUND_Z * error, math.log1p(margin) + _POWER_Z * error)
    return math.expm1(least) if least < 50 else math.inf


def _spread(values: Floats) -> float:
    """Return the spread of runs; differences of neighbours know nothing of steps."""
    return float(np.median(np.abs(np.diff(values)))) * 1.4826 / math.sqrt(2)


def _candidates(values: Floats) -> list[int]:
    if len(values) < 2 * LEAST:
        return []
    import ruptures  # type: ignore[import-untyped,import-not-found,unused-ignore]

    scaled = (values / max(_spread(values), _LEAST_SPREAD)).reshape(-1, 1)
    search: Any = ruptures.KernelCPD(kernel="linear", min_size=LEAST, jump=1)
    found = search.fit(scaled).predict(pen=_PENALTY * math.log(len(values)))
    return [int(cut) for cut in found[:-1]]


def _judged(
    values: Floats, cuts: Sequence[int], number: int
) -> tuple[float, float, float, float]:
    """Return p-value, shift and the interval's ends of one of the cuts."""
    from scipy import stats

    edges = [0, *cuts, len(values)]
    before = values[edges[number] : edges[number + 1]]
    after = values[edges[number + 1] : edges[number + 2]]
    p = float(stats.mannwhitneyu(before, after).pvalue)
    before, after = before[-_NEAREST:], after[:_NEAREST]
    shifts = np.sort((after[:, None] - before[None, :]).ravel())
    m, n = len(before), len(after)
    cut = max(0, int(m * n / 2 - _Z95 * math.sqrt(m * n * (m + n + 1) / 12)))
    return p, float(np.median(shifts)), float(shifts[cut]), float(shifts[-1 - cut])
