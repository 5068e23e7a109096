"""`pybench compare` with saved files, and the two scripts that lead to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli import compare as comparing
from pybench.cli import status

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "run_comparison.sh"
RESULTS = ROOT / "benchmarks" / "utils" / "compare_results.py"
STEADY = [1.0, 1.01, 0.99, 1.005]

Pybench = Callable[..., subprocess.CompletedProcess[str]]


def document(factor: float, processes: int) -> dict[str, Any]:
    """Return a file of pytest-benchmark: a row, and one without Python."""
    times = {"memory/test_a.py::test_row": factor, "test_y.py::test_alu": 1.0}
    return {
        "machine_info": {"python_implementation": "CPython", "python_version": "3.12"},
        "benchmarks": [
            {
                "fullname": name,
                "group": "yardstick" if name.endswith("alu") else None,
                "stats": {"median": time},
            }
            for name, time in times.items()
        ],
        "pybench": {
            "schema": 1,
            "rows": [
                {
                    "fullname": name,
                    "process_medians_s": [time * s for s in STEADY[:processes]],
                }
                for name, time in times.items()
            ],
        },
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write files of one process and of four, a run, and folders with odd names."""
    for name, factor, processes in (
        ("once.json", 1.0, 1),
        ("again.json", 2.0, 1),
        ("old.json", 1.0, 4),
        ("slower.json", 2.0, 4),
    ):
        (tmp_path / name).write_text(json.dumps(document(factor, processes)))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.jsonl").write_text('{"pybench":"run","schema":99}\n')
    (tmp_path / "3.14").mkdir()
    (tmp_path / "3.14" / "run.jsonl").write_text('{"pybench":"run","schema":99}\n')
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.fixture
def compare(pybench: Pybench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Pybench:
    """Return what runs the command in that folder."""
    monkeypatch.chdir(folder)
    return partial(pybench, "compare")


def test_files_are_compared(compare: Pybench) -> None:
    done = compare("once.json", "again.json", "slower.json")

    assert done.returncode == status.OK, done.stderr
    assert done.stdout.startswith("again against once: 1 inconclusive, 1 control; ")
    assert "? 2.000 unreplicated" in done.stdout
    assert "measured one after the other" in done.stdout


def test_json_and_markdown(compare: Pybench) -> None:
    said = json.loads(compare("once.json", "again.json", "--format", "json").stdout)
    text = compare("once.json", "again.json", "--format", "md").stdout

    assert [*said][:2] == ["verdict", "limits"]
    assert (said["pybench"], said["schema"]) == ("saved", 1)
    assert said["rows"][0]["ratio"] == pytest.approx(2.0)
    assert said["rows"][0]["explained"] is None
    assert said["means"][0]["part"] == "memory"
    assert text.startswith("**again against once: 1 inconclusive")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["once.json", "again.json", "--fail-on", "slower"], status.OK),
        (["once.json", "again.json", "--strict"], status.NO_VERDICT),
        (["old.json", "slower.json"], status.OK),
        (["old.json", "slower.json", "--fail-on", "slower"], status.CONFIRMED),
        (["old.json", "slower.json", "--fail-on", "faster"], status.OK),
        (["slower.json", "old.json", "--fail-on", "different"], status.CONFIRMED),
        (["old.json", "slower.json", "--strict"], status.OK),
        (["old.json", "old.json", "--strict"], status.NO_VERDICT),
    ],
)
def test_exit_status(compare: Pybench, words: list[str], code: int) -> None:
    done = compare(*words)

    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["once.json"], "once.json: one file has nothing to be compared with"),
        (["once.json", "missing.json"], "missing.json: No such file"),
        (["missing.json"], "missing.json: No such file"),
        (["once.json", "empty"], "empty: a folder, and not of a run"),
        (["once.json", "3.14"], "3.14 is an interpreter: compare each kind on its own"),
        (["once.json", "--python", "x=/p"], "x=/p is an interpreter"),
        (["run", "once.json"], "run is a run, which took turns, once.json is a saved"),
        (["run", "3.14"], "`pybench compare run`, `pybench compare 3.14`"),
        (["once.json", "again.json", "--seed", "0"], "--seed mean"),
        (["once.json", "again.json", "-o", "x", "--quick"], "--quick, -o mean"),
    ],
)
def test_usage_errors(compare: Pybench, words: list[str], said: str) -> None:
    done = compare(*words)

    assert done.returncode == status.USAGE, done.stdout
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_what_words_mean(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version is an interpreter, even where a folder has its name."""
    monkeypatch.chdir(folder)

    kinds = {
        word: comparing.kind_of(word)
        for word in ("3.14", "./3.14", "python3.13", "run", "once.json", "no.json",
                     sys.executable, f"a={sys.executable}")
    }  # fmt: skip

    assert kinds == {
        "3.14": comparing.INTERPRETER,
        "./3.14": comparing.RUN,
        "python3.13": comparing.INTERPRETER,
        "run": comparing.RUN,
        "once.json": comparing.SAVED,
        "no.json": comparing.SAVED,
        sys.executable: comparing.INTERPRETER,
        f"a={sys.executable}": comparing.INTERPRETER,
    }


def test_compare_results_does_the_same(compare: Pybench, folder: Path) -> None:
    words = ["old.json", "slower.json", "--fail-on", "slower"]
    done = subprocess.run(
        [sys.executable, RESULTS, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == status.CONFIRMED
    assert done.stdout == compare(*words).stdout


def test_compare_results_says_what_it_needs(folder: Path) -> None:
    """With -I -S nothing that was installed is found."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", RESULTS, "a.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == status.USAGE
    assert "pybench is not installed for" in done.stderr
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


def script(*words: str, python: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the shell script."""
    return subprocess.run(
        ["bash", SCRIPT, *words],
        cwd=cwd,
        env=os.environ | {"PYTHON": python},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def stand_in(tmp_path: Path) -> str:
    """Write what stands in for Python: as the set-up it prints itself, else its words.

    The real set-up would make an environment, which takes a minute and a network.
    """
    path = tmp_path / "a python"
    path.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "-c) exit 0 ;;\n"
        '*environment.py) [ "$2 $3" = "--optional host" ] && echo "$0" ;;\n'
        "*) printf '<%s>' \"$@\" ;;\n"
        "esac\n"
    )
    path.chmod(0o755)
    return str(path)


def test_run_comparison_passes_its_words_on(stand_in: str, folder: Path) -> None:
    done = script("old one.json", "new.json", python=stand_in, cwd=folder)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "<-m><pybench><compare><old one.json><new.json>"


def test_run_comparison_explains_itself(stand_in: str, folder: Path) -> None:
    asked = script("-h", python=stand_in, cwd=folder)
    unasked = script(python=stand_in, cwd=folder)

    assert asked.returncode == status.OK
    assert "PY [PY...]" in asked.stdout
    assert "OLD.json NEW.json" in asked.stdout
    assert (unasked.returncode, unasked.stderr) == (status.USAGE, asked.stdout)


def test_run_comparison_without_a_python(folder: Path) -> None:
    done = script("a.json", python=str(folder / "none"), cwd=folder)

    assert done.returncode == status.USAGE
    assert "PYTHON=" in done.stderr
