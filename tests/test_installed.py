"""pybench installed from a wheel, in a folder that has no checkout.

The wheel is built from a copy of this tree, and takes the extension that was compiled
for this interpreter's tests. Nothing is downloaded: the environment's other packages
are those of this one.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel of this tree."""
    pytest.importorskip("setuptools", reason="the build needs setuptools")
    native = pytest.importorskip("_pybench")
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "setup.py", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, tree)
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info")
    for name in ("src", "benchmarks"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    # Newer than its sources, so it is not compiled again.
    (tree / "lib").mkdir()
    shutil.copyfile(native.__file__, tree / "lib" / Path(native.__file__).name)
    line = [sys.executable, "setup.py", "-q", "build", "--build-lib=lib"]
    built = subprocess.run(
        [*line, "bdist_wheel", "--dist-dir=dist"],
        cwd=tree,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYBENCH_")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    (path,) = (tree / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a fresh environment that has the wheel."""
    folder = tmp_path_factory.mktemp("fresh")
    line = [sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(line, check=True, timeout=300)
    (packages,) = folder.glob("lib/python*/site-packages")
    shutil.unpack_archive(wheel, packages, "zip")
    # A path alone: the .pth files there, such as that of this checkout, do not count.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with nothing in it, and with no cache of this machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def pybench(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the installed pybench."""
    line = [str(python), "-m", "pybench", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=300)


def test_wheel_has_the_suite_and_the_sources_in_its_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"pybench", f"_pybench{suffix}"}
    for pattern in ("benchmarks/**/*.py", "benchmarks/*.t*", "src/_pybench/*.[ch]"):
        files = [f for f in ROOT.glob(pattern) if f.is_file()]
        carried = {f"pybench/_sources/{f.relative_to(ROOT)}" for f in files}
        assert carried
        assert carried <= {*names}
    assert wheel.stat().st_size <= MOST_BYTES


def test_rows_are_listed_by_their_names_in_a_checkout(
    python: Path, empty: Path
) -> None:
    listed = pybench(python, "list", "--json", "gil", "memory/refcount")
    assert listed.returncode == 0, listed.stderr

    rows = json.loads(listed.stdout)["rows"]
    assert {row["category"] for row in rows} == {"gil", "memory"}
    files = {row["id"].partition("::")[0] for row in rows}
    assert "benchmarks/memory/test_refcount.py" in files
    assert all((ROOT / file).is_file() for file in files)
    assert not [*empty.iterdir()]


def test_suite_is_measured_and_left_as_it_was(python: Path, empty: Path) -> None:
    """One row of Python and one of the extension, both of the fresh environment."""
    (package,) = python.parent.parent.glob("lib/python*/site-packages/pybench")
    before = {*package.rglob("*")}
    selectors = ["interpreter/calls/call_method", "memory/refcount/refcount_owned"]
    done = pybench(python, "run", "--quick", "--benchmarks", *selectors, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr

    assert "2 rows measured" in done.stdout
    (result,) = (empty / "out").glob("*.json")
    names = {row["fullname"] for row in json.loads(result.read_text())["benchmarks"]}
    assert {name.partition("::")[0] for name in names} == {
        "benchmarks/interpreter/test_calls.py",
        "benchmarks/memory/test_refcount.py",
    }
    left = {path.name for path in {*package.rglob("*")} - before}
    assert {
        name for name in left if not name.endswith((".pyc", "__pycache__"))
    } == set()
