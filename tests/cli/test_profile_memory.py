"""`pybench profile memory`, as a user calls it."""

import functools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.cli import profile_memory as memory
from pybench.cli import run as running
from pybench.cli import status
from pybench.interpreters import probe
from pybench.profiles import memory as measured
from pybench.records.memory import RowMemory

SUITE = """
def test_row(benchmark):
    benchmark(int)

def test_dying(benchmark):
    import os
    os.abort()
"""


Pybench = Callable[..., subprocess.CompletedProcess[str]]
NOT_MEASURED = RowMemory(fullname="t.py::test_a", means={}, problems=("none",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a suite where one is looked for."""
    category = tmp_path / "benchmarks" / "memory"
    category.mkdir(parents=True)
    (category / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


@pytest.fixture
def profile(pybench: Pybench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Pybench:
    """Return what runs the command in this process, in that folder."""
    monkeypatch.chdir(folder)
    return functools.partial(pybench, "profile", "memory")


def test_rows_are_printed_and_saved(profile: Pybench, folder: Path) -> None:
    done = profile(
        *("memory/suite/row", "--only", "rows", "--repeats", "1", "--json", "m.json"),
        *("--flamegraph", "pages"),
    )

    assert done.returncode == status.OK, done.stderr
    assert "rows: 1, 1 times in 2 processes" in done.stdout
    assert "flame graph" in done.stdout
    (row,) = json.loads((folder / "m.json").read_text())["rows"]
    assert row["fullname"].endswith("::test_row")
    assert row["means"]["traced_peak"]["value"] >= 0
    assert not (folder / ".benchmarks").exists()


def test_time_left_is_told(profile: Pybench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first part and the last, on standard error."""
    monkeypatch.setattr(memory, "SHOWN_AFTER_S", 0.0)
    monkeypatch.setattr(measured, "KINDS", ("object", "float"))
    monkeypatch.setattr(measured, "rows_of", lambda *words, **how: ["t.py::test_a"])
    monkeypatch.setattr(measured, "measure_row", lambda *words, **how: NOT_MEASURED)

    done = profile("--repeats", "1")

    assert done.returncode == status.FAILED
    first, last = done.stderr.splitlines()
    assert first.startswith("pybench: part 1 of 3, ")
    assert last.startswith("pybench: part 3 of 3, ")


@pytest.mark.once
def test_interpreter_that_pybench_is_put_beside_is_measured_so(
    profile: Pybench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are listed and run by what starts a session there."""
    beside = running.Ready(
        interpreter=probe(sys.executable), start=("-P", "start.py", "--packages", "p")
    )
    starts: list[tuple[str, ...]] = []

    def rows_of(*words: object, start: tuple[str, ...]) -> list[str]:
        starts.append(start)
        return ["t.py::test_a"]

    def measure_row(*words: object, start: tuple[str, ...], **how: object) -> object:
        starts.append(start)
        return NOT_MEASURED

    monkeypatch.setattr(running, "interpreters", lambda words: ({"a": beside}, []))
    monkeypatch.setattr(measured, "rows_of", rows_of)
    monkeypatch.setattr(measured, "measure_row", measure_row)

    done = profile("--python", "./venv", "--only", "rows")

    assert done.returncode == status.FAILED
    assert starts == [beside.start] * 2
    assert "problem: none" in done.stdout


def test_row_that_fails_is_told_and_the_others_saved(profile: Pybench) -> None:
    done = profile("--only", "rows", "--repeats", "1", "--json", "-")

    assert done.returncode == status.FAILED
    document = json.loads(done.stdout)
    assert document["complete"] is False
    assert [bool(row["means"]) for row in document["rows"]] == [True, False]
    assert "ended by SIGABRT" in done.stderr


def test_interrupt_prints_and_saves_what_there_is(folder: Path) -> None:
    """The row that was done, while the second one runs."""
    suite = folder / "benchmarks" / "memory" / "test_suite.py"
    suite.write_text(
        "def test_row(benchmark):\n    benchmark(int)\n"
        "def test_waiting(benchmark):\n"
        "    if benchmark.disabled:\n"
        "        import pathlib, time\n"
        "        pathlib.Path('waiting').touch()\n"
        "        time.sleep(600)\n"
        "    benchmark(int)\n"
    )
    words = ["--repeats", "1", "--json", "m.json", "--only", "rows"]
    child = subprocess.Popen(
        [sys.executable, "-m", "pybench", "profile", "memory", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where this run is a job of a shell, an interrupt may be ignored for good.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not (folder / "waiting").exists() and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    said, errors = child.communicate(timeout=60)

    assert child.returncode == status.INTERRUPTED, said + errors
    assert "interrupted after 1 of 2 rows" in errors
    document = json.loads((folder / "m.json").read_text())
    (row,) = document["rows"]
    assert row["fullname"].endswith("::test_row")
    assert document["complete"] is False


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["nothing/like/this"], "no benchmark matches 'nothing/like/this'"),
        (["--suite", "nowhere"], "no benchmarks at"),
        (["--repeats", "0"], "'0' is no whole number"),
        (["--only", "some"], "some"),
        (["--python", "/no/python"], "/no/python"),
        (["--json", "no/such/m.json"], "there is no folder"),
    ],
)
def test_bad_words_are_named(profile: Pybench, words: list[str], named: str) -> None:
    done = profile(*words)

    assert done.returncode == status.USAGE
    assert named in done.stderr
