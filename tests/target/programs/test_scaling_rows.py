"""Rows as targets of ``pybench scaling``: which are taken, and what they give."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.records.scaling import Kind, ScalingOrder
from pybench.target.programs.scaling_rows import rows_of, use_row
from pybench.target.programs.target_calls import TargetError
from pybench.target.suites.pyperf import Script

ROWS = """
import pytest

@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("size", [10, 20])
def test_parameters(benchmark_threads, size, threads):
    benchmark_threads(sum, range(size), threads=threads)

@pytest.fixture
def indirect(benchmark_threads):
    return benchmark_threads

def test_setup(indirect):
    indirect(list.append, threads=2, setup=lambda: (([], 1), {}))

def test_of_one_thread(benchmark):
    benchmark(sum, [])

def test_skipped(benchmark_threads):
    pytest.skip("n/a: not here")

def test_fails(benchmark_threads):
    raise LookupError("no data")
"""
SCRIPT = """
import pyperf
runner = pyperf.Runner()
runner.bench_func("sums", sum, [1, 2])
runner.timeit("statement", "1 + 1")
"""
SCRIPTS = ("-p", "pybench.target.suites.pyperf")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the suite; what a process of its own may leave behind is undone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "test_rows", raising=False)
    monkeypatch.setattr(Script, "_take", Script._take)
    Path("test_rows.py").write_text(ROWS)
    Path("bm_sums.py").write_text(SCRIPT)
    Path("test_broken.py").write_text("import nothing_of_that_name\n")


def order(target: str, kind: Kind, *options: str) -> ScalingOrder:
    """Return an order of one process."""
    return ScalingOrder(
        target=target,
        kind=kind,
        options=options,
        threads=(1,),
        window_ns=1,
        budget_ns=1,
    )


def given(row: str, *options: str) -> list[object]:
    """Return what a call of the row returns, of two threads."""
    results: list[object] = []

    def use(make: Callable[[], Callable[[], object]]) -> None:
        results.extend([make()(), make()()])

    use_row(order(row, Kind.ROW, *options), use)
    return results


def test_rows_of_threads_are_found_once_for_all_their_numbers() -> None:
    assert rows_of(order("", Kind.ROWS, "test_rows.py")) == (
        "test_rows.py::test_parameters[10-4]",
        "test_rows.py::test_parameters[20-4]",
        "test_rows.py::test_setup",
        "test_rows.py::test_skipped",
        "test_rows.py::test_fails",
    )
    assert rows_of(order("test_setup", Kind.ROWS, "test_rows.py")) == (
        "test_rows.py::test_setup",
    )


@pytest.mark.parametrize(
    ("begin", "path", "text"),
    [
        ("test_of_one_thread", "test_rows.py", "gives a function to benchmark_threads"),
        ("", "test_broken.py", "nothing_of_that_name"),
    ],
)
def test_where_there_are_none_it_is_told(begin: str, path: str, text: str) -> None:
    with pytest.raises(TargetError, match=text):
        rows_of(order(begin, Kind.ROWS, path))


def test_a_row_gives_each_thread_its_call() -> None:
    assert given("test_rows.py::test_parameters[20-4]") == [190, 190]
    assert given("test_rows.py::test_setup") == [None, None]


@pytest.mark.parametrize(
    ("row", "text"),
    [("test_skipped", "^n/a: not here"), ("test_fails", "LookupError: no data")],
)
def test_a_row_that_gives_nothing_says_why(row: str, text: str) -> None:
    with pytest.raises(TargetError, match=text):
        given(f"test_rows.py::{row}")


def test_a_script_of_pyperf_has_its_functions_as_rows() -> None:
    rows = rows_of(order("", Kind.ROWS, *SCRIPTS, "bm_sums.py"))

    assert rows == ("bm_sums.py::sums", "bm_sums.py::statement")
    assert given(rows[0], *SCRIPTS) == [3, 3]
    with pytest.raises(TargetError, match=r"^n/a: .* bench_func takes one"):
        given(rows[1], *SCRIPTS)
