"""Odd words and odd surroundings of a command end in a message that names them."""

from __future__ import annotations

import argparse
import builtins
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench import cli
from pybench.cli import compare as comparing
from pybench.cli import status
from pybench.cli.options import host_needs
from pybench.interpreters import prepare

pytestmark = pytest.mark.once
LONG = "n" * 5000


@pytest.mark.parametrize(
    "words",
    [
        ["compare", LONG, "old.json"],
        ["report", LONG],
        ["export", LONG, "--to", "csv", "-o", "-"],
        ["report", "--index", LONG],
        ["run", "--suite", LONG],
        ["profile", "run", LONG],
        ["selfcheck", "replay", LONG],
    ],
    ids=lambda words: " ".join(words)[:20],
)
def test_a_name_too_long_for_a_file_is_named(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(words) == status.USAGE

    said = capsys.readouterr().err
    # From 3.14 on such a name is one of no file, before the system is asked.
    assert said.startswith("pybench: error: ")
    assert "nnn" in said


@pytest.mark.parametrize("words", ["'unclosed", 'a "b', "a\\"])
def test_words_of_with_that_no_shell_reads_are_named(words: str) -> None:
    with pytest.raises(status.UsageError, match=r"--with .*: No "):
        comparing.packages_of([words], 2)


@pytest.mark.parametrize("base", ["cache", "./cache", ""])
def test_a_cache_that_is_not_absolute_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", base)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert prepare.cache_folder() == tmp_path / ".cache" / "pybench"


def test_a_current_folder_that_is_gone_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        came = cli.run_command(["pythons"])
    finally:
        os.chdir(tmp_path)

    assert came == status.USAGE
    assert "the current folder cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ModuleNotFoundError("No module", name="scipy"), "scipy is not installed"),
        (ImportError("failed to map segment", name="scipy"), "failed to map segment"),
        (ImportError("cannot allocate memory"), "cannot allocate memory"),
    ],
)
def test_a_library_that_cannot_be_loaded_is_not_called_missing(
    monkeypatch: pytest.MonkeyPatch, error: ImportError, says: str
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "scipy.stats":
            raise error
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(status.UsageError, match=says) as caught:
        host_needs()

    is_missing = isinstance(error, ModuleNotFoundError)
    assert ("not installed" in str(caught.value)) is is_missing


@pytest.mark.parametrize(
    ("error", "came", "says"),
    [
        (MemoryError(), status.FAILED, "not enough memory"),
        (OSError(24, "Too many open files", "x"), status.USAGE, "x: Too many open"),
        (OSError(5, "Input/output error"), status.USAGE, "Input/output error"),
    ],
)
def test_what_the_system_refuses_has_a_message(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    came: int,
    says: str,
) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise error

    parser = argparse.ArgumentParser()
    parser.set_defaults(command=fail)
    monkeypatch.setattr(cli, "make_parser", lambda: parser)

    assert cli.run_command([]) == came
    assert says in capsys.readouterr().err
