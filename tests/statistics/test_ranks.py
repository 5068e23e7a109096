"""The exact test agrees with counting all signs; the interval belongs to the test."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from pybench.statistics.ranks import (
    Alternative,
    estimate,
    interval,
    signed_rank_p,
    walsh_averages,
)

RNG_SEED = 20261121


def by_counting(row: list[float], alternative: Alternative) -> float:
    """Return the p-value by trying every sign of every rank."""
    moved = [value for value in row if value != 0]
    ranks: list[float] = stats.rankdata(np.abs(moved)).tolist() if moved else []
    seen = sum(r for r, value in zip(ranks, moved, strict=True) if value > 0)
    sums = [
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign)
        for signs in itertools.product((False, True), repeat=len(moved))
    ]
    at_least = [s >= seen - 1e-9 for s in sums].count(True) / len(sums)
    at_most = [s <= seen + 1e-9 for s in sums].count(True) / len(sums)
    if alternative == "greater":
        return at_least
    if alternative == "less":
        return at_most
    return min(1.0, 2 * min(at_least, at_most))


ROWS = {
    "plain": [0.3, -0.1, 0.5, 0.7, 0.2, 0.9, -0.4],
    "all up": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    "ties": [0.1, 0.1, -0.1, 0.2, 0.2, 0.3, -0.3],
    "zeros": [0.0, 0.0, 0.1, -0.2, 0.3, 0.4],
    "one value": [0.2],
    "only zeros": [0.0, 0.0, 0.0],
}


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_p_is_what_counting_gives(row: list[float], alternative: Alternative) -> None:
    found = signed_rank_p(np.array([row]), alternative)

    assert found[0] == pytest.approx(by_counting(row, alternative), abs=1e-12)


def test_rows_do_not_disturb_each_other() -> None:
    """Tied and untied rows of one table are tested as if alone."""
    table = np.array([[0.3, -0.1, 0.5], [0.1, 0.1, -0.1], [0.0, 0.2, 0.4]])
    alone = [float(signed_rank_p(row[None, :])[0]) for row in table]

    assert signed_rank_p(table).tolist() == alone


def test_sides_mirror_exactly() -> None:
    table = np.random.default_rng(RNG_SEED).standard_cauchy((50, 12))

    assert (signed_rank_p(table) == signed_rank_p(-table)).all()
    assert (signed_rank_p(table, "less") == signed_rank_p(-table, "greater")).all()
    for row in table:
        assert estimate(row) == -estimate(-row)
        ours, theirs = interval(row, 0.95), interval(-row, 0.95)
        assert (ours.low, ours.high) == (-theirs.high, -theirs.low)


@pytest.mark.parametrize("pairs", [6, 9, 20, 40])
def test_interval_ends_where_the_test_begins_to_reject(pairs: int) -> None:
    """A centre just inside is not rejected at 5 %, one just outside is."""
    row = np.random.default_rng(RNG_SEED + pairs).normal(0.01, 0.02, pairs)
    found = interval(row, 0.95)
    nudge = 1e-9
    for end, inside in ((found.low, nudge), (found.high, -nudge)):
        kept = signed_rank_p((row - end - inside)[None, :])
        rejected = signed_rank_p((row - end + inside)[None, :])
        assert kept[0] > 0.05
        assert rejected[0] <= 0.05


@pytest.mark.parametrize("pairs", [1, 2, 5])
def test_too_few_pairs_have_no_interval(pairs: int) -> None:
    found = interval(np.linspace(0.1, 0.2, pairs), 0.95)

    assert (found.low, found.high) == (-np.inf, np.inf)


def test_estimate_is_the_middle_of_all_means_of_two() -> None:
    assert walsh_averages(np.array([1.0, 2.0, 6.0])).tolist() == [
        1.0, 1.5, 2.0, 3.5, 4.0, 6.0,
    ]  # fmt: skip
    assert estimate(np.array([1.0, 2.0, 6.0])) == 2.75


@pytest.mark.parametrize(
    "table", [[0.1, 0.2], [[], []], [[np.nan]], [[np.inf]]], ids=repr
)
def test_what_is_no_table_of_numbers_is_refused(table: list[object]) -> None:
    with pytest.raises(ValueError, match=r"rows of pairs|not finite"):
        signed_rank_p(np.array(table, dtype=float))
