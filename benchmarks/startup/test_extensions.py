"""What loading an extension module adds to a start."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="extensions")

TimeChild = Callable[..., None]


def extension_folder() -> Path | None:
    """Find the folder of the built `_pybench`, or None."""
    try:
        module = importlib.import_module("_pybench")
    except ModuleNotFoundError:
        return None
    # A folder of C sources on the path imports too, as an empty namespace package.
    if getattr(module, "BUILD", None) is None or module.__file__ is None:
        return None
    return Path(module.__file__).parent


def test_benchmark_startup_extension(
    benchmark: BenchmarkFixture, time_child: TimeChild
) -> None:
    """Start an interpreter without `site` and import `_pybench`.

    One operation is a child's whole life. The difference to `extension_none` is
    finding the file, linking it, and its multi-phase start: heap types and state.
    Expect 0.2 to 1 ms; linking grows with what an extension needs, and this one
    needs the C library alone.
    """
    folder = extension_folder()
    if folder is None:
        pytest.skip("n/a: the extension _pybench is not built: pip install -e .")
    benchmark.extra_info["floor"] = "test_benchmark_startup_extension_none"
    time_child(
        f"import sys; sys.path.insert(0, {str(folder)!r}); import _pybench", "-S"
    )


def test_benchmark_startup_extension_none(
    benchmark: BenchmarkFixture, time_child: TimeChild, tmp_path: Path
) -> None:
    """Start an interpreter without `site` and import an empty Python module.

    One operation is a child's whole life: what `extension` is to be compared with,
    as it searches the path and loads one file too.
    """
    (tmp_path / "empty.py").write_text("")
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    time_child(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import empty", "-S")
