"""Folders of the cache: what killed runs left, tools and their files, pip's report."""

import sys
from pathlib import Path

import pytest

from pybench.interpreters import making
from pybench.interpreters.making import PrepareError

pytestmark = pytest.mark.once


def test_report_of_pip_is_read_word_by_word() -> None:
    def entry(name: str, direct: bool, **origin: object) -> dict[str, object]:
        return {
            "metadata": {"name": name, "version": "1"},
            "download_info": {"url": "file:///p", **origin},
            "is_direct": direct,
            "requested": True,
        }

    report = {
        "install": [
            entry("index", False),
            entry("folder", True, dir_info={}),
            entry("edited", True, dir_info={"editable": True}),
            entry("git", True, vcs_info={"vcs": "git", "commit_id": "12ab"}),
            entry("part", True, subdirectory="sub"),
        ]
    }
    found = making.found_in(report)

    assert [(one.word, one.is_editable) for one in found] == [
        ("index==1", False),
        ("folder @ file:///p", False),
        ("file:///p", True),
        ("git @ git+file:///p@12ab", False),
        ("part @ file:///p#subdirectory=sub", False),
    ]


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """Half-made folders and temporary files, but for those that are being made now."""
    for name in ("made", "half", "half.tmp", "busy", "busy.tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "made" / "ready").touch()
    with making.locked(tmp_path / "busy"):
        making.sweep(tmp_path, "ready")

        left = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
        assert left == ["busy", "busy.tmp", "made"]


def test_tools_leave_their_temporary_files_in_our_folder(tmp_path: Path) -> None:
    """And hold the lock while they run, should this process be killed."""
    program = (
        "import os, pathlib, tempfile; tempfile.mkdtemp();"
        "pathlib.Path(os.environ['NOTE']).write_text(tempfile.gettempdir())"
    )
    with making.locked(tmp_path / "env") as made:
        line = [sys.executable, "-I", "-c", program]
        made.run(line, "a step", NOTE=str(tmp_path / "note"))
        with pytest.raises(PrepareError, match=r"a step failed:[^$]*no such thing"):
            made.run([sys.executable, "-c", "raise OSError('no such thing')"], "a step")

    assert (tmp_path / "note").read_text() == str(tmp_path / "env.tmp")
    assert not (tmp_path / "env.tmp").exists()
