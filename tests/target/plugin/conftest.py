"""Runs small suites with the plugin, in this process or in one of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pybench.target.process.identity import extension, extension_missing

# Enough for a row to exist; no test looks at how long anything took.
QUICK = ("--benchmark-max-time=0.01", "--benchmark-min-rounds=5")

# The stock description of the CPU takes a second of child processes for each save.
FAST_MACHINE_INFO = """
def pytest_benchmark_generate_machine_info():
    return {"node": "here", "release": "1", "python_compiler": "cc", "cpu": {}}
"""

Run = Callable[..., pytest.RunResult]

# At the end of a child's code: says which process it is, then waits to be ended.
WAIT = """
    import time
    with open("child", "w") as file:
        file.write(str(os.getpid()))
    os.rename("child", "pid")
    time.sleep(600)
"""


def interrupt_waiting_child(folder: Path, *options: str) -> tuple[int, str]:
    """Interrupt a session once its child waits; it has to end the child.

    Returns its status and its output.
    """
    session = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--benchmark-max-time=0.01", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        # Where this run is a job of a shell, an interrupt may be ignored for good.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    pid = folder / "pid"
    while not pid.exists() and session.poll() is None:
        time.sleep(0.01)
    session.send_signal(signal.SIGINT)
    output, _ = session.communicate(timeout=300)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    return session.returncode, output


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run the suite in the tester's folder with a small budget and more arguments."""
    return runner(pytester, pytester.runpytest_inprocess)


@pytest.fixture
def run_process(pytester: pytest.Pytester) -> Run:
    """Do as `run` in a process of its own, which may be killed or change its GIL."""
    return runner(pytester, pytester.runpytest_subprocess)


def runner(pytester: pytest.Pytester, start: Run) -> Run:
    """Prepare the tester's folder and return what runs its suite."""
    pytester.makeconftest(FAST_MACHINE_INFO)
    return lambda *arguments: start(*QUICK, *arguments)


@pytest.fixture
def native() -> ModuleType:
    """Return the real extension; a test that needs it fails without it."""
    module = extension()
    assert module is not None, extension_missing()
    return module
