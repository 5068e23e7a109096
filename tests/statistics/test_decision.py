"""The look loop: what is decided, when, and that it cannot be fooled in these ways."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pybench.statistics.decision import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER, decide
from pybench.statistics.plan import Plan

SEED = 20261121
PLAN = Plan()
ROWS = 250

Suite = dict[str, list[float]]


def noise(rng: np.random.Generator, kind: str, pairs: int) -> list[float]:
    """Draw pairs without a difference, of one kind of noise."""
    if kind == "normal":
        return [float(v) for v in rng.normal(0, 0.011, pairs)]
    if kind == "cauchy":
        return [0.004 * float(v) for v in rng.standard_cauchy(pairs)]
    quiet = rng.normal(0, 0.005, pairs)
    if kind == "bimodal":  # each process is fast or slow, by chance of its layout
        steps = rng.integers(0, 2, pairs) - rng.integers(0, 2, pairs)
        return [float(v) for v in quiet + 0.05 * steps]
    jumps = 0.5 * rng.choice([-1, 1], pairs) * (rng.random(pairs) < 0.1)
    return [float(v) for v in quiet + jumps]


def suite(rng: np.random.Generator, kind: str, rows: int = ROWS) -> Suite:
    """Draw a suite in which nothing differs."""
    return {f"row{index}": noise(rng, kind, 40) for index in range(rows)}


def shifted(row: list[float], ratio: float) -> list[float]:
    """Return pairs whose contender takes so many times as long."""
    return [value + math.log(ratio) for value in row]


@pytest.mark.parametrize("kind", ["normal", "cauchy", "bimodal", "spikes"])
def test_nothing_differs_and_nothing_is_said_to(kind: str) -> None:
    """At most one suite in a hundred may have a false verdict; of 30, none or one."""
    rng = np.random.default_rng(SEED)
    false_suites = 0
    for _ in range(30):
        words = {verdict.word for verdict in decide(suite(rng, kind), PLAN).values()}
        false_suites += bool(words & {SLOWER, FASTER})

    assert false_suites <= 1


def test_most_of_what_is_equal_is_called_equivalent() -> None:
    found = decide(suite(np.random.default_rng(SEED), "normal"), PLAN).values()

    assert sum(verdict.word == EQUIVALENT for verdict in found) >= 0.97 * ROWS
    assert np.mean([verdict.pairs for verdict in found]) < 10


@pytest.mark.parametrize(("ratio", "word"), [(1.05, SLOWER), (1 / 1.05, FASTER)])
def test_a_few_changed_rows_are_found_among_many(ratio: float, word: str) -> None:
    rows = suite(np.random.default_rng(SEED), "normal")
    changed = [*rows][:7]
    found = decide(rows | {n: shifted(rows[n], ratio) for n in changed}, PLAN)

    assert [found[name].word for name in changed] == [word] * 7
    assert {found[name].word for name in [*rows][7:]} <= {EQUIVALENT, INCONCLUSIVE}


def test_intervals_cover_the_truth_after_stopping() -> None:
    """Stopping where the data say costs little: at least 90 % of the 95 % ones."""
    rng = np.random.default_rng(SEED)
    rows = {n: shifted(row, 1.05) for n, row in suite(rng, "normal").items()}
    found = decide(rows, PLAN).values()
    covered = sum(verdict.low <= 1.05 <= verdict.high for verdict in found)

    assert covered >= 0.9 * ROWS


def test_exchanging_the_sides_mirrors_every_verdict() -> None:
    rng = np.random.default_rng(SEED)
    rows = {
        name: shifted(row, float(rng.choice([1.0, 1.03, 1.05, 0.9])))
        for name, row in suite(rng, "normal", 60).items()
    }
    mirror = {SLOWER: FASTER, FASTER: SLOWER}
    found = decide(rows, PLAN)
    swapped = decide({n: [-v for v in row] for n, row in rows.items()}, PLAN)

    for name, verdict in found.items():
        other = swapped[name]
        assert other.word == mirror.get(verdict.word, verdict.word)
        assert other.pairs == verdict.pairs
        assert other.p == verdict.p
        assert math.log(other.ratio) == pytest.approx(-math.log(verdict.ratio))
        assert other.below_margin == verdict.below_margin


def test_a_change_as_large_as_the_margin_is_not_called_equivalent() -> None:
    """The chance of that is 5 % a row at the very edge; beyond it, next to none."""
    rows = suite(np.random.default_rng(SEED), "normal")
    found = decide({n: shifted(row, 1.05) for n, row in rows.items()}, PLAN)

    assert {verdict.word for verdict in found.values()} == {SLOWER}


def test_pairs_after_the_verdict_change_nothing() -> None:
    """A row stops at its look; whoever goes on measuring gets the same verdict."""
    rows = suite(np.random.default_rng(SEED), "normal", 20)
    first = decide(rows, PLAN)
    cut = {name: row[: first[name].pairs] for name, row in rows.items()}
    wild = {n: [*cut[n], *[9.0] * 5] if first[n].is_settled else cut[n] for n in rows}

    assert decide(cut, PLAN) == first
    assert decide(wild, PLAN) == first


def test_rows_without_enough_pairs_wait() -> None:
    found = decide({"few": [0.1] * 5, "none of it": [0.0] * 3}, PLAN)

    assert {verdict.word for verdict in found.values()} == {INCONCLUSIVE}
    assert found["few"].low == 0.0
    assert math.isinf(found["few"].high)


def test_a_small_but_certain_change_says_that_it_is_small() -> None:
    rng = np.random.default_rng(SEED)
    row = [0.01 + float(v) for v in rng.normal(0, 0.001, 40)]
    found = decide({"row": row}, Plan(looks=(20,), weights=(1.0,),
                                      equivalence_alphas=(0.01,)))["row"]  # fmt: skip

    assert found.word == SLOWER
    assert found.below_margin


def test_a_wide_row_says_why_and_what_it_would_take() -> None:
    rng = np.random.default_rng(SEED)
    # Near the edge of the margin, where neither can be shown.
    taken = [0.025 + float(v) for v in rng.normal(0, 0.06, 40)]
    found = decide({"row": taken}, PLAN)["row"]

    assert found.word == INCONCLUSIVE
    assert found.pairs == 40
    assert found.smallest_visible > 0.03
    assert found.pairs_to_settle is not None
    assert found.pairs_to_settle > 40
    assert found.is_open  # to whoever looks: no look is left, but more could tell


@pytest.mark.parametrize(
    ("centre", "spread", "pairs", "rows", "wanted"),
    [
        # Six pairs can call nothing different: the look after it is the least.
        (0.10, 0.01, 6, 1, 12),
        # A lone change in a suite of many rows: twelve pairs cannot reach it.
        (0.10, 0.01, 6, ROWS, 20),
        # Between two looks, the next one: a budget ended the run there.
        (0.10, 0.01, 7, 1, 12),
        (0.10, 0.01, 13, ROWS, 20),
    ],
)
def test_what_it_takes_to_settle_is_a_look_of_the_plan(
    centre: float, spread: float, pairs: int, rows: int, wanted: int
) -> None:
    taken = [centre + spread * (-1) ** number for number in range(pairs)]
    suite = {f"row{number}": [0.0, 0.5, -0.5] for number in range(rows - 1)}
    found = decide({"row": taken, **suite}, PLAN)["row"]

    assert found.word == INCONCLUSIVE
    assert found.pairs_to_settle == wanted


def test_a_row_near_zero_is_settled_at_the_next_look_that_may_call_it_equal() -> None:
    """Seven pairs: the look at six is over, and did not have all of them inside."""
    taken = [0.04, *(0.004 * (-1) ** number for number in range(6))]
    found = decide({"row": taken}, PLAN)["row"]

    assert found.word == INCONCLUSIVE
    assert found.pairs_to_settle in PLAN.looks
    assert found.pairs_to_settle == 12


def test_beyond_the_plan_it_is_more_than_its_last_look() -> None:
    """As many as another run with one look would take, and never fewer than that."""
    one_look = PLAN.for_pairs(3)
    found = decide({"row": [0.1, 0.11, 0.12]}, one_look)["row"]

    assert found.word == INCONCLUSIVE
    # Two-sided at one per cent: 2 / 2**8 is the first that is below.
    assert found.pairs_to_settle == 8


def test_a_row_far_out_of_reach_is_given_up_at_the_second_look() -> None:
    rng = np.random.default_rng(SEED)
    taken = [float(v) for v in rng.normal(0, 0.2, 40)]
    six, twelve, all_of_it = (
        decide({"row": taken[:pairs]}, PLAN)["row"] for pairs in (6, 12, 40)
    )

    assert six.is_open  # six pairs say little of a spread
    assert all_of_it == twelve
    assert (twelve.word, twelve.pairs) == (INCONCLUSIVE, 12)
    assert twelve.is_given_up
    assert not twelve.is_open
    assert twelve.smallest_visible > 0.1
    assert twelve.pairs_to_settle is not None
    assert twelve.pairs_to_settle > 2 * PLAN.most_pairs


def test_a_row_is_not_given_up_beside_many_that_differ() -> None:
    """Where most rows differ, less is asked of one more."""
    rng = np.random.default_rng(SEED)
    calm = {str(n): [float(v) for v in rng.normal(0, 0.005, 12)] for n in range(60)}
    spread = stats.norm.ppf((np.arange(12) + 0.5) / 12)
    wide = [float(v) for v in 0.2 * (0.15 + rng.permutation(spread))]

    alone = decide({**calm, "wide": wide}, PLAN)["wide"]
    changed = {name: shifted(row, 1.2) for name, row in calm.items()}
    beside = decide({**changed, "wide": wide}, PLAN)["wide"]

    assert alone.is_given_up
    assert beside.is_open


def test_pairs_that_were_asked_for_are_all_looked_at() -> None:
    """Of one look nothing is given up before it."""
    rng = np.random.default_rng(SEED)
    taken = [float(v) for v in rng.normal(0, 0.2, 20)]
    found = decide({"row": taken}, PLAN.for_pairs(20))["row"]

    assert (found.word, found.pairs) == (INCONCLUSIVE, 20)
    assert found.is_open


@pytest.mark.parametrize("change", [1.05, 0.95])
def test_a_change_that_is_in_reach_is_not_given_up(change: float) -> None:
    """Rows that most often come to a verdict in forty pairs get them."""
    rng = np.random.default_rng(SEED)
    rows = {str(n): [float(v) for v in rng.normal(0, 0.05, 40)] for n in range(60)}
    found = decide({n: shifted(row, change) for n, row in rows.items()}, PLAN)

    assert [verdict.is_given_up for verdict in found.values()].count(True) <= 1


def test_each_row_may_have_a_margin_of_its_own() -> None:
    rng = np.random.default_rng(SEED)
    row = [float(v) for v in rng.normal(0, 0.2, 40)]
    narrow, wide = decide({"a": row, "b": row}, PLAN, {"b": 0.3}).values()

    assert narrow.word == INCONCLUSIVE
    assert wide.word == EQUIVALENT
    assert wide.margin == pytest.approx(0.3)


def test_the_same_pairs_give_the_same_verdicts() -> None:
    rows = suite(np.random.default_rng(SEED), "spikes", 40)

    assert decide(rows, PLAN) == decide(dict(rows), PLAN)


def test_a_lone_change_is_harder_to_find_in_a_larger_suite() -> None:
    """The error is controlled over all rows, so few of them leave more for each."""
    rng = np.random.default_rng(SEED)
    changed = shifted([float(v) for v in rng.normal(0, 0.01, 12)], 1.05)
    alone = decide({"changed": changed}, PLAN)["changed"]
    rows = {f"row{index}": noise(rng, "normal", 12) for index in range(ROWS)}
    among = decide({"changed": changed, **rows}, PLAN)["changed"]

    assert alone.word == SLOWER
    assert among.word == INCONCLUSIVE


@pytest.mark.parametrize(
    ("row", "said"),
    [([], "no pairs"), ([math.nan] * 6, "not finite"), ([math.inf], "not finite")],
)
def test_what_cannot_be_decided_on_is_an_error(row: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=rf"bad: .*{said}"):
        decide({"bad": row}, PLAN)


def test_no_rows_no_verdicts() -> None:
    assert decide({}, PLAN) == {}
