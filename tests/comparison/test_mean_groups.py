"""Which mean a row counts in, and that none of them mixes what has no common mean."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison.judging import judge
from pybench.comparison.mean_groups import (
    CONTENDED,
    CONTROL,
    NATIVE,
    PYTHON,
    STARTUP,
    WAITING,
    kind_of,
)
from pybench.comparison.summary import summarise
from pybench.records.run import (
    PairRecord,
    RowRecord,
    Run,
    RunHeader,
    SideRecord,
)
from pybench.records.samples import Sample
from pybench.target.process.identity import read_identity

pytestmark = pytest.mark.once

SUITE = Path(__file__).parents[2] / "benchmarks"
# Kernels that run without the interpreter; of `locks_pair` those of another kind.
WITHOUT_PYTHON = ("yardstick_", "counters_", "ordering_", "refcount_word")
OF_OBJECTS = ("ordering_objects", "ordering_neighbours")


@pytest.mark.parametrize(
    ("row", "group", "threads", "waits", "kind"),
    [
        ("tests/bench/test_json.py::test_dump", None, 1, False, PYTHON),
        ("test_json.py::TestDump::test_list[a::b]", None, 1, False, PYTHON),
        ("benchmarks/gil/test_gil.py::test_benchmark_gil_release[1]", "gil", 1, False,
         PYTHON),
        ("benchmarks/memory/test_refcount.py::test_benchmark_memory_refcount_shared[2]",
         "refcount", 2, True, CONTENDED),
        ("benchmarks/scaling/test_language.py::test_benchmark_scaling_float[1]",
         "language", 1, False, CONTENDED),
        ("benchmarks/startup/test_x.py::test_benchmark_startup_interpreter_both[own]",
         "subinterpreters", 2, True, CONTENDED),
        ("benchmarks/startup/test_bare.py::test_benchmark_startup_bare", None, 1, True,
         STARTUP),
        ("tests/test_disk.py::test_fsync", None, 1, True, WAITING),
        ("benchmarks/memory/test_ordering.py::test_benchmark_memory_ordering_paged",
         "ordering", 1, False, NATIVE),
        ("benchmarks/memory/test_ordering.py::"
         "test_benchmark_memory_ordering_objects[shuffled]", "ordering", 1, False,
         PYTHON),
        ("benchmarks/threading/test_counters.py::"
         "test_benchmark_threading_counters_padded[2]", "counters", 2, True, NATIVE),
        ("benchmarks/threading/test_locks.py::"
         "test_benchmark_threading_locks_free[pthread]", "locks", 1, False, NATIVE),
        ("benchmarks/threading/test_locks.py::"
         "test_benchmark_threading_locks_free[pymutex]", "locks", 1, False, PYTHON),
        ("benchmarks/memory/test_yardstick.py::test_benchmark_memory_yardstick_atomic",
         "yardstick", 2, True, CONTROL),
    ],
)  # fmt: skip
def test_a_row_has_one_kind(
    row: str, group: str | None, threads: int, waits: bool, kind: str
) -> None:
    assert kind_of(row, group, threads=threads, waits=waits) == kind


def kernel_rows() -> Iterator[tuple[str, str, str]]:
    """Yield file, function and the kernel that a row of the suite names."""
    for path in sorted(SUITE.glob("*/test_*.py")):
        for function in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Name)
                    and call.func.id == "kernel"
                    and isinstance(call.args[0], ast.Constant)
                ):
                    yield path.name, function.name, str(call.args[0].value)


def test_the_kernels_of_the_suite_are_known() -> None:
    """Whoever adds a kernel without Python has to say so."""
    rows = [one for one in kernel_rows() if one[0] != "test_yardstick.py"]

    assert len(rows) > 80
    for file, function, kernel in rows:
        if kernel == "locks_pair":
            continue
        without = kernel.startswith(WITHOUT_PYTHON) and kernel not in OF_OBJECTS
        found = kind_of(f"b/{file}::{function}", None, threads=1, waits=False)
        assert (found == NATIVE) is without, (function, kernel)


def recorded(rows: dict[str, tuple[float, dict[str, Any]]]) -> Run:
    """Return a run of eight pairs: per row its ratio, and what its record has else."""
    header = RunHeader(
        version="0", started="", command=(), seed=1, margin=0.03, pairs=8, suite="s"
    )
    run = Run(header=header)
    for name in "ab":
        run.add(SideRecord(name=name, python="/p", identity=read_identity()))
    for row, (ratio, more) in rows.items():
        known = {
            "row": row, "group": None, "apart": False, "pinned": True, "margin": None,
            "metric": "cpu", "operations": 1, "threads": 1, "numbers": {"count": 1},
            "per_sample_ns": 5e6, "outcomes": {"a": "measured", "b": "measured"},
            "reasons": {}, "waits": False,
        }  # fmt: skip
        run.add(RowRecord(**(known | more)))
        for number in range(1, 9):
            samples = {
                side: (
                    tuple(
                        Sample(wall_ns=round(ns), cpu_ns=round(ns), waited_ns=0)
                        for _ in range(4)
                    ),
                )
                for side, ns in (("a", 1e6), ("b", 1e6 * ratio))
            }
            run.add(
                PairRecord(
                    row=row, pair=number, order=("a", "b"), apart=False, cpu=None,
                    hash_seed=number, numbers={"count": 1}, samples=samples,
                )
            )  # fmt: skip
    return run


B = "benchmarks/"
MIXED: dict[str, tuple[float, dict[str, Any]]] = {
    f"{B}memory/test_a.py::test_one": (1.2, {}),
    f"{B}memory/test_a.py::test_two": (1.2, {}),
    f"{B}memory/test_a.py::test_contended": (92.0, {"threads": 2, "metric": "wall"}),
    f"{B}memory/test_y.py::test_alu": (1.0, {"group": "yardstick"}),
    f"{B}memory/test_o.py::test_benchmark_memory_ordering_paged": (1.0, {}),
    f"{B}interpreter/test_a.py::test_call": (1.8, {}),
    f"{B}startup/test_a.py::test_bare": (1.5, {}),
    f"{B}async/test_a.py::test_disk": (1.1, {"metric": "wall", "waits": True}),
}


def test_no_mean_mixes_kinds() -> None:
    """One contended row of ninety times moves no category, and no control does."""
    found = summarise(run := recorded(MIXED), judge(run))

    assert {one.category: (round(one.ratio, 5), one.rows) for one in found.means} == {
        "": (round((1.2 * 1.2 * 1.8) ** (1 / 3), 5), 3),
        "memory": (1.2, 2),
        "interpreter": (1.8, 1),
    }
    assert {one.category: (round(one.ratio, 5), one.rows) for one in found.apart} == {
        CONTENDED: (92.0, 1),
        STARTUP: (1.5, 1),
        WAITING: (1.1, 1),
        NATIVE: (1.0, 1),
    }
    assert {one.category: one.ratio for one in found.parts} == pytest.approx(
        {
            "memory": 1.2,
            "start-up": 1.5,
            "computation": 1.8,
        }
    )


def test_the_sentence_at_the_top_quotes_the_first_mean() -> None:
    found = summarise(run := recorded(MIXED), judge(run))
    ratio = math.prod((1.2, 1.2, 1.8)) ** (1 / 3)

    quoted = f"(geometric mean {ratio:.3f} of 3 single-threaded rows of Python)"
    assert found.verdict.endswith(quoted)
    assert sum(row.kind == PYTHON for row in found.rows) == 3


def test_a_run_without_rows_of_python_quotes_none() -> None:
    only = {row: of for row, of in MIXED.items() if "contended" in row}
    found = summarise(run := recorded(only), judge(run))

    assert "geometric mean" not in found.verdict
    assert [one.category for one in found.apart] == [CONTENDED]
    assert (found.means, found.parts) == ((), ())
