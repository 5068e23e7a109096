"""The containers area: items are there before and after, and nothing leaks."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

import _pybench

ITERATIONS = 2_003  # not a multiple of eight
READ = ("list", "dict", "tuple", "set", "attribute")
WRITE = ("list", "dict", "attribute")


@pytest.mark.parametrize("name", ["containers_read", "containers_write"])
def test_is_listed(name: str) -> None:
    assert _pybench.KERNELS[name] == {
        "area": "containers",
        "attached": True,
        "attached_by": {},
        "missing": "",
    }


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("layout", ["private", "shared"])
@pytest.mark.parametrize("kind", READ)
def test_reads_find_what_is_there(kind: str, layout: str, threads: int) -> None:
    """An item that is not there would be a RuntimeError of the kernel."""
    results = _pybench.containers_read(
        ITERATIONS, rounds=2, kind=kind, layout=layout, threads=threads
    )

    assert [result.operations for result in results] == [(ITERATIONS,) * threads] * 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="n/a: nothing is immortal")
@pytest.mark.parametrize("kind", READ)
def test_reads_of_what_is_not_counted(kind: str) -> None:
    (result,) = _pybench.containers_read(ITERATIONS, kind=kind, value="immortal")

    assert result.operations == (ITERATIONS,)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="n/a: None is immortal")
def test_immortal_values_are_not_available_before_there_are_any() -> None:
    with pytest.raises(NotImplementedError, match=r"3\.12"):
        _pybench.containers_read(ITERATIONS, value="immortal")


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("layout", ["private", "shared"])
@pytest.mark.parametrize("kind", WRITE)
def test_writes_leave_what_was_put(kind: str, layout: str, threads: int) -> None:
    results = _pybench.containers_write(
        ITERATIONS, rounds=2, kind=kind, layout=layout, threads=threads
    )

    assert [result.operations for result in results] == [(ITERATIONS,) * threads] * 2


@pytest.mark.parametrize("layout", ["private", "shared"])
@pytest.mark.parametrize("kind", READ)
def test_nothing_is_left_behind(kind: str, layout: str) -> None:
    """A count that is not taken back would keep a container of 64 alive each time."""
    for _ in range(3):
        _pybench.containers_read(10, kind=kind, layout=layout)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(20):
        _pybench.containers_read(10, kind=kind, layout=layout)
        if kind in WRITE:
            _pybench.containers_write(10, kind=kind, layout=layout)
    gc.collect()

    assert sys.getallocatedblocks() - before < 20 * 64


@pytest.mark.parametrize(
    ("name", "arguments", "error", "named"),
    [
        ("containers_read", {"kind": "deque"}, ValueError, "kind"),
        ("containers_read", {"value": "deferred"}, ValueError, "value"),
        ("containers_read", {"layout": "near"}, ValueError, "layout"),
        ("containers_read", {"threads": 0}, ValueError, "threads"),
        ("containers_write", {"kind": "tuple"}, ValueError, "kind"),
        ("containers_write", {"kind": "set"}, ValueError, "kind"),
        ("containers_write", {"layout": 1}, TypeError, "str"),
        ("containers_write", {"value": "mortal"}, TypeError, "value"),
    ],
)
def test_bad_arguments_are_named(
    name: str, arguments: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        getattr(_pybench, name)(10, **arguments)


@pytest.mark.parametrize("name", ["containers_read", "containers_write"])
@pytest.mark.parametrize("iterations", [0, -1, 10**13, 1.5, "a", None])
def test_bad_iterations_are_refused(name: str, iterations: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="iterations"):
        getattr(_pybench, name)(iterations)
