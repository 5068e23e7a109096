"""What two threads lose by counting together without a lock, and what a lock costs.

Both threads add one to the same thing. How many additions were lost is counted and
published (`extra_info["lost_updates"]`, of the last round): a fast row that loses
updates is no faster than a wrong answer.
"""

import threading
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pybench.target.plugin import ThreadsFixture

pytestmark = [pytest.mark.benchmark(group="updates"), pytest.mark.threads(2)]

Task = Callable[[], object]
MakeCrew = Callable[..., Task]

ADDITIONS = 20_000  # of each thread


class Shared:
    """What both threads add to."""

    def __init__(self) -> None:
        self.value = 0
        self.items = [0]
        self.table = {"key": 0}
        self.lock = threading.Lock()

    def count(self) -> int:
        """Return what has arrived, wherever it did."""
        return self.value + self.items[0] + self.table["key"]


def add_to_attribute(shared: Shared) -> None:
    """Add to an attribute."""
    for _ in range(ADDITIONS):
        shared.value += 1


def add_to_item(shared: Shared) -> None:
    """Add to an item of a list."""
    items = shared.items
    for _ in range(ADDITIONS):
        items[0] += 1


def add_to_key(shared: Shared) -> None:
    """Add to a value of a dict."""
    table = shared.table
    for _ in range(ADDITIONS):
        table["key"] += 1


def add_under_lock(shared: Shared) -> None:
    """Add to an attribute, one thread at a time."""
    lock = shared.lock
    for _ in range(ADDITIONS):
        with lock:
            shared.value += 1


WORK: dict[str, Callable[[Shared], None]] = {
    "attribute": add_to_attribute,
    "item": add_to_item,
    "key": add_to_key,
    "lock": add_under_lock,
}


@pytest.mark.parametrize("kind", ["attribute", "item", "key"])
def test_benchmark_threading_update(
    benchmark: BenchmarkFixture, crew: MakeCrew, kind: str
) -> None:
    """Add one to an attribute, a list's item or a dict's value that two threads share.

    One operation is one addition of one thread, without a lock. Expect 20 to 80 ns
    with the GIL, and few losses or none: threads rarely change in between. Without it
    expect 100 ns and more, and about half of the additions to be lost.
    """
    shared = Shared()
    work = WORK[kind]
    run = crew(lambda: work(shared), lambda: work(shared))
    lost: list[int] = []

    def count() -> None:
        before = shared.count()
        run()
        lost.append(2 * ADDITIONS - (shared.count() - before))

    benchmark.extra_info["operations"] = ADDITIONS
    benchmark(count)
    assert min(lost) >= 0
    assert max(lost) < 2 * ADDITIONS
    benchmark.extra_info["lost_updates"] = lost[-1]


def test_benchmark_threading_update_locked(
    benchmark: BenchmarkFixture, crew: MakeCrew
) -> None:
    """The same on an attribute, with a lock around each addition: none is lost.

    One operation is one addition and the lock. Expect a few times `update`.
    """
    shared = Shared()
    run = crew(lambda: add_under_lock(shared), lambda: add_under_lock(shared))
    calls: list[None] = []

    def count() -> None:
        calls.append(None)
        run()

    benchmark.extra_info["operations"] = ADDITIONS
    benchmark(count)
    assert shared.value == 2 * ADDITIONS * len(calls)
    benchmark.extra_info["lost_updates"] = 0


def test_benchmark_threading_update_own(benchmark_threads: ThreadsFixture) -> None:
    """Add to an attribute of the thread's own object: the control.

    One operation is one addition. Expect one thread's price without the GIL, twice
    that with it.
    """
    benchmark_threads.extra_info["operations"] = ADDITIONS
    benchmark_threads(add_to_attribute, threads=2, setup=lambda: ((Shared(),), {}))
