"""Finding interpreters: which candidates are asked, and which count once."""

import json
import os
import sys
from pathlib import Path

import pytest

from pybench.interpreters import SUPPORTED, find
from tests.interpreters.conftest import fake


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which there is nothing."""
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


def test_empty_machine_has_none(environ: dict[str, str]) -> None:
    """Nothing found is no error; where was looked is told."""
    search = find(environ)

    assert search.interpreters == ()
    assert search.rejected == ()
    assert {"PATH", "pyenv", "uv", "PYBENCH_PYTHONS"} <= set(search.looked_in)


def test_finds_on_path_in_pyenv_and_in_the_folder_of_uv(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Each place is looked in, whichever tool is itself on PATH."""
    fake(tmp_path / "bin" / "python3.11", "3.11.9")
    fake(tmp_path / "home/.pyenv/versions/3.12.4/bin/python3.12", "3.12.4")
    store = tmp_path / "home/.local/share/uv/python"
    fake(store / "cpython-3.13.2/bin/python3.13t", "3.13.2", free_threaded=True)

    kinds = [interpreter.kind for interpreter in find(environ).interpreters]

    assert kinds == ["3.11", "3.12", "3.13t"]


def test_places_of_pyenv_and_uv_can_be_moved(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Their own variables are followed."""
    fake(tmp_path / "py" / "versions" / "x" / "bin" / "python3", "3.12.0")
    fake(tmp_path / "uv" / "cpython-3.14" / "bin" / "python3.14", "3.14.0")
    environ |= {
        "PYENV_ROOT": str(tmp_path / "py"),
        "UV_PYTHON_INSTALL_DIR": str(tmp_path / "uv"),
    }

    kinds = [interpreter.kind for interpreter in find(environ).interpreters]

    assert kinds == ["3.12", "3.14"]


def test_asks_uv_what_it_has_installed(environ: dict[str, str], tmp_path: Path) -> None:
    """What uv lists is probed too, wherever it lies."""
    python = fake(tmp_path / "elsewhere" / "bin" / "python3.15", "3.15.0")
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(f"#!/bin/sh\necho '{json.dumps([{'path': str(python)}])}'\n")
    uv.chmod(0o755)

    found = find(environ).interpreters

    assert [interpreter.path for interpreter in found] == [python]


@pytest.mark.parametrize("answer", ["exit 2", "echo nonsense", "echo '[3]'"])
def test_a_uv_that_cannot_list_is_passed_over(
    environ: dict[str, str], tmp_path: Path, answer: str
) -> None:
    """An old uv costs its own interpreters, not the search."""
    fake(tmp_path / "bin" / "python3.12", "3.12.1")
    uv = tmp_path / "bin" / "uv"
    uv.write_text(f"#!/bin/sh\n{answer}\n")
    uv.chmod(0o755)

    assert [i.kind for i in find(environ).interpreters] == ["3.12"]


def test_same_build_counts_once(environ: dict[str, str], tmp_path: Path) -> None:
    """Two paths to one version, ABI and prefix are one interpreter."""
    prefix = str(tmp_path / "same")
    fake(tmp_path / "bin" / "python3", prefix=prefix)
    fake(tmp_path / "bin" / "python3.13", prefix=prefix)

    assert len(find(environ).interpreters) == 1


def test_two_builds_of_one_version_count_twice(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """The prefix or the ABI tells them apart."""
    fake(tmp_path / "bin" / "python3.13", prefix="/one")
    fake(tmp_path / "bin" / "python3.13d", prefix="/one", soabi="cpython-313d")
    fake(tmp_path / "bin" / "python3", prefix="/other")

    assert len(find(environ).interpreters) == 3


def test_name_is_not_trusted(environ: dict[str, str], tmp_path: Path) -> None:
    """A python3.14t that is a 3.12 with a GIL is found as that."""
    fake(tmp_path / "bin" / "python3.14t", "3.12.3")

    assert [i.kind for i in find(environ).interpreters] == ["3.12"]


def test_only_names_of_interpreters_are_run(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Tools whose names begin alike are left alone."""
    for name in ("python3-config", "pythonw.sh", "python3.13-gdb.py", "ipython3"):
        fake(tmp_path / "bin" / name)

    search = find(environ)

    assert search.interpreters == ()
    assert search.rejected == ()


def test_what_pybench_does_not_build_for_is_apart(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """An old CPython and another implementation are named, not used."""
    fake(tmp_path / "bin" / "python3.10", "3.10.1")
    fake(tmp_path / "bin" / "python3.11", "3.11.1", implementation="PyPy")

    search = find(environ)

    assert search.interpreters == ()
    assert [i.version for i in search.unsupported] == ["3.10.1", "3.11.1"]


def test_listed_path_that_fails_is_told(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """What the user named and what lay about are told apart."""
    broken = tmp_path / "bin" / "python3"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    environ["PYBENCH_PYTHONS"] = str(tmp_path / "absent")

    named = {rejected.path.name: rejected.named for rejected in find(environ).rejected}

    assert named == {"absent": True, "python3": False}


def test_listed_paths_come_first(environ: dict[str, str], tmp_path: Path) -> None:
    """For one build the path that the user gave is the one used."""
    fake(tmp_path / "bin" / "python3.13", prefix="/same")
    mine = fake(tmp_path / "mine" / "python", prefix="/same")
    environ["PYBENCH_PYTHONS"] = os.pathsep.join(["", str(mine), " "])

    assert [i.path for i in find(environ).interpreters] == [mine]


def test_oldest_kind_first(environ: dict[str, str], tmp_path: Path) -> None:
    """Versions are ordered as numbers, the GIL build before the free-threaded."""
    fake(tmp_path / "bin" / "python", "3.14.10")
    fake(tmp_path / "bin" / "python3", "3.14.9")
    fake(tmp_path / "bin" / "python3.14t", "3.14.1", free_threaded=True, soabi="t")
    fake(tmp_path / "bin" / "python3.11", "3.11.0")

    labels = [interpreter.label for interpreter in find(environ).interpreters]

    assert labels == ["3.11.0", "3.14.9", "3.14.10", "3.14.1t"]


def test_finds_the_interpreter_that_runs_this() -> None:
    """The one real round trip: named, it is found, and of a supported kind."""
    environ = {"PYBENCH_PYTHONS": sys.executable, "HOME": "/nowhere", "PATH": ""}

    found = find(environ).interpreters

    assert [interpreter.path for interpreter in found] == [Path(sys.executable)]
    assert found[0].kind in SUPPORTED
