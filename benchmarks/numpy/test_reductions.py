"""What turning many elements into few, or into order, costs."""

from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="reductions", max_time=0.2)

Statement = Callable[..., object]

SIDE = 256  # of a square: 512 kB
SORTED = 10_000


def test_benchmark_numpy_mean_small(np: ModuleType, statement: Statement) -> None:
    """Take the mean of 8 floats.

    One operation is `array.mean()`: much of it is Python, in numpy itself. Expect
    1.5 to 7 us, ten times `add_small`; a faster interpreter shows here.
    """
    statement("_ = mean()", mean=np.arange(8.0).mean)


@pytest.mark.parametrize("axis", [None, 0, 1], ids=["axis=all", "axis=0", "axis=1"])
def test_benchmark_numpy_sum(
    benchmark: BenchmarkFixture, np: ModuleType, axis: int | None
) -> None:
    """Add up a square of 256 x 256, or its columns, or its rows.

    One operation is one element read. Expect 0.1 to 0.6 ns: numpy goes through
    memory in its own order either way. For `axis=0` it adds rows to a row of sums,
    for `axis=1` it adds pairwise within each row, which is more exact.
    """
    square = np.ones((SIDE, SIDE))
    benchmark.extra_info["operations"] = SIDE * SIDE
    result = benchmark(square.sum, axis)
    assert np.sum(result) == SIDE * SIDE


def test_benchmark_numpy_cumsum(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Compute running sums of 65536 floats.

    One operation is one element, written into memory that exists. Expect 1 to 4 ns,
    ten times `sum`: each addition waits for the one before.
    """
    array, out = np.ones(SIDE * SIDE), np.empty(SIDE * SIDE)
    benchmark.extra_info["operations"] = SIDE * SIDE
    benchmark(np.cumsum, array, None, None, out)
    assert out[-1] == SIDE * SIDE


@pytest.mark.parametrize(
    "ordered", [False, True], ids=["input=random", "input=ordered"]
)
def test_benchmark_numpy_sort(
    benchmark: BenchmarkFixture, np: ModuleType, ordered: bool
) -> None:
    """Sort a copy of ten thousand floats, at random or in order already.

    One operation is one whole `np.sort`, its copy being some 2 us of it. Expect 20
    to 600 us for random ones, by whether this numpy has a vectorised sort for this
    CPU, and no more for ordered ones.
    """
    array = np.random.default_rng(seed=1).random(SORTED)
    if ordered:
        array.sort()
    result = benchmark(np.sort, array)
    assert (result[:-1] <= result[1:]).all()


def test_benchmark_numpy_argsort(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Find the order of ten thousand random floats.

    One operation is one whole `argsort`. Expect up to several times
    `sort[input=random]`: the elements are reached through their indices.
    """
    array = np.random.default_rng(seed=1).random(SORTED)
    order = benchmark(array.argsort)
    assert (np.diff(array[order]) >= 0).all()


def test_benchmark_numpy_partition(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Find the median of ten thousand random floats by partitioning a copy.

    One operation is one whole `np.partition`. Expect a fraction of
    `sort[input=random]`: either side is left in disorder.
    """
    array = np.random.default_rng(seed=1).random(SORTED)
    result = benchmark(np.partition, array, SORTED // 2)
    assert result[SORTED // 2] == np.sort(array)[SORTED // 2]
