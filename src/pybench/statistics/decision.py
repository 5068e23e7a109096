"""The look loop: which rows differ, which are equal, which cannot be told.

At each planned number of pairs, in this order: a row is *slower* or *faster* when the
test of the whole suite rejects that nothing differs; else *equivalent* when two
one-sided tests reject that it differs by the margin or more; else it goes on, unless
it would take far more pairs than there will be: then it is given up. What a row was
called at a look is final, so pairs taken after it change nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pybench.statistics.plan import Plan
from pybench.statistics.ranks import Floats, estimate, estimates, signed_rank_p

SLOWER = "slower"
FASTER = "faster"
EQUIVALENT = "equivalent"
INCONCLUSIVE = "inconclusive"
VERDICTS = (SLOWER, FASTER, EQUIVALENT, INCONCLUSIVE)

# The smallest visible change is found this often.
POWER = 0.9
# From the second look on (six pairs say little of a spread) a row is given up that, as
# far as its pairs tell, has less than this chance to be found different at the last
# look, beside those that were until now, and is far too wide to be found equivalent
# there, wherever its centre lies. That can turn a verdict into none, not into another.
GIVEN_UP_FROM = 12
GIVEN_UP_CHANCE = 0.05
TOO_WIDE = 2  # times the pairs of the last look

# Precision of the signed-rank test against the t-test for a normal centre: 3 / pi.
EFFICIENCY = 3 / math.pi

# Once, not for each row at each look.
_POWER_Z = float(stats.norm.isf(1 - POWER))
_EQUAL_Z = float(stats.norm.isf(0.01)) + _POWER_Z
_GIVEN_UP_Z = float(stats.norm.isf(GIVEN_UP_CHANCE))

# The median of how far a normal variable lies from its mean.
_NORMAL_AWAY = float(stats.norm.ppf(0.75))

_Row = TypeVar("_Row", bound=Hashable)
_Number = TypeVar("_Number", float, Floats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found of one row; ratios are contender over baseline.

    Parameters
    ----------
    word : str
        One of `VERDICTS`.
    pairs : int
        Pairs it was decided on, or all there are if it was not.
    ratio, low, high : float
        Hodges-Lehmann estimate and its interval of `Plan.confidence`, for this row
        alone; 1.05 is 5 % more time. Infinite ends: too few pairs.
    p : float
        Smallest p-value over the looks so far, divided by what the look may spend.
    margin : float
        The margin of this row.
    below_margin : bool
        Slower or faster, but with all of the interval inside the margin.
    smallest_visible : float
        Relative change that this many pairs of this spread would have shown nine
        times in ten as the only one of its suite; infinite if they cannot.
    pairs_to_settle : int or None
        Estimate of the pairs in all after which it would be decided, a look of the plan
        or more than its last; None if it is.
    is_given_up : bool
        Inconclusive, and more pairs would hardly change that.
    """

    word: str
    pairs: int
    ratio: float
    low: float
    high: float
    p: float
    margin: float
    below_margin: bool
    smallest_visible: float
    pairs_to_settle: int | None
    is_given_up: bool = False

    @property
    def is_beyond_margin(self) -> bool:
        """Whether the estimate is a change that matters, in either direction."""
        return not 1 / (1 + self.margin) < self.ratio < 1 + self.margin

    @property
    def is_different(self) -> bool:
        """Whether it is slower or faster."""
        return self.word in (SLOWER, FASTER)

    @property
    def is_settled(self) -> bool:
        """Whether there is a verdict, which more pairs would not change."""
        return self.word != INCONCLUSIVE

    @property
    def is_open(self) -> bool:
        """Whether more pairs are worth their time."""
        return not (self.is_settled or self.is_given_up)


def decide(
    differences: Mapping[_Row, Sequence[float]],
    plan: Plan,
    margins: Mapping[_Row, float] | None = None,
    given: Mapping[_Row, float] | None = None,
) -> dict[_Row, Verdict]:
    """Decide every row of a suite.

    Parameters
    ----------
    differences : mapping of row to sequence of float
        Per row, in the order they were taken, the log ratios of its pairs. Rows may
        have fewer than others: what is missing counts as not looked at.
    plan : Plan
        Looks and what they may spend.
    margins : mapping of row to float, optional
        Relative margins of the rows whose margin is not the plan's.
    given : mapping of row to float, optional
        p-values of more rows of the suite, whose pairs are elsewhere.

    Returns
    -------
    dict of row to Verdict
        One per row, in the order of `differences`.

    Raises
    ------
    ValueError
        For a difference that is not finite, or a row without pairs.
    """
    given = given or {}
    plan = plan.for_rows(len(differences) + len(given))
    margins = margins or {}
    rows = {name: np.asarray(taken, dtype=float) for name, taken in differences.items()}
    for name, row in rows.items():
        if row.ndim != 1 or not len(row):
            raise ValueError(f"{name}: no pairs to decide on")
        if not np.isfinite(row).all():
            raise ValueError(f"{name}: a difference is not finite")
    log_margins = {
        name: math.log1p(margins.get(name, plan.margin)) for name in differences
    }
    # No verdict spends what is left of a suite's error on rows that are decided.
    threshold = plan.false_discovery_rate / max(1, len(rows) + len(given))
    smallest_p = dict.fromkeys(rows, 1.0) | dict(given)
    settled: dict[_Row, tuple[str, int]] = {}
    for look, pairs in enumerate(plan.looks):
        open_rows = [
            name for name in rows if name not in settled and len(rows[name]) >= pairs
        ]
        if not open_rows:
            continue
        here = np.stack([rows[name][:pairs] for name in open_rows])
        if plan.weights[look] > 0:
            p = signed_rank_p(here) / plan.weights[look]
            for name, value in zip(open_rows, p, strict=True):
                smallest_p[name] = min(smallest_p[name], float(value))
        different = rejected(smallest_p, plan.false_discovery_rate)
        margins_here = np.array([log_margins[name] for name in open_rows])
        equal = _equal(here, margins_here, plan.equivalence_alphas[look])
        # One more would be found beside these.
        critical_z = _critical_z(threshold * (len(different) + 1), plan)
        hopeless = _are_hopeless(here, margins_here, plan, critical_z)
        for index, name in enumerate(open_rows):
            if name in different:
                word = SLOWER if estimate(here[index]) > 0 else FASTER
                settled[name] = (word, pairs)
            elif equal[index]:
                settled[name] = (EQUIVALENT, pairs)
            elif hopeless[index]:
                settled[name] = (INCONCLUSIVE, pairs)
    by_pairs: dict[int, list[_Row]] = {}
    for name, row in rows.items():
        by_pairs.setdefault(settled.get(name, ("", len(row)))[1], []).append(name)
    z = _critical_z(threshold, plan) + _POWER_Z
    verdicts: dict[_Row, Verdict] = {}
    for pairs, names in by_pairs.items():
        used = np.stack([rows[name][:pairs] for name in names])
        found = zip(
            names,
            estimates(used, plan.confidence),
            spreads_of(used).tolist(),
            strict=True,
        )
        for name, (centre, around), spread in found:
            word = settled[name][0] if name in settled else INCONCLUSIVE
            log_margin = log_margins[name]
            verdicts[name] = Verdict(
                word=word,
                pairs=pairs,
                ratio=math.exp(centre),
                low=math.exp(around.low),
                high=math.exp(around.high),
                p=smallest_p[name],
                margin=math.expm1(log_margin),
                below_margin=word in (SLOWER, FASTER)
                and around.lies_within(log_margin),
                smallest_visible=_smallest_visible(spread, pairs, z),
                pairs_to_settle=None
                if word != INCONCLUSIVE
                else _pairs_to_settle(
                    spread, centre, log_margin, pairs, plan, threshold, z
                ),
                is_given_up=name in settled and word == INCONCLUSIVE,
            )
    return {name: verdicts[name] for name in rows}


def rejected(p: Mapping[_Row, float], rate: float) -> set[_Row]:
    """Return the rows that Benjamini and Hochberg's step-up rejects, of all rows."""
    values = np.clip(np.array([*p.values()]), 0, 1)
    adjusted = stats.false_discovery_control(values, method="bh")
    return {
        name for name, value in zip(p, adjusted, strict=True) if float(value) <= rate
    }


def _equal(here: Floats, log_margins: Floats, alpha: float) -> Floats:
    """Tell for each row whether both one-sided tests lie inside the margin."""
    below = signed_rank_p(here - log_margins[:, None], "less")
    above = signed_rank_p(here + log_margins[:, None], "greater")
    return np.asarray(np.maximum(below, above) <= alpha)


def _are_hopeless(
    here: Floats, log_margins: Floats, plan: Plan, critical_z: float
) -> NDArray[np.bool_]:
    """Tell for each row whether it is out of reach of the looks that are left."""
    return _out_of_reach(here, here.shape[1], log_margins, plan, critical_z)


def _out_of_reach(
    here: Floats, pairs: int, log_margins: Floats, plan: Plan, critical_z: float
) -> NDArray[np.bool_]:
    last = plan.most_pairs
    if not GIVEN_UP_FROM <= pairs < last:
        return np.zeros(len(here), dtype=bool)
    # Of two estimates from few pairs the one that is easier to please.
    spreads = np.minimum(spreads_of(here), np.std(here, axis=1, ddof=1))
    hopeless = np.asarray(_pairs_to_equal(spreads, log_margins) > TOO_WIDE * last)
    own = _GIVEN_UP_Z * math.sqrt(last / pairs - 1)
    for index in np.flatnonzero(hopeless):
        # In standard errors of the last look; what is to come adds its own to them.
        expected = abs(estimate(here[index])) / spreads[index]
        hopeless[index] = expected * math.sqrt(last * EFFICIENCY) + own < critical_z
    return hopeless


def will_be_given_up(
    taken: Floats, look: int, log_margin: float, plan: Plan, threshold: float
) -> bool:
    """Tell whether a row that goes on as it began is given up at a look to come."""
    critical_z = _critical_z(threshold, plan)
    margins = np.array([log_margin])
    return bool(_out_of_reach(taken[None, :], look, margins, plan, critical_z)[0])


def spread_of(row: Floats) -> float:
    """Return a standard deviation that a few wild pairs do not move."""
    return float(spreads_of(row[None, :])[0])


def spreads_of(rows: Floats) -> Floats:
    """Return that of each row."""
    if rows.shape[1] < 2:
        return np.full(len(rows), math.inf)
    away = np.abs(rows - np.median(rows, axis=1, keepdims=True))
    scales: Floats = np.median(away, axis=1) / _NORMAL_AWAY
    return np.where(scales > 0, scales, np.std(rows, axis=1, ddof=1))


def _critical_z(threshold: float, plan: Plan) -> float:
    """Return how many standard errors off a row must be found to be different."""
    return _normal_isf(threshold * max(plan.weights) / 2)


@functools.lru_cache
def _normal_isf(p: float) -> float:
    return float(stats.norm.isf(p))


def smallest_visible(row: Floats, plan: Plan, threshold: float) -> float:
    """Return the relative change that these pairs would have shown nine times in ten.

    `threshold` is what the p-value of a row must not exceed.
    """
    z = _critical_z(threshold, plan) + _POWER_Z
    return _smallest_visible(spread_of(row), len(row), z)


def _smallest_visible(spread: float, pairs: int, z: float) -> float:
    size = z * spread / math.sqrt(pairs * EFFICIENCY)
    return math.expm1(size) if size < 50 else math.inf


def _pairs_to_settle(
    spread: float,
    centre: float,
    log_margin: float,
    pairs: int,
    plan: Plan,
    threshold: float,
    z: float,
) -> int | None:
    """Return the cheaper of the two ways out: shown different, or shown equal.

    Both end at a look: the next one that the estimate reaches and at which the exact
    test can say so at all. Beyond the last look it is what a plan with one look takes.
    """
    if not math.isfinite(spread):
        return None
    ways = []
    if centre != 0:
        needed = (z * spread / abs(centre)) ** 2 / EFFICIENCY
        ways.append(_look_from(needed, pairs, plan, plan.weights, threshold / 2))
    room = log_margin - abs(centre)
    if room > 0:
        needed = _pairs_to_equal(spread, room)
        ways.append(_look_from(needed, pairs, plan, plan.equivalence_alphas, 1.0))
    return min(ways) if ways else None


def _look_from(
    needed: float, pairs: int, plan: Plan, spends: Sequence[float], level: float
) -> int:
    """Return the look, after so many pairs, at which an estimate comes to a verdict.

    Parameters
    ----------
    needed : float
        Pairs that the estimate asks for.
    spends : sequence of float
        What each look of the plan may spend, of `level`, on one side of the test.
    """
    for look, spend in zip(plan.looks, spends, strict=True):
        # The smallest p-value of so many pairs: all signs alike.
        if look > pairs and look >= needed and 0.5**look <= level * spend:
            return look
    # What it has was not enough, whatever the estimate says.
    least = math.ceil(-math.log2(level * sum(spends)))
    return max(pairs + 1, plan.most_pairs + 1, math.ceil(needed), least)


def _pairs_to_equal(spread: _Number, room: _Number) -> _Number:
    """Return the pairs that show a row equal which lies so far inside the margin."""
    return (_EQUAL_Z * spread / room) ** 2 / EFFICIENCY
