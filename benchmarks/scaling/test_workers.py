"""Threads, processes or interpreters: the same work in the same two halves.

The pool and its workers are alive before the timing and have done the work once; a row
times handing out two halves and collecting the results, so it has what the workers
need to talk to each other in it.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from concurrent import futures
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="workers")

# Two halves that take about equally long, some milliseconds each.
HALVES = [(0, 6_000), (6_000, 9_800)]
PRIMES = 1_208  # below 9 800

FOLDER = str(Path(__file__).parent)


@pytest.fixture
def count() -> Iterator[Callable[[tuple[int, int]], int]]:
    """Give the work, importable by name in every kind of worker."""
    sys.path.insert(0, FOLDER)
    try:
        spec = importlib.util.find_spec("count_primes")
        assert spec is not None
        from count_primes import count_primes  # type: ignore[import-not-found]

        yield count_primes
    finally:
        sys.path.remove(FOLDER)


def time_pool(
    benchmark: BenchmarkFixture,
    pool: futures.Executor,
    count: Callable[[tuple[int, int]], int],
) -> None:
    """Time handing out both halves; check what came back."""
    with pool:
        assert sum(pool.map(count, HALVES)) == PRIMES  # starts and warms the workers
        benchmark.extra_info["threads"] = 2
        found = benchmark(lambda: list(pool.map(count, HALVES)))
    assert sum(found) == PRIMES


def test_benchmark_scaling_workers_none(
    benchmark: BenchmarkFixture, count: Callable[[tuple[int, int]], int]
) -> None:
    """Do both halves in this thread: what the pools are to be compared with.

    One operation is both halves. Expect some milliseconds.
    """
    assert sum(benchmark(lambda: [count(half) for half in HALVES])) == PRIMES


def test_benchmark_scaling_workers_threads(
    benchmark: BenchmarkFixture, count: Callable[[tuple[int, int]], int]
) -> None:
    """Do the halves on two threads of a pool.

    One operation is both halves. Expect half the time of `workers_none` without a GIL,
    and a little more than it with one.
    """
    time_pool(benchmark, futures.ThreadPoolExecutor(2), count)


def test_benchmark_scaling_workers_processes(
    benchmark: BenchmarkFixture, count: Callable[[tuple[int, int]], int]
) -> None:
    """Do the halves in two processes of a pool.

    One operation is both halves, with the messages to and from the processes. Expect
    half the time of `workers_none` and some hundred microseconds, GIL or not.
    """
    method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    pool = futures.ProcessPoolExecutor(2, mp_context=get_context(method))
    time_pool(benchmark, pool, count)


def test_benchmark_scaling_workers_interpreters(
    benchmark: BenchmarkFixture, count: Callable[[tuple[int, int]], int]
) -> None:
    """Do the halves in two interpreters of a pool, each with a GIL of its own.

    One operation is both halves. Expect half the time of `workers_none` and less for
    the messages than processes need. New in 3.14 (PEP 734).
    """
    if not hasattr(futures, "InterpreterPoolExecutor"):
        pytest.skip("n/a: InterpreterPoolExecutor is new in Python 3.14 (PEP 734)")
    time_pool(benchmark, futures.InterpreterPoolExecutor(2), count)
