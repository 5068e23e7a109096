"""`pybench profile memory`, as a user calls it."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pybench.cli import memory, status
from pybench.profiles import memory as measured

SUITE = """
def test_row(benchmark):
    benchmark(int)

def test_dying(benchmark):
    import os
    os.abort()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a suite where one is looked for."""
    category = tmp_path / "benchmarks" / "memory"
    category.mkdir(parents=True)
    (category / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in that folder."""
    command = [sys.executable, "-m", "pybench.cli", "profile", "memory", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120
    )


def test_rows_are_printed_and_saved(folder: Path) -> None:
    done = run(
        folder,
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


def test_time_left_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the first part and the last, on standard error."""
    monkeypatch.setattr(memory, "SHOWN_AFTER_S", 0.0)
    monkeypatch.setattr(measured, "KINDS", ("object", "float"))
    monkeypatch.chdir(folder)
    options = argparse.Namespace(
        selectors=["memory/suite/row"], suite=Path("benchmarks"), python=None,
        repeats=1, only=None, flamegraph=None, timeout=60.0, json=None,
    )  # fmt: skip

    assert memory.profile_memory(options) == status.OK

    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("pybench: part 1 of 3, ")
    assert first.endswith(" left")
    assert last.startswith("pybench: part 3 of 3, ")


def test_row_that_fails_is_told_and_the_others_saved(folder: Path) -> None:
    done = run(folder, "--only", "rows", "--repeats", "1", "--json", "-")

    assert done.returncode == status.FAILED
    document = json.loads(done.stdout)
    assert document["complete"] is False
    assert [bool(row["means"]) for row in document["rows"]] == [True, False]
    assert "ended by signal 6" in done.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["nothing/like/this"], "no benchmark matches 'nothing/like/this'"),
        (["--suite", "nowhere"], "no benchmarks at"),
        (["--repeats", "0"], "'0' is no number"),
        (["--only", "some"], "some"),
        (["--python", "9.9"], "9.9"),
        (["--json", "no/such/m.json"], "there is no folder"),
    ],
)
def test_bad_words_are_named(folder: Path, words: list[str], named: str) -> None:
    done = run(folder, *words)

    assert done.returncode == status.USAGE
    assert named in done.stderr
