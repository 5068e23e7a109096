"""Where the wheel of an arm comes from: one that is there, a compiler, or neither.

Nothing is downloaded or compiled: pip is a stand-in that makes what it is asked for.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pybench.interpreters import wheels
from pybench.interpreters.making import Making, PrepareError
from pybench.interpreters.probe import Interpreter, probe

pytestmark = pytest.mark.once

NAME = "pybench_native-0-cp3-cp3-any.whl"


@pytest.fixture(scope="module")
def here() -> Interpreter:
    return probe(sys.executable)


class Pip:
    """A stand-in for pip.

    ``offered`` is what it downloads, ``error`` what a compiler says.
    """

    def __init__(self) -> None:
        self.offered: Path | None = None
        self.error = ""
        self.built: list[Mapping[str, str]] = []

    def run(self, command: Sequence[str], step: str, **variables: str) -> None:
        line = [*command]
        if "download" in line:
            if self.offered is None:
                raise PrepareError(f"{step} failed:\n    ERROR: No matching")
            folder = Path(line[line.index("-d") + 1])
            folder.mkdir(parents=True)
            (folder / NAME).write_bytes(self.offered.read_bytes())
            return
        assert "wheel" in line, line
        if self.error and not variables:
            raise PrepareError(f"{step} failed:\n    {self.error}\n    more")
        assert (Path(line[-1]) / "src" / "_pybench" / "module.c").is_file()
        assert (Path(line[-1]) / "src" / "pybench" / "children.py").is_file()
        self.built.append(variables)
        Path(line[line.index("-w") + 1], NAME).touch()


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    """Replace the tools; a C compiler and the headers are there."""
    stand_in = Pip()

    def run(self: Any, command: Sequence[str], step: str, **variables: str) -> None:
        stand_in.run(command, step, **variables)

    monkeypatch.setattr(Making, "run", run)
    monkeypatch.setattr(wheels, "builder", lambda *_: Path("builder/python"))
    monkeypatch.setattr(wheels, "_cannot_compile", lambda _: "")
    return stand_in


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "is_installed", lambda: True)


def write_wheel(path: Path, **changed: str | None) -> Path:
    """Write a wheel of these sources; None leaves a file out."""
    texts = {
        f"pybench/_sources/{name}"
        if not name.startswith("src/pybench/")
        else name.removeprefix("src/"): file.read_bytes()
        for name, file in wheels._contents().items()
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, changed.get(Path(name).stem, text) or b"")
        for name, more in changed.items():
            if name not in {Path(n).stem for n in texts}:
                archive.writestr(f"pybench/{name}.txt", more or "")
    return path


def test_wheel_is_compiled_once(here: Interpreter, pip: Pip, tmp_path: Path) -> None:
    first = wheels.find_wheel(here, tmp_path)
    again = wheels.find_wheel(here, tmp_path)

    assert first == again
    assert not first.lacks
    assert pip.built == [{}]


def test_wheel_of_older_sources_is_not_taken_from_the_cache(
    here: Interpreter, pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one version too: that of a checkout stays the same for long."""
    old = wheels.find_wheel(here, tmp_path)
    changed = tmp_path / "changed.py"
    changed.touch()
    files = {**wheels._contents(), "src/pybench/children.py": changed}
    monkeypatch.setattr(wheels, "_contents", lambda: files)

    assert wheels.find_wheel(here, tmp_path).key != old.key
    assert pip.built == [{}, {}]


@pytest.mark.usefixtures("installed")
def test_matching_wheel_is_taken(here: Interpreter, pip: Pip, tmp_path: Path) -> None:
    pip.offered = write_wheel(tmp_path / "offered.whl")
    found = wheels.find_wheel(here, tmp_path)

    assert found.path.read_bytes() == pip.offered.read_bytes()
    assert not found.lacks
    assert not pip.built
    assert not (found.path.parent / "fetched").exists()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "changed",
    [{"module": "int other;"}, {"children": "pass"}, {"without_extension": "no"}],
    ids=["another extension", "another package", "none"],
)
def test_wheel_of_other_sources_is_refused(
    here: Interpreter, pip: Pip, tmp_path: Path, changed: dict[str, str]
) -> None:
    """Its version is the same; that of a package of this name may be somebody's."""
    pip.offered = write_wheel(tmp_path / "offered.whl", **changed)
    found = wheels.find_wheel(here, tmp_path)

    assert found.path.read_bytes() == b""
    assert pip.built == [{}]


@pytest.mark.usefixtures("installed")
def test_file_that_is_no_wheel_is_refused(
    here: Interpreter, pip: Pip, tmp_path: Path
) -> None:
    pip.offered = tmp_path / "torn.whl"
    pip.offered.write_bytes(b"PK torn")

    assert wheels.find_wheel(here, tmp_path).path.read_bytes() == b""


def test_new_wheel_in_a_folder_is_seen(
    here: Interpreter, pip: Pip, tmp_path: Path
) -> None:
    """Though one was compiled, and is kept, before it was there."""
    folder = tmp_path / "wheels here"
    folder.mkdir()
    compiled = wheels.find_wheel(here, tmp_path, [folder])
    pip.offered = write_wheel(folder / NAME)
    taken = wheels.find_wheel(here, tmp_path, [folder])

    assert compiled.key != taken.key
    assert taken.path.read_bytes() == pip.offered.read_bytes()


def test_without_a_compiler_the_extension_is_left_out(
    here: Interpreter, pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until there is one: what lacked is not kept."""
    with monkeypatch.context() as patch:
        patch.setattr(wheels, "_cannot_compile", lambda _: "no compiler")
        left_out = wheels.find_wheel(here, tmp_path)

    assert left_out.lacks.startswith(f"no extension for {here.label}: no compiler")
    assert "--find-links" in left_out.lacks
    assert pip.built == [{"PYBENCH_WITHOUT_EXTENSION": left_out.lacks}]
    compiled = wheels.find_wheel(here, tmp_path)
    assert not compiled.lacks
    assert compiled.key != left_out.key


@pytest.mark.usefixtures("installed")
def test_failed_compilation_leaves_the_extension_out(
    here: Interpreter, pip: Pip, tmp_path: Path
) -> None:
    pip.error = "error: unknown type name 'PyMutex'"

    lacks = wheels.find_wheel(here, tmp_path).lacks
    assert "it does not compile: error: unknown type name 'PyMutex'" in lacks


def test_failed_compilation_of_a_checkout_is_an_error(
    here: Interpreter, pip: Pip, tmp_path: Path
) -> None:
    """Whoever changed the C code wants to hear of it."""
    pip.error = "error: expected ';'"
    with pytest.raises(PrepareError, match="expected ';'"):
        wheels.find_wheel(here, tmp_path)


def test_what_compiling_lacks_is_said(
    here: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text(
        """#!/bin/sh\necho '["/none/Python.h", false, "own-cc -pthread"]'"""
    )
    python.chmod(0o755)
    bare = replace(here, path=python)
    monkeypatch.delenv("CC", raising=False)
    (tmp_path / "cc").write_text("#!/bin/sh\n")
    (tmp_path / "cc").chmod(0o755)
    path = f"{tmp_path}:/bin:/usr/bin"

    monkeypatch.setenv("PATH", path)
    assert wheels._cannot_compile(bare) == "its C headers are missing (/none/Python.h)"
    monkeypatch.setenv("CC", "none-cc -m64")
    assert wheels._cannot_compile(bare) == "there is no C compiler on PATH (none-cc)"
    monkeypatch.setenv("CC", "'")
    assert "No closing quotation" in wheels._cannot_compile(bare)
    monkeypatch.delenv("CC")
    monkeypatch.setattr("shutil.which", lambda _: None)
    said = wheels._cannot_compile(bare)
    assert said == "there is no C compiler on PATH (cc, gcc, clang, own-cc)"


def test_package_without_its_sources_says_so(
    here: Interpreter, pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "_contents", dict)
    with pytest.raises(PrepareError, match="installed without its sources"):
        wheels.find_wheel(here, tmp_path)
