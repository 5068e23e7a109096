"""What the rows that need numpy, torch or a child of their own do without it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    with skipping('absent_package is not installed: pip install -e ".[numpy]"'):
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
