"""`--pybench-memory`: columns of memory, from processes that come after the times."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pybench.target.plugin.memory import differences_of
from tests.target.plugin.conftest import WAIT, interrupt_waiting_child

Run = Callable[..., pytest.RunResult]

SIZE = 8_000_000
# Every execution of a row leaves a line: whose process, timed or not, traced or not.
SUITE = f"""
import os
import tracemalloc
import pytest

HELD = []

def note(name, benchmark):
    with open("log", "a") as log:
        print(name, os.getpid(), benchmark.disabled, tracemalloc.is_tracing(), file=log)

def test_big(benchmark):
    note("big", benchmark)
    benchmark.pedantic(lambda: HELD.append(bytearray({SIZE})), rounds=1)

def test_small(benchmark):
    note("small", benchmark)
    benchmark(int)

def test_lacking(benchmark):
    pytest.skip("n/a: too old")

def test_plain():
    with open("plain", "a") as file:
        file.write("x")
"""
IN_PASS = """
import sys

if any(word.startswith("--pybench-memory-pass") for word in sys.argv):
"""


def saved(path: Path) -> dict[str, dict[str, Any]]:
    """Return what rows have in a file of pytest-benchmark, by their names."""
    rows = json.loads(path.read_text())["benchmarks"]
    return {row["name"]: row["extra_info"].get("pybench_memory", {}) for row in rows}


def log(folder: Path) -> list[list[str]]:
    """Return the words of each line that a row left."""
    return [line.split() for line in (folder / "log").read_text().splitlines()]


def test_columns_are_printed_and_saved(pytester: pytest.Pytester, run: Run) -> None:
    """Of the rows that were measured, by processes that time nothing.

    Each row runs timed, then once for what is resident, then once traced.
    """
    pytester.makepyfile(test_suite=SUITE)

    result = run("--pybench-memory", "--benchmark-json=out.json")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "pybench: resident memory, in a process of its own",
            "pybench: allocated memory, in a process of its own",
            "*benchmark: 2 tests*",
            "-* memory -*",
            "*rss peak *rss left *traced peak *blocks left",
            "big * MiB * MiB * 7.6 MiB *",
            "small *",
            "=* pybench =*",
        ]
    )
    rows = saved(pytester.path / "out.json")
    assert {*rows} == {"test_big", "test_small"}
    assert rows["test_big"]["traced_peak_bytes"] == pytest.approx(SIZE, rel=0.1)
    assert rows["test_big"]["rss_peak_bytes"] == pytest.approx(SIZE, rel=0.3)
    assert rows["test_small"]["traced_peak_bytes"] < SIZE / 10
    assert abs(rows["test_small"]["blocks_grown"]) < 60  # pytest's are taken off
    lines = log(pytester.path)
    assert [line[0] for line in lines] == ["big", "small"] * 3
    assert [line[2:] for line in lines[::2]] == [
        ["False", "False"],
        ["True", "False"],
        ["True", "True"],
    ]
    assert len({line[1] for line in lines}) == 3
    assert (pytester.path / "plain").read_text() == "x"


@pytest.mark.once
def test_further_processes_are_timed_before(
    pytester: pytest.Pytester, run: Run
) -> None:
    """And words of the ini file reach those processes, and do nothing there.

    Under --benchmark-only too, which is turned off where nothing is timed.
    """
    pytester.makepyfile(test_suite=SUITE)
    pytester.makeini(
        "[pytest]\naddopts = --pybench-memory --pybench-processes=2 "
        "--benchmark-save=base --benchmark-only"
    )

    result = run()

    assert result.ret == 0
    assert [line[2] for line in log(pytester.path)[::2]] == [
        *("False", "False", "True", "True")
    ]
    (path,) = pytester.path.glob(".benchmarks/*/0001_base.json")
    assert all(saved(path).values())


@pytest.mark.once
@pytest.mark.parametrize(
    "option", ["--benchmark-disable", "--collect-only", "--benchmark-skip"]
)
def test_nothing_is_looked_at_where_nothing_is_measured(
    pytester: pytest.Pytester, run: Run, option: str
) -> None:
    pytester.makepyfile(test_suite=SUITE)

    result = run("--pybench-memory", option)

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*resident memory*")
    result.stdout.no_fnmatch_line("*- memory -*")


@pytest.mark.once
def test_process_that_dies_costs_its_columns_alone_and_a_row_that_fails_nothing(
    pytester: pytest.Pytester, run: Run
) -> None:
    """What fails in those processes is told; what another row took counts."""
    death = """
    if not tracemalloc.is_tracing():
        os.abort()

    def test_small(benchmark):
        raise ValueError("not here")
"""
    pytester.makepyfile(test_suite=SUITE + IN_PASS + death)

    result = run("--pybench-memory", "--benchmark-json=out.json")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "big * n/a * n/a * MiB * n/a",
            "*the process for resident memory*SIGABRT*",
            "*the process for allocated memory ended with exit status 1: 1 failed*",
        ]
    )
    assert {*saved(pytester.path / "out.json")["test_big"]} == {"traced_peak_bytes"}


@pytest.mark.once
def test_interrupt_keeps_the_times(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_suite=SUITE + IN_PASS + WAIT)
    options = ("--pybench-memory", "--benchmark-json=out.json")
    status, _ = interrupt_waiting_child(pytester.path, *options)

    assert status == pytest.ExitCode.INTERRUPTED
    assert {*saved(pytester.path / "out.json")} == {"test_big", "test_small"}


@pytest.mark.once
def test_needs_pytest_benchmark(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")

    result = pytester.runpytest_inprocess("-p", "no:benchmark", "--pybench-memory")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --pybench-memory needs pytest-benchmark"])


@pytest.mark.once
def test_only_what_is_known_has_a_number() -> None:
    """Another system than Linux has no mark to set back, and no size now."""
    assert differences_of({"rss_before_bytes": 5, "rss_peak_bytes": 7}) == {
        "rss_peak_bytes": 2
    }
    assert differences_of({}) == {}
