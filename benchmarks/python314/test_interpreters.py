"""What several interpreters in one process cost to use (PEP 734).

The calls are made from a thread of a `crew`, as in a program that has interpreters
for the sake of threads. The main thread is a case of its own; see `exec`.
"""

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="interpreters", max_time=0.15)

Task = Callable[[], object]
TimeCrew = Callable[..., None]
MakeCrew = Callable[..., Task]
InThread = Callable[[Task], None]

CALLS = 50  # that a thread makes in one timed run
ROUNDS = 8  # of operations that take 10 ms and more, their preparation as much again
POLLED = 3  # round trips of 10 ms and more
SPUN = 200

SHARED = (1, "two", b"three")
PICKLED = {"one": 1}


# The functions below run in other interpreters. They name nothing global, so that
# their code is sent, and no module has to be imported there.


def nothing() -> None:
    """Do nothing."""


def give_back(value: object) -> object:
    """Return the argument."""
    return value


def echo(requests: Any, replies: Any, count: int) -> None:
    """Send back what comes, waiting as the queue does."""
    for _ in range(count):
        replies.put(requests.get())


def echo_spinning(requests: Any, replies: Any, count: int) -> None:
    """Send back what comes, asking for it without end."""
    import queue

    for _ in range(count):
        while True:
            try:
                item = requests.get_nowait()
            except queue.Empty:
                continue
            break
        replies.put(item)


def usable_cpu_count() -> int:
    """Count the CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@pytest.fixture(scope="module")
def interpreters() -> ModuleType:
    """Return `concurrent.interpreters`, or skip the row."""
    try:
        return importlib.import_module("concurrent.interpreters")
    except ModuleNotFoundError:
        pytest.skip("n/a: needs Python 3.14 (PEP 734)")


@pytest.fixture
def interpreter(interpreters: ModuleType) -> Iterator[Any]:
    """Make an interpreter for one row."""
    made = interpreters.create()
    yield made
    made.close()


@pytest.fixture
def in_thread(benchmark: BenchmarkFixture, crew: MakeCrew) -> InThread:
    """Return a function that times fifty calls of something, made by another thread."""

    def time(operation: Task) -> None:
        def repeat() -> None:
            for _ in range(CALLS):
                operation()

        benchmark.extra_info["operations"] = CALLS
        benchmark(crew(repeat))

    return time


def test_benchmark_python314_interp_create(
    interpreters: ModuleType, benchmark: BenchmarkFixture
) -> None:
    """Make an interpreter.

    One operation is `create`, in the main thread; closing is outside. Expect 8 to
    25 ms: all that is made at the start of a process is made again, and modules that
    are not frozen are imported from files.
    """
    made: list[Any] = []
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        lambda: made.append(interpreters.create()),
        teardown=lambda: made.pop().close(),
        rounds=ROUNDS,
    )


def test_benchmark_python314_interp_close(
    interpreters: ModuleType, benchmark: BenchmarkFixture
) -> None:
    """End an interpreter.

    One operation is `close` of an interpreter that has run nothing. Expect 1 to
    10 ms: its modules are cleared, and its objects looked through for cycles.
    """
    made: list[Any] = []
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        lambda: made.pop().close(),
        setup=lambda: made.append(interpreters.create()),
        rounds=ROUNDS,
    )


@pytest.mark.parametrize("thread", ["main", "worker"], ids=lambda t: f"thread={t}")
def test_benchmark_python314_interp_exec(
    interpreter: Any,
    benchmark: BenchmarkFixture,
    in_thread: InThread,
    thread: str,
) -> None:
    """Run the text `pass` in another interpreter, from one or the other thread.

    One operation is the switch, a compilation, its execution and the way back.
    Expect 10 to 50 us from a worker. From the main thread 0.1 to 1 ms on Linux:
    each time a thread state is made, the thread's stack is asked for, and for the
    main thread glibc reads `/proc/self/maps` to answer, 1 to 2 us for each line of
    `extra_info["mappings"]`.
    """
    maps = Path("/proc/self/maps")
    if maps.exists():
        benchmark.extra_info["mappings"] = maps.read_text().count("\n")

    def run() -> None:
        interpreter.exec("pass")

    if thread == "main":
        benchmark(run)
    else:
        in_thread(run)


@pytest.mark.parametrize(
    "value", ["none", "shared", "pickled"], ids=lambda value: f"value={value}"
)
def test_benchmark_python314_interp_call(
    interpreter: Any, in_thread: InThread, value: str
) -> None:
    """Call a function in another interpreter, and get its result back.

    One operation is `call` from a worker thread, of a function that gives back its
    argument, a tuple that can be `shared` or a dict that has to be `pickled` both
    ways; `none` is a function without either. Its code is sent each time. Expect 5 to
    40 us, and 5 to 30 us more for pickling.
    """
    argument: object = {"shared": SHARED, "pickled": PICKLED}.get(value)

    def call() -> object:
        if value == "none":
            return interpreter.call(nothing)
        return interpreter.call(give_back, argument)

    assert call() == argument
    in_thread(call)


@pytest.mark.parametrize("item", ["shared", "pickled"], ids=lambda i: f"item={i}")
def test_benchmark_python314_interp_queue(
    interpreters: ModuleType, benchmark: BenchmarkFixture, item: str
) -> None:
    """Put something into a cross-interpreter queue and get it out again.

    One operation is both, in one interpreter, without waiting: what the queue
    itself costs. Expect 0.4 to 2 us for a tuple that can be shared, which is copied
    nevertheless, and three times that for a dict, which is pickled.
    """
    queue = interpreters.create_queue()
    value: object = {"shared": SHARED, "pickled": PICKLED}[item]

    def pass_through() -> object:
        queue.put(value)
        return queue.get()

    assert benchmark(pass_through) == value


@pytest.mark.parametrize("wait", ["polling", "spinning"], ids=lambda w: f"wait={w}")
def test_benchmark_python314_interp_echo(
    interpreters: ModuleType, interpreter: Any, time_crew: TimeCrew, wait: str
) -> None:
    """Send a number to another interpreter and wait for it to come back.

    One operation is a round trip over two queues, between two threads that run an
    interpreter each. `wait=polling` is `Queue.get`, which looks every 10 ms: expect
    10 to 20 ms, nearly all of it asleep (gh-143017). `wait=spinning` asks with
    `get_nowait` without end, on a CPU each: expect 1 to 10 us, which is what the
    queues could do.
    """
    if wait == "spinning" and usable_cpu_count() < 2:
        pytest.skip("n/a: two threads that spin need a CPU each, and there is one")
    requests, replies = interpreters.create_queue(), interpreters.create_queue()
    count = POLLED if wait == "polling" else SPUN
    served = echo if wait == "polling" else echo_spinning

    def serve() -> None:
        interpreter.call(served, requests, replies, count)

    def get_spinning() -> object:
        while True:
            try:
                return replies.get_nowait()
            except interpreters.QueueEmpty:
                continue

    get = replies.get if wait == "polling" else get_spinning

    def ask() -> None:
        for number in range(count):
            requests.put(number)
            if get() != number:
                raise RuntimeError("the other interpreter returned something else")

    time_crew(ask, serve, operations=count)


def test_benchmark_python314_interp_pool(
    interpreters: ModuleType, benchmark: BenchmarkFixture
) -> None:
    """Have an `InterpreterPoolExecutor` of one call a function, and wait for it.

    One operation is `submit` and `result`: a hand-over to the pool's thread, the call
    in its interpreter and the way back. Expect 25 to 150 us, two to four times a
    `ThreadPoolExecutor`: the function's code and the result are sent.
    """
    futures = importlib.import_module("concurrent.futures")
    with futures.InterpreterPoolExecutor(max_workers=1) as pool:
        pool.submit(nothing).result()  # makes the interpreter
        benchmark(lambda: pool.submit(nothing).result())
