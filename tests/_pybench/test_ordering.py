"""The ordering area: every pattern runs, and what it reads is what was put there."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import _pybench

ITERATIONS = 2_003  # not a multiple of eight
KERNELS = [name for name in _pybench.KERNELS if name.startswith("ordering_")]
FREE = ("sequential", "strided", "random")


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_listed(name: str) -> None:
    listing = _pybench.KERNELS[name]

    assert listing["area"] == "ordering"
    assert listing["missing"] == ""
    assert listing["attached"] is (name in {"ordering_objects", "ordering_neighbours"})


@pytest.mark.parametrize("level", ["L1", "L2", "L3", "memory"])
@pytest.mark.parametrize("pattern", [*FREE, "linked", "paged", "chased"])
def test_every_walk_does_what_was_asked(pattern: str, level: str) -> None:
    stride = 4096 if pattern == "strided" else None
    for access in ("read", "write") if pattern in FREE else ("read",):
        (result,) = _pybench.ordering_walk(
            ITERATIONS, pattern=pattern, level=level, access=access, stride=stride
        )
        assert result.operations == (ITERATIONS,)
        assert result.elapsed_ns > 0


@pytest.mark.parametrize("kib", [4, 32, 2048])
def test_memory_may_be_told_instead_of_a_level(kib: int) -> None:
    (result,) = _pybench.ordering_walk(ITERATIONS, pattern="chased", kib=kib)

    assert result.operations == (ITERATIONS,)


@pytest.mark.parametrize("stride", [64, 4096, 65536])
def test_columns_have_any_distance(stride: int) -> None:
    (result,) = _pybench.ordering_walk(ITERATIONS, pattern="column", stride=stride)

    assert result.operations == (ITERATIONS,)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("operation", ["read", "write", "copy"])
def test_bandwidth_moves_lines(operation: str, threads: int) -> None:
    (result,) = _pybench.ordering_bandwidth(
        ITERATIONS, operation=operation, threads=threads, level="L2"
    )

    assert result.operations == (ITERATIONS,) * threads


@pytest.mark.parametrize("access", ["load", "store"])
@pytest.mark.parametrize("place", ["aligned", "within", "line", "page"])
def test_places_can_be_reached(place: str, access: str) -> None:
    """Also the one over the end of a page, which must not be the last of the map."""
    (result,) = _pybench.ordering_aligned(ITERATIONS, place=place, access=access)

    assert result.operations == (ITERATIONS,)


@pytest.mark.parametrize("order", ["relaxed", "release", "seq_cst", "fence"])
def test_orders_publish(order: str) -> None:
    (result,) = _pybench.ordering_publish(ITERATIONS, order=order)

    assert result.operations == (ITERATIONS,)


@pytest.mark.parametrize("layout", ["together", "apart"])
def test_messages_arrive_with_their_payload(layout: str) -> None:
    """A lost or torn one would be a RuntimeError of the kernel."""
    results = _pybench.ordering_message(ITERATIONS, rounds=3, layout=layout)

    assert [result.operations for result in results] == [(ITERATIONS,) * 2] * 3


@pytest.mark.parametrize("order", ["allocated", "shuffled"])
@pytest.mark.parametrize("access", ["read", "count"])
def test_objects_are_the_same_afterwards(order: str, access: str) -> None:
    """The kernel checks values and counts; nothing of them is left behind."""
    before = sys.getallocatedblocks()
    results = _pybench.ordering_objects(
        ITERATIONS, rounds=3, order=order, access=access, count=1024
    )
    del results

    assert abs(sys.getallocatedblocks() - before) < 500


@pytest.mark.parametrize("layout", ["together", "apart"])
def test_neighbours_keep_their_counts(layout: str) -> None:
    (result,) = _pybench.ordering_neighbours(ITERATIONS, layout=layout)

    assert result.operations == (ITERATIONS,) * 2


BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("ordering_walk", {"pattern": "up"}, ValueError, "pattern"),
    ("ordering_walk", {"access": "both"}, ValueError, "access"),
    ("ordering_walk", {"level": "L9"}, ValueError, "level"),
    ("ordering_walk", {"pattern": "strided"}, ValueError, "stride"),
    ("ordering_walk", {"pattern": "strided", "stride": 65}, ValueError, "stride"),
    ("ordering_walk", {"pattern": "strided", "stride": 0}, ValueError, "stride"),
    ("ordering_walk", {"pattern": "strided", "stride": "a"}, TypeError, "stride"),
    (
        "ordering_walk",
        {"pattern": "column", "stride": 64, "level": "L2"},
        ValueError,
        "level",
    ),
    ("ordering_objects", {"count": 1000}, ValueError, "count"),
    ("ordering_walk", {"stride": 64}, ValueError, "stride"),
    ("ordering_walk", {"pattern": "chased", "access": "write"}, ValueError, "access"),
    ("ordering_walk", {"level": "memory", "threads": 256}, ValueError, "256"),
    ("ordering_walk", {"kib": 2}, ValueError, "kib"),
    ("ordering_walk", {"kib": 2**21}, ValueError, "kib"),
    ("ordering_walk", {"kib": 48}, ValueError, "power of two"),
    ("ordering_walk", {"kib": "4"}, TypeError, "kib"),
    ("ordering_walk", {"kib": 2**20, "threads": 2}, ValueError, "threads"),
    ("ordering_walk", {"pattern": "column", "stride": 64, "kib": 4}, ValueError, "kib"),
    (
        "ordering_walk",
        {"pattern": "strided", "stride": 8192, "kib": 4},
        ValueError,
        "4096",
    ),
    ("ordering_bandwidth", {"operation": "move"}, ValueError, "operation"),
    ("ordering_bandwidth", {"level": "L9"}, ValueError, "level"),
    ("ordering_aligned", {"place": "here"}, ValueError, "place"),
    ("ordering_aligned", {"access": "read"}, ValueError, "access"),
    ("ordering_publish", {"order": "strict"}, ValueError, "order"),
    ("ordering_message", {"layout": "near"}, ValueError, "layout"),
    ("ordering_message", {"threads": 1}, ValueError, "threads"),
    ("ordering_message", {"threads": 3}, ValueError, "threads"),
    ("ordering_objects", {"order": "sorted"}, ValueError, "order"),
    ("ordering_objects", {"access": "write"}, ValueError, "access"),
    ("ordering_objects", {"count": 1}, ValueError, "count"),
    ("ordering_objects", {"count": 1 << 40}, ValueError, "count"),
    ("ordering_objects", {"count": 1.5}, TypeError, "count"),
    ("ordering_neighbours", {"layout": "near"}, ValueError, "layout"),
]


@pytest.mark.parametrize(("name", "arguments", "error", "named"), BAD)
def test_bad_arguments_are_named(
    name: str, arguments: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        getattr(_pybench, name)(100, **arguments)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("iterations", [0, -1, 10**13, 1.5, "a", None])
def test_bad_iterations_are_refused(name: str, iterations: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="iterations"):
        getattr(_pybench, name)(iterations)
