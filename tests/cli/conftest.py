"""Commands in this process, as somebody types them."""

import signal
import subprocess
from collections.abc import Callable

import pytest

from pybench.cli import run_command

Pybench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pybench(capsys: pytest.CaptureFixture[str]) -> Pybench:
    """Return what runs one command here, and says what a process of it would."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        handler = signal.getsignal(signal.SIGTERM)
        try:
            status = run_command(words)
        except SystemExit as end:  # of argparse
            status = int(end.code or 0)
        finally:
            signal.signal(signal.SIGTERM, handler)
        written = capsys.readouterr()
        return subprocess.CompletedProcess(words, status, written.out, written.err)

    return run
