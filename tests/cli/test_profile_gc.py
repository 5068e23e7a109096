"""`pybench profile gc`, as a user calls it."""

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pybench.cli import status
from pybench.profiles import gc_pauses

Pybench = Callable[..., subprocess.CompletedProcess[str]]
pytest.importorskip("_pybench")
COMMAND = [sys.executable, "-m", "pybench", "profile", "gc"]
SMALL = ["--shapes", "lists", "--sizes", "1e4", "--repeats", "1", "--pairs", "1"]


@pytest.fixture
def profile(pybench: Pybench) -> Pybench:
    """Return what runs the command in this process."""
    return functools.partial(pybench, "profile", "gc")


def test_table_record_and_collector(profile: Pybench, tmp_path: Path) -> None:
    path = tmp_path / "gc.json"

    done = profile(*SMALL, "--modes", "on", "off", "--json", str(path))

    assert done.returncode == status.OK, done.stderr
    document = json.loads(path.read_text())
    assert f"collector: {document['collector']['kind']} (" in done.stdout
    assert document["complete"] is True
    assert [c["cell"]["mode"] for c in document["cells"]] == ["on", "off"]
    assert document["cells"][1]["automatic"] is None
    assert "recorder's overhead, of CPU time" in done.stdout
    assert done.stdout.count("no interval below six pairs") == 4
    assert [one["shape"] for one in document["overheads"]] == ["nodes", "cycles"]
    # Two modes, one of them watched as well where there is a GIL.
    whole = 2 if document["cells"][0]["observer"] == "victim" else 3
    assert "pybench: process 0 of" in done.stderr
    assert f"pybench: process {whole} of {whole}, " in done.stderr


def test_record_on_standard_output_is_alone_there(profile: Pybench) -> None:
    done = profile(*SMALL, "--modes", "off", "off", "--json", "-")

    assert done.returncode == status.OK, done.stderr
    assert len(json.loads(done.stdout)["cells"]) == 1
    assert "collector: " in done.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--shapes", "ball"], "'ball' is no shape: one of tree, chain"),
        (["--modes", "maybe"], "'maybe' is no mode"),
        (["--sizes", "9999"], "'9999' is no whole number"),
        (["--sizes", "1e8"], "'1e8' is no whole number"),
        (["--sizes", "nan"], "'nan' is no whole number"),
        (["--repeats", "0"], "'0' is no whole number from 1"),
        (["--pairs", "x"], "'x' is no whole number"),
        (["--timeout", "0"], "'0' is no time"),
        (["--python", "/no/python"], "/no/python"),
        (["--json", "nowhere/x.json"], "there is no folder"),
    ],
)
def test_bad_words_are_named(profile: Pybench, words: list[str], named: str) -> None:
    done = profile(*words)

    assert done.returncode == status.USAGE
    assert named in done.stderr


def test_process_that_takes_too_long_is_told_and_the_record_written(
    profile: Pybench, tmp_path: Path
) -> None:
    path = tmp_path / "gc.json"

    done = profile(*SMALL, "--modes", "on", "--timeout", "0.001", "--json", str(path))

    assert done.returncode == status.FAILED
    assert "lists of 10000, gc on: no end within 0.001 seconds" in done.stderr
    assert "  n/a: no end within" in done.stdout
    document = json.loads(path.read_text())
    assert document["complete"] is False
    assert document["overheads"] == []


def test_interrupt_saves_what_there_is(
    profile: Pybench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ctrl-C in the second process."""
    path = tmp_path / "gc.json"
    runs: list[gc_pauses.Run] = []
    run_cell = gc_pauses.run_cell

    def run(*words: Any, **options: Any) -> gc_pauses.Run:
        if runs:
            raise KeyboardInterrupt
        runs.append(run_cell(*words, **options))
        return runs[0]

    monkeypatch.setattr(gc_pauses, "run_cell", run)

    done = profile(*SMALL, "--modes", "on", "--repeats", "1000", "--json", str(path))

    assert done.returncode == status.INTERRUPTED
    assert "interrupted after 1 processes" in done.stderr
    assert "per 1e6: " in done.stdout
    document = json.loads(path.read_text())
    assert document["complete"] is False
    assert len(document["cells"]) == 1


@pytest.mark.once
def test_interrupt_of_the_command_ends_its_processes(tmp_path: Path) -> None:
    path = tmp_path / "gc.json"
    child = subprocess.Popen(
        [*COMMAND, *SMALL, "--pairs", "1000", "--json", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    # Once the first process is told of, handlers are in place.
    assert "pybench: " in child.stdout.readline()
    assert "process 0 of" in child.stderr.readline()
    os.kill(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=300)

    assert child.returncode == status.INTERRUPTED, err
    assert json.loads(path.read_text())["complete"] is False
