"""A session under the controller: the state of the process that its rows run in."""

import os
import sys
from pathlib import Path

import pytest

from pybench.comparison.worker import Worker
from pybench.target.process.identity import is_free_threaded

# A row that says what became of what the session imported.
ROW = """
import atexit, gc, logging, sys

logging.getLogger("apart").propagate = False
atexit.register(lambda: open("modules", "w").write(" ".join(sys.modules)))

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

# What a row that only calls a function does not need. Each process of a comparison
# would pay for it: these took a quarter of what one takes to start and end.
UNNEEDED = {
    "asyncio", "pdb", "pickle", "tomllib", "tracemalloc",
    "pybench.records.journal", "pybench.records.row_list", "pybench.records.scaling",
    "pybench.statistics", "pybench.target.plugin.comparison",
    "pybench.target.plugin.counting", "pybench.target.plugin.event_loops",
    "pybench.target.plugin.rerun", "pybench.target.plugin.selection",
    "pybench.target.plugin.table_sections", "pybench.target.plugin.threads",
    "pybench.target.process.rounds",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which one session wrote what it was like."""
    tmp_path = tmp_path_factory.mktemp("plain")
    (tmp_path / "test_row.py").write_text(ROW)
    command = [sys.executable, "-m", "pytest", "test_row.py", *SUITE_OPTIONS]
    with Worker("a", command, environ=os.environ, folder=tmp_path) as worker:
        worker.await_hello()
        worker.choose([NAME])
        assert worker.await_row(NAME) is None  # as many rounds as are wanted
        worker.sample({"count": 1})
        assert worker.stop_row(NAME).outcome == "measured"
    return tmp_path


@pytest.fixture
def said(folder: Path) -> tuple[int, ...]:
    """Return the count of the row's function, the frozen objects, handlers of logs."""
    return tuple(map(int, (folder / "said").read_text().split()))


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


def test_plain_row_imports_only_what_it_needs(folder: Path) -> None:
    modules = {*(folder / "modules").read_text().split()}

    assert "pybench.target.plugin.interleaving" in modules
    assert not modules & UNNEEDED
