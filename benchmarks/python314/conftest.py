"""Children of this interpreter that are started otherwise than it was.

Whether there is a JIT, who inherits a context, who shares warning filters: such
things are chosen when an interpreter starts, so a row that compares them asks a
child. The child is there before the timing and says how it runs.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ANSWER = Path(__file__).with_name("answer.py")

# Seconds after which a child is taken for stuck, and killed: it lives for the calls
# of one row, which take less than one.
STUCK_S = 60.0


def child_environment() -> dict[str, str]:
    """Make a child's environment: the caller's, without what configures Pythons."""
    environment = {
        name: value for name, value in os.environ.items() if name[:6] != "PYTHON"
    }
    environment |= {"PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    gil_enabled: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    if "t" in sys.abiflags and gil_enabled is not None:
        environment["PYTHON_GIL"] = str(int(gil_enabled()))
    return environment


class Child:
    """A child that answers, and what it said about itself."""

    def __init__(
        self, process: subprocess.Popen[bytes], stderr: Any, state: dict[str, Any]
    ) -> None:
        self.pid = process.pid
        self.state = state
        assert process.stdin is not None
        assert process.stdout is not None
        self._write, self._read = process.stdin.write, process.stdout.read
        self._process, self._stderr = process, stderr

    def ask(self) -> None:
        """Have the work done once: what a row times."""
        self._write(b"?")
        if self._read(1) != b"!":
            raise RuntimeError(told(self._process, self._stderr))


def told(process: subprocess.Popen[bytes], stderr: Any) -> str:
    """Word a child's failure, with the end of what it wrote."""
    exit_code = process.wait()
    stderr.seek(0)
    written = stderr.read().decode(errors="replace")[-2000:]
    return f"a child ended with exit code {exit_code}; its stderr:\n{written}"


@pytest.fixture
def start_child(benchmark: BenchmarkFixture) -> Iterator[Callable[..., Child]]:
    """Return a function that starts a child which does a piece of work when asked.

    `start_child("calls", "-X", "name=1", NAME="value")` starts `answer.py` with these
    flags and variables, and writes into `extra_info` how many operations an answer is
    and how the child runs. The work has been done twice when it returns.
    """
    with ExitStack() as stack:

        def start(work: str, *flags: str, **variables: str) -> Child:
            stderr = stack.enter_context(tempfile.TemporaryFile())
            process = stack.enter_context(
                subprocess.Popen(
                    (sys.executable, "-S", *flags, str(ANSWER), work),
                    env=child_environment() | variables,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    bufsize=0,
                )
            )
            assert process.stdin is not None
            assert process.stdout is not None
            # Unwound before the process: the end of its input ends it.
            timer = threading.Timer(STUCK_S, process.kill)
            stack.callback(timer.join)
            stack.callback(timer.cancel)
            stack.callback(process.stdin.close)
            timer.start()
            said = process.stdout.readline()
            if not said:
                raise RuntimeError(told(process, stderr))
            child = Child(process, stderr, json.loads(said))
            benchmark.extra_info["operations"] = child.state["operations"]
            benchmark.extra_info["child"] = child.state
            child.ask()
            return child

        yield start
