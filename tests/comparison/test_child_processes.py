"""Rows that start processes: pools of each kind, shared memory, and what is left."""

import os
import select
import sys
from pathlib import Path

import pytest

from pybench.comparison.worker import Worker

ROWS = """
import multiprocessing
import subprocess
import sys
from multiprocessing import shared_memory

import pytest

@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_pool(benchmark, method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert benchmark(pool.map, abs, [-1]) == [1]

def test_memory(benchmark):
    def use():
        block = shared_memory.SharedMemory(create=True, size=64)
        block.close()
        block.unlink()
    benchmark(use)

HOLD = "import time; held = open('held', 'w'); print('open', flush=True); "

def test_left(benchmark):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD + "time.sleep(600)"], stdout=subprocess.PIPE
    )
    assert child.stdout.readline()
    benchmark(id, 1)
"""
NAMES = ["pool[spawn]", "pool[forkserver]", "memory", "left"]


@pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="n/a: no named pipes on this system"
)
def test_processes_that_rows_started_are_over_with_the_session(tmp_path: Path) -> None:
    (tmp_path / "test_rows.py").write_text(ROWS)
    rows = [f"test_rows.py::test_{name}" for name in NAMES]
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    command = [sys.executable, "-m", "pytest", "--benchmark-only", "test_rows.py"]
    with Worker("a", command, environ=os.environ, folder=tmp_path) as worker:
        worker.await_hello()
        worker.choose(rows)
        for row in rows:
            worker.await_row(row)
            assert worker.sample({"count": 1}).wall_ns > 0
            assert worker.stop_row(row).outcome == "measured"
    # It can be read, as closed, when the last process that had it open has ended.
    readable, _, _ = select.select([held], [], [], 60)
    assert readable == [held]
    assert os.read(held, 1) == b""
    os.close(held)
