"""A row that ran while something turned the GIL on is void and names the module."""

import json
import os
import shlex
import subprocess
import sysconfig
from collections.abc import Callable

import pytest

from pybench.target.process.gil import (
    GilWatch,
    extension_modules,
    gil_requested,
    module_in_warning,
)
from pybench.target.process.identity import is_free_threaded

Run = Callable[..., pytest.RunResult]

# No Py_mod_gil slot: importing it turns the GIL on (PEP 703).
LOUD_C = """
#include <Python.h>
static struct PyModuleDef_Slot slots[] = {{0, NULL}};
static struct PyModuleDef loud = {
    PyModuleDef_HEAD_INIT, .m_name = "loud", .m_slots = slots};
PyMODINIT_FUNC PyInit_loud(void) { return PyModuleDef_Init(&loud); }
"""
SUITE = """
def test_before(benchmark):
    benchmark(sum, (1, 2))

def test_culprit(benchmark):
    import loud
    benchmark(sum, (1, 2))

def test_after(benchmark):
    benchmark(sum, (1, 2))

def test_plain():
    pass
"""

# The same, imported by one of several threads.
SUITE_OF_THREADS = SUITE.replace(
    """def test_culprit(benchmark):
    import loud
    benchmark(sum, (1, 2))
""",
    """def test_culprit(benchmark_threads):
    benchmark_threads(lambda: __import__("loud"), threads=2)
""",
)

only_free_threaded = pytest.mark.skipif(
    not is_free_threaded(), reason="the GIL of this build is always on"
)


@pytest.fixture
def loud(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile a module that turns the GIL on, into the suite's folder."""
    source = pytester.path / "loud.c"
    source.write_text(LOUD_C)
    target = source.with_name("loud" + str(sysconfig.get_config_var("EXT_SUFFIX")))
    compiler = os.environ.get("CC") or str(sysconfig.get_config_var("CC"))
    include = sysconfig.get_path("include")
    build = [*shlex.split(compiler), "-shared", "-fPIC", f"-I{include}"]
    if sysconfig.get_platform().startswith("macosx"):
        build += ["-undefined", "dynamic_lookup"]
    subprocess.run([*build, str(source), "-o", str(target)], check=True)
    monkeypatch.delenv("PYTHON_GIL", raising=False)


def test_reads_the_module_out_of_the_warning() -> None:
    text = (
        "The global interpreter lock (GIL) has been enabled to load module 'some.x', "
        "which has not declared that it can run safely without the GIL."
    )

    assert module_in_warning(text) == "some.x"
    assert module_in_warning("the module 'x' is deprecated") is None


@pytest.mark.parametrize(
    ("environment", "options", "expected"),
    [
        ({}, {}, False),
        ({"PYTHON_GIL": "1"}, {}, True),
        ({"PYTHON_GIL": "0"}, {}, False),
        ({}, {"gil": "1"}, True),
        ({"PYTHON_GIL": "1"}, {"gil": "0"}, False),
    ],
)
def test_tells_a_wanted_gil_from_one_turned_on(
    environment: dict[str, str], options: dict[str, object], expected: bool
) -> None:
    assert gil_requested(environment, options) is expected


def test_a_build_with_a_gil_is_never_broken() -> None:
    watch = GilWatch(guarded=False)
    watch.start()
    watch.stop()

    assert not watch.is_broken


def test_names_the_module_before_the_suspects() -> None:
    watch = GilWatch(guarded=True)

    watch.see_warning("GIL: global interpreter lock (GIL) has been enabled for 'one'")
    watch.see_warning("GIL: global interpreter lock (GIL) has been enabled for 'two'")

    assert watch.culprit() == "module 'one'"


def test_names_the_suspects_without_a_warning() -> None:
    watch = GilWatch(guarded=True)

    culprit = watch.culprit()

    assert all(name in culprit for name in extension_modules())
    assert culprit.startswith(("module", "one of the modules", "an unknown module"))


@only_free_threaded
@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize(
    ("filters", "suite"),
    [((), SUITE), (("-Werror",), SUITE), (("-Wignore",), SUITE_OF_THREADS)],
)
def test_row_is_void_from_the_import_on(
    pytester: pytest.Pytester, run_process: Run, filters: tuple[str, ...], suite: str
) -> None:
    pytester.makepyfile(suite)

    result = run_process(
        "--benchmark-json=out.json", "--pybench-counts=c.json", *filters
    )

    result.assert_outcomes(passed=2, failed=2)
    text = result.stdout.str()
    assert "void: the GIL was turned on by module 'loud' while this row ran" in text
    assert "void: the GIL was turned on by module 'loud' before this row" in text
    document = json.loads((pytester.path / "out.json").read_text())
    assert [row["name"] for row in document["benchmarks"]] == ["test_before"]
    assert document["machine_info"]["pybench"]["gil_enabled"] is False
    (table,) = (
        line for line in result.outlines if line.startswith("----") and ":" in line
    )
    assert "1 tests" in table
    counts = json.loads((pytester.path / "c.json").read_text())
    assert (counts["rows_measured"], counts["rows_void"]) == (1, 2)
    assert counts["void_modules"] == ["module 'loud'"]
    assert counts["gil_enabled"] is True
    result.stdout.fnmatch_lines(
        ["pybench: 1 rows measured, 0 n/a, 2 void*(GIL on)", "*void*module 'loud'*"]
    )


@only_free_threaded
@pytest.mark.usefixtures("loud")
def test_import_at_collection_voids_every_row(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    pytester.makepyfile("import loud\n" + SUITE)

    result = run_process()

    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(["pybench: 0 rows measured, 0 n/a, 3 void*"])
    assert "module 'loud' before this row" in result.stdout.str()


@only_free_threaded
@pytest.mark.usefixtures("loud")
def test_rows_with_a_wanted_gil_are_not_void(
    pytester: pytest.Pytester, run_process: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(SUITE)
    monkeypatch.setenv("PYTHON_GIL", "1")

    result = run_process("--benchmark-save=one")

    result.assert_outcomes(passed=4)
    (saved,) = pytester.path.glob(".benchmarks/*/0001_one.json")
    assert "-gil_on-" in saved.parent.name
    document = json.loads(saved.read_text())
    assert document["machine_info"]["pybench"]["gil_enabled"] is True
    assert document["machine_info"]["pybench"]["free_threaded"] is True


@only_free_threaded
@pytest.mark.usefixtures("loud")
def test_nothing_is_void_when_nothing_is_measured(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    pytester.makepyfile(SUITE)

    run_process("--benchmark-disable").assert_outcomes(passed=4)
