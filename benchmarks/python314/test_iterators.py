"""What an iterator that threads may share costs."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="iterators", max_time=0.15)

COUNT = 1000


class Locked:
    """An iterator behind a lock, as people wrote it."""

    def __init__(self, source: Iterator[object]) -> None:
        self._source = source
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[object]:
        return self

    def __next__(self) -> object:
        with self._lock:
            return next(self._source)


@pytest.mark.parametrize(
    "kind", ["plain", "locked", "serialized"], ids=lambda kind: f"kind={kind}"
)
def test_benchmark_python314_next(benchmark: BenchmarkFixture, kind: str) -> None:
    """Take the elements of an iterator that one thread uses, guarded or not.

    One operation is one element, dropped by a `deque`. `kind=plain` is a C iterator
    alone, the control; `locked` the class with a lock that people write around one;
    `serialized` is 3.15's `threading.serialize_iterator`. Expect 3 to 15 ns,
    60 to 250 ns, and as `locked`: it is the same thing, in the library.
    """
    guard: Callable[[Iterator[object]], Iterator[object]]
    if kind == "plain":
        guard = iter
    elif kind == "locked":
        guard = Locked
    else:
        serialize: Any = getattr(threading, "serialize_iterator", None)
        if serialize is None:
            pytest.skip("n/a: needs Python 3.15 (threading.serialize_iterator)")
        guard = serialize

    def take_all() -> int:
        return len(deque(guard(repeat(None, COUNT)), maxlen=1))

    benchmark.extra_info["operations"] = COUNT
    assert benchmark(take_all) == 1
