"""What imports cost: common modules in a start, and one module in a running program.

In the first rows one operation is a child's whole life with one import in it. The
import is the difference to `test_benchmark_startup_bare`, which is measured in the same
session and named in `extra_info["floor"]`; it is not subtracted, since a difference of
two noisy rows is noisier than both. In the others one operation is one import, in a
child that exists or, where nothing is loaded, in this process.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="imports")

TimeChild = Callable[..., None]
Serving = Callable[..., Callable[[], None]]
Statement = Callable[..., object]

MODULES = ("json", "asyncio", "typing", "re", "dataclasses", "logging", "argparse")

# Imports in one request to a child, so that the pipe does not count.
TIMES = 100

SMALL = """
LIMIT = 3

def function(first, second=None):
    return first if second is None else second
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    """Write a module of one function, and return the name of its folder."""
    (tmp_path / "small.py").write_text(SMALL)
    return str(tmp_path)


@pytest.mark.parametrize("module", MODULES, ids=lambda name: f"module={name}")
def test_benchmark_startup_import(time_child: TimeChild, module: str) -> None:
    """Start an interpreter without `site` and import one module.

    Expect above `bare`: 2 to 10 ms for most, since each of these needs `re` or its
    like with what that needs, and 20 to 50 ms for asyncio, which needs 60 modules,
    sockets and TLS among them.
    """
    time_child(f"import {module}", "-S", floor="bare")


@pytest.mark.parametrize(
    "module", ["json", "typing"], ids=lambda name: f"module={name}"
)
def test_benchmark_startup_import_cold(
    time_child: TimeChild, tmp_path: Path, module: str
) -> None:
    """Start an interpreter without `site` and import one module without any bytecode.

    Every module that is not frozen is compiled, and nothing is left behind; the sources
    are in the system's cache. Expect five to twenty times what `import` adds to `bare`:
    the first start after an installation.
    """
    variables = {
        "PYTHONPYCACHEPREFIX": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    time_child(f"import {module}", "-S", **variables, floor="bare")
    assert not list(tmp_path.iterdir())


def test_benchmark_startup_import_optimized(time_child: TimeChild) -> None:
    """Start an interpreter without `site` and with `-OO`, and import argparse.

    The bytecode has neither assertions nor docstrings and exists. Expect
    `import[module=argparse]` or a little less, by the reading of the docstrings.
    """
    time_child("import argparse", "-S", "-OO", floor="import[module=argparse]")


def test_benchmark_startup_import_fresh(
    benchmark: BenchmarkFixture, serving: Serving, small: str
) -> None:
    """Import a module of one function from bytecode, in a program that runs.

    One operation is finding it in the first folder of the path, comparing times with
    its source, reading, and executing it. Expect 25 to 200 us, half of it in system
    calls.
    """
    benchmark.extra_info["operations"] = TIMES
    benchmark(serving("import", small, "small", TIMES))


def test_benchmark_startup_import_reload(
    benchmark: BenchmarkFixture, serving: Serving, small: str
) -> None:
    """Reload the same module.

    One operation is `importlib.reload`: all of `import_fresh` but a new module object.
    Expect about the same.
    """
    benchmark.extra_info["operations"] = TIMES
    benchmark(serving("reload", small, "small", TIMES))


def test_benchmark_startup_import_missing(
    benchmark: BenchmarkFixture, serving: Serving, small: str
) -> None:
    """Fail to import a module that is in none of four folders.

    One operation is the search, in listings that are remembered as long as the folders
    do not change, and the exception. Expect 15 to 80 us, growing with the path: what an
    optional package costs each time it is asked for, as nothing remembers the failure.
    """
    benchmark.extra_info["operations"] = TIMES
    benchmark(serving("import-missing", small, "no_module_of_this_name", TIMES))


def test_benchmark_startup_import_statement(statement: Statement) -> None:
    """Execute an import statement whose module is there already.

    One operation is `import json` in a function: a look into `sys.modules`, and whether
    it is still being imported. Expect 35 to 150 ns.
    """
    importlib.import_module("json")
    statement("import json")


def test_benchmark_startup_import_from(statement: Statement) -> None:
    """Execute an import statement for a name of a module that is there already.

    One operation is `from json import dumps`: that of `import_statement`, a tuple, and
    an attribute, through a function in Python. Expect 0.1 to 0.3 us more.
    """
    importlib.import_module("json")
    statement("from json import dumps")


def test_benchmark_startup_import_function(statement: Statement) -> None:
    """Call `importlib.import_module` for a module that is there already.

    One operation is the call, two functions in Python around the look into
    `sys.modules`. Expect 0.15 to 0.6 us, more than the statement.
    """
    importlib.import_module("json")
    statement("load('json')", load=importlib.import_module)
