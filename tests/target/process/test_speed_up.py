"""How the speed-up of more threads, and their fairness, are computed."""

import pytest

from pybench.target.process.speed_up import (
    Stamps,
    Turn,
    Window,
    disturbance,
    fairness,
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
