"""What event loops cost to open, to run beside each other, and to replace."""

import asyncio
import importlib.util
import sys
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pybench.target.plugin import AsyncFixture

pytestmark = pytest.mark.benchmark(group="loops")

Task = Callable[[], object]

SWITCHES = 2_000  # turns of a loop in a timed call


async def turn(times: int) -> None:
    """Let the loop turn."""
    for _ in range(times):
        await asyncio.sleep(0)


async def nothing() -> None:
    """Return at once."""


def test_benchmark_async_runner(benchmark: BenchmarkFixture) -> None:
    """Open a runner, run a coroutine that returns at once, and close it.

    One operation is what `asyncio.run` does. Expect 50 to 200 us: the selector, the
    socket pair that wakes it, and the shutting down of what might be left.
    """

    def run() -> None:
        with asyncio.Runner(debug=False) as runner:
            runner.run(nothing())

    benchmark(run)


def test_benchmark_async_loop_open(benchmark: BenchmarkFixture) -> None:
    """Open an event loop and close it.

    One operation is both. Expect 20 to 100 us, most of `runner`.
    """
    benchmark(lambda: asyncio.new_event_loop().close())


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_async_loop_each(
    benchmark: BenchmarkFixture, crew: Callable[..., Task], threads: int
) -> None:
    """Let a loop turn on each of so many threads.

    One operation is one turn of each loop. Expect 1 to 4 us on one thread. With two,
    the same without a GIL, from 3.14 on, where each thread has its own list of tasks;
    twice that with one.
    """
    loops = [asyncio.new_event_loop() for _ in range(threads)]

    def of(loop: asyncio.AbstractEventLoop) -> Task:
        return lambda: loop.run_until_complete(turn(SWITCHES))

    benchmark.extra_info["operations"] = SWITCHES
    try:
        benchmark(crew(*map(of, loops)))
    finally:
        for loop in loops:
            loop.close()


@pytest.mark.needs("uvloop")
@pytest.mark.async_loop("uvloop")
def test_benchmark_async_uvloop(benchmark_async: AsyncFixture) -> None:
    """Let a loop of uvloop turn.

    One operation is one turn, to be held against `task_switch`. Expect 0.3 to 1 us. n/a
    where uvloop is not installed, and on a build without the GIL unless it says that
    it does not need one.
    """
    if importlib.util.find_spec("uvloop") is None:
        pytest.skip(
            "n/a: uvloop is not installed: pip install uvloop, or compare --with uvloop"
        )
    gil_enabled: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)
    if not gil_enabled():
        pytest.skip("n/a: uvloop may turn the GIL on, which would void later rows")
    benchmark_async.extra_info["operations"] = SWITCHES
    benchmark_async(turn, SWITCHES)


def test_benchmark_async_subprocess(benchmark_async: AsyncFixture) -> None:
    """Start a child process on a loop and wait for its end.

    One operation is `create_subprocess_exec` of a program that does nothing, and
    `wait`. Expect 1 to 5 ms: starting it is nearly all; `startup_subprocess` is the
    same without a loop.
    """

    async def run() -> int:
        child = await asyncio.create_subprocess_exec("/bin/true")
        return await asyncio.wait_for(child.wait(), 30)

    assert benchmark_async(run) == 0
