"""What the protocols of iteration cost, one item at a time.

Each row goes through a thousand items and drops them; making the iterator is inside,
a thousandth of it per operation.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from operator import itemgetter

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="iteration")

ITEMS = 1000


class Counting:
    """An iterator written in Python."""

    def __init__(self, last: int) -> None:
        self.left = last

    def __iter__(self) -> Iterator[None]:
        """Return itself."""
        return self

    def __next__(self) -> None:
        """Count down."""
        if self.left == 0:
            raise StopIteration
        self.left -= 1


class Indexed:
    """A sequence of the old protocol: `__getitem__` until IndexError."""

    def __getitem__(self, index: int) -> None:
        """Have a thousand items."""
        if index >= ITEMS:
            raise IndexError


def time_items(
    benchmark: BenchmarkFixture, make: Callable[[], Iterable[object]]
) -> None:
    """Time going through what `make` returns."""

    def go_through() -> None:
        for _ in make():
            pass

    benchmark.extra_info["operations"] = ITEMS
    benchmark(go_through)


def test_benchmark_interpreter_iterate_class(benchmark: BenchmarkFixture) -> None:
    """Take an item from an iterator whose `__next__` is Python.

    One operation is a call of a Python method from C and a turn of `for`. Expect 40 to
    100 ns, several times a generator's item.
    """
    time_items(benchmark, lambda: Counting(ITEMS))


def test_benchmark_interpreter_iterate_indexed(benchmark: BenchmarkFixture) -> None:
    """Take an item from a class that has `__getitem__` alone.

    One operation is the making of the index, the call, and a turn of `for`. Expect
    about `iterate_class`.
    """
    indexed = Indexed()
    time_items(benchmark, lambda: indexed)  # type: ignore[arg-type, return-value]


def test_benchmark_interpreter_iterate_dict(benchmark: BenchmarkFixture) -> None:
    """Take a pair from `dict.items()`.

    One operation is the pair, its unpacking into the loop variable excluded. Expect 5
    to 20 ns: the tuple is reused where no reference to it was kept.
    """
    table = dict.fromkeys(range(ITEMS))
    time_items(benchmark, table.items)


def test_benchmark_interpreter_iterate_enumerate(benchmark: BenchmarkFixture) -> None:
    """Take an index and an item from `enumerate` of a list.

    One operation is the number, the pair and the item. Expect 15 to 40 ns.
    """
    items = [None] * ITEMS
    time_items(benchmark, lambda: enumerate(items))


def test_benchmark_interpreter_iterate_zip(benchmark: BenchmarkFixture) -> None:
    """Take a pair from `zip` of two lists.

    One operation is the two items and the pair. Expect 10 to 30 ns.
    """
    items = [None] * ITEMS
    time_items(benchmark, lambda: zip(items, items, strict=True))


def test_benchmark_interpreter_iterate_map(benchmark: BenchmarkFixture) -> None:
    """Take an item from `map` of a C function over a list.

    One operation is a call of `operator.itemgetter(0)` on a tuple. Expect 20 to 50 ns.
    """
    items = [(None,)] * ITEMS
    first = itemgetter(0)
    time_items(benchmark, lambda: map(first, items))


def test_benchmark_interpreter_iterate_chain(benchmark: BenchmarkFixture) -> None:
    """Take an item from `itertools.chain` of two lists, cut by `islice`.

    One operation is one item through two iterators written in C. Expect 10 to 30 ns.
    """
    items = [None] * ITEMS
    time_items(benchmark, lambda: islice(chain(items, items), ITEMS))


def test_benchmark_interpreter_iterate_yield_from(benchmark: BenchmarkFixture) -> None:
    """Take an item from a generator that delegates to another.

    One operation is one item through both generators. Expect a little more than one
    generator's item: the delegation is resumed without running Python in between.
    """

    def inner() -> Iterator[None]:
        for _ in range(ITEMS):
            yield

    def outer() -> Iterator[None]:
        yield from inner()

    time_items(benchmark, outer)
