"""What handing work to a pool of threads costs."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="executors")

Statement = Callable[..., object]

WORKERS = 2
BATCH = 200  # submissions per timed call


def nothing(_: object = None) -> None:
    """Do nothing."""


def nothing_ready(future: Future[None]) -> None:
    """Do nothing with a future."""


@pytest.fixture
def pool(benchmark: BenchmarkFixture) -> Iterator[ThreadPoolExecutor]:
    """Give a row a pool whose threads have started."""
    benchmark.extra_info["threads"] = WORKERS
    with ThreadPoolExecutor(WORKERS) as started:
        # More at once than there are workers: each submission may start one.
        wait([started.submit(nothing) for _ in range(8 * WORKERS)])
        yield started


def test_benchmark_threading_executor_submit(
    benchmark: BenchmarkFixture, pool: ThreadPoolExecutor
) -> None:
    """Submit an empty function to a pool and wait for its result.

    One operation is the future, the queue, a worker's wake-up and the way back,
    with nothing else going on. The pool exists. Expect 20 to 100 us.
    """

    def submit() -> None:
        for _ in range(BATCH):
            pool.submit(nothing).result()

    benchmark.extra_info["operations"] = BATCH
    benchmark(submit)


def test_benchmark_threading_executor_batch(
    benchmark: BenchmarkFixture, pool: ThreadPoolExecutor
) -> None:
    """Submit two hundred empty functions, then wait for all of them.

    One operation is one submission's share. Expect a third of `executor_submit` or
    less with a GIL, where workers find the next piece of work without sleeping; two
    workers without a GIL contend for the queue instead.
    """

    def submit() -> None:
        wait([pool.submit(nothing) for _ in range(BATCH)])

    benchmark.extra_info["operations"] = BATCH
    benchmark(submit)


def test_benchmark_threading_executor_map(
    benchmark: BenchmarkFixture, pool: ThreadPoolExecutor
) -> None:
    """Map an empty function over two hundred items through the pool.

    One operation is one item's share. Expect about `executor_batch`: `map` submits
    every item by itself.
    """

    def submit() -> None:
        for _ in pool.map(nothing, range(BATCH)):
            pass

    benchmark.extra_info["operations"] = BATCH
    benchmark(submit)


def test_benchmark_threading_future_resolve(statement: Statement) -> None:
    """Make a `concurrent.futures.Future`, watch it, complete it, read it.

    One operation is all four in one thread, so no pool and no wake-up: the part of
    `executor_submit` that is the future's. Expect 2 to 6 us: a condition each.
    """
    source = (
        "future = Future()\n"
        "future.add_done_callback(ready)\n"
        "future.set_result(None)\n"
        "future.result()"
    )
    statement(source, Future=Future, ready=nothing_ready)
