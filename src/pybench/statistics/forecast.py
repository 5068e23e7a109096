"""At which look rows will be settled, as far as their pairs so far tell.

A few continuations of each row are drawn, normal around its centre with its spread, and
tested as the decision tests them. No verdict is made of this: it says what time will
bring, and where it is spent best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pybench.statistics.decision import will_be_given_up
from pybench.statistics.plan import Plan
from pybench.statistics.ranks import Floats, sums_of_signs

# Continuations of each row.
_DRAWS = 16
# A spread of a few pairs is uncertain: that of all rows counts as so many more.
_BORROWED = 3
# Until the number of rows that will be different no longer moves.
_TURNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """Per row and look: the chance to be settled by it, and to be measured after it."""

    settled: Floats
    open: Floats


def chances(
    differences: Sequence[Sequence[float]],
    log_margins: Sequence[float],
    plan: Plan,
    *,
    rows: int,
    different: int,
) -> Chances:
    """Return what the looks of a plan will bring to rows that are open now.

    Parameters
    ----------
    differences : sequence of sequence of float
        Per open row the log ratios of its pairs; one with fewer than two is taken for a
        row like the others.
    log_margins : sequence of float
        Of the same rows.
    rows, different : int
        How many the whole suite has, and how many of them are different already.
    """
    plan = plan.for_rows(rows)
    looks, last = plan.looks, plan.most_pairs
    count = np.array([len(values) for values in differences], dtype=int)
    known = count > 1
    centre, spread = _centres_and_spreads(differences, known)
    drawn = _continued(differences, centre, spread, count, last)
    margin = np.asarray(log_margins, dtype=float)[:, None, None]
    shape = (len(count), _DRAWS, len(looks))
    p, equal = np.ones(shape), np.zeros(shape, dtype=bool)
    for number, pairs in enumerate(looks):
        here = drawn[:, :, :pairs]
        if plan.weights[number] > 0:
            p[:, :, number] = 2 * _tail(here) / plan.weights[number]
        alpha = plan.equivalence_alphas[number]
        inside = (_tail(margin - here) <= alpha) & (_tail(here + margin) <= alpha)
        equal[:, :, number] = inside & (np.abs(np.median(here, axis=2)) < margin[:, 0])
    still = np.array(looks) > count[:, None]
    p[~np.broadcast_to(still[:, None], shape)] = 1.0
    p = np.minimum.accumulate(p, axis=2)
    level = _level(plan, different, rows)
    for _ in range(_TURNS):
        found = different + float((p[:, :, -1] <= level).mean(axis=1).sum())
        level = _level(plan, found, rows)
    is_settled = (p <= level) | (equal & still[:, None])
    settled = np.logical_or.accumulate(is_settled, axis=2).mean(axis=1)
    going = 1 - settled
    for number, pairs in enumerate(looks):
        for row, taken in enumerate(differences):
            if 1 < len(taken) < pairs and will_be_given_up(
                np.array(taken, dtype=np.float64), pairs, log_margins[row], plan, level
            ):
                going[row, number:] = 0.0
    going[:, -1] = 0.0
    if known.any() and not known.all():
        settled[~known] = settled[known].mean(axis=0)
        going[~known] = going[known].mean(axis=0)
    return Chances(settled=settled, open=np.where(still, going, 1.0))


def _level(plan: Plan, different: float, rows: int) -> float:
    """Return the p-value of one more row that is different beside so many."""
    return plan.false_discovery_rate * min(1.0, (different + 1) / max(rows, 1))


def _centres_and_spreads(
    differences: Sequence[Sequence[float]], known: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return median and standard deviation of each row, those of few pairs shrunk."""
    centre = np.array([np.median(of) if len(of) else 0.0 for of in differences])
    own = np.array([np.var(of, ddof=1) if len(of) > 1 else 0.0 for of in differences])
    freedom = np.array([max(len(of) - 1, 0) for of in differences])
    common = float(np.median(own[known])) if known.any() else 1e-4
    variance = (own * freedom + common * _BORROWED) / (freedom + _BORROWED)
    return centre, np.sqrt(np.maximum(variance, 1e-18))


def _continued(
    differences: Sequence[Sequence[float]],
    centre: Floats,
    spread: Floats,
    count: NDArray[np.int_],
    last: int,
) -> Floats:
    """Return continuations of each row up to the last look, its own pairs first."""
    draws = np.random.default_rng(0)
    shape = (len(count), _DRAWS)
    own = spread[:, None, None]
    middle = own[:, :, 0] / np.sqrt(np.maximum(count, 1))[:, None]
    middle = centre[:, None] + middle * draws.standard_normal(shape)
    values = middle[:, :, None] + own * draws.standard_normal((*shape, last))
    for row, taken in enumerate(differences):
        values[row, :, : min(len(taken), last)] = taken[:last]
    return values


def _tail(values: Floats) -> Floats:
    """Return the smaller tail of the exact signed-rank test, along the last axis."""
    pairs = values.shape[-1]
    order = np.argsort(np.abs(values), axis=-1)
    is_positive = np.take_along_axis(values, order, axis=-1) > 0
    positive = is_positive @ np.arange(1, pairs + 1)
    smaller = np.minimum(positive, pairs * (pairs + 1) // 2 - positive)
    return np.asarray(_at_most(pairs)[smaller])


@lru_cache
def _at_most(pairs: int) -> Floats:
    """Return how likely each sum of ranks, or a smaller one, is by chance."""
    return np.asarray(np.cumsum(sums_of_signs(range(1, pairs + 1))))
