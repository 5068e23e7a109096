"""What the Python rows of this folder share: a quiet collector, and heaps apart.

Rows about allocation run with the garbage collector off: it would run in the middle
of them, over the hundred thousand objects that pytest holds. Rows about the collector,
and about the memory of a process, use a child instead (`serve.py`), which starts
with an empty heap and whose collector need not be restored.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

SERVE = Path(__file__).with_name("serve.py")

# Seconds after which a child is taken for stuck, and killed. Far above any row.
STUCK_S = 60.0

# What a child takes over: how it is found and linked, and what may change its heap.
INHERITED = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONHOME",
    "TMPDIR",
    "PYTHONHASHSEED",
    "PYTHONMALLOC",
    "PYTHON_JIT",
)

Bytes = dict[str, float]
Task = Callable[[], object]


def nothing() -> None:
    """Prepare nothing."""


class ChildFailedError(Exception):
    """A child did not answer, with what it wrote to stderr."""


@pytest.fixture
def time_prepared(benchmark: BenchmarkFixture) -> Callable[..., None]:
    """Return a function that times calls each of which needs something prepared.

    `time_prepared(act, prepare, rounds=12)` times `act` alone, one call to a round. The
    rounds are given because a budget of time would not know what preparing takes.
    """

    def time(act: Task, prepare: Task = nothing, *, rounds: int) -> None:
        def setup() -> None:
            prepare()  # its result would be taken for the arguments of `act`

        benchmark.pedantic(act, setup=setup, rounds=rounds)  # type: ignore[no-untyped-call]

    return time


@pytest.fixture
def collector_off() -> Iterator[None]:
    """Keep the garbage collector off during a row, then leave it as it was."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@pytest.fixture(scope="session")
def child_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make the environment of the children: nothing of the user's changes their heap.

    Bytecode is kept in a folder of this session, so that a child that imports
    neither writes into the installation nor compiles what it lacks each time.
    """
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= {
        "LC_ALL": "C.UTF-8",
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode")),
    }
    gil_enabled: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    if "t" in sys.abiflags and gil_enabled is not None:
        environment["PYTHON_GIL"] = str(int(gil_enabled()))
    return environment


class Child:
    """A child at work: each method is one request, and waits for its answer."""

    def __init__(self, process: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self._process = process
        self._stderr = stderr
        self._write = process.stdin.write
        self._read = process.stdout.read
        self._readline = process.stdout.readline

    def prepare(self) -> None:
        """Let the child make what the next `act` needs."""
        self._ask(b"p")

    def act(self) -> None:
        """Let the child do its thing: what a row times, with 5 to 60 us of pipe."""
        self._ask(b"a")

    def wait_ready(self) -> None:
        """Wait for the child's first sign of life, an answer to no request."""
        self._ask(b"")

    def report(self) -> dict[str, Any]:
        """Ask the child what it has counted."""
        self._write(b"r")
        line = self._readline()
        if not line.endswith(b"\n"):
            raise self._failure()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ask(self, request: bytes) -> None:
        self._write(request)
        if self._read(1) != b"!":
            raise self._failure()

    def _failure(self) -> ChildFailedError:
        exit_code = self._process.wait()
        self._stderr.seek(0)
        written = self._stderr.read().decode(errors="replace")[-2000:]
        return ChildFailedError(f"exit code {exit_code}; its stderr:\n{written}")


@pytest.fixture
def start(child_environment: dict[str, str]) -> Iterator[Callable[..., Child]]:
    """Return a function that starts an interpreter which obeys the letters p, a, r.

    `start(argument, ...)` hands the arguments to the interpreter. The child is
    killed when the row has ended, so that it need not free a million objects.
    """
    with ExitStack() as stack:

        def begin(*arguments: str) -> Child:
            stderr = stack.enter_context(tempfile.TemporaryFile())
            process = stack.enter_context(
                subprocess.Popen(
                    (sys.executable, *arguments),
                    env=child_environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    bufsize=0,
                )
            )
            # A thread that sleeps, since a wait with a limit of time would poll.
            timer = threading.Timer(STUCK_S, process.kill)
            timer.start()
            # Unwound first: dead before its pipes are closed and its end awaited.
            stack.callback(timer.join)
            stack.callback(timer.cancel)
            stack.callback(process.kill)
            return Child(process, stderr)

        yield begin


@pytest.fixture
def start_serving(start: Callable[..., Child]) -> Callable[..., Child]:
    """Return a function that starts `serve.py` to do one of its things.

    `start_serving("transient", "none", 1000)` starts a child without `site`, whose heap
    is as small as a heap can be.
    """

    def serve(thing: str, *arguments: object) -> Child:
        words = [str(argument) for argument in arguments]
        return start("-S", str(SERVE), thing, *words)

    return serve


@pytest.fixture
def serving(start_serving: Callable[..., Child]) -> Callable[..., Child]:
    """Return a function that does the same, and lets the child prepare and act once.

    What a child does only the first time is no part of a row.
    """

    def serve(thing: str, *arguments: object) -> Child:
        child = start_serving(thing, *arguments)
        child.prepare()
        child.act()
        return child

    return serve


@pytest.fixture
def read_memory(benchmark: BenchmarkFixture) -> Callable[[Child], Bytes]:
    """Return a function that reads what a child occupies now.

    It returns `rss`, `uss` (the part that no other process has) and `virtual` (the
    addresses, used or not). Where they cannot be had it returns nothing and writes
    why into `benchmark.extra_info["bytes_na"]`; the row's time is measured anyway.
    """

    def read(child: Child) -> Bytes:
        # Here, not above: the rows of this folder must run without psutil.
        try:
            import psutil
        except ModuleNotFoundError:
            reason = "psutil is not installed: pip install psutil"
            benchmark.extra_info["bytes_na"] = reason
            return {}
        try:
            memory = psutil.Process(child.pid).memory_full_info()
        except (psutil.Error, OSError) as error:
            benchmark.extra_info["bytes_na"] = f"the system does not tell: {error}"
            return {}
        return {"rss": memory.rss, "uss": memory.uss, "virtual": memory.vms}

    return read
