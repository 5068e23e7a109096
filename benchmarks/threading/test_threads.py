"""What threads cost: starting, joining, asking which one this is."""

import _thread
import threading
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="threads")

Statement = Callable[..., object]

TOGETHER = 10  # threads alive at once in the row that starts several


def nothing() -> None:
    """Do nothing."""


def test_benchmark_threading_thread_start(benchmark: BenchmarkFixture) -> None:
    """Make a `Thread`, start it, join it.

    One operation is the object, the system's thread, waiting until it has begun
    (`start` does that), an empty function, and the join. Expect 40 to 150 us, more
    than half of it the system's; one of them alone, so nothing overlaps.
    """

    def start() -> None:
        thread = threading.Thread(target=nothing)
        thread.start()
        thread.join()

    benchmark.extra_info["threads"] = 1
    benchmark(start)


def test_benchmark_threading_thread_start_many(benchmark: BenchmarkFixture) -> None:
    """Start ten threads, then join them all.

    One operation is one thread's share: `operations` is 10. Expect a little less
    than `thread_start`: starting waits for each to have begun, so only the ends
    overlap.
    """

    def start() -> None:
        threads = [threading.Thread(target=nothing) for _ in range(TOGETHER)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    benchmark.extra_info["operations"] = TOGETHER
    benchmark.extra_info["threads"] = TOGETHER
    benchmark(start)


def test_benchmark_threading_thread_bare(benchmark: BenchmarkFixture) -> None:
    """Start a thread without a `Thread` object and wait for a lock it releases.

    One operation is `_thread.start_new_thread` and one lock. Expect a third to a
    half of `thread_start`: the difference is `threading`'s own book-keeping. The
    thread's end is not waited for, only its last act.
    """
    done = threading.Lock()
    done.acquire()
    release = done.release

    def start() -> None:
        _thread.start_new_thread(release, ())
        done.acquire()

    benchmark.extra_info["threads"] = 1
    benchmark(start)


def test_benchmark_threading_thread_current(statement: Statement) -> None:
    """Ask which `Thread` is running.

    One operation is `current_thread()`: a Python call and a dict. Expect 40 to
    100 ns.
    """
    statement("current()", current=threading.current_thread)


def test_benchmark_threading_thread_ident(statement: Statement) -> None:
    """Ask for the number of the running thread.

    One operation is `get_ident()`, a C call, and a new integer. Expect 15 to 30 ns.
    """
    statement("ident()", ident=threading.get_ident)
