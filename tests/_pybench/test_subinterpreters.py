"""The subinterpreters area: they are made, left again and gone afterwards."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import _pybench

NAMES = ("subinterpreters_create", "subinterpreters_switch")
THERE = _pybench.KERNELS["subinterpreters_create"]["missing"] == ""
there = pytest.mark.skipif(not THERE, reason="n/a: Python 3.12 brought the API")


@pytest.mark.parametrize("name", NAMES)
def test_is_listed(name: str) -> None:
    listing = _pybench.KERNELS[name]

    assert listing["area"] == "subinterpreters"
    assert listing["attached"] is True
    assert THERE or "3.12" in listing["missing"]


@there
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("gil", ["own", "shared"])
def test_interpreters_are_made_and_destroyed(gil: str, threads: int) -> None:
    results = _pybench.subinterpreters_create(2, rounds=2, gil=gil, threads=threads)

    assert [result.operations for result in results] == [(2,) * threads] * 2


@there
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("gil", ["own", "shared"])
def test_switches_come_back(gil: str, threads: int) -> None:
    """Else the next attached operation would be in another interpreter."""
    before = threading.active_count()
    results = _pybench.subinterpreters_switch(5_003, rounds=2, gil=gil, threads=threads)

    assert [result.operations for result in results] == [(5_003,) * threads] * 2
    assert threading.active_count() == before
    assert _pybench.refcount_pair(10)[0].operations == (10,)


@pytest.mark.skipif(THERE, reason="n/a: this version has the API")
@pytest.mark.parametrize("name", NAMES)
def test_not_available_before_there_was_a_way(name: str) -> None:
    with pytest.raises(NotImplementedError, match=r"3\.12"):
        getattr(_pybench, name)(1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"gil": "none"}, ValueError, "gil"),
        ({"gil": 1}, TypeError, "str"),
        ({"threads": 0}, ValueError, "threads"),
        ({"site": True}, TypeError, "site"),
    ],
)
def test_bad_arguments_are_named(
    name: str, arguments: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        getattr(_pybench, name)(1, **arguments)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("iterations", [0, -1, 10**13, 1.5, "a", None])
def test_bad_iterations_are_refused(name: str, iterations: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="iterations"):
        getattr(_pybench, name)(iterations)
