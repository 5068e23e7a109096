"""A session under the controller: the state of the process that its rows run in."""

import os
import sys
from pathlib import Path

import pytest

from pybench.comparison.worker import Worker
from pybench.target.process.identity import is_free_threaded

# A row that says what became of what the session imported.
ROW = """
import gc, logging, sys

logging.getLogger("apart").propagate = False

def shared():
    pass

def test_row(benchmark):
    benchmark(shared)
    handlers = logging.getLogger().handlers + logging.getLogger("apart").handlers
    seen = sys.getrefcount(shared), gc.get_freeze_count(), len(handlers)
    print(*seen, file=open("said", "w"))
"""
NAME = "test_row.py::test_row"
SUITE_OPTIONS = ("--benchmark-only", "-p", "no:cacheprovider")


@pytest.fixture
def said(tmp_path: Path) -> tuple[int, ...]:
    """Return the count of the row's function, the frozen objects, handlers of logs."""
    (tmp_path / "test_row.py").write_text(ROW)
    command = [sys.executable, "-m", "pytest", "test_row.py", *SUITE_OPTIONS]
    with Worker("a", command, environ=os.environ, folder=tmp_path) as worker:
        worker.await_hello()
        worker.choose([NAME])
        assert worker.await_row(NAME) is None  # as many rounds as are wanted
        worker.sample({"count": 1})
        assert worker.stop_row(NAME).outcome == "measured"
    return tuple(map(int, (tmp_path / "said").read_text().split()))


def test_what_was_imported_is_out_of_the_collector(said: tuple[int, ...]) -> None:
    assert said[1] > 10_000


def test_a_row_does_not_pay_for_the_logs_that_pytest_keeps(
    said: tuple[int, ...],
) -> None:
    assert said[2] == 0


@pytest.mark.skipif(
    not is_free_threaded() or sys.version_info >= (3, 14),
    reason="n/a: only free-threaded 3.13 makes what is shared immortal for threads",
)
def test_functions_are_shared_as_in_a_program_with_threads(
    said: tuple[int, ...],
) -> None:
    """Frozen before the first thread, they were counted by all threads in one word."""
    assert said[0] > 2**30
