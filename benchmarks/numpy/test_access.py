"""What reaching elements costs: one by one, by ranges, and by the way through memory.

The first rows are the price of using numpy's elements from Python, one at a time.
The others ask for the same elements in different ways.
"""

from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="access", max_time=0.2)

Statement = Callable[..., object]

ITERATED = 1000
SELECTED = 50_000  # of twice as many
SIDE = 2048  # of a square of 32 MiB; a column touches one cache line of each row
STRIDED = 16_384


def test_benchmark_numpy_scalar_read(np: ModuleType, statement: Statement) -> None:
    """Read one element of an array.

    One operation is `array[3]`: a new `float64` is made and dropped. Expect 20 to
    100 ns; a list's element takes 2 to 5.
    """
    statement("_ = array[3]", array=np.arange(8.0))


def test_benchmark_numpy_scalar_item(np: ModuleType, statement: Statement) -> None:
    """Read one element of an array as a Python float.

    One operation is `array.item(3)`. Expect as `scalar_read` or less: it is a method
    call, but what it makes is a plain float.
    """
    statement("_ = array.item(3)", array=np.arange(8.0))


def test_benchmark_numpy_scalar_write(np: ModuleType, statement: Statement) -> None:
    """Write one element of an array.

    One operation is `array[3] = 1.5`. Expect 20 to 100 ns.
    """
    statement("array[3] = 1.5", array=np.arange(8.0))


def test_benchmark_numpy_scalar_add(np: ModuleType, statement: Statement) -> None:
    """Add two of numpy's scalars.

    One operation is `first + second` of two `float64`. Expect 30 to 100 ns: no
    specialized instruction knows them, and types are examined at each addition.
    """
    number = np.float64(1.5)
    statement("_ = first + second", first=number, second=number)


def test_benchmark_numpy_iterate(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Loop over an array of a thousand floats, and do nothing with them.

    One operation is one element, made into a `float64` for the loop. Expect 15 to
    80 ns, twice `to_list` or more.
    """
    array = np.arange(float(ITERATED))

    def iterate() -> None:
        for _ in array:
            pass

    benchmark.extra_info["operations"] = ITERATED
    benchmark(iterate)


def test_benchmark_numpy_view(np: ModuleType, statement: Statement) -> None:
    """Take a slice of an array.

    One operation is `array[2:6]`: a slice object and a new array object over the
    same memory. Expect 50 to 200 ns whatever the length: nothing is copied.
    """
    statement("_ = array[2:6]", array=np.arange(8.0))


@pytest.mark.parametrize("by", ["slice", "index", "mask"], ids=lambda by: f"by={by}")
def test_benchmark_numpy_select(
    benchmark: BenchmarkFixture, np: ModuleType, by: str
) -> None:
    """Copy every second of a hundred thousand floats, asked for in three ways.

    One operation is one element of the result, a new array. `slice` is
    `array[::2].copy()`, `index` an array of integers, `mask` one of truth values,
    of which half are false. Expect the slice cheapest at 0.2 to 1 ns; the index at
    two to eight times that, since each is read and checked; the mask at ten times
    or more, since it is gone through twice, to count and to copy.
    """
    array = np.arange(2.0 * SELECTED)
    index = np.arange(0, 2 * SELECTED, 2)
    mask = np.arange(2 * SELECTED) % 2 == 0
    ways: dict[str, Callable[[], object]] = {
        "slice": lambda: array[::2].copy(),
        "index": lambda: array[index],
        "mask": lambda: array[mask],
    }
    benchmark.extra_info["operations"] = SELECTED
    benchmark(ways[by])
    assert np.array_equal(ways[by](), index)


@pytest.mark.parametrize("along", ["row", "column"], ids=lambda along: f"along={along}")
def test_benchmark_numpy_lines(
    benchmark: BenchmarkFixture, np: ModuleType, along: str
) -> None:
    """Add up the lines of a square of 32 MiB one by one, as it lies or across.

    One operation is one line of 2048 floats: a view and its `sum`. Expect 1 to 4 us
    for a row; for a column, whose elements are 16 kB apart, five to fifty times
    that: every one is in another cache line and page, and all compete for the same
    few places of the first-level cache.
    """
    square = np.ones((SIDE, SIDE))
    lines = square if along == "row" else square.T

    def add_up() -> float:
        return sum(float(line.sum()) for line in lines)

    benchmark.extra_info["operations"] = SIDE
    assert benchmark(add_up) == SIDE * SIDE


@pytest.mark.parametrize("step", [1, 8, 512], ids=lambda step: f"step={step}")
def test_benchmark_numpy_stride(
    benchmark: BenchmarkFixture, np: ModuleType, step: int
) -> None:
    """Double 16384 floats that lie next to each other or apart.

    One operation is one element, read with the step and written without. Expect
    0.15 to 0.6 ns for 1; for 8, an element in each cache line, two to six times that;
    for 512, an element in each page of 4 kB, ten times and more: every access then
    needs a translation of its own besides.
    """
    array, out = np.ones(STRIDED * step), np.empty(STRIDED)
    benchmark.extra_info["operations"] = STRIDED
    benchmark(np.add, array[::step], array[::step], out)
    assert (out == 2.0).all()
