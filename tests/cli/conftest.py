"""Commands in this process, as somebody types them."""

import signal
import subprocess
from collections.abc import Callable

import pytest

from pybench.cli import run_command

Pybench = Callable[..., subprocess.CompletedProcess[str]]


def typed(capture: pytest.CaptureFixture[str]) -> Pybench:
    """Return what runs one command here, and returns what a process of it would."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        handler = signal.getsignal(signal.SIGTERM)
        try:
            status = run_command(words)
        except SystemExit as end:  # of argparse
            status = int(end.code or 0)
        finally:
            signal.signal(signal.SIGTERM, handler)
        written = capture.readouterr()
        return subprocess.CompletedProcess(words, status, written.out, written.err)

    return run


@pytest.fixture
def pybench(capsys: pytest.CaptureFixture[str]) -> Pybench:
    """Return what runs a command whose children write to us alone."""
    return typed(capsys)


@pytest.fixture
def pybench_and_children(capfd: pytest.CaptureFixture[str]) -> Pybench:
    """Return what runs a command, with what its children write to its streams."""
    return typed(capfd)
