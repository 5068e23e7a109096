"""What somebody types for an interpreter, and what is said when it is none."""

import json
import sys
from pathlib import Path

import pytest

from pybench.runner import ChoiceError, choose


def fake(path: Path, version: str, **changes: object) -> Path:
    """Write a program that answers a probe."""
    answer = {
        "implementation": "CPython",
        "version": version,
        "soabi": "cpython",
        "prefix": str(path.parent.parent),
        "free_threaded": False,
        "gil_enabled": True,
        "jit": None,
        "pgo": False,
        "lto": False,
        "debug": False,
    } | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'pybench-probe {json.dumps(answer)}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return a machine with one Python on PATH and three in pyenv."""
    fake(tmp_path / "bin" / "python3.13", "3.13.2")
    for version in ("3.14.0", "3.14.2"):
        fake(tmp_path / f"home/.pyenv/versions/{version}/bin/python3.14", version)
    fake(
        tmp_path / "home/.pyenv/versions/3.14.1t/bin/python3.14t",
        "3.14.1",
        free_threaded=True,
        gil_enabled=False,
    )
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("python3.13", "3.13.2"),
        ("3.13", "3.13.2"),
        ("3.14", "3.14.2"),
        ("3.14.0", "3.14.0"),
        ("3.14t", "3.14.1t"),
        ("3.14.1t", "3.14.1t"),
    ],
)
def test_word_means(environ: dict[str, str], word: str, label: str) -> None:
    """A name, a kind (of several the newest) or a version."""
    (interpreter,) = choose([word], environ)

    assert interpreter.label == label


def test_paths_are_taken_as_they_are() -> None:
    """In the order they were given, the same one twice if it was."""
    chosen = choose([sys.executable, sys.executable])

    assert [one.path for one in chosen] == [Path(sys.executable)] * 2


def test_unknown_word_names_what_there_is(environ: dict[str, str]) -> None:
    with pytest.raises(ChoiceError, match=r"'3\.12' here.*3\.13\.2, 3\.14\.0"):
        choose(["3.13", "3.12"], environ)


def test_path_that_is_no_interpreter_says_why(tmp_path: Path) -> None:
    with pytest.raises(ChoiceError, match="nothing: no such file"):
        choose([str(tmp_path / "nothing")])


def test_name_that_is_another_kind_is_refused(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """A free-threaded build ships a python3.14 too."""
    fake(tmp_path / "bin" / "python3.14", "3.14.9", free_threaded=True)

    with pytest.raises(ChoiceError, match=r"is 3\.14\.9t: say 3\.14t if"):
        choose(["python3.14"], environ)


def test_unsupported_interpreter_is_refused(tmp_path: Path) -> None:
    old = fake(tmp_path / "python3.9", "3.9.1")

    with pytest.raises(ChoiceError, match=r"3\.9\.1, which pybench does not support"):
        choose([str(old)])
