"""What the stable ABI costs in a loop of C: an extension for all versions, or for one.

The headers of one version read an object's fields where the stable ABI calls a
function. Each row's extension is compiled with this interpreter's headers when the row
begins: `plain`, the control; `abi3`, that 3.11 and later load; `abi3t`, that 3.15 and
later load, free-threaded or not (PEP 803).
"""

import importlib.util
import sysconfig
from collections.abc import Callable
from functools import partial
from importlib.machinery import EXTENSION_SUFFIXES

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="stable_abi"),
    pytest.mark.parametrize("abi", ["plain", "abi3", "abi3t"]),
]

OPERATIONS = 1000  # in a call of the extension's functions

DEFINES = {
    "plain": (),
    "abi3": ("-DPy_LIMITED_API=0x030b0000",),
    "abi3t": ("-DPy_TARGET_ABI3T=0x030f0000",),
}

TimeLoop = Callable[[str, object], None]


@pytest.fixture
def defines(abi: str) -> tuple[str, ...]:
    """Return what an extension is compiled with; a row is n/a if it is not loaded."""
    if abi == "abi3" and sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("n/a: a free-threaded build loads no abi3 (its headers refuse it)")
    if abi == "abi3t" and ".abi3t.so" not in EXTENSION_SUFFIXES:
        pytest.skip("n/a: needs an interpreter that loads abi3t, from Python 3.15")
    return DEFINES[abi]


@pytest.fixture
def time_loop(
    defines: tuple[str, ...], compiled: Callable[..., str], benchmark: BenchmarkFixture
) -> TimeLoop:
    """Return a function that times one of the extension's with an argument."""

    def time(name: str, argument: object) -> None:
        file = compiled(*defines)
        spec = importlib.util.spec_from_file_location("extension", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        loop = partial(getattr(module, name), argument)
        benchmark.extra_info["operations"] = OPERATIONS
        benchmark(loop)
        assert loop() == OPERATIONS

    return time


def test_benchmark_interpreter_abi_reference(time_loop: TimeLoop) -> None:
    """Take a reference to an object and drop it.

    One operation is Py_INCREF and Py_DECREF. Expect no difference for abi3 of 3.11,
    whose headers count in place, and two calls, 2 to 5 ns, for abi3t.
    """
    time_loop("reference", [])


def test_benchmark_interpreter_abi_check(time_loop: TimeLoop) -> None:
    """Ask whether an object is a tuple.

    One operation is PyTuple_Check, which reads a flag of the type: in place, or by a
    call of PyType_GetFlags. Expect under 1 ns, and 1 to 3 ns by the stable ABI.
    """
    time_loop("check", ("item",))


def test_benchmark_interpreter_abi_item(time_loop: TimeLoop) -> None:
    """Read an item of a tuple.

    One operation is PyTuple_GET_ITEM, or a call of PyTuple_GetItem, which checks type
    and index. Expect under 1 ns, and 1 to 3 ns by the stable ABI.
    """
    time_loop("item", ("item",))


def test_benchmark_interpreter_abi_character(time_loop: TimeLoop) -> None:
    """Read a character of a str.

    One operation is PyUnicode_READ_CHAR, or a call of PyUnicode_ReadChar, which checks
    type and index. Expect about 1 ns, and 2 to 4 ns by the stable ABI.
    """
    time_loop("character", "text")
