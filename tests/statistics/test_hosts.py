"""Estimates and p-values of a row that several hosts measured."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pybench.statistics.decision import decide
from pybench.statistics.hosts import (
    Evidence,
    evidence,
    p_of_difference,
    p_of_row,
    p_on_two,
    random_effects,
    together,
)
from pybench.statistics.plan import Plan
from pybench.statistics.ranks import Floats


def block(
    centre: float, spread: float = 0.01, pairs: int = 20, seed: int = 1
) -> Floats:
    """Return pairs whose estimate is the centre, exactly."""
    half = np.abs(np.random.default_rng(seed).normal(0, spread, pairs // 2))
    return np.concatenate([centre - half, centre + half])


def test_hosts_that_agree_have_no_variance_between_them() -> None:
    joined = random_effects([block(0.05, seed=n) for n in range(3)], 0.95)

    assert joined.centre == pytest.approx(0.05)
    assert (joined.between, joined.i_squared) == (0.0, 0.0)
    assert joined.low < 0.05 < joined.high


def test_hosts_that_differ_weigh_alike_and_widen_the_interval() -> None:
    """A host with little noise of its own tells no more of other hosts."""
    exact, loose = block(0.0, 0.0001), block(0.2, 0.01)
    joined = random_effects([exact, loose], 0.95)

    assert joined.centre == pytest.approx(0.1, abs=0.001)
    assert joined.between == pytest.approx(0.2 / math.sqrt(2), rel=0.01)
    assert joined.i_squared > 0.99
    # Student's t of one degree is 12.7: two hosts say little of a third.
    assert joined.high - joined.low > 2


def test_interval_holds_the_mean_as_often_as_it_says() -> None:
    """Four hosts drawn with a spread of their own, and pairs with theirs."""
    draws = np.random.default_rng(20261130)
    held = 0
    for _ in range(200):
        hosts = draws.normal(0.03, 0.02, 4)
        blocks = [draws.normal(centre, 0.02, 12) for centre in hosts]
        joined = random_effects(blocks, 0.95)
        held += joined.low <= 0.03 <= joined.high

    assert 0.91 * 200 <= held <= 200


def test_without_two_hosts_that_have_an_error_there_is_no_interval() -> None:
    joined = random_effects([np.array([0.1]), np.array([0.3])], 0.95)

    assert joined.centre == pytest.approx(0.2)
    assert math.isinf(joined.low)
    # A clock that is too coarse: all of a host alike.
    alike = random_effects([np.zeros(6), np.full(6, 0.1)], 0.95)
    assert alike.low < 0.05 < alike.high


def test_change_has_to_be_on_two_hosts() -> None:
    assert p_on_two([1e-9, 0.5]) == 0.5
    assert p_on_two([1e-9, 0.01, 0.5]) == 0.02
    assert p_on_two([1e-9]) == 1e-9

    def host(slower: float, faster: float) -> Evidence:
        return Evidence(slower=slower, faster=faster, below=1, above=1)

    # One up and one down is no change that two hosts show.
    assert p_of_row([host(1e-9, 1.0), host(1.0, 1e-9)]) == 1.0
    assert p_of_row([host(1e-9, 1.0), host(1e-8, 1.0)]) == pytest.approx(2e-8)


def test_evidence_of_one_run_is_that_of_its_verdict() -> None:
    """Whatever was taken after a look does not change what the look says."""
    plan = Plan()
    for change in (0.0, 0.004, 0.05):
        row = block(change, 0.01, 28, seed=3)
        (own,) = evidence([row], [plan.log_margin], plan)
        verdict = decide({"row": row.tolist()}, plan)["row"]
        equal = max(own.below, own.above) <= sum(plan.equivalence_alphas)

        assert equal == (change < 0.03)
        if verdict.word == "slower":
            # The verdict has the first look at which it came.
            assert p_of_row([own]) <= verdict.p <= 0.01


def test_p_values_of_a_run_that_stops_when_it_likes_are_honest() -> None:
    """No change, and the most telling of all looks."""
    plan = Plan()
    draws = np.random.default_rng(7)
    rows = [draws.normal(0, 0.02, 40) for _ in range(400)]
    p = [p_of_row([of]) for of in evidence(rows, [0.03] * len(rows), plan)]

    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 0.03


def test_runs_of_one_host_add_up() -> None:
    plan = Plan().for_pairs(12)
    rows = [block(0.006, 0.01, 12, seed=n) for n in (1, 2)]
    alone = evidence(rows, [plan.log_margin] * 2, plan)

    assert together(alone[:1]) == alone[0]
    assert together(alone).slower < min(of.slower for of in alone)


def test_difference_of_hosts() -> None:
    assert p_of_difference([block(0.0), block(0.1)]) < 1e-6
    assert p_of_difference([block(0.0, seed=1), block(0.0, seed=2)]) > 0.05
    assert p_of_difference([np.zeros(6), np.zeros(6)]) == 1.0
    assert p_of_difference([block(0.0)]) == 1.0


def test_rows_decided_elsewhere_are_of_the_family() -> None:
    """Without others this row is slower; among 2000 that show nothing it is not."""
    row = block(0.02, 0.012, 12, seed=5)
    plan = Plan().for_pairs(12)

    assert decide({"row": row.tolist()}, plan)["row"].word == "slower"
    others = dict.fromkeys(map(str, range(2000)), 1.0)
    assert decide({"row": row.tolist()}, plan, given=others)["row"].word != "slower"
    assert decide({}, plan, given=others) == {}
