"""What making an array costs, by where its contents come from."""

from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="creation", max_time=0.2)

Statement = Callable[..., object]

# Elements of 8 bytes. 64 MiB is above what glibc ever keeps of freed memory (its
# threshold grows to 32 MiB by itself): each array is new pages from the kernel.
LARGE = 1 << 23
MIDDLE = 100_000
LISTED = 1000


def test_benchmark_numpy_empty_small(np: ModuleType, statement: Statement) -> None:
    """Make an array of 8 elements without contents, and drop it.

    One operation is `empty(8)`: parsing the argument, the array object, and 64 bytes
    of memory, which numpy keeps for the next array of that size. Expect 60 to
    200 ns: the floor of every operation that makes an array.
    """
    statement("_ = empty(8)", empty=np.empty)


def test_benchmark_numpy_zeros_large(
    benchmark: BenchmarkFixture, np: ModuleType
) -> None:
    """Make an array of 64 MiB of zeros that is never read, and drop it.

    One operation is `zeros`: pages are asked for and given back, none is touched.
    Expect 2 to 20 us: the kernel promises zeros, and keeps no promise before it
    must. Next to `ones_large` it shows why timing `zeros` alone tells nothing.
    """
    benchmark(np.zeros, LARGE)


def test_benchmark_numpy_ones_large(
    benchmark: BenchmarkFixture, np: ModuleType
) -> None:
    """Make an array of 64 MiB of ones, and drop it.

    One operation is `ones`: 8 Mi stores into pages that the kernel has to find and
    clear at the first touch. Expect 8 to 40 ms; what `fill_large` does not explain
    of it is page faults, fewer where the kernel gives huge pages.
    """
    benchmark(np.ones, LARGE)


def test_benchmark_numpy_fill_large(
    benchmark: BenchmarkFixture, np: ModuleType
) -> None:
    """Fill 64 MiB of memory that was touched before.

    One operation is `fill` with a float. Expect 3 to 15 ms, the speed of memory;
    the control of `ones_large`.
    """
    array = np.ones(LARGE)
    benchmark(array.fill, 2.0)
    assert array[0] == array[-1] == 2.0


def test_benchmark_numpy_arange(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Count to a hundred thousand into a new array of floats.

    One operation is `arange(100000.0)` with its 800 kB. Expect 20 to 100 us: the
    array stays in the cache, and its memory comes from the allocator.
    """
    benchmark(np.arange, float(MIDDLE))


def test_benchmark_numpy_random(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Draw a hundred thousand uniform floats into a new array.

    One operation is `Generator.random` of PCG64. Expect 150 to 500 us, 1.5 to 5 ns
    a number, made under the generator's own lock and without the GIL.
    """
    generator = np.random.default_rng(seed=1)
    benchmark(generator.random, MIDDLE)


def test_benchmark_numpy_from_list(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Make an array of a list of a thousand floats.

    One operation is one element, looked at twice: once to choose the array's type,
    once to copy. Expect 10 to 50 ns, a hundred times what copying it from another
    array takes (`cast[to=float64]`).
    """
    listed = [float(number) for number in range(LISTED)]
    benchmark.extra_info["operations"] = LISTED
    benchmark(np.array, listed)


def test_benchmark_numpy_to_list(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Make a list of an array of a thousand floats.

    One operation is one element: a Python float is made of it. Expect 7 to 30 ns,
    less than looping over the array (`iterate`), which makes numpy's own scalars.
    """
    array = np.arange(float(LISTED))
    benchmark.extra_info["operations"] = LISTED
    benchmark(array.tolist)
