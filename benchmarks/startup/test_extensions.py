"""What loading an extension module adds to a start."""

import importlib
import importlib.util
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="extensions")

TimeChild = Callable[..., None]
Serving = Callable[..., Callable[[], None]]
Compiled = Callable[..., str]

# Of a module that says that it can do without the GIL, and of one that does not.
NEEDS_GIL = {"not_used": (), "used": ("-DNEEDS_GIL",)}

# Turns of a loop of each of two threads: 1 to 3 ms.
TURNS = 100_000


@pytest.fixture
def gil_off() -> None:
    """Make a row n/a where nothing can turn the GIL on."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("n/a: needs a free-threaded build: elsewhere the GIL is on always")


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


def test_benchmark_startup_extension(time_child: TimeChild) -> None:
    """Start an interpreter without `site` and import `_pybench`.

    One operation is a child's whole life. The difference to `extension_none` is
    finding the file, linking it, and its multi-phase start: heap types and state.
    Expect 0.2 to 1 ms; linking grows with what an extension needs, and this one
    needs the C library alone.
    """
    folder = extension_folder()
    if folder is None:
        pytest.skip("n/a: the extension _pybench is not built: pip install -e .")
    time_child(
        f"import sys; sys.path.insert(0, {str(folder)!r}); import _pybench",
        "-S",
        floor="extension_none",
    )


def test_benchmark_startup_extension_none(
    time_child: TimeChild, tmp_path: Path
) -> None:
    """Start an interpreter without `site` and import an empty Python module.

    One operation is a child's whole life: what `extension` is to be compared with,
    as it searches the path and loads one file too.
    """
    (tmp_path / "empty.py").write_text("")
    time_child(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import empty",
        "-S",
        floor="bare",
    )


@pytest.mark.parametrize("phases", ["single", "multi"])
def test_benchmark_startup_extension_phases(time_child: TimeChild, phases: str) -> None:
    """Start an interpreter without `site` and import an extension of CPython's tests.

    One operation is a child's whole life. `_testsinglephase` makes its module at once,
    in the old way; `_testmultiphase` lets the interpreter make it (PEP 489). Expect 0.2
    to 1 ms above `extension_none`, and little between the two.
    """
    name = f"_test{phases}phase"
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        pytest.skip(f"n/a: this Python was built without its test modules ({name})")
    folder = str(Path(spec.origin).parent)
    time_child(
        f"import sys; sys.path.insert(0, {folder!r}); import {name}",
        "-S",
        floor="extension_none",
    )


@pytest.mark.parametrize("gil", NEEDS_GIL)
@pytest.mark.usefixtures("gil_off")
def test_benchmark_startup_extension_gil(
    time_child: TimeChild, compiled: Compiled, gil: str
) -> None:
    """Start an interpreter and import an extension that does or does not use the GIL.

    One operation is a child's whole life. Expect 1 to 3 ms more where the GIL is used:
    turning it on takes microseconds, saying so in a warning the rest.
    """
    folder = str(Path(compiled(*NEEDS_GIL[gil])).parent)
    # Set to 0 or 1, it would be heeded whatever is imported; empty is not set.
    time_child(
        f"import sys; sys.path.insert(0, {folder!r}); import extension\n"
        f"assert sys._is_gil_enabled() == {gil == 'used'}",
        "-S",
        floor="extension_gil[not_used]",
        PYTHON_GIL="",
    )


@pytest.mark.parametrize("gil", NEEDS_GIL)
@pytest.mark.usefixtures("gil_off")
@pytest.mark.threads(2)
def test_benchmark_startup_extension_threads(
    benchmark: BenchmarkFixture, serving: Serving, compiled: Compiled, gil: str
) -> None:
    """Run two threads in a child that has imported such an extension.

    One operation is a turn of a loop of each thread; starting and joining both is in
    it. Expect twice the time where the GIL is used, which is all that two threads gain.
    """
    benchmark.extra_info["operations"] = TURNS
    benchmark.extra_info["threads"] = 2
    module = compiled(*NEEDS_GIL[gil])
    is_on = int(gil == "used")
    benchmark(serving("threads-beside", module, is_on, TURNS, PYTHON_GIL=""))
