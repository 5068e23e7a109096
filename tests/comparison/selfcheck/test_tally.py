"""Rates are counts of the right things."""

from __future__ import annotations

import math

import pytest

from pybench.comparison.selfcheck.tally import NONE, pooled, rate, tally
from pybench.statistics.decision import EQUIVALENT, FASTER, SLOWER, Verdict, decide
from pybench.statistics.plan import Plan


def verdict(ratio: float, spread: float = 0.001, pairs: int = 40) -> Verdict:
    """Decide a suite of one row whose pairs lie around a ratio."""
    values = [math.log(ratio) + spread * (-1) ** n * n / pairs for n in range(pairs)]
    return decide({"row": values}, Plan())["row"]


def test_words_are_counted_by_what_was_planted() -> None:
    """A false row is one that was left alone and called something."""
    found = tally(
        [
            ("alone", "computing", verdict(1.0)),
            ("moved", "computing", verdict(1.2)),
            ("planted", "computing", verdict(1.05)),
            ("wrong", "threads", verdict(0.8)),
            ("lost", "threads", None),
        ],
        {"planted": 1.05, "wrong": 1.2},
    )

    assert found["computing"].same == {EQUIVALENT: 1, SLOWER: 1}
    assert found["computing"].planted == {SLOWER: 1}
    assert found["computing"].false == 1
    assert found["threads"].planted == {FASTER: 1}
    assert found["threads"].same == {NONE: 1}


def test_intervals_cover_the_truth_or_not() -> None:
    """The truth of a planted row is what was planted."""
    around = verdict(1.05)
    found = tally([("a", "x", around), ("b", "x", around)], {"a": 1.05, "b": 1.5})

    assert (found["x"].covered, found["x"].intervals) == (1, 2)
    assert found["x"].rows == 2
    assert found["x"].pairs == 2 * around.pairs


def test_suites_add_up() -> None:
    """Class by class."""
    one = tally([("a", "x", verdict(1.0)), ("b", "y", verdict(1.0))], {})
    both = pooled([one, tally([("a", "x", verdict(1.3))], {})])

    assert both["x"].same == {EQUIVALENT: 1, SLOWER: 1}
    assert both["y"].rows == 1
    assert one["x"].rows == 1


@pytest.mark.parametrize(
    ("count", "of", "said"),
    [(0, 0, "-"), (0, 10, "0.0% [0.0%, 30.8%]"), (10, 10, "100.0% [69.2%, 100.0%]")],
)
def test_rates_have_their_exact_interval(count: int, of: int, said: str) -> None:
    """Clopper and Pearson's: 1 - 0.025 ** (1 / 10) is 30.8 %."""
    assert rate(count, of) == said
