"""The yardsticks run detached, count exactly, and need no Python object."""

import re

import pytest

import _pybench

CALLS = [
    ("yardstick_empty", {}),
    ("yardstick_alu", {}),
    ("yardstick_bandwidth", {}),
    ("yardstick_syscall", {}),
    ("yardstick_load", {"level": "L1"}),
    ("yardstick_load", {"level": "L2"}),
    ("yardstick_load", {"level": "memory"}),
    ("yardstick_atomic", {"layout": "private"}),
    ("yardstick_atomic", {"layout": "shared"}),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS)
@pytest.mark.parametrize("threads", [1, 2])
def test_does_exactly_what_is_asked(
    name: str, arguments: dict[str, str], threads: int
) -> None:
    results = getattr(_pybench, name)(2003, rounds=2, threads=threads, **arguments)

    assert [result.operations for result in results] == [(2003,) * threads] * 2
    assert not any(result.attached for result in results)
    assert not any(result.serialised for result in results)


def test_bandwidth_goes_round_its_memory() -> None:
    """More lines than the 64 MiB have, so that the walk wraps."""
    lines = 64 * 1024 * 1024 // 64

    (result,) = _pybench.yardstick_bandwidth(lines + 1001, threads=2)

    assert result.operations == (lines + 1001,) * 2


@pytest.mark.parametrize(
    ("name", "argument", "value", "choices"),
    [
        ("yardstick_load", "level", "L3", "'L1', 'L2', 'memory'"),
        ("yardstick_atomic", "layout", "mixed", "'private', 'shared'"),
    ],
)
def test_names_an_unknown_choice(
    name: str, argument: str, value: object, choices: str
) -> None:
    message = f"{argument} must be one of {choices}, not '{value}'"
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(_pybench, name)(10, **{argument: value})
