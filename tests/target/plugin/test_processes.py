"""`--pybench-processes` repeats a session, and what is saved has each median."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.target.plugin.conftest import WAIT, interrupt_waiting_child

Run = Callable[..., pytest.RunResult]

# Times come from a clock that only the rows move: each process has its own, as far as
# hash seeds differ, and no load of this machine changes it.
SUITE = """
import os
import pytest

now = 0.0

def clock():
    return now

def work(seconds):
    global now
    now += seconds

@pytest.mark.benchmark(timer=clock)
def test_row(benchmark):
    benchmark.pedantic(work, (1 + hash("seed") % 1000 / 1e5,), rounds=3)
"""

# What only the other processes do.
IN_REPETITION = """
import sys

if any(word.startswith("--pybench-repetition") for word in sys.argv):
"""


def saved(path: Path) -> list[dict[str, Any]]:
    """Return the rows of the block of ours in a saved file."""
    rows: list[dict[str, Any]] = json.loads(path.read_text())["pybench"]["rows"]
    return rows


def test_medians_of_all_processes_are_saved(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)

    result = run("--pybench-processes", "4", "--benchmark-json=out.json")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "pybench: process 2 of 4",
            "pybench: process 4 of 4",
            "*benchmark: 1 tests*",
            "pybench: 1 rows measured*",
            "  note: 4 of 4 processes measured;*",
        ]
    )
    document = json.loads((pytester.path / "out.json").read_text())
    (row,) = document["pybench"]["rows"]
    medians = row["process_medians_s"]
    assert len(medians) == 4
    assert medians[0] == document["benchmarks"][0]["stats"]["median"]
    # Four hash seeds of a thousand lengths: all equal is one chance in a billion.
    assert len(set(medians)) > 1
    assert len(document["benchmarks"]) == 1


@pytest.mark.once
def test_speed_up_is_of_all_processes(pytester: pytest.Pytester, run: Run) -> None:
    """Two are too few for an interval, and that is said."""
    pytester.makepyfile(
        """
        def test_threads(benchmark_threads):
            benchmark_threads(int, threads=2)
        """
    )

    result = run("--pybench-processes=2", "--benchmark-json=out.json")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["threads *", "2 processes: no interval, it takes 7"])
    document = json.loads((pytester.path / "out.json").read_text())
    scaling = document["benchmarks"][0]["extra_info"]["scaling"]
    found = scaling["process_speedups"]
    assert len(found) == scaling["processes"] == 2
    assert scaling["speedup"] == pytest.approx(sum(found) / 2)


@pytest.mark.once
def test_saves_have_them_too_and_the_storage_has_one_session(
    pytester: pytest.Pytester, run: Run
) -> None:
    """The other processes keep out of the folder, also of its journal."""
    pytester.makepyfile(SUITE)
    # Words of the ini file reach the other processes, and shall do nothing there.
    pytester.makeini("[pytest]\naddopts = --benchmark-save=base --pybench-processes=2")

    result = run("--pybench-counts=counts.json", "--benchmark-autosave")

    assert result.ret == 0
    (path,) = pytester.path.glob(".benchmarks/*/0001_base.json")
    assert len(saved(path)[0]["process_medians_s"]) == 2
    names = {file.name for file in path.parent.iterdir()}
    assert names == {"0001_base.json", "journal.jsonl"}


@pytest.mark.once
def test_one_process_is_as_without(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(SUITE)

    result = run("--pybench-processes=1", "--benchmark-json=out.json")

    assert result.ret == 0
    assert "processes measured" not in result.stdout.str()
    assert saved(pytester.path / "out.json")[0]["process_medians_s"] == []


@pytest.mark.once
@pytest.mark.parametrize("value", ["0", "-3", "many", "2.5", ""])
def test_other_numbers_are_refused(
    pytester: pytest.Pytester, run: Run, value: str
) -> None:
    pytester.makepyfile(SUITE)

    result = run(f"--pybench-processes={value}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--pybench-processes: '{value}' is not a number*"])


@pytest.mark.once
def test_needs_pytest_benchmark(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")

    result = pytester.runpytest_inprocess("-p", "no:benchmark", "--pybench-processes=2")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --pybench-processes needs pytest-benchmark"])


@pytest.mark.once
def test_a_process_that_dies_is_named_and_the_others_go_on(
    pytester: pytest.Pytester, run: Run
) -> None:
    death = """
    if not os.path.exists("died"):
        open("died", "w").close()
        print("going down", flush=True)
        os._exit(7)
"""
    pytester.makepyfile(SUITE + IN_REPETITION + death)

    result = run("--pybench-processes=3", "--benchmark-json=out.json", "-s")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "  note: process 2 of 3 gave no results, it ended with exit status 7*",
            "  note: 2 of 3 processes measured;*",
        ]
    )
    assert len(saved(pytester.path / "out.json")[0]["process_medians_s"]) == 2


@pytest.mark.once
def test_a_row_that_fails_in_one_process_costs_that_row_alone(
    pytester: pytest.Pytester, run: Run
) -> None:
    failing = """
    def test_other(benchmark):
        raise ValueError("not here")
else:
    def test_other(benchmark):
        benchmark.pedantic(int)
"""
    pytester.makepyfile(SUITE + IN_REPETITION + failing)

    result = run("--pybench-processes=2", "--benchmark-json=out.json")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["  note: process 2 of 2 ended with exit status 1: 1 failed, 1 passed*"]
    )
    row, other = saved(pytester.path / "out.json")
    assert len(row["process_medians_s"]) == 2
    assert len(other["process_medians_s"]) == 1


ONCE = """
import uuid
import pytest

def test_once(benchmark, calls=[]):
    benchmark.pedantic(lambda: calls.append(1), rounds=1)
    with open("calls", "a") as file:
        print(len(calls), file=file)

@pytest.mark.parametrize("of", [1], ids=[uuid.uuid4().hex])
def test_renamed(benchmark, of):
    benchmark.pedantic(abs, (of,))
"""


@pytest.mark.once
def test_each_process_calls_once_what_says_so_and_names_what_is_renamed(
    pytester: pytest.Pytester, run: Run
) -> None:
    """Those of --pybench-memory too, which time nothing."""
    pytester.makepyfile(ONCE)

    result = run(
        "--pybench-processes=2", "--pybench-memory", "--benchmark-json=out.json"
    )

    assert (pytester.path / "calls").read_text().split() == ["1"] * 4
    once, renamed = saved(pytester.path / "out.json")
    assert len(once["process_medians_s"]) == 2
    assert len(renamed["process_medians_s"]) == 1
    result.stdout.fnmatch_lines(
        ["  note: fewer medians than processes: *::test_renamed[[]*; where others*"]
    )


@pytest.mark.once
def test_nothing_is_repeated_where_nothing_is_measured(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)

    for option in ("--benchmark-disable", "--collect-only", "--benchmark-skip"):
        result = run("--pybench-processes=3", option)

        assert result.ret == 0
        assert "process 2" not in result.stdout.str()


@pytest.mark.once
def test_options_of_the_cache_are_repeated(pytester: pytest.Pytester, run: Run) -> None:
    """What one process notes of failed tests does not change what the next runs."""
    pytester.makepyfile(SUITE + "\ndef test_fails():\n    assert os.path.exists('x')\n")
    run()
    (pytester.path / "x").touch()

    result = run("--ff", "--pybench-processes=3", "--benchmark-json=out.json")

    assert result.ret == 0
    assert len(saved(pytester.path / "out.json")[0]["process_medians_s"]) == 3


@pytest.mark.once
def test_an_interrupt_ends_the_process_and_keeps_what_is_there(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(SUITE + IN_REPETITION + WAIT)
    options = ("--pybench-processes=3", "--benchmark-json=out.json")
    status, output = interrupt_waiting_child(pytester.path, *options)

    assert status == pytest.ExitCode.INTERRUPTED
    assert "note: 1 of 3 processes measured" in output
    assert len(saved(pytester.path / "out.json")[0]["process_medians_s"]) == 1
