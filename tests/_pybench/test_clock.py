"""The clocks cost something, and the stopwatch moves by kernels alone."""

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import _pybench


@pytest.fixture
def armed() -> Iterator[None]:
    """Arm the stopwatch for one test."""
    _pybench.stopwatch_arm()
    yield
    _pybench.stopwatch_disarm()


def test_clock_cost_and_granularity_are_positive_floats() -> None:
    assert _pybench.clock_cost_ns() > 0
    assert _pybench.clock_granularity_ns() > 0
    assert isinstance(_pybench.clock_cost_ns(), float)


def test_stopwatch_raises_unless_armed() -> None:
    with pytest.raises(RuntimeError, match=r"not armed.*`kernel` fixture"):
        _pybench.stopwatch()


def test_stopwatch_cannot_be_armed_twice(armed: None) -> None:
    with pytest.raises(RuntimeError, match="armed already"):
        _pybench.stopwatch_arm()


def test_stopwatch_starts_at_zero_and_stands_still(armed: None) -> None:
    assert [_pybench.stopwatch(), _pybench.stopwatch()] == [0.0, 0.0]


def test_stopwatch_advances_by_seconds_per_operation(armed: None) -> None:
    (result,) = _pybench.yardstick_alu(10_000)

    _pybench.stopwatch_advance(result)

    assert _pybench.stopwatch() == result.ns_per_operation * 1e-9


@pytest.mark.parametrize("impostor", [1.0, None, (1,) * 21, "1"])
def test_only_a_kernel_result_advances_the_stopwatch(
    armed: None, impostor: Any
) -> None:
    with pytest.raises(TypeError, match="result must be a KernelResult, not"):
        _pybench.stopwatch_advance(impostor)
    assert _pybench.stopwatch() == 0.0


def test_disarming_twice_is_harmless() -> None:
    _pybench.stopwatch_disarm()
    _pybench.stopwatch_disarm()
    with pytest.raises(RuntimeError):
        _pybench.stopwatch()


def test_threads_that_share_the_stopwatch_lose_no_advance(armed: None) -> None:
    """On a free-threaded build an addition that is no atomic one loses some."""
    (result,) = _pybench.yardstick_alu(10_000)
    threads, times = 4, 2_000

    def advance() -> None:
        for _ in range(times):
            _pybench.stopwatch_advance(result)

    workers = [threading.Thread(target=advance) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    step_s = result.ns_per_operation * 1e-9
    assert _pybench.stopwatch() == pytest.approx(threads * times * step_s, rel=1e-9)


def test_only_one_of_several_threads_arms_the_stopwatch() -> None:
    threads = 8
    start = threading.Barrier(threads)
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def arm() -> None:
        start.wait()
        try:
            _pybench.stopwatch_arm()
        except RuntimeError:
            answers.put("refused")
        else:
            answers.put("armed")

    workers = [threading.Thread(target=arm) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    _pybench.stopwatch_disarm()

    outcomes = [answers.get_nowait() for _ in range(threads)]
    assert sorted(outcomes) == ["armed", *["refused"] * (threads - 1)]


@pytest.mark.parametrize("name", ["wall_ns", "process_cpu_ns"])
def test_clocks_are_whole_nanoseconds_that_never_go_back(name: str) -> None:
    read = getattr(_pybench, name)
    readings = [read() for _ in range(1000)]
    assert readings == sorted(readings)
    assert {type(reading) for reading in readings} == {int}
    with pytest.raises(TypeError):
        read(1)


def test_wall_clock_is_that_of_time() -> None:
    before, between, after = (
        time.clock_gettime_ns(time.CLOCK_MONOTONIC),
        _pybench.wall_ns(),
        time.clock_gettime_ns(time.CLOCK_MONOTONIC),
    )
    assert before <= between <= after
