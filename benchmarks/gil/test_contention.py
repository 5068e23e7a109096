"""Operations that are safe because of the GIL: what two threads at them gain without.

Both threads do all of the work, on objects of their own, so that a build without the
GIL takes the time of one thread and a build with it twice that. One operation is one
of one thread's.
"""

from collections import deque
from collections.abc import Callable

import pytest

from pybench.target.plugin import ThreadsFixture

pytestmark = pytest.mark.benchmark(group="contention")

Task = Callable[[], object]

OPERATIONS = 20_000


class Counter:
    """An object with one attribute."""

    def __init__(self) -> None:
        self.value = 0


def add_numbers() -> None:
    """Add floats of the thread's own."""
    total = 0.5
    for _ in range(OPERATIONS):
        total += 1.5


def append_items() -> None:
    """Append to a list of the thread's own."""
    own: list[None] = []
    for _ in range(OPERATIONS):
        own.append(None)


def store_items() -> None:
    """Store into a dict of the thread's own, under numbers."""
    own: dict[int, None] = {}
    for number in range(OPERATIONS):
        own[number & 255] = None


def set_attributes() -> None:
    """Count up an attribute of an object of the thread's own."""
    own = Counter()
    for _ in range(OPERATIONS):
        own.value += 1


def make_objects() -> None:
    """Make and drop lists of one."""
    for _ in range(OPERATIONS):
        _ = [None]


def rotate_deque() -> None:
    """Put into a deque of the thread's own, and take out again."""
    own: deque[None] = deque([None])
    for _ in range(OPERATIONS):
        own.append(own.popleft())


WORK: dict[str, Task] = {
    "numbers": add_numbers,
    "list": append_items,
    "dict": store_items,
    "attribute": set_attributes,
    "objects": make_objects,
    "deque": rotate_deque,
}


@pytest.mark.parametrize("kind", ["numbers", "list", "dict"])
@pytest.mark.threads(2)
def test_benchmark_gil_own(benchmark_threads: ThreadsFixture, kind: str) -> None:
    """Two threads at numbers, a list or a dict, each of its own.

    One operation is one turn of one thread. Expect 20 to 60 ns with the GIL, twice one
    thread's, and one thread's price without it: nothing is shared but code.
    """
    benchmark_threads.extra_info["operations"] = OPERATIONS
    benchmark_threads(WORK[kind], threads=2)


@pytest.mark.parametrize("kind", ["attribute", "objects", "deque"])
@pytest.mark.threads(2)
def test_benchmark_gil_own_object(benchmark_threads: ThreadsFixture, kind: str) -> None:
    """Two threads at an attribute, at new objects or at a deque, each of its own.

    One operation is one turn of one thread. Expect what `own` expects; a deque takes
    its own lock without the GIL, which is uncontended.
    """
    benchmark_threads.extra_info["operations"] = OPERATIONS
    benchmark_threads(WORK[kind], threads=2)


@pytest.mark.parametrize("kind", ["numbers", "dict"])
def test_benchmark_gil_own_alone(benchmark_threads: ThreadsFixture, kind: str) -> None:
    """One thread at numbers or a dict, on the same harness: the control.

    One operation is one turn. Expect half of `own` with the GIL.
    """
    benchmark_threads.extra_info["operations"] = OPERATIONS
    benchmark_threads(WORK[kind], threads=1)


@pytest.mark.threads(8)
def test_benchmark_gil_own_eight(benchmark_threads: ThreadsFixture) -> None:
    """Eight threads at numbers of their own.

    One operation is one turn of one thread. Expect eight times one thread with the
    GIL, and without it eight times shared out among the CPUs (oversubscribed where
    they are fewer).
    """
    benchmark_threads.extra_info["operations"] = OPERATIONS
    benchmark_threads(add_numbers, threads=8)
