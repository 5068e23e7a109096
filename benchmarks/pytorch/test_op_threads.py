"""What threads of Python gain over torch's operations.

Each row splits the same work among one or two threads of a `crew`, and
`extra_info["operations"]` counts the work of all: with two CPUs, half the time for
two threads is perfect. Every thread has tensors of its own, which it made itself,
and torch uses one thread within an operation.
"""

import threading
from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="op_threads", max_time=0.2),
    pytest.mark.parametrize(
        "threads", [1, 2], ids=lambda threads: f"threads={threads}"
    ),
]

Task = Callable[[], object]
Unrolled = Callable[..., Task]
MakeCrew = Callable[..., Task]
TimeSplit = Callable[..., None]

ELEMENTS = 200_000  # 800 kB: two such tensors stay in the cache
SINES = 40  # tensors in all, about 4 ms for one thread
SMALL = 8
ADDITIONS = 4  # in all, of a thousand: about 4 ms


@pytest.fixture
def time_split(
    benchmark: BenchmarkFixture, torch: ModuleType, crew: MakeCrew, threads: int
) -> TimeSplit:
    """Return a function that times work split among threads.

    `time_split(make, calls, each)` lets each thread call `make()` once, outside the
    timing; what it returns is called over and over, and does `each` operations.
    """

    def time(make: Callable[[], Task], calls: int, each: int = 1) -> None:
        own = threading.local()
        inner: list[int] = []

        def work() -> None:
            if not hasattr(own, "operation"):
                inner.append(torch.get_num_threads())
                own.operation = make()
            operation = own.operation
            for _ in range(calls // threads):
                operation()

        run = crew(*[work] * threads)
        run()
        # A thread that torch has not seen asks for the number that was set.
        assert inner == [1] * threads
        benchmark.extra_info["operations"] = calls * each
        benchmark(run)

    return time


def test_benchmark_pytorch_threads_large(
    torch: ModuleType, time_split: TimeSplit
) -> None:
    """Compute sines of tensors of two hundred thousand floats, split among threads.

    One operation is one tensor, computed without the GIL. Expect 60 to 400 us for one
    thread and half of it for two on two CPUs, on every build.
    """

    def make() -> Task:
        numbers, out = torch.linspace(1.0, 10.0, ELEMENTS), torch.empty(ELEMENTS)
        return lambda: torch.sin(numbers, out=out)

    time_split(make, SINES)


def test_benchmark_pytorch_threads_small(
    torch: ModuleType, unrolled: Unrolled, time_split: TimeSplit
) -> None:
    """Add tensors of 8 floats in place, split among threads.

    One operation is one `add_`. torch gives the GIL up in every operation, however
    small: with a GIL expect two threads to take two to five times as long as one, for
    handing it to and fro. Without it expect between half and the same.
    """

    def make() -> Task:
        tensor, zeros = torch.ones(SMALL), torch.zeros(SMALL)
        return unrolled("tensor.add_(zeros)", tensor=tensor, zeros=zeros)

    time_split(make, ADDITIONS, each=1000)
