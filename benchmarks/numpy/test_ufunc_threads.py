"""What threads of Python gain over numpy's operations.

Each row splits the same work among one or two threads of a `crew`, and
`extra_info["operations"]` counts the work of all: with two CPUs, half the time for
two threads is perfect. Every thread has arrays of its own, which it made itself, so
that nothing is shared but the interpreter, numpy's tables and the machine. BLAS has
one thread.
"""

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="ufunc_threads", max_time=0.2)

Task = Callable[[], object]
Unrolled = Callable[..., Task]
MakeCrew = Callable[..., Task]
TimeSplit = Callable[..., None]

by_threads = pytest.mark.parametrize(
    "threads", [1, 2], ids=lambda count: f"threads={count}"
)

ELEMENTS = 20_000  # 160 kB: two such arrays stay in a second-level cache
SINES = 40  # arrays in all, 4 to 10 ms for one thread
SMALL = 8
ADDITIONS = 20  # in all, of a thousand: about 4 ms
SIDE = 128
PRODUCTS = 40  # in all, about 6 ms


@pytest.fixture
def time_split(benchmark: BenchmarkFixture, crew: MakeCrew) -> TimeSplit:
    """Return a function that times work split among threads.

    `time_split(make, calls, threads)` lets each thread call `make()` once, outside
    the timing: on a free-threaded build an object's maker counts its references
    cheaply, others do not. What it returns is called over and over, and does one
    operation or as many as `each` says.
    """

    def time(make: Callable[[], Task], calls: int, threads: int, each: int = 1) -> None:
        own = threading.local()

        def work() -> None:
            if not hasattr(own, "operation"):
                own.operation = make()
            operation = own.operation
            for _ in range(calls // threads):
                operation()

        run = crew(*[work] * threads)
        run()
        benchmark.extra_info["operations"] = calls * each
        benchmark(run)

    return time


@by_threads
def test_benchmark_numpy_threads_large(
    np: ModuleType, time_split: TimeSplit, threads: int
) -> None:
    """Compute sines of arrays of twenty thousand floats, split among threads.

    One operation is one array, computed without the GIL. Expect 60 to 250 us for
    one thread and half of it for two on two CPUs, on every build.
    """

    def make() -> Task:
        numbers, out = np.linspace(1.0, 10.0, ELEMENTS), np.empty(ELEMENTS)
        return lambda: np.sin(numbers, out)

    time_split(make, SINES, threads)


@by_threads
def test_benchmark_numpy_threads_small(
    np: ModuleType, unrolled: Unrolled, time_split: TimeSplit, threads: int
) -> None:
    """Add arrays of 8 floats, split among threads.

    One operation is one addition into memory that exists. With a GIL expect two
    threads to take as long as one: numpy keeps it for less than 500 elements, and
    around the loop it is needed anyway. Without it expect between half and
    three quarters for two: the ufunc object is shared, and so are its references.
    """

    def make() -> Task:
        array, out = np.arange(float(SMALL)), np.empty(SMALL)
        return unrolled("add(array, array, out)", add=np.add, array=array, out=out)

    time_split(make, ADDITIONS, threads, each=1000)


@by_threads
def test_benchmark_numpy_threads_matmul(
    np: ModuleType, time_split: TimeSplit, threads: int
) -> None:
    """Multiply matrices of 128 x 128, split among threads.

    One operation is one product in BLAS, without the GIL. Expect 80 to 300 us for
    one thread, and half for two on two CPUs unless this BLAS takes a lock.
    """

    def make() -> Task:
        matrix, out = np.ones((SIDE, SIDE)), np.empty((SIDE, SIDE))
        return lambda: np.matmul(matrix, matrix, out)

    time_split(make, PRODUCTS, threads)


@pytest.mark.parametrize(
    "layout", ["own", "shared"], ids=lambda layout: f"layout={layout}"
)
def test_benchmark_numpy_threads_input(
    np: ModuleType, unrolled: Unrolled, time_split: TimeSplit, layout: str
) -> None:
    """Add small arrays in two threads, with operands of their own or the same ones.

    One operation is one addition of 8 floats into the thread's own result.
    `layout=own` is the control, in which the ufunc object is shared all the same.
    With a GIL expect no difference; without it twice as much for `shared`, because
    both threads count references to the operands in one place, though no thread writes
    an element.
    """
    common: Any = np.arange(float(SMALL))

    def make() -> Task:
        array = common if layout == "shared" else np.arange(float(SMALL))
        out = np.empty(SMALL)
        return unrolled("add(array, array, out)", add=np.add, array=array, out=out)

    time_split(make, ADDITIONS, 2, each=1000)
