"""Packages in a folder of their own: installed once, from a wheel beside the test."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from pybench.interpreters import package_folders
from pybench.interpreters.making import PrepareError
from pybench.interpreters.package_folders import packages_folder, short_reason
from pybench.interpreters.probe import Interpreter, probe

pytestmark = pytest.mark.once


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Interpreter:
    """Return this Python, whose own pip installs from no index."""
    pytest.importorskip("pip", reason="n/a: this environment has no pip")
    monkeypatch.setattr(package_folders, "builder", lambda *_: Path(sys.executable))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return probe(sys.executable)


def write_wheel(folder: Path) -> Path:
    path = folder / "small-1.0-py3-none-any.whl"
    info = "small-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("small.py", "answer = 42\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: small\n"
                         "Version: 1.0\n")  # fmt: skip
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\n"
                         "Root-Is-Purelib: true\nTag: py3-none-any\n")  # fmt: skip
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_packages_are_installed_once(here: Interpreter, tmp_path: Path) -> None:
    wheel = str(write_wheel(tmp_path))
    installed: list[str] = []

    def install() -> Path:
        return packages_folder(
            here,
            [wheel],
            cache=tmp_path / "cache",
            on_install=lambda: installed.append("now"),
        )

    folder = install()
    assert (folder / "small.py").is_file()
    assert install() == folder
    assert installed == ["now"]


def test_what_cannot_be_installed_leaves_nothing(
    here: Interpreter, tmp_path: Path
) -> None:
    with pytest.raises(PrepareError) as error:
        packages_folder(here, ["small==1"], cache=tmp_path)

    reason = short_reason(error.value)
    assert reason.startswith("Could not find a version that satisfies")
    assert reason.endswith("; is the package index reachable?")
    assert not [path for path in (tmp_path / "packages").iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("error: subprocess-exited-with-error\n x.c:1: error: no member", "x.c:1: err"),
        ("  error: x\n  ERROR: No matching distribution", "No matching distribution"),
        ("  at the end", "at the end"),
        ("", "3.14: pip took too long"),
    ],
)
def test_reason_is_one_line(lines: str, reason: str) -> None:
    error = PrepareError(f"3.14: pip took too long\n{lines}".strip())

    assert short_reason(error).startswith(reason)
