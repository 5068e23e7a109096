"""Child interpreters: how they are started, fed, watched and made to tell errors.

A child gets an environment made here, not the caller's: nothing of the user's may
slow it down or speed it up. It imports from the standard library alone, it reads
and writes bytecode in a folder of this session (so that neither the state of the
installation nor a read-only one matters), and its GIL is on or off as it is here.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

SERVE = Path(__file__).with_name("serve.py")

# Seconds after which a child is taken for stuck, and killed. Far above any start.
STUCK_S = 60.0

# What a child may need of the caller's environment: to be found and linked, to put
# temporary files somewhere, and to be the same kind of run as this one.
INHERITED = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONHOME",
    "TMPDIR",
    "PYTHONHASHSEED",
    "PYTHON_JIT",
)

# Children that are timed where each needs something done before it.
ROUNDS = 10

Ask = Callable[[], None]
Before = Callable[[], None]


class ChildFailedError(Exception):
    """A child ended otherwise than it should, with what it wrote to stderr."""


@pytest.fixture(scope="session")
def child_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make the environment of every child of this session.

    Variables do what `-I` does and reach the children's children too, which a
    process started by multiprocessing would not hear of otherwise.
    """
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= {
        # Neither a legacy locale to be coerced nor one that has to be loaded.
        "LC_ALL": "C.UTF-8",
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode")),
    }
    gil_enabled: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    if "t" in sys.abiflags and gil_enabled is not None:
        environment["PYTHON_GIL"] = str(int(gil_enabled()))
    return environment


@contextmanager
def watched(kill: Callable[[], None]) -> Iterator[None]:
    """Call `kill` if the block takes longer than any honest one.

    A sleeping thread, because waiting for a child with a limit of time polls it,
    at intervals of up to 50 ms: that would be the time measured.
    """
    timer = threading.Timer(STUCK_S, kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


class Spawner:
    """Starts a child, waits for its end, and knows what CPU time it took."""

    def __init__(
        self, arguments: tuple[str, ...], environment: dict[str, str], stderr: IO[bytes]
    ) -> None:
        self._argv = (sys.executable, *arguments)
        self._environment = environment
        self._stderr = stderr
        self._files = (
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, stderr.fileno(), 2),
        )
        self._pid: int | None = None
        self.cpu_s: list[float] = []

    def __call__(self) -> None:
        """Start the child and wait until it has ended well: what a row times.

        `subprocess` would add 0.3 ms of Python, and would not tell the CPU time.
        """
        self._pid = os.posix_spawn(
            self._argv[0], self._argv, self._environment, file_actions=self._files
        )
        _, status, usage = os.wait4(self._pid, 0)
        self._pid = None
        exit_code = os.waitstatus_to_exitcode(status)
        if exit_code:
            raise ChildFailedError(told(self._argv, exit_code, self._stderr))
        self.cpu_s.append(usage.ru_utime + usage.ru_stime)

    def kill(self) -> None:
        """End the child that is running, if there is one."""
        if self._pid is not None:
            os.kill(self._pid, 9)


def told(argv: tuple[str, ...], exit_code: int | None, stderr: IO[bytes]) -> str:
    """Word a child's failure, with the end of what it wrote."""
    stderr.seek(0)
    written = stderr.read().decode(errors="replace")[-2000:]
    return f"exit code {exit_code} of {' '.join(argv)!r}; its stderr:\n{written}"


@pytest.fixture
def time_child(
    benchmark: BenchmarkFixture, child_environment: dict[str, str]
) -> Callable[..., None]:
    """Return a function that times a child from its start to its end.

    `time_child(code, "-S", NAME=value)` times `python -S -c code`, with variables
    added to the environment. The first child is not timed: it fills the folder of
    bytecode and the system's caches. With `before`, that is called before each of the
    `ROUNDS` children that are timed then. The median CPU time of the children, the
    parent's waiting left out, goes to `benchmark.extra_info["child_cpu_s"]`. `floor`
    is the operation of the row whose time is a part of this one's.
    """

    def time(
        code: str,
        *flags: str,
        before: Before | None = None,
        floor: str = "",
        **variables: str,
    ) -> None:
        if floor:
            benchmark.extra_info["floor"] = f"test_benchmark_startup_{floor}"
        if not hasattr(os, "posix_spawn"):
            pytest.skip("n/a: this platform has no posix_spawn")
        arguments = (*flags, "-c", code)
        with tempfile.TemporaryFile() as stderr:
            spawn = Spawner(arguments, child_environment | variables, stderr)
            with watched(spawn.kill):
                spawn()
                spawn.cpu_s.clear()
                if before is None:
                    benchmark(spawn)
                else:
                    benchmark.pedantic(  # type: ignore[no-untyped-call]
                        spawn, setup=before, rounds=ROUNDS
                    )
        benchmark.extra_info["child_cpu_s"] = statistics.median(spawn.cpu_s)

    return time


@pytest.fixture
def serving(child_environment: dict[str, str]) -> Iterator[Callable[..., Ask]]:
    """Return a function that starts a child which does one thing when asked.

    `serving(kind, ..., NAME=value)` starts `serve.py`, with arguments of the kind and
    more variables, and returns a function that asks the child to do it once and waits
    until it has: some tens of microseconds of pipe besides the thing itself. The child
    is started and ended outside the timing.
    """
    with ExitStack() as stack:

        def serve(kind: str, *arguments: object, **variables: str) -> Ask:
            words = [str(argument) for argument in arguments]
            argv = (sys.executable, "-S", str(SERVE), kind, *words)
            stderr = stack.enter_context(tempfile.TemporaryFile())
            child = stack.enter_context(
                subprocess.Popen(
                    argv,
                    env=child_environment | variables,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    bufsize=0,
                )
            )
            # Unwound before the two above: the end of its input ends the child.
            stack.enter_context(watched(child.kill))
            assert child.stdin is not None
            assert child.stdout is not None
            stack.callback(child.stdin.close)
            request, answer = child.stdin.write, child.stdout.read

            def ask() -> None:
                request(b"?")
                if answer(1) != b"!":
                    raise ChildFailedError(told(argv, child.wait(), stderr))

            ask()  # what the child does only the first time is no part of a row
            return ask

        yield serve
