"""Rows of `benchmark_threads`: what they record, and what is no row."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pybench.comparison.worker import RowEndedError, Worker
from pybench.target.plugin.threads import Calls, made_calls
from pybench.target.process.identity import gil_enabled
from pybench.target.process.thread_calls import own_function
from pybench.target.process.thread_team import cpus_for

Run = Callable[..., pytest.RunResult]

SUITE = """
import threading
import pytest

def work(number, times=1):
    return number * times

@pytest.mark.parametrize("threads", [1, 2])
def test_work(benchmark_threads, threads):
    assert benchmark_threads(work, 7, threads=threads, times=3) == [21] * threads

@pytest.mark.threads(2)
def test_private(benchmark_threads):
    made = []

    def setup():
        made.append(threading.get_ident())
        return ([made[-1]],), {}

    def own(mine):
        assert mine == [threading.get_ident()]
        return mine

    results = benchmark_threads(own, setup=setup)
    assert results == [[ident] for ident in made]
    assert len(set(made)) == 2

def test_many(benchmark_threads):
    benchmark_threads(int, threads=64)
"""

FAILING = """
import pytest

def test_thread_fails(benchmark_threads):
    given = iter((1, 0))
    benchmark_threads(lambda by: 1 / by, threads=2, setup=lambda: ((next(given),), {}))

def test_no_threads(benchmark_threads):
    benchmark_threads(int)

@pytest.mark.parametrize("threads", [0, True, "2"])
def test_bad_threads(benchmark_threads, threads):
    benchmark_threads(int, threads=threads)

def test_no_function(benchmark_threads):
    benchmark_threads(3, threads=2)

def test_bad_setup(benchmark_threads):
    benchmark_threads(int, threads=2, setup=lambda: 3)

def test_both_arguments(benchmark_threads):
    benchmark_threads(int, 3, threads=2, setup=lambda: ((3,), {}))

def test_twice(benchmark_threads):
    benchmark_threads(int, threads=1)
    benchmark_threads(int, threads=1)

def test_skipped(benchmark_threads):
    benchmark_threads(lambda: pytest.skip("n/a: not here"), threads=2)
"""


# Where threads can be kept to CPUs, and there are two.
MESSAGE = ["a message between two of the CPUs and back took *"] * (
    None not in cpus_for(2)
)


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the saved rows by their names."""
    document = json.loads((folder / "out.json").read_text())
    return {row["name"]: row for row in document["benchmarks"]}


def test_rows_have_their_time_and_their_speed_up(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)

    result = run("--benchmark-json=out.json")

    result.assert_outcomes(passed=4)
    rows = rows_of(pytester.path)
    infos = {name: row["extra_info"] for name, row in rows.items()}
    assert all(row["stats"]["rounds"] >= 5 for row in rows.values())
    assert "scaling" not in infos["test_work[1]"]
    scaling = infos["test_work[2]"]["scaling"]
    assert scaling["threads"] == infos["test_private"]["threads"] == 2
    assert scaling["gil_enabled"] is gil_enabled()
    assert 0 < scaling["fairness"] <= 1
    assert min(scaling["speedup"], scaling["control"], scaling["per_second"]) > 0
    assert not {"low", "high"} & scaling.keys()
    assert infos["test_many"]["oversubscribed"] is True
    result.stdout.fnmatch_lines(
        [
            "-* scaling -*",
            "*threads*speedup*spread*control*fairness*",
            "many *64 *",
            "one process: no interval*",
            *MESSAGE,
            "*1 oversubscribed*",
        ]
    )


def test_what_is_no_row_says_why(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(FAILING)

    result = run("-rs", "--benchmark-json=out.json")

    result.assert_outcomes(failed=9, skipped=1)
    text = result.stdout.str()
    for reason in (
        "thread 2 of 2: ZeroDivisionError: division by zero",
        "needs threads, a whole number of at least 1 and not None",
        "at least 1 and not True: say threads=4, or mark the test threads(4)",
        "calls a function, and 3 is none",
        "setup of benchmark_threads gives None or (args, kwargs)",
        "Can't use `args` or `kwargs` if `setup` returns the arguments.",
        "used in benchmark_threads(...) mode",
    ):
        assert reason in text, reason
    assert "n/a: not here" in text
    assert rows_of(pytester.path) == {}


def test_disabled_benchmarks_call_once(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        def test_row(benchmark_threads):
            calls = []
            benchmark_threads(calls.append, 1, threads=3)
            assert calls == [1, 1, 1]
        """
    )

    run("--benchmark-disable").assert_outcomes(passed=1)


def test_nothing_of_the_harness_is_shared() -> None:
    """What a call counts up and down is the thread's own."""

    def nested(first: int, *, more: int = 1) -> int:
        return first + more + len(given)

    given = [1]
    own = own_function(nested)

    assert own is not nested
    assert own(1) == 3
    assert own_function(rows_of) is rows_of
    assert own_function(len) is len
    args, kwargs = (1,), {"more": 2}
    calls = made_calls(nested, args, kwargs, None)
    assert calls._args == args
    assert calls._args is not args
    assert calls.once() == 4


def test_calls_are_as_many_as_asked_for() -> None:
    found: list[int] = []

    stamps = Calls(found.append, (3,), {}).timed(5, 0)

    assert found == [3] * 5
    assert stamps.end_ns >= stamps.start_ns
    assert stamps.waited_ns >= 0


@pytest.mark.once
def test_row_takes_samples_in_a_comparison(tmp_path: Path) -> None:
    (tmp_path / "test_row.py").write_text(SUITE + FAILING)
    name, failing = (f"test_row.py::test_{row}" for row in ("private", "thread_fails"))
    command = [sys.executable, "-m", "pytest", "test_row.py", "--benchmark-only"]
    command += ["-p", "no:cacheprovider"]

    with Worker("a", command, environ=os.environ, folder=tmp_path) as worker:
        worker.await_hello()
        worker.choose([name, failing])
        assert worker.await_row(name) is None
        numbers = worker.size(100_000.0)
        sample = worker.sample(numbers)
        assert sample.wall_ns > 0
        ended = worker.stop_row(name)
        assert ended.outcome == "measured"
        assert ended.counts["threads"] == 2
        assert worker.await_row(failing) is None
        with pytest.raises(RowEndedError, match="thread 2 of 2: ZeroDivisionError"):
            worker.sample({"count": 1, "iterations": 1})
