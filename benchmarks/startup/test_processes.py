"""What a second process costs, by how it is started and spoken to."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="processes")

Serving = Callable[[str], Callable[[], None]]

ROUND_TRIPS = 100  # per timed call
MESSAGE = b"x" * 1024


def test_benchmark_startup_subprocess(
    benchmark: BenchmarkFixture, child_environment: dict[str, str]
) -> None:
    """Run a child by `subprocess.run`, send it 1 KiB and get it back.

    One operation is the pipes, the start, the copying, the end: what a program
    pays that calls another. Expect `bare` and about 1 ms.
    """
    argv = [
        sys.executable,
        "-S",
        "-c",
        "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
    ]

    def run() -> None:
        # No limit of time: with one, the child's end would be polled for.
        done = subprocess.run(
            argv, input=MESSAGE, capture_output=True, check=True, env=child_environment
        )
        if done.stdout != MESSAGE:
            raise RuntimeError(f"the child answered {done.stdout!r}")

    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    benchmark(run)


def test_benchmark_startup_pipe_round_trip(
    benchmark: BenchmarkFixture, serving: Serving
) -> None:
    """Send one byte to a child that is running and wait for its answer.

    One operation is one round trip: four system calls and two processes woken. The
    child exists. Expect 3 to 30 us, least where both share a CPU: the floor of the
    rows below, whose children are asked in this way.
    """
    ask = serving("echo")

    def round_trips() -> None:
        for _ in range(ROUND_TRIPS):
            ask()

    benchmark.extra_info["operations"] = ROUND_TRIPS
    benchmark(round_trips)


@pytest.mark.parametrize(
    "method", ["fork", "spawn", "forkserver"], ids=lambda name: f"method={name}"
)
def test_benchmark_startup_process(
    benchmark: BenchmarkFixture, serving: Serving, method: str
) -> None:
    """Start a `multiprocessing.Process` that does nothing, and join it.

    One operation takes place in a child that exists, a small program of one thread,
    when it is asked through a pipe. Expect 1 to 3 ms for `fork`, whose cost grows
    with the memory of the program that forks; 30 to 80 ms for `spawn`, a new
    interpreter that imports multiprocessing and the program; 2 to 6 ms for
    `forkserver`, whose server has been started by an untimed first process.
    """
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"n/a: this platform has no start method {method!r}")
    benchmark(serving(method))
