"""A row that several hosts measured: what each says of it, and what all say together.

A host is a block of pairs: its pairs share what is special to it, so they are never
thrown together with those of another. Estimates are joined by a random-effects model;
whether a change is told is asked of the hosts one by one.

Sources: R. Paule and J. Mandel, 1982, for the variance between hosts, chosen over
DerSimonian and Laird's as it is less biased where few hosts have unlike precision
(Veroniki et al., 2016); J. Hartung and G. Knapp, 2001, for the interval, which keeps
its level with few hosts, as modified by Röver, Knapp and Friede, 2015, so that it is
never narrower than the hosts' own errors make it; Y. Benjamini and R. Heller, 2008, for
the p-value of a change on at least two hosts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pybench.statistics.decision import EFFICIENCY, spread_of
from pybench.statistics.plan import Plan
from pybench.statistics.ranks import Floats, estimate, signed_rank_p

# Numbers of a clock that differ by less are alike; a variance of nothing has no weight.
_LEAST_VARIANCE = 1e-18


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """p-values of one row, each good however many looks its pairs were taken for.

    `slower` and `faster` are of no change against a change of that direction; `below`
    and `above` of a change beyond the margin against one that does not reach it.
    """

    slower: float
    faster: float
    below: float
    above: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What all hosts say of the change of a row, in logarithms.

    `low` and `high` are the interval of the mean over hosts like these; `between` is
    the standard deviation between hosts, and `i_squared` the share of what hosts
    differ by that their pairs do not explain.
    """

    centre: float
    low: float
    high: float
    between: float
    i_squared: float


def evidence(
    runs: Sequence[Floats], log_margins: Sequence[float], plan: Plan
) -> list[Evidence]:
    """Return what each run of a row says by itself.

    At a look only the pairs up to it count, and a p-value is divided by the share of
    the error that the look may spend: so it holds whatever the run was stopped by.

    Parameters
    ----------
    runs : sequence of array
        Log ratios of the pairs, in the order they were taken.
    log_margins : sequence of float
        The margin of each.
    """
    p = np.ones((4, len(runs)))
    whole = sum(plan.equivalence_alphas)
    margins = np.asarray(log_margins)
    for look, pairs in enumerate(plan.looks):
        place = [number for number, run in enumerate(runs) if len(run) >= pairs]
        if not place:
            continue
        here = np.stack([runs[number][:pairs] for number in place])
        margin = margins[place][:, None]
        tests = [
            signed_rank_p(here, "greater"),
            signed_rank_p(here, "less"),
            signed_rank_p(here - margin, "less"),
            signed_rank_p(here + margin, "greater"),
        ]
        change, equal = plan.weights[look], plan.equivalence_alphas[look] / whole
        for row, spend in zip(range(4), (change, change, equal, equal), strict=True):
            if spend > 0:
                p[row, place] = np.minimum(p[row, place], tests[row] / spend)
    return [
        Evidence(slower=a, faster=b, below=c, above=d) for a, b, c, d in p.T.tolist()
    ]


def together(of_runs: Sequence[Evidence]) -> Evidence:
    """Return what several runs of one host say, by Fisher's method."""
    if len(of_runs) == 1:
        return of_runs[0]
    return Evidence(
        **{
            name: float(
                stats.combine_pvalues([getattr(of, name) for of in of_runs]).pvalue
            )
            for name in ("slower", "faster", "below", "above")
        }
    )


def p_on_two(p: Sequence[float]) -> float:
    """Return the p-value of a change on at least two of the hosts, of one direction.

    That of the host which shows it second best, times the choices of that host. With
    one host it is that host's.
    """
    if len(p) == 1:
        return p[0]
    return min(1.0, (len(p) - 1) * sorted(p)[1])


def p_of_row(hosts: Sequence[Evidence]) -> float:
    """Return the p-value of a row: a change on two hosts at least, up or down."""
    ways = ([host.slower for host in hosts], [host.faster for host in hosts])
    return min(1.0, 2 * min(map(p_on_two, ways)))


def random_effects(blocks: Sequence[Floats], confidence: float) -> Joined:
    """Join the estimates of hosts, each from its pairs.

    A host with one pair has no error, and counts as if it had none: its estimate is
    left out. Infinite ends where fewer than two are left.
    """
    centres = np.array([estimate(block) for block in blocks])
    spreads = np.array([spread_of(block) for block in blocks])
    sizes = np.array([len(block) for block in blocks])
    usable = np.isfinite(spreads)
    if usable.sum() < 2:
        centre = float(centres[usable].mean() if usable.any() else centres.mean())
        return Joined(
            centre=centre, low=-math.inf, high=math.inf, between=0.0, i_squared=0.0
        )
    centres = centres[usable]
    errors = spreads[usable] ** 2 / (sizes[usable] * EFFICIENCY)
    errors = np.maximum(errors, _LEAST_VARIANCE)
    degrees = len(centres) - 1
    variance = _between(centres, errors)
    weights = 1 / (errors + variance)
    centre = float(np.average(centres, weights=weights))
    # Hartung and Knapp's factor is 1 where the variance between hosts is not zero; else
    # it is below 1, and taken as 1.
    half = float(stats.t.ppf((1 + confidence) / 2, degrees)) / math.sqrt(weights.sum())
    apart = _apart(centres, errors)
    return Joined(
        centre=centre,
        low=centre - half,
        high=centre + half,
        between=math.sqrt(variance),
        i_squared=max(0.0, 1 - degrees / apart) if apart > 0 else 0.0,
    )


def _between(centres: Floats, errors: Floats) -> float:
    """Return the variance between hosts that explains how far they lie apart."""
    degrees = len(centres) - 1
    low, high = 0.0, float(np.var(centres, ddof=1))
    if _apart(centres, errors) <= degrees:
        return 0.0
    for _ in range(60):  # it falls as the variance rises
        middle = (low + high) / 2
        if _apart(centres, errors + middle) > degrees:
            low = middle
        else:
            high = middle
    return high


def _apart(centres: Floats, errors: Floats) -> float:
    """Return the weighted sum of squares of the hosts about their mean."""
    weights = 1 / errors
    centre = np.average(centres, weights=weights)
    return float((weights * (centres - centre) ** 2).sum())


def p_of_difference(blocks: Sequence[Floats]) -> float:
    """Return the p-value of no difference between blocks, by Kruskal and Wallis."""
    values = np.concatenate(blocks)
    if len(blocks) < 2 or float(np.ptp(values)) == 0:
        return 1.0
    return float(stats.kruskal(*blocks).pvalue)
