"""What processes say of a speed-up: the interval of their median, and two modes."""

import itertools
import random
import statistics

import pytest

from pybench.records.speed_ups import interval, modes

pytestmark = pytest.mark.once


def test_few_processes_have_no_interval() -> None:
    """Not even from the lowest to the highest: the next ones are too often beyond."""
    assert interval([1.0, 1.1, 1.2, 1.3, 1.4, 1.5]) is None
    assert interval([1.6, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5]) == (1.0, 1.6)


@pytest.mark.parametrize("count", [7, 8, 20])
def test_interval_holds_the_median_of_as_many_others(count: int) -> None:
    """Also of a row with two modes; drawn by a seed, so that it says the same."""
    draw = random.Random(count)
    held = 0
    for _ in range(1000):
        one, two = (
            [draw.choice((0.15, 0.43)) * draw.uniform(0.9, 1.1) for _ in range(count)]
            for _ in range(2)
        )
        between = interval(one)
        assert between is not None
        held += between[0] <= statistics.median(two) <= between[1]

    assert held >= 900


def test_interval_of_every_order_of_seven() -> None:
    """All the ways in which seven and seven others can lie: exactly what is said."""
    inside = ways = 0
    for first in itertools.combinations(range(14), 7):
        second = sorted({*range(14)} - {*first})
        inside += first[0] < second[3] < first[-1]
        ways += 1

    assert inside / ways == pytest.approx(1 - 0.0699, abs=1e-4)


def test_two_modes_are_told_with_how_often() -> None:
    found = modes([0.43, 0.15, 0.42, 0.16, 0.45, 0.15, 0.44])

    assert found["mode_1"] == 0.15
    assert found["mode_2"] == pytest.approx(0.435)
    assert (found["mode_1_processes"], found["mode_2_processes"]) == (3, 4)


@pytest.mark.parametrize(
    "speed_ups",
    [
        [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],  # one wide one
        [0.15, 0.43, 0.42, 0.43, 0.45, 0.44, 0.44],  # a single process
        [1.90, 1.91, 1.90, 1.99, 1.99, 1.99, 1.98],  # too near to matter
        [0.15, 0.43, 0.15, 0.43],  # too few
    ],
)
def test_one_mode_is_not_split(speed_ups: list[float]) -> None:
    assert modes(speed_ups) == {}
