"""What the rows that need numpy, torch or a child of their own do without it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SUITE = Path(__file__).parents[2] / "benchmarks"


def load(path: Path) -> ModuleType:
    """Import a file that is in no package, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"packages_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


numpy_rows = load(SUITE / "numpy" / "conftest.py")
python314_rows = load(SUITE / "python314" / "conftest.py")


@contextmanager
def skipping(words: str) -> Iterator[None]:
    """Expect the row to be skipped as not available, with these words."""
    with pytest.raises(pytest.skip.Exception) as skipped:
        yield
    assert str(skipped.value).startswith("n/a: ")
    assert words in str(skipped.value)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make an empty folder that can be imported as `absent_or_not`."""
    folder = tmp_path / "absent_or_not"
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop(folder.name, None)


def test_missing_package_is_told_with_the_command_that_installs_it() -> None:
    """A person who reads the reason knows what to type."""
    how = "pip install 'pybench-native[numpy]', or compare --with numpy"
    with skipping(f"absent_package is not installed: {how}"):
        numpy_rows.loaded("absent_package", "anything")


def test_empty_folder_is_no_package(package: Path) -> None:
    """`import numpy` beside benchmarks/numpy finds the folder, and no error."""
    with skipping("absent_or_not is not installed"):
        numpy_rows.loaded(package.name, "ndarray")


def test_package_that_is_there_is_returned(package: Path) -> None:
    """The proof of it is an attribute."""
    (package / "__init__.py").write_text("ndarray = 1")

    assert numpy_rows.loaded(package.name, "ndarray").ndarray == 1


def test_package_that_is_broken_is_an_error(package: Path) -> None:
    """Something that it needs and does not find is not its own absence."""
    (package / "__init__.py").write_text("import absent_package")

    with pytest.raises(ModuleNotFoundError, match="absent_package"):
        numpy_rows.loaded(package.name, "ndarray")


def pool(**facts: object) -> dict[str, Any]:
    """Make an entry as threadpoolctl has them."""
    return {
        "user_api": "blas",
        "internal_api": "openblas",
        "version": "0.3",
        "num_threads": 1,
        "filepath": "/lib/libopenblas.so",
        **facts,
    }


def test_names_the_blas_that_numpy_brought_along() -> None:
    """Other packages bring theirs, and OpenMP is none."""
    pools = [
        pool(user_api="openmp"),
        pool(version="of another"),
        pool(filepath="/site-packages/numpy.libs/libopenblas.so", version="ours"),
    ]
    facts = numpy_rows.blas_facts(ModuleType("numpy"), pools)

    assert facts == {"library": "openblas", "version": "ours", "threads": 1}


def test_names_a_blas_whose_threads_nobody_knows() -> None:
    """Then they are null, not one."""
    numpy: Any = ModuleType("numpy")
    built_with = {"name": "accelerate", "version": "unknown"}
    numpy.show_config = lambda mode: {"Build Dependencies": {"blas": built_with}}

    assert numpy_rows.blas_facts(numpy, []) == {
        "library": "accelerate",
        "version": "unknown",
        "threads": None,
    }


class Absent:
    """A finder that finds no threadpoolctl, whatever is installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raise as for a module that is nowhere."""
        if name == "threadpoolctl":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


NUMPY = """
import os

ndarray = object
__version__ = "9"
seen = {name: os.environ.get(name) for name in os.environ if "THREADS" in name}

class ones:
    def __init__(self, shape): pass
    def dot(self, other): seen["product"] = os.environ["OMP_NUM_THREADS"]

def show_config(mode):
    return {"Build Dependencies": {"blas": {"name": "someblas", "version": "1"}}}
"""


@pytest.fixture
def own_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a numpy of ours first, and hide threadpoolctl."""
    (tmp_path / "numpy.py").write_text(NUMPY)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("numpy", "threadpoolctl"):
        # Set first, so that whatever is there is put back in the end.
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    # Garbage of the other tests shall not be frozen.
    monkeypatch.setattr(numpy_rows.gc, "freeze", lambda: None)


@pytest.mark.usefixtures("own_numpy")
def test_numpy_is_measured_without_threadpoolctl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is imported with one thread for its BLAS; the variables are put back."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    found = numpy_rows.load_packages()

    assert found.limited_by == "variables"
    asked = dict.fromkeys(numpy_rows.THREAD_VARIABLES, "1")
    assert asked.items() <= found.numpy.seen.items()
    assert found.numpy.seen["product"] == "1"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "OMP_NUM_THREADS" not in os.environ
    assert "threadpoolctl is not installed" in numpy_rows.limit_note("variables")


@pytest.mark.usefixtures("own_numpy")
def test_numpy_that_was_loaded_before_is_said_to_be_unlimited() -> None:
    """Its BLAS has its threads; the variables come too late."""
    importlib.import_module("numpy")

    found = numpy_rows.load_packages()

    assert found.limited_by is None
    assert "not limited" in numpy_rows.limit_note(None)
    with numpy_rows.blas_held_to(1, found) as facts:
        assert facts == {
            "library": "someblas",
            "version": "1",
            "threads": None,
            "limited_by": None,
        }


@pytest.mark.usefixtures("own_numpy")
def test_only_rows_of_more_threads_need_threadpoolctl() -> None:
    """One thread is measured, two are n/a with the command that helps."""
    found = numpy_rows.load_packages()

    with numpy_rows.blas_held_to(1, found) as facts:
        assert facts["limited_by"] == "variables"
    with (
        skipping("BLAS cannot be given 2 threads: threadpoolctl is not installed"),
        numpy_rows.blas_held_to(2, found),
    ):
        pass


def test_threadpoolctl_limits_where_it_knows_the_blas() -> None:
    """A BLAS that it does not know is not called limited."""
    numpy: Any = ModuleType("numpy")
    built_with = {"name": "accelerate", "version": "unknown"}
    numpy.show_config = lambda mode: {"Build Dependencies": {"blas": built_with}}
    control: Any = ModuleType("threadpoolctl")
    asked: list[int] = []

    def limit(limits: int, user_api: str) -> AbstractContextManager[None]:
        asked.append(limits)
        return nullcontext()

    control.threadpool_limits = limit
    found = numpy_rows.Packages(numpy, control, numpy_rows.BY_THREADPOOLCTL)

    control.threadpool_info = lambda: [pool()]
    with numpy_rows.blas_held_to(1, found) as facts:
        assert facts["limited_by"] == "threadpoolctl"
    control.threadpool_info = list
    with numpy_rows.blas_held_to(1, found) as facts:
        assert facts["limited_by"] is None
    assert asked == [1, 1]


class Benchmark:
    """As much of pytest-benchmark's fixture as a child needs."""

    def __init__(self) -> None:
        self.extra_info: dict[str, Any] = {}


@pytest.fixture
def benchmark_record() -> Benchmark:
    """Make what the row would record."""
    return Benchmark()


@pytest.fixture
def start_child(benchmark_record: Benchmark) -> Iterator[Any]:
    """Return the suite's own function, outside of a row."""
    starting = python314_rows.start_child.__wrapped__(benchmark_record)
    yield next(starting)
    next(starting, None)


def test_child_does_the_work_when_it_is_asked(
    start_child: Any, benchmark_record: Benchmark
) -> None:
    """And says how many operations an answer is."""
    child = start_child("calls")
    child.ask()

    assert benchmark_record.extra_info["operations"] > 0
    assert benchmark_record.extra_info["child"] == child.state


def test_child_that_fails_is_an_error_with_its_stderr(start_child: Any) -> None:
    """Never a fast answer."""
    with pytest.raises(RuntimeError, match="no such work"):
        start_child("no such work")
