"""What an operation on whole arrays costs: the call, the elements, the memory."""

from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="ufuncs", max_time=0.2)

Statement = Callable[..., object]

SMALL = 8  # elements of 8 bytes: the operation itself takes a nanosecond or two
# Three arrays of so many: 24 kB stay in a first-level cache, 96 MiB in none.
RESIDENCES = {"cache": 1000, "memory": 1 << 22}
SIDE = 256  # of a square: 512 kB
CHAINED = 1 << 17  # elements: arrays of 1 MiB
OBJECTS = 1000


def test_benchmark_numpy_add_small(np: ModuleType, statement: Statement) -> None:
    """Add two arrays of 8 floats.

    One operation is `first + second`, with its new array. Expect 150 to 700 ns, of
    which the eight additions take two: finding the loop for these types, checking
    shapes, and making the result are the same for any size.
    """
    array = np.arange(float(SMALL))
    statement("_ = first + second", first=array, second=array)


def test_benchmark_numpy_add_small_out(np: ModuleType, statement: Statement) -> None:
    """Add two arrays of 8 floats into one that exists.

    One operation is `add(first, second, out)`. Expect a fifth or more below
    `add_small`: no array is made.
    """
    array, out = np.arange(float(SMALL)), np.empty(SMALL)
    statement("add(first, second, out)", add=np.add, first=array, second=array, out=out)
    assert out.tolist() == [2.0 * number for number in range(SMALL)]


@pytest.mark.parametrize("where", RESIDENCES, ids=lambda where: f"where={where}")
def test_benchmark_numpy_add_large(
    benchmark: BenchmarkFixture, np: ModuleType, where: str
) -> None:
    """Add two large arrays into a third, which stay in the cache or do not.

    One operation is one element: two floats read, one written. In the cache expect
    0.2 to 0.6 ns, the call's half microsecond shared by a thousand elements
    included; from memory 1 to 3 ns, which is its bandwidth: a faster interpreter
    changes nothing here.
    """
    elements = RESIDENCES[where]
    array, out = np.arange(float(elements)), np.ones(elements)
    benchmark.extra_info["operations"] = elements
    benchmark(np.add, array, array.copy(), out)
    assert out[-1] == 2.0 * (elements - 1)


@pytest.mark.parametrize(
    "other", ["array", "row", "column"], ids=lambda other: f"other={other}"
)
def test_benchmark_numpy_broadcast(
    benchmark: BenchmarkFixture, np: ModuleType, other: str
) -> None:
    """Add something to a square of 256 x 256: a square, a row, or a column.

    One operation is one element of the result, which exists already. `array` is the
    control: one loop over everything. `row` and `column` are read 256 times from
    the cache, in 256 loops of 256. Expect 0.2 to 0.6 ns, and the broadcast ones to
    differ by less than half: they read less and start more loops.
    """
    shape = {"array": (SIDE, SIDE), "row": (1, SIDE), "column": (SIDE, 1)}[other]
    square, out = np.ones((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    added = np.full(shape, 2.0)
    benchmark.extra_info["operations"] = SIDE * SIDE
    benchmark(np.add, square, added, out)
    assert (out == 3.0).all()


@pytest.mark.parametrize("kept", [False, True], ids=["into=temporary", "into=memory"])
def test_benchmark_numpy_chain(
    benchmark: BenchmarkFixture, np: ModuleType, kept: bool
) -> None:
    """Compute `a * b + c - d` of arrays of 1 MiB, with temporaries or without.

    One operation is one element through all three steps. `into=temporary` is the
    expression as people write it, where numpy may use a temporary again;
    `into=memory` gives every step the same result array. Expect 0.5 to 3 ns, and
    `memory` less by what allocating and touching new memory takes.
    """
    a, b, c, d = (np.full(CHAINED, value) for value in (2.0, 3.0, 4.0, 5.0))
    out = np.empty(CHAINED)

    def write_expression() -> object:
        return a * b + c - d

    def reuse_memory() -> object:
        np.multiply(a, b, out)
        np.add(out, c, out)
        return np.subtract(out, d, out)

    compute = reuse_memory if kept else write_expression
    benchmark.extra_info["operations"] = CHAINED
    benchmark(compute)
    assert (np.asarray(compute()) == 5.0).all()


def test_benchmark_numpy_where(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Choose between two arrays by a third of truth values, at random.

    One operation is one element of `where`, with its share of the new array. Expect
    0.5 to 6 ns: the choice is not predictable, so what matters is whether numpy's
    loop branches.
    """
    mask = np.random.default_rng(seed=1).random(CHAINED) < 0.5
    low, high = np.zeros(CHAINED), np.ones(CHAINED)
    benchmark.extra_info["operations"] = CHAINED
    benchmark(np.where, mask, high, low)
    assert np.where(mask, high, low).sum() == mask.sum()


def test_benchmark_numpy_add_objects(
    benchmark: BenchmarkFixture, np: ModuleType
) -> None:
    """Add two arrays of Python floats, held as objects.

    One operation is one element: a call of Python's addition, a new float, and the
    references. Expect 5 to 40 ns, ten to a hundred times `add_large[where=cache]`.
    """
    array = np.arange(float(OBJECTS)).astype(object)
    out = array.copy()
    benchmark.extra_info["operations"] = OBJECTS
    benchmark(np.add, array, array, out)
    assert out[-1] == 2.0 * (OBJECTS - 1)
