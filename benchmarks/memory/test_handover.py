"""What freeing objects costs on another thread than the one that made them.

The Python side of the native row `churn_handover`. With the GIL on, whoever drops an
object frees it. On a free-threaded build the memory belongs to the thread that made
it, and so do the plain half of its count and, in the end, its destruction: the last
reference dropped elsewhere puts the object into its owner's queue (biased reference
counting, PEP 703). The collector is off.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="handover"),
    pytest.mark.usefixtures("collector_off"),
]

TimePrepared = Callable[..., None]
Task = Callable[[], object]
TimeCrew = Callable[..., None]
MakeCrew = Callable[..., Task]

COUNT = 20_000
PASSED = 10_000  # objects that go through a queue in one call
ROUNDS = 20


def maker(objects: list[object]) -> Task:
    """Return a task that puts new lists into a list."""

    def make() -> None:
        objects.extend([[] for _ in range(COUNT)])

    return make


def test_benchmark_memory_handover_own(
    benchmark: BenchmarkFixture, time_prepared: TimePrepared
) -> None:
    """Drop 20,000 lists that this thread has made: the control.

    One operation is one empty list destroyed, in a loop in C (`list.clear`); making
    them is excluded. Expect 5 to 20 ns.
    """
    objects: list[object] = []
    benchmark.extra_info["operations"] = COUNT
    time_prepared(objects.clear, maker(objects), rounds=ROUNDS)


def test_benchmark_memory_handover_foreign(
    benchmark: BenchmarkFixture, time_prepared: TimePrepared, crew: MakeCrew
) -> None:
    """Drop 20,000 lists that another thread has made, which waits meanwhile.

    One operation is that of `handover_own`. On a GIL build expect up to twice its
    price, as the objects are in the cache of another core. On a free-threaded build
    expect 20 to 60 ns for an object that is only handed back: its owner destroys it
    when it is woken for the next round, which is excluded.
    """
    objects: list[object] = []
    make = crew(maker(objects))
    benchmark.extra_info["operations"] = COUNT
    time_prepared(objects.clear, make, rounds=ROUNDS)


def test_benchmark_memory_handover_orphaned(
    benchmark: BenchmarkFixture, time_prepared: TimePrepared
) -> None:
    """Drop 20,000 lists whose maker has ended.

    One operation is that of `handover_own`. On a GIL build expect the price of
    `handover_foreign`. On a free-threaded build expect three to six times
    `handover_own`: the dropper finds that there is no owner any more, and destroys the
    objects itself, in memory that the ended thread has left behind.
    """
    objects: list[object] = []

    def make() -> None:
        thread = threading.Thread(target=maker(objects))
        thread.start()
        thread.join()

    benchmark.extra_info["operations"] = COUNT
    time_prepared(objects.clear, make, rounds=ROUNDS)


def test_benchmark_memory_handover_buffers(
    benchmark: BenchmarkFixture, time_prepared: TimePrepared, crew: MakeCrew
) -> None:
    """Drop 500 bytes objects of 4 KiB that another thread has made.

    One operation is one object, too large for the small-object allocator: `free` of
    the C library, or mimalloc, returns it to the heap of the thread that had it. Expect
    15 to 100 ns.
    """
    count = 500
    objects: list[bytes] = []
    make = crew(lambda: objects.extend([bytes(4096) for _ in range(count)]))
    benchmark.extra_info["operations"] = count
    time_prepared(objects.clear, make, rounds=ROUNDS * 5)


def test_benchmark_memory_handover_queued(
    benchmark: BenchmarkFixture, crew: MakeCrew
) -> None:
    """Make lists in one thread and drop them in another, through a `SimpleQueue`.

    One operation is one object: made and put by one of two threads, taken and dropped
    by the other, both in the window. Expect 100 to 300 ns with the GIL on, which the
    two pass to each other. Without it they work at once, but the queue and its lock
    are contended, and every object goes back to its owner: 100 to 500 ns.
    """
    queue: SimpleQueue[list[object]] = SimpleQueue()

    def produce() -> None:
        put = queue.put
        for _ in range(PASSED):
            put([])

    def consume() -> None:
        get = queue.get
        for _ in range(PASSED):
            get()

    benchmark.extra_info["operations"] = PASSED
    benchmark(crew(produce, consume))
    assert queue.empty()


def test_benchmark_memory_handover_queued_own(time_crew: TimeCrew) -> None:
    """Two threads with a `SimpleQueue` each, dropping what they have made: the control.

    One operation is that of `handover_queued`, done by one thread alone; each of the
    two does half of them. Expect 60 to 150 ns with the GIL on, and half of that without
    it; more says that the threads got in each other's way.
    """

    def alone() -> None:
        queue: SimpleQueue[list[object]] = SimpleQueue()
        put, get = queue.put, queue.get
        for _ in range(PASSED // 2):
            put([])
        for _ in range(PASSED // 2):
            get()

    time_crew(alone, alone, operations=PASSED)
