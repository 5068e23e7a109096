"""Whose packages a session imports: the side's own, then what it lacks."""

from __future__ import annotations

import ast
import site
import subprocess
import sys
from pathlib import Path

import pytest

from pybench.target.programs import start_pytest

pytestmark = pytest.mark.once


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a sys.path of a library and an interpreter's own packages."""
    made = [str(tmp_path / "library"), str(tmp_path / "own")]
    monkeypatch.setattr(sys, "path", made)
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path / "own")])
    return made


def test_own_packages_lie_before_what_was_put_beside(
    path: list[str], tmp_path: Path
) -> None:
    for name in ("ours", "with", "beside"):
        (tmp_path / name).mkdir()
    start_pytest.add_packages(tmp_path)

    names = [Path(entry).name for entry in sys.path]
    assert names == ["ours", "library", "with", "own", "beside"]


def test_editable_packages_asked_for_lie_before_the_own_ones(
    path: list[str], tmp_path: Path
) -> None:
    for name in ("with", "checkout"):
        (tmp_path / name).mkdir()
    (tmp_path / "with" / "edited.pth").write_text(f"{tmp_path / 'checkout'}\n")
    start_pytest.add_packages(tmp_path)

    names = [Path(entry).name for entry in sys.path]
    assert names == ["library", "with", "checkout", "own"]


def test_nothing_put_beside_changes_nothing(path: list[str], tmp_path: Path) -> None:
    before = [*path]
    start_pytest.add_packages(tmp_path)

    assert sys.path == before


def test_files_of_the_current_folder_stand_in_for_no_package(tmp_path: Path) -> None:
    """What is installed is imported; what lies only there can be."""
    for name in ("pytest", "pluggy", "iniconfig", "pytest_benchmark", "statistics"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')\n")
    (tmp_path / "only_here.py").write_text("")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "test_row.py").write_text(
        "import only_here\ndef test_row(): assert only_here\n"
    )
    line = [
        sys.executable,
        "-P",
        "-m",
        "pybench.target.programs.start_pytest",
        "-q",
        "-Werror",
    ]
    # With errors for warnings: pytest warns of plugins that were imported before it.
    line.append("rows")
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_sessions_need_no_name_that_the_least_pytest_lacks() -> None:
    """A side may have pytest 7.4; a name that came later stands in quotes alone."""
    later = {
        "Directory",
        "FixtureDef",
        "HIDDEN_PARAM",
        "RaisesGroup",
        "TerminalReporter",
    }
    package = Path(start_pytest.__file__).parents[1]
    used = [
        f"{path.name}: pytest.{node.attr}"
        for part in ("process", "plugin")
        for path in (package / part).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) == "pytest"
        and node.attr in later
    ]

    assert used == []
