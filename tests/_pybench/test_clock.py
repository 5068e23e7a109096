"""The clocks cost something, and the stopwatch moves by kernels alone."""

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
