"""What the order of allocating and freeing costs, for objects of one size.

The objects are bytes of 64 with a header of 33, one block of 112 bytes each; the native
rows of `churn` have other kinds and sizes. They are made by `bytes.split` and dropped
by `list.clear`, two loops in C, so that next to nothing but the memory is measured;
`list.clear` begins with the last. The collector is off; nothing here is its business.
"""

import random
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="allocation"),
    pytest.mark.usefixtures("collector_off"),
]

COUNT = 100_000

TimePrepared = Callable[..., None]
Split = Callable[[], list[bytes]]

ORDERS: dict[str, Callable[[list[int]], None]] = {
    "lifo": lambda order: None,
    "fifo": list.reverse,
    # The same disorder in each session.
    "random": random.Random(0).shuffle,
}


@pytest.fixture
def split() -> Callable[[], list[bytes]]:
    """Return a function that makes 100,000 objects."""
    source = b",".join([b"x" * 64] * COUNT)
    return lambda: source.split(b",")


@pytest.mark.parametrize("order", ORDERS)
def test_benchmark_memory_allocation_drop(
    benchmark: BenchmarkFixture, time_prepared: TimePrepared, split: Split, order: str
) -> None:
    """Drop 100,000 objects of 112 bytes in an order.

    One operation is one object destroyed; making them is excluded. Expect 5 to 15 ns
    when the last one made is dropped first or last: one page of the allocator after
    the other. At `random` each is a miss in the caches, and each page is needed until
    the end: two to eight times that.
    """
    numbers = list(range(COUNT))
    ORDERS[order](numbers)
    objects: list[bytes] = []

    def make() -> None:
        made = split()
        objects.extend([made[number] for number in numbers])

    benchmark.extra_info["operations"] = COUNT
    time_prepared(objects.clear, make, rounds=12)


def test_benchmark_memory_allocation_fresh(
    benchmark: BenchmarkFixture, time_prepared: TimePrepared, split: Split
) -> None:
    """Make 100,000 objects of 112 bytes in memory that was not used before.

    One operation is one object: its block, the copying of 64 bytes, and its share of
    the list that holds it. Expect 30 to 80 ns: the pages have mostly been given back
    to the system after the last round, and are faulted in again; several times that on
    a free-threaded 3.13.
    """
    objects: list[list[bytes]] = []
    benchmark.extra_info["operations"] = COUNT
    time_prepared(lambda: objects.append(split()), objects.clear, rounds=12)


def test_benchmark_memory_allocation_holes(
    benchmark: BenchmarkFixture, time_prepared: TimePrepared, split: Split
) -> None:
    """Make 100,000 objects of 112 bytes in the holes between as many that live.

    One operation is that of `allocation_fresh`; every second of 200,000 objects of
    this size has been dropped before. Expect 10 to 40 ns: no page is new, but one
    that has a hole must be found, and the list of its holes is read from memory.
    """
    objects: list[list[bytes]] = []

    def make_holes() -> None:
        objects.clear()
        made = split() + split()
        objects.append(made[::2])

    benchmark.extra_info["operations"] = COUNT
    time_prepared(lambda: objects.append(split()), make_holes, rounds=12)


def test_benchmark_memory_allocation_again(benchmark: BenchmarkFixture) -> None:
    """Make 1000 objects of 112 bytes where a thousand have just been dropped.

    One operation is one object made and dropped. Expect 20 to 40 ns, the least of this
    file though it includes the dropping: the same 112 KB, in the nearest caches.
    """
    count = 1000
    source = b",".join([b"x" * 64] * count)
    benchmark.extra_info["operations"] = count
    benchmark(source.split, b",")
