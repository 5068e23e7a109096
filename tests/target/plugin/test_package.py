"""`import pybench` is cheap, and its functions work or say what to build."""

import subprocess
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import pybench

SHARED_BELOW_64 = {8: 40.0, 16: 41.0, 32: 39.0, 64: 2.0, 128: 2.0, 256: 2.1}


@pytest.mark.once
@pytest.mark.parametrize(
    ("cost_ns", "stride"),
    [
        (SHARED_BELOW_64, 64),
        ({8: 40.0, 16: 40.0, 32: 40.0, 64: 9.0, 128: 2.0, 256: 2.0}, 128),
        ({8: 40.0, 16: 40.0, 32: 40.0, 64: 40.0, 128: 40.0, 256: 2.0}, 256),
        # Noise below a quarter is no help.
        ({8: 40.0, 16: 40.0, 32: 40.0, 64: 2.4, 128: 2.0, 256: 2.0}, 64),
        # One lucky reading in the shared range does not end the search.
        ({8: 40.0, 16: 4.0, 32: 39.0, 64: 2.0, 128: 2.0, 256: 2.0}, 64),
        ({8: 2.0, 16: 2.1, 32: 2.0, 64: 1.9, 128: 2.0, 256: 2.0}, None),
    ],
)
def test_finds_the_stride_from_which_nothing_helps(
    cost_ns: dict[int, float], stride: int | None
) -> None:
    assert pybench._smallest_private_stride(cost_ns) == stride


def counters(cost_ns: dict[int, float]) -> Callable[..., list[Any]]:
    """Make a `counters_increment` with these costs."""

    def increment(iterations: int, **arguments: Any) -> list[Any]:
        assert arguments["layout"] == "strided"
        cost = cost_ns[arguments["stride"]] * (arguments["threads"] - 1)
        return [SimpleNamespace(ns_per_operation=cost)] * arguments["rounds"]

    return increment


def test_measures_the_stride_with_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    native = SimpleNamespace(BUILD={}, counters_increment=counters(SHARED_BELOW_64))
    monkeypatch.setitem(sys.modules, "_pybench", native)

    assert pybench.false_sharing_stride() == 64
    assert pybench.false_sharing_stride(threads=3) == 64


@pytest.mark.once
def test_says_when_no_sharing_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = dict.fromkeys(SHARED_BELOW_64, 2.0)
    native = SimpleNamespace(BUILD={}, counters_increment=counters(flat))
    monkeypatch.setitem(sys.modules, "_pybench", native)

    with pytest.raises(RuntimeError, match="no false sharing seen with 2 threads"):
        pybench.false_sharing_stride()


@pytest.mark.once
def test_rejects_one_thread() -> None:
    with pytest.raises(ValueError, match="threads must be at least 2, not 1"):
        pybench.false_sharing_stride(threads=1)


def test_stride_of_this_machine_is_one_that_was_tried(native: ModuleType) -> None:
    answer: int | str
    try:
        answer = pybench.false_sharing_stride()
    except RuntimeError as error:
        # A machine with one CPU, or a busy one: it says so.
        answer = str(error).partition(" with ")[0]

    assert answer in (8, 16, 32, 64, 128, 256, "no false sharing seen")


def test_lists_the_kernels_with_area_and_doc(native: ModuleType) -> None:
    listed = {kernel.name: kernel for kernel in pybench.kernels()}

    assert set(listed) == set(native.KERNELS)
    assert listed["refcount_pair"].area == "refcount"
    assert listed["refcount_pair"].doc
    assert listed["refcount_pair"].is_available


@pytest.mark.parametrize("call", [pybench.kernels, pybench.false_sharing_stride])
def test_not_built_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]
) -> None:
    monkeypatch.setitem(sys.modules, "_pybench", ModuleType("_pybench"))

    with pytest.raises(ImportError, match=r"`make bench` or `pip install -e .`"):
        call()


def test_import_loads_neither_pytest_nor_the_extension() -> None:
    code = (
        "import sys, pybench; "
        "heavy = {'pytest', '_pybench', 'pybench.target.plugin'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_plugin_loads_pytest_and_the_standard_library_alone() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import pybench.target.plugin; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - sys.stdlib_module_names))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "['pybench']"
