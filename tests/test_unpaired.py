"""What two sessions one after the other can say, and what they cannot."""

import math
import random

import pytest

from pybench.statistics.unpaired import (
    FASTER,
    INCONCLUSIVE,
    ONE_PROCESS,
    PROCESSES_LEAST,
    SLOWER,
    changes,
    drift_of,
)

STEADY = [1.0, 1.01, 0.99, 1.005, 0.995, 1.0, 1.01, 0.99]


def word(then: list[float], now: list[float], drift: float | None = 0.0) -> str:
    """Judge a suite of one row."""
    return changes({"row": (then, now)}, drift)["row"].word


def test_a_large_change_is_told_either_way() -> None:
    """A fifth is far above what a spread of a percent explains."""
    assert word(STEADY, [1.2]) == SLOWER
    assert word(STEADY, [1 / 1.2]) == FASTER
    assert word(STEADY, [1.2 * time for time in STEADY]) == SLOWER


def test_drift_explains_a_change() -> None:
    """The same change is nothing where the yardsticks moved as much."""
    assert word(STEADY, [1.2], math.log(1.25)) == INCONCLUSIVE


def test_a_change_below_the_margin_is_not_told() -> None:
    """However sure it is."""
    change = changes({"row": ([1.0, 1.0, 1.0, 1.0], [1.02] * 4)}, 0.0)["row"]

    assert change.word == INCONCLUSIVE
    assert "margin" in change.reason
    assert change.ratio == pytest.approx(1.02)


def test_one_process_per_side_says_nothing_and_keeps_the_ratio() -> None:
    """Its ratio is shown, marked, and never a verdict."""
    change = changes({"row": ([1.0], [3.0])}, 0.0)["row"]

    assert (change.word, change.reason) == (INCONCLUSIVE, ONE_PROCESS)
    assert change.ratio == pytest.approx(3.0)
    assert math.isinf(change.explained)


def test_few_processes_are_too_few() -> None:
    """Their number and what is needed is said."""
    change = changes({"row": ([1.0, 1.1], [3.0])}, 0.0)["row"]

    assert change.word == INCONCLUSIVE
    assert str(PROCESSES_LEAST) in change.reason


def test_without_yardsticks_nobody_knows() -> None:
    """No yardstick row on both sides: no verdict, whatever the ratio."""
    assert drift_of({}) is None
    assert word(STEADY, [9.0], None) == INCONCLUSIVE


def test_the_largest_drift_counts_in_either_direction() -> None:
    """A machine that became faster moved as well."""
    assert drift_of({"alu": (1.0, 1.01), "load": (2.0, 1.0)}) == pytest.approx(
        math.log(2)
    )


@pytest.mark.parametrize("odd", [0.0, -1.0, math.nan, math.inf])
def test_odd_times_are_refused_by_name(odd: float) -> None:
    """Not computed with."""
    with pytest.raises(ValueError, match="row: times must be positive"):
        changes({"row": (STEADY, [odd])}, 0.0)


def test_suites_without_a_change_are_rarely_alarmed() -> None:
    """Of 300 suites of 40 rows at most a handful, and a real change is found."""
    chance = random.Random(7)

    def times(count: int, centre: float = 1.0) -> list[float]:
        return [centre * math.exp(chance.gauss(0, 0.01)) for _ in range(count)]

    alarms = found = 0
    for _ in range(300):
        rows = {f"row{n}": (times(8), times(1)) for n in range(40)}
        rows["slower"] = (times(8), times(1, 1.2))
        words = {name: change.word for name, change in changes(rows, 0.0).items()}
        found += words.pop("slower") == SLOWER
        alarms += any(said != INCONCLUSIVE for said in words.values())

    assert alarms <= 9  # expected 3
    assert found >= 295
