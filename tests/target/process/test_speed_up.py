"""How the speed-up of more threads, and their fairness, are computed."""

import itertools
import random
import statistics

import pytest

from pybench.target.process.speed_up import (
    Stamps,
    Turn,
    Window,
    disturbance,
    fairness,
    interval,
    modes,
    over_processes,
    speed_up,
    summarise,
    window,
)

pytestmark = pytest.mark.once


def turn(one: int, two: int) -> Turn:
    """Make a turn of two threads; the control scales by half."""
    return Turn(Window((one,)), Window((two, two)), Window((100,)), Window((133, 100)))


@pytest.mark.parametrize(
    ("one", "two", "expected"), [(100, 100, 2.0), (100, 200, 1.0), (100, 400, 0.5)]
)
def test_speed_up_is_work_done_in_the_same_time(
    one: int, two: int, expected: float
) -> None:
    """Two threads do twice the work: in the same time that is a speed-up of two."""
    assert speed_up(Window((one,)), Window((two, two))) == expected


def test_window_goes_from_the_first_beginning_to_the_last_end() -> None:
    """A thread that begins late, as under the GIL, has been waiting."""
    found = window([Stamps(1000, 1400, 10), Stamps(1400, 1800, 20)])

    assert found.ends_ns == (400, 800)
    assert found.wall_ns == 800
    assert found.waited_ns == 30


def test_fairness_is_one_where_all_got_the_same() -> None:
    assert fairness((400, 400, 400)) == pytest.approx(1)
    assert fairness((400, 800)) == pytest.approx(0.9)
    assert fairness((1, 10**9, 10**9, 10**9)) == pytest.approx(0.25, rel=1e-6)


def test_neighbours_are_compared() -> None:
    """A machine that gets slower while the row runs changes no ratio."""
    turns = [turn(one, one * 5 // 4) for one in (100, 200, 400, 800)]

    found = summarise(turns, operations=10, gil_enabled=False, message_ns=[110, 130])

    assert found["speedup"] == 1.6
    assert found["spread"] == 0
    assert found["control"] == 1.504
    assert found["fairness"] == 1
    assert (found["threads"], found["rounds"]) == (2, 4)
    assert found["one_thread_ns"] == 30.0
    assert found["per_second"] == pytest.approx(2 * 10 * 1e9 / 375)
    assert found["message_ns"] == 120
    assert found["gil_enabled"] is False


def test_one_process_has_a_spread_and_no_interval() -> None:
    found = summarise([turn(100, 100), turn(100, 200)], operations=1, gil_enabled=True)

    assert found["spread"] == pytest.approx(0.5 / 1.5, abs=1e-3)
    assert not {"low", "high"} & found.keys()


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


def test_processes_give_the_median_and_an_interval() -> None:
    facts = {"speedup": 1.5, "control": 1.9, "spread": 0.1, "message_ns": 100}
    others = [
        {"speedup": 1.0 + at / 10, "control": 2.0, "message_ns": 500} for at in range(6)
    ]

    known = over_processes(facts, others)

    assert known["speedup"] == 1.3
    assert (known["low"], known["high"]) == (1.0, 1.5)
    assert known["control"] == 2.0
    assert known["processes"] == len(known["process_speedups"]) == 7
    assert known["spread"] == 0.1
    assert known["process_message_ns"] == [100] + [500] * 6
    assert (known["message_least_ns"], known["message_most_ns"]) == (100, 500)
    assert not {"low", "high"} & over_processes(facts, others[:2]).keys()


def test_threads_that_had_no_cpu_are_told() -> None:
    """In half of the turns, so that a single daemon that woke up does not count."""
    fine, calm = turn(100, 100), Window((100, 100), 10)
    crowded = Turn(fine.alone, Window((100, 100), 90), fine.control_alone, calm)

    assert disturbance([fine, fine, crowded]) == ""
    assert disturbance([fine, crowded, crowded]) == (
        "its threads waited for a CPU 25% of their time"
    )
