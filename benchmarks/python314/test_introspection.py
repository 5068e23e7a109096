"""What looking into a running program costs, from inside and from outside."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="introspection", max_time=0.15)

DEPTH = 10  # of coroutines that await each other
STUCK_S = 60.0

# Runs Python all the time, because only then does it look for what it was sent.
BUSY = """
import os
os.write(1, b"!")
while True:
    pass
"""
SENT = """
import os
os.write(1, b"?")
"""


async def wait_below(depth: int, event: asyncio.Event) -> None:
    """Wait for an event, so many coroutines down."""
    if depth:
        await wait_below(depth - 1, event)
    else:
        await event.wait()


def time_with_task(
    benchmark: BenchmarkFixture, look: Callable[[asyncio.Task[None]], object]
) -> None:
    """Time a function of a task that waits ten coroutines down."""

    async def main() -> None:
        event = asyncio.Event()
        task = asyncio.create_task(wait_below(DEPTH - 1, event))
        await asyncio.sleep(0)
        benchmark(look, task)
        event.set()
        await task

    asyncio.run(main())


def test_benchmark_python314_task_stack(benchmark: BenchmarkFixture) -> None:
    """Ask a task that waits for its stack, as has always been possible.

    One operation is `Task.get_stack`, which knows the outermost coroutine alone of a
    task that waits. Expect 0.2 to 2 us.
    """
    time_with_task(benchmark, lambda task: task.get_stack())


def test_benchmark_python314_call_graph(benchmark: BenchmarkFixture) -> None:
    """Capture the call graph of a task that waits ten coroutines down.

    One operation is `asyncio.capture_call_graph`: an object for each of the frames
    and the task's awaiters. Expect 2 to 20 us, all of it Python, some ten times
    `task_stack`, which sees a tenth.
    """
    capture: Any = getattr(asyncio, "capture_call_graph", None)
    if capture is None:
        pytest.skip("n/a: needs Python 3.14 (asyncio.capture_call_graph)")

    def look(task: asyncio.Task[None]) -> object:
        graph = capture(task)
        assert len(graph.call_stack) >= DEPTH
        return graph

    time_with_task(benchmark, look)


@pytest.fixture
def busy_child() -> Iterator[subprocess.Popen[bytes]]:
    """Start a child that is busy with Python until the row ends."""
    argv = (sys.executable, "-S", "-c", BUSY)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, bufsize=0) as child:
        # A child that does not do what it was sent would be waited for for ever.
        timer = threading.Timer(STUCK_S, child.kill)
        timer.start()
        try:
            assert child.stdout is not None
            assert child.stdout.read(1) == b"!"
            yield child
        finally:
            timer.cancel()
            timer.join()
            child.kill()


def test_benchmark_python314_remote_exec(
    benchmark: BenchmarkFixture, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Have another process run a script, and wait until it has (PEP 768).

    One operation is `sys.remote_exec` for a child that is in a Python loop, and a
    byte from the script through a pipe: the child's memory is found, read and written
    by this process, the child notices at its next turn, opens the file, compiles and
    runs it. Expect 60 to 400 us. Being asked costs the child nothing before that.
    """
    remote_exec: Any = getattr(sys, "remote_exec", None)
    if remote_exec is None:
        pytest.skip("n/a: needs Python 3.14 (PEP 768)")
    is_enabled: Callable[[], bool] = getattr(sys, "is_remote_debug_enabled")  # noqa: B009
    if not is_enabled():
        pytest.skip("n/a: remote debugging is switched off for this Python")
    child = request.getfixturevalue("busy_child")
    script = tmp_path / "sent.py"
    script.write_text(SENT)

    def execute() -> None:
        remote_exec(child.pid, str(script))
        if child.stdout.read(1) != b"?":
            raise RuntimeError("the child ended instead of running the script")

    try:
        execute()
    except PermissionError as error:
        pytest.skip(f"n/a: no process may write into its child here: {error}")
    benchmark(execute)
