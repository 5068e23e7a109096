"""`pybench profile memory`, as a user calls it."""

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pybench.cli import profile_memory as memory
from pybench.cli import run as running
from pybench.cli import status
from pybench.interpreters import probe
from pybench.profiles import memory as measured
from pybench.records.means import Mean
from pybench.records.memory import OneMore, RowMemory

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


def test_rows_are_printed_and_saved_and_one_that_fails_is_told(
    profile: Pybench, folder: Path
) -> None:
    done = profile(
        *("--only", "rows", "--repeats", "1", "--json", "m.json"),
        *("--flamegraph", "pages"),
    )

    assert done.returncode == status.FAILED
    assert "rows: 2, 1 times in 2 processes" in done.stdout
    assert "flame graph" in done.stdout
    assert "ended by SIGABRT" in done.stdout
    document = json.loads((folder / "m.json").read_text())
    assert document["complete"] is False
    row, dying = document["rows"]
    assert row["fullname"].endswith("::test_row")
    assert row["means"]["traced_peak"]["value"] >= 0
    assert dying["means"] == {}
    assert not (folder / ".benchmarks").exists()


@pytest.fixture
def two_rows(profile: Pybench, monkeypatch: pytest.MonkeyPatch) -> Pybench:
    """Return what runs the command on two rows that are not run, and on two kinds."""
    mean = Mean(value=2048.0, low=1024.0, high=3072.0, repeats=3)
    names = ["t.py::test_a", "t.py::test_b"]

    def measure_row(python: object, suite: object, name: str, **how: Any) -> RowMemory:
        return RowMemory(fullname=name, means={"rss_peak": mean})

    def measure_each(python: object, kinds: Sequence[str], *how: Any) -> list[OneMore]:
        return [OneMore(kind=kind, bytes=mean) for kind in kinds]

    monkeypatch.setattr(measured, "KINDS", ("object", "float"))
    monkeypatch.setattr(measured, "rows_of", lambda *words, **how: names)
    monkeypatch.setattr(measured, "measure_row", measure_row)
    monkeypatch.setattr(measured, "measure_each", measure_each)
    return profile


def test_rows_and_kinds_are_laid_out(two_rows: Pybench) -> None:
    done = two_rows()

    assert done.returncode == status.OK
    assert re.search(r"^a +2±1 +n/a", done.stdout, re.MULTILINE)
    assert "  object                    2,048.0  95 % [1,024.0, 3,072.0]" in done.stdout


def test_record_on_standard_output_is_alone_there(two_rows: Pybench) -> None:
    done = two_rows("--json", "-")

    assert done.returncode == status.OK
    document = json.loads(done.stdout)
    assert document["pybench"] == "profile-memory"
    assert document["complete"] is True
    assert [one["kind"] for one in document["each"]] == ["object", "float"]
    assert "one more takes" in done.stderr


def test_time_left_is_told(two_rows: Pybench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first part and the last, on standard error."""
    monkeypatch.setattr(memory, "SHOWN_AFTER_S", 0.0)

    done = two_rows()

    first, last = done.stderr.splitlines()
    assert first.startswith("pybench: part 1 of 4, ")
    assert last.startswith("pybench: part 4 of 4, ")


def test_interrupt_prints_and_saves_what_there_is(
    two_rows: Pybench, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """The row that was done, while the second one runs."""
    measure_row = measured.measure_row

    def measure(python: Any, suite: Any, name: str, **how: Any) -> RowMemory:
        if name.endswith("b"):
            raise KeyboardInterrupt
        return measure_row(python, suite, name, **how)

    monkeypatch.setattr(measured, "measure_row", measure)

    done = two_rows("--json", "m.json")

    assert done.returncode == status.INTERRUPTED
    assert "interrupted after 1 of 2 rows" in done.stderr
    document = json.loads((folder / "m.json").read_text())
    assert [row["fullname"] for row in document["rows"]] == ["t.py::test_a"]
    assert document["complete"] is False


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
