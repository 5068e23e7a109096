"""What a second process costs, by how it is started and spoken to."""

import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="processes")

Serving = Callable[..., Callable[[], None]]

ROUND_TRIPS = 100  # per timed call
MESSAGE = b"x" * 1024
LARGE_MESSAGE = b"x" * 2**22


ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"


def skip_unless_available(method: str) -> None:
    """Skip the row where processes cannot be started in this way."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"n/a: this platform has no start method {method!r}")


def program() -> str:
    """Find the smallest program there is, or skip the row."""
    found = shutil.which("true")
    if found is None:
        pytest.skip("n/a: there is no program `true` on the path")
    return found


def echo(message: bytes, environment: dict[str, str]) -> Callable[[], None]:
    """Return a function that runs a child which sends a message back."""
    argv = [sys.executable, "-S", "-c", ECHO]

    def run() -> None:
        # No limit of time: with one, the child's end would be polled for.
        done = subprocess.run(
            argv, input=message, capture_output=True, check=True, env=environment
        )
        if done.stdout != message:
            raise RuntimeError(f"the child answered {done.stdout[:100]!r}")

    return run


def test_benchmark_startup_subprocess(
    benchmark: BenchmarkFixture, child_environment: dict[str, str]
) -> None:
    """Run a child by `subprocess.run`, send it 1 KiB and get it back.

    One operation is the pipes, the start, the copying, the end: what a program
    pays that calls another. Expect `bare` and about 1 ms.
    """
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    benchmark(echo(MESSAGE, child_environment))


def test_benchmark_startup_subprocess_large(
    benchmark: BenchmarkFixture, child_environment: dict[str, str]
) -> None:
    """Run a child by `subprocess.run`, send it 4 MiB and get them back.

    The difference to `subprocess` is the copying through two pipes, in pieces of 4 KiB
    there and of at most 32 KiB back. Expect 2 to 20 ms more.
    """
    benchmark.extra_info["floor"] = "test_benchmark_startup_subprocess"
    benchmark(echo(LARGE_MESSAGE, child_environment))


def test_benchmark_startup_subprocess_true(
    benchmark: BenchmarkFixture, child_environment: dict[str, str]
) -> None:
    """Run the program `true` by `subprocess.run`.

    One operation is the start and the end of a program that does nothing, and what
    the module adds. Expect 0.7 to 3 ms.
    """
    argv = [program()]
    benchmark.extra_info["floor"] = "test_benchmark_startup_spawn_true"
    benchmark(lambda: subprocess.run(argv, check=True, env=child_environment))


def test_benchmark_startup_spawn_true(
    benchmark: BenchmarkFixture, child_environment: dict[str, str]
) -> None:
    """Run the program `true` by `os.posix_spawn`.

    One operation is the start, the end and waiting for it: the system's part of every
    row that has a child. Expect 0.4 to 2 ms.
    """
    if not hasattr(os, "posix_spawn"):
        pytest.skip("n/a: this platform has no posix_spawn")
    argv = [program()]

    def run() -> None:
        pid = os.posix_spawn(argv[0], argv, child_environment)
        _, status = os.waitpid(pid, 0)
        if status:
            raise RuntimeError(f"status {status} of {argv[0]}")

    benchmark(run)


def test_benchmark_startup_fork(benchmark: BenchmarkFixture, serving: Serving) -> None:
    """Fork, let the child leave at once, and wait for its end.

    One operation takes place in a child that exists, a small program of one thread:
    `os.fork`, `os._exit`, `os.waitpid`. Expect 0.3 to 2 ms, in proportion to the memory
    of who forks; the difference to `process[method=fork]` is multiprocessing.
    """
    if not hasattr(os, "fork"):
        pytest.skip("n/a: this platform has no fork")
    benchmark(serving("fork-alone"))


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
    skip_unless_available(method)
    benchmark(serving(method))


@pytest.mark.parametrize(
    "method", ["fork", "spawn", "forkserver"], ids=lambda name: f"method={name}"
)
def test_benchmark_startup_pool(
    benchmark: BenchmarkFixture, serving: Serving, method: str
) -> None:
    """Start a `multiprocessing.Pool` of two, give it one task, close and join it.

    One operation takes place in a child that exists. Besides two processes there are
    two queues and three threads. Expect 5 to 15 ms with `fork`, 20 to 50 ms with
    `forkserver`, whose processes have to import `multiprocessing.pool`, and two to
    three times `process[method=spawn]` with that method.
    """
    skip_unless_available(method)
    benchmark(serving("pool", method))


@pytest.mark.parametrize(
    "method", ["fork", "spawn", "forkserver"], ids=lambda name: f"method={name}"
)
def test_benchmark_startup_executor(
    benchmark: BenchmarkFixture, serving: Serving, method: str
) -> None:
    """Start a `ProcessPoolExecutor` of one process, give it one task, shut it down.

    One operation takes place in a child that exists. Expect 2 to 4 ms above
    `process[method=fork]` with that method, for two queues, two threads and the task,
    and 15 to 30 ms above the others, whose process has to import `concurrent.futures`.
    """
    skip_unless_available(method)
    benchmark(serving("executor", method))


def test_benchmark_startup_pool_task(
    benchmark: BenchmarkFixture, serving: Serving
) -> None:
    """Give a pool that exists one task, and wait for its result.

    One operation is `Pool.apply` of a function that does nothing, to one process: two
    pickles, two pipes, and four threads that hand over. Expect 50 to 250 us.
    """
    times = 20
    benchmark.extra_info["operations"] = times
    benchmark(serving("pool-task", times))
