"""A real Jupyter kernel runs the example, and can be interrupted."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nbclient", reason="n/a: nbclient is not installed here")
pytest.importorskip("ipykernel", reason="n/a: ipykernel is not installed here")

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

import pybench

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "notebook.ipynb"
VEGALITE = "application/vnd.vegalite.v5+json"

# For a kernel that does not answer; nothing is said about how long anything takes.
PATIENCE_S = 120

RUNS_FOREVER = """
import threading
import pybench

def forever():
    print("started", flush=True)
    while True:
        pass

pybench.measure(forever, threads={threads}, iterations=1)
"""


def environment() -> dict[str, str]:
    """Return an environment in which a kernel finds this pybench."""
    source = str(Path(pybench.__file__).parents[1])
    known = [source, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, known))}


@pytest.fixture
def kernel() -> Iterator[tuple[KernelManager, Any]]:
    """Start a kernel with a client to talk to it."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=environment())
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE_S)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def answer(client: Any, until: str) -> dict[str, Any]:
    """Return the first message of a kind that a cell brings."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            message: dict[str, Any] = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        if message["msg_type"] == until:
            content: dict[str, Any] = message["content"]
            return content
    raise AssertionError(f"no {until} came")


def test_example_has_no_outputs() -> None:
    read: Any = nbformat.read
    example = read(EXAMPLE, as_version=4)

    code = [cell for cell in example.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs for cell in code)
    assert all(cell.execution_count is None for cell in code)


def test_example_runs_and_shows_tables_and_charts() -> None:
    read: Any = nbformat.read
    example = read(EXAMPLE, as_version=4)
    client = NotebookClient(
        example,
        timeout=PATIENCE_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(EXAMPLE.parent)}},
    )

    client.execute(env=environment())

    bundles = [
        output.data
        for cell in example.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    ]
    charts = [data for data in bundles if VEGALITE in data]
    assert len(charts) >= 5
    assert all("<table>" in data["text/html"] for data in charts)
    assert all("src=" not in data["text/html"] for data in charts)
    assert all("unreplicated" in data["text/plain"] for data in charts)


@pytest.mark.parametrize("threads", [1, 2])
def test_interrupt_of_the_kernel_interrupts_a_measurement(
    kernel: tuple[KernelManager, Any], threads: int
) -> None:
    manager, client = kernel
    # Else what is asked next may be dropped together with what failed.
    client.execute(RUNS_FOREVER.format(threads=threads), stop_on_error=False)
    assert "started" in answer(client, "stream")["text"]

    manager.interrupt_kernel()

    assert answer(client, "error")["ename"] == "KeyboardInterrupt"
    client.execute(
        "print([t.name for t in threading.enumerate() if 'pybench' in t.name])"
    )
    while "[" not in (text := answer(client, "stream")["text"]):
        pass
    assert text.strip().endswith("[]")
