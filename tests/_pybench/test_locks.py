"""The locks area: what a lock protects adds up, and bad arguments are refused."""

from __future__ import annotations

from typing import Any

import pytest

import _pybench

ITERATIONS = 2_003  # not a multiple of eight
SECTIONS = _pybench.KERNELS["locks_critical_section"]["missing"] == ""


def pairs(kind: str, **arguments: Any) -> list[_pybench.KernelResult]:
    """Run `locks_pair`; skip what this interpreter lacks."""
    try:
        return _pybench.locks_pair(ITERATIONS, kind=kind, **arguments)
    except NotImplementedError as error:
        pytest.skip(f"n/a: {error}")


def test_is_listed() -> None:
    assert _pybench.KERNELS["locks_pair"]["attached"] is False
    assert _pybench.KERNELS["locks_pair"]["missing"] == ""
    assert _pybench.KERNELS["locks_wait"] == _pybench.KERNELS["locks_pair"]
    assert _pybench.KERNELS["locks_critical_section"]["attached"] is True


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("layout", ["private", "shared"])
@pytest.mark.parametrize("kind", ["pymutex", "pythread", "pthread"])
def test_what_is_protected_adds_up(kind: str, layout: str, threads: int) -> None:
    """A lost update would be a RuntimeError of the kernel."""
    results = pairs(kind, layout=layout, threads=threads, rounds=3)

    assert [result.operations for result in results] == [(ITERATIONS,) * threads] * 3
    assert all(result.elapsed_ns > 0 for result in results)


@pytest.mark.skipif(not SECTIONS, reason="n/a: no critical sections on this build")
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("layout", ["private", "shared"])
@pytest.mark.parametrize("kind", ["one", "two", "suspended"])
def test_sections_exclude_each_other(kind: str, layout: str, threads: int) -> None:
    results = _pybench.locks_critical_section(
        ITERATIONS, rounds=3, kind=kind, layout=layout, threads=threads
    )

    assert [result.operations for result in results] == [(ITERATIONS,) * threads] * 3


@pytest.mark.skipif(not SECTIONS, reason="n/a: no critical sections on this build")
def test_nested_sections_come_to_an_end() -> None:
    """Before 3.14.1 the inner one makes the outer one wait, which takes long."""
    (result,) = _pybench.locks_critical_section(50, kind="nested")

    assert result.operations == (50,)


@pytest.mark.skipif(SECTIONS, reason="n/a: this build has critical sections")
def test_sections_are_not_available_with_the_gil() -> None:
    """Empty macros would be a fast time for nothing."""
    assert "empty" in _pybench.KERNELS["locks_critical_section"]["missing"]
    with pytest.raises(NotImplementedError, match="empty on a build with the GIL"):
        _pybench.locks_critical_section(1)


@pytest.mark.parametrize("name", ["locks_pair", "locks_wait", "locks_critical_section"])
@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"kind": "spin"}, ValueError, "kind"),
        ({"kind": 1}, TypeError, "str"),
        ({"layout": "near"}, ValueError, "layout"),
        ({"threads": 0}, ValueError, "threads"),
        ({"threads": 257}, ValueError, "threads"),
        ({"rounds": 0}, ValueError, "rounds"),
        ({"size": 1}, TypeError, "size"),
    ],
)
def test_bad_arguments_are_named(
    name: str, arguments: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        getattr(_pybench, name)(10, **arguments)


@pytest.mark.parametrize("name", ["locks_pair", "locks_wait", "locks_critical_section"])
@pytest.mark.parametrize("iterations", [0, -1, 10**13, 1.5, "a", None])
def test_bad_iterations_are_refused(name: str, iterations: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="iterations"):
        getattr(_pybench, name)(iterations)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layout", ["private", "shared"])
@pytest.mark.parametrize("kind", ["pymutex", "pythread", "pthread"])
def test_waiters_count_who_passed_them(kind: str, layout: str, threads: int) -> None:
    """Nobody passes a thread at a lock of its own; at one of all, others may."""
    try:
        (result,) = _pybench.locks_wait(
            200, kind=kind, layout=layout, threads=threads, hold_us=2
        )
    except NotImplementedError as error:
        pytest.skip(f"n/a: {error}")

    assert result.operations == (200,) * threads
    passed, most = result.detail["passed"], result.detail["passed_most"]
    if layout == "private" or threads == 1:
        assert passed == most == (0,) * threads
    else:
        # No more than the turns that the two others have.
        assert all(0 <= one <= 400 for one in passed)
        assert all(one <= of_all for one, of_all in zip(most, passed, strict=True))


def test_lock_that_is_kept_for_long_is_handed_on() -> None:
    """After a millisecond a PyMutex goes to who waits: others pass a few times only."""
    try:
        (result,) = _pybench.locks_wait(10, threads=2, hold_us=2_000, pin=False)
    except NotImplementedError as error:
        pytest.skip(f"n/a: {error}")

    assert result.operations == (10, 10)
    assert max(result.detail["passed_most"]) <= 10


@pytest.mark.parametrize("hold_us", [-1, 10_001, 1.5, None])
def test_bad_hold_is_named(hold_us: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="hold_us"):
        _pybench.locks_wait(1, kind="pthread", hold_us=hold_us)
