"""A wheel of each ref, built here without a network, and a checkout for the suite."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybench.interpreters import refs as subject
from pybench.interpreters.git import RefError, find_repository, read_refs
from pybench.interpreters.probe import Interpreter, probe
from pybench.interpreters.refs import (
    Builds,
    build_settings,
    builds_for,
    take_away,
)
from tests.interpreters.repositories import commit, git, make

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(shutil.which("git") is None, reason="n/a: git is not here"),
]

EXTENSION = """
#include <Python.h>
static PyObject *limit(PyObject *self, PyObject *args) {
    return PyLong_FromLong(LIMIT);
}
static PyMethodDef methods[] = {{"limit", limit, METH_NOARGS, 0}, {0}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "small_c", 0, -1, methods};
PyMODINIT_FUNC PyInit_small_c(void) { return PyModule_Create(&module); }
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a repository with the commits `old` and `main`."""
    make(tmp_path / "tree")
    return tmp_path / "tree"


@pytest.fixture
def builds(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Builds]:
    """Return what builds by the pip of this Python, into a cache of its own."""
    monkeypatch.setattr(subject, "builder", lambda *_: Path(sys.executable))
    repository = find_repository(tree)
    with builds_for(repository, tmp_path / "run", cache=tmp_path / "cache") as made:
        yield made


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    """Return this one."""
    return probe(sys.executable)


def test_a_ref_is_built_once(
    builds: Builds, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = read_refs(builds.repository, ["old", "main"])
    built = builds.build(old, interpreter)
    assert built.package == "small"
    assert built.modules == {"small"}
    assert not [*builds.folder.iterdir()]
    other = builds.build(new, interpreter)
    assert other.wheel != built.wheel
    monkeypatch.setattr(subject, "builder", lambda *_: Path("/nowhere"))
    assert builds.build(old, interpreter) == built


def test_a_build_that_fails_names_the_ref_and_the_message(
    builds: Builds, interpreter: Interpreter, tree: Path
) -> None:
    backend = (tree / "backend.py").read_text()
    (tree / "backend.py").write_text(backend + "\nraise OSError('error: no header')\n")
    broken = commit(tree, "broken")
    (ref,) = read_refs(builds.repository, ["main"])
    with pytest.raises(RefError) as raised:
        builds.build(ref, interpreter)

    assert str(raised.value).startswith(f"main ({broken[:12]}): ")
    assert "error: no header" in str(raised.value)
    assert git(tree, "worktree", "list").count("\n") == 0
    (tree / "pyproject.toml").unlink()
    commit(tree, "nothing to build")
    (ref,) = read_refs(builds.repository, ["main"])
    with pytest.raises(RefError, match=r"neither pyproject.toml nor setup.py"):
        builds.build(ref, interpreter)


@pytest.mark.skipif(shutil.which("cc") is None, reason="n/a: no compiler is here")
def test_an_extension_is_compiled_and_its_error_shown(
    builds: Builds, interpreter: Interpreter, tree: Path
) -> None:
    (tree / "small_c.c").write_text("#define LIMIT 3\n" + EXTENSION)
    commit(tree, "with an extension")
    (tree / "small_c.c").write_text(EXTENSION)
    good, bad = read_refs(builds.repository, ["HEAD", "WORKTREE"])

    built = builds.build(good, interpreter)
    assert built.modules == {"small", "small_c"}
    os.utime(built.wheel, (0, 0))
    assert builds.build(good, interpreter).compiled == "1970-01-01"
    with pytest.raises(RefError, match=r"LIMIT.*undeclared"):
        builds.build(bad, interpreter)


def test_variables_tell_builds_apart(tmp_path: Path) -> None:
    compiler = tmp_path / "mycc"
    compiler.write_text("#!/bin/sh\necho 'mycc 1.0'\n")
    compiler.chmod(0o755)
    environ = {"CC": f"{compiler} -pipe", "CFLAGS": "-O3", "LDFLAGS": "", "HOME": "/"}

    assert build_settings(environ) == {
        "CC": f"{compiler} -pipe",
        "CFLAGS": "-O3",
        "compiler": "mycc 1.0",
    }
    assert build_settings({"CC": "/no/such/cc"}) == {"CC": "/no/such/cc"}


def test_a_checkout_of_the_suite_has_no_copy_of_the_package(
    builds: Builds, tree: Path
) -> None:
    (tree / "src" / "small").mkdir(parents=True)
    (tree / "src" / "small" / "__init__.py").touch()
    (tree / "small.pyi").touch()
    commit(tree, "another layout")
    (ref,) = read_refs(builds.repository, ["HEAD"])
    with builds.suite_checkout(ref) as here:
        modules = take_away(builds.package_in(here), ["small"], [here / "benchmarks"])
        left = {p.name for p in here.rglob("*small*")}
        assert modules == ["small"]
        assert left == {"test_small.py"}
    assert not [*builds.folder.iterdir()]


def test_a_suite_in_the_package_is_kept_with_its_fixtures(tmp_path: Path) -> None:
    suite = tmp_path / "small" / "tests" / "speed"
    suite.mkdir(parents=True)
    for name in ("conftest.py", "core.py", "__init__.py", "tests/__init__.py"):
        (tmp_path / "small" / name).touch()
    (suite / "test_speed.py").touch()

    assert take_away(tmp_path, ["small"], [suite]) == ["small"]
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.py")}
    assert files == {"small/conftest.py", "small/tests/speed/test_speed.py"}
    # A suite that the wheel has as well is the suite all the same.
    assert take_away(tmp_path / "small" / "tests", ["speed"], [suite]) == []
    assert (suite / "test_speed.py").is_file()


def test_what_a_killed_run_has_left_is_removed(
    builds: Builds, tree: Path, tmp_path: Path
) -> None:
    """And one folder of a run is of one process."""
    left = tmp_path / "cache" / "checkouts" / "abc" / "tree"
    left.parent.mkdir()
    git(tree, "worktree", "add", "-q", "--detach", str(left), "main")
    cache, repository = tmp_path / "cache", builds.repository
    with builds_for(repository, tmp_path / "other", cache=cache) as others:
        assert not left.parent.exists()
        assert git(tree, "worktree", "list").count("\n") == 0
        assert others.folder != builds.folder
    with (
        pytest.raises(RefError, match="another process measures into"),
        builds_for(repository, tmp_path / "run", cache=cache),
    ):
        pass
