"""What having or lacking bytecode means for the import of a package.

The package is generated: ten modules with thirty functions each, some 2500 lines.
One operation is a child's whole life with its import; the import is the difference
to `test_benchmark_startup_bare`. The standard library's bytecode exists in all rows.
"""

from __future__ import annotations

import py_compile
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="bytecode")

TimeChild = Callable[..., None]

MODULES = 10
FUNCTIONS = 30  # in each module

FUNCTION = '''
def function_{number}(first, second=None, *rest, **options):
    """Return something that depends on the arguments."""
    if second is None:
        second = {number}
    total = [first, second]
    for index, value in enumerate(rest):
        total.append((index * {number}, value))
    return dict(options, total=total)
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Write a package without bytecode and return its folder."""
    folder = tmp_path / "generated"
    folder.mkdir()
    names = [f"module_{number}" for number in range(MODULES)]
    body = "".join(FUNCTION.format(number=number) for number in range(FUNCTIONS))
    for name in names:
        (folder / f"{name}.py").write_text(body)
    (folder / "__init__.py").write_text(f"from . import {', '.join(names)}\n")
    return folder


def import_of(package: Path) -> str:
    """Word the import of a package that is on nobody's path."""
    return f"import sys; sys.path.append({str(package.parent)!r}); import generated"


def bytecode_of(package: Path, environment: dict[str, str]) -> list[Path]:
    """List the bytecode that children have written for a package."""
    folder = Path(environment["PYTHONPYCACHEPREFIX"], *package.parts[1:])
    return list(folder.glob("*.pyc"))


def test_benchmark_startup_package_cold(
    benchmark: BenchmarkFixture,
    time_child: TimeChild,
    child_environment: dict[str, str],
    package: Path,
) -> None:
    """Import a package that has no bytecode and leaves none behind.

    Every child compiles ten modules. Expect 30 to 100 ms above `bare`: the
    compiler's speed. The sources are in the system's cache.
    """
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    time_child(import_of(package), "-S", PYTHONDONTWRITEBYTECODE="1")
    assert not bytecode_of(package, child_environment)


def test_benchmark_startup_package_warm(
    benchmark: BenchmarkFixture,
    time_child: TimeChild,
    child_environment: dict[str, str],
    package: Path,
) -> None:
    """Import the same package from the bytecode that an earlier import has left.

    Each child looks for eleven files, compares their times with the sources', and
    loads them. Expect 2 to 6 ms above `bare`.
    """
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    time_child(import_of(package), "-S")
    assert len(bytecode_of(package, child_environment)) == MODULES + 1


def test_benchmark_startup_package_sourceless(
    benchmark: BenchmarkFixture, time_child: TimeChild, package: Path
) -> None:
    """Import the same package from bytecode alone, its sources removed.

    Expect a little less than `package_warm`: nothing to compare with.
    """
    for source in package.glob("*.py"):
        py_compile.compile(str(source), str(source.with_suffix(".pyc")), doraise=True)
        source.unlink()
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    time_child(import_of(package), "-S")
