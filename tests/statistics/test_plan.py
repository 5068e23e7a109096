"""A plan that cannot be followed is refused, by the name of what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from pybench.statistics.plan import Plan, PlanError


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"margin": 0}, "margin"),
        ({"margin": float("nan")}, "margin"),
        ({"margin": 1.0}, "margin"),
        ({"false_discovery_rate": -0.1}, "false_discovery_rate"),
        ({"confidence": 95}, "confidence"),
        ({"looks": ()}, "looks"),
        ({"looks": (6, 6, 20, 28, 40)}, "looks"),
        ({"looks": (0, 12, 20, 28, 40)}, "looks"),
        ({"looks": (6, 12)}, "length"),
        ({"weights": (0.5, 0.5, 0.5, 0, 0)}, "weights"),
        ({"weights": (-0.1, 0.1, 0.1, 0, 0)}, "weights"),
    ],
)
def test_bad_values_are_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(PlanError, match=named):
        Plan(**values)


def test_errors_spent_over_the_looks_sum_to_what_is_allowed() -> None:
    plan = Plan()

    assert sum(plan.weights) == pytest.approx(1.0)
    assert sum(plan.equivalence_alphas) < 0.05


def test_a_fixed_number_of_pairs_is_one_look() -> None:
    plan = Plan(margin=0.05).for_pairs(15)

    assert plan.looks == (15,)
    assert plan.weights == (1.0,)
    assert plan.margin == 0.05


@pytest.mark.parametrize("pairs", [0, -1, 2.5, True])
def test_a_number_of_pairs_must_be_one(pairs: Any) -> None:
    with pytest.raises(PlanError, match="pairs"):
        Plan().for_pairs(pairs)


def test_very_large_suites_spend_nothing_where_it_cannot_help() -> None:
    """With 2 000 rows, 20 pairs can never reach the threshold of their look."""
    large = Plan().for_rows(2_000)

    assert large.weights[2] == 0
    assert sum(large.weights) == pytest.approx(1.0)
    assert Plan().for_rows(1_000) == Plan()
