"""Rows of `benchmark_async`: awaited on one open loop, which is not in the time."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pybench.comparison.worker import Worker
from pybench.target.plugin.event_loops import Awaits, OpenLoop

Run = Callable[..., pytest.RunResult]

SUITE = """
import asyncio
import pytest

seen = []

async def work(number, times=1):
    seen.append(asyncio.get_running_loop())
    await asyncio.sleep(0)
    return number * times

def test_work(benchmark_async):
    loop = benchmark_async.loop
    assert benchmark_async.run(work(2)) == 2
    assert benchmark_async(work, 7, times=3) == 21
    assert set(seen) == {loop}
    assert not loop.is_closed()
    loop.create_task(asyncio.sleep(3600))

def test_before_is_closed():
    assert seen[0].is_closed()
"""

FAILING = """
import asyncio
import pytest

async def fine():
    pass

async def raises():
    raise ValueError("bad")

async def many():
    yield

async def waits_for_callback():
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: 1 / 0)
    await loop.create_future()

async def stops():
    asyncio.get_running_loop().stop()
    await asyncio.sleep(3600)

def test_raises(benchmark_async):
    benchmark_async(raises)

def test_plain(benchmark_async):
    benchmark_async(int)

def test_generator(benchmark_async):
    benchmark_async(many)

def test_coroutine(benchmark_async):
    benchmark_async(fine())

def test_no_function(benchmark_async):
    benchmark_async(3)

def test_callback(benchmark_async):
    benchmark_async(waits_for_callback)

def test_stops(benchmark_async):
    benchmark_async(stops)

def test_within_a_loop(benchmark_async):
    async def main():
        benchmark_async(fine)
    asyncio.run(main())

def test_twice(benchmark_async, benchmark):
    benchmark(int)
    benchmark_async(fine)

@pytest.mark.async_loop("uvloop")
def test_no_uvloop(benchmark_async):
    benchmark_async(fine)

@pytest.mark.async_loop("other")
def test_other_loop(benchmark_async):
    benchmark_async(fine)
"""


def test_row_is_awaited_on_one_open_loop(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(SUITE)

    run("--benchmark-json=out.json").assert_outcomes(passed=2)

    document = json.loads((pytester.path / "out.json").read_text())
    (row,) = document["benchmarks"]
    assert row["stats"]["rounds"] >= 5
    assert row["stats"]["min"] > 0
    assert row["extra_info"]["event_loop"] == "asyncio"


def test_what_is_no_row_says_why(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    pytester.makepyfile(FAILING)

    result = run("-rs", "--benchmark-json=out.json")

    result.assert_outcomes(failed=10, skipped=1)
    text = result.stdout.str()
    for reason in (
        "ValueError: bad",
        "awaits what a call returns, and <class 'int'> returned 0",
        "returned an asynchronous generator",
        "give it main, not main()",
        "calls a function, and 3 is none",
        "ZeroDivisionError: division by zero",
        "Event loop stopped before Future completed",
        "use it in a plain `def` test",
        "Previously it was used in benchmark(...) mode",
        "n/a: uvloop does not import",
        "the marker is async_loop(name) with one of asyncio, uvloop, not",
    ):
        assert reason in text, reason
    assert "never awaited" not in text
    rows = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    assert rows == []


def test_option_chooses_the_loop(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The marker of a row goes first."""
    other = type("Other", (asyncio.SelectorEventLoop,), {})
    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=other))
    pytester.makepyfile(
        """
        import pytest

        async def nothing():
            pass

        def test_option(benchmark_async):
            assert type(benchmark_async.loop).__name__ == "Other"
            benchmark_async(nothing)

        @pytest.mark.async_loop("asyncio")
        def test_marker(benchmark_async):
            assert type(benchmark_async.loop).__name__ != "Other"
            benchmark_async(nothing)
        """
    )

    result = run("--benchmark-async-loop=uvloop", "--benchmark-disable")

    result.assert_outcomes(passed=2)


def test_window_holds_the_awaiting_alone() -> None:
    """By a clock that the test moves: entering the loop is outside."""
    now = 0
    loop = OpenLoop(asyncio.new_event_loop)

    async def work(ns: int) -> None:
        nonlocal now
        await asyncio.sleep(0)
        now += ns

    def read() -> int:
        return now

    began, ended = loop.run(Awaits(work, (5,), {}).timed(4, read, read))

    assert ended - began == 20
    loop.close()
    assert loop.loop.is_closed()


@pytest.mark.once
def test_row_takes_samples_in_a_comparison(tmp_path: Path) -> None:
    (tmp_path / "test_row.py").write_text(SUITE)
    name = "test_row.py::test_work"
    command = [sys.executable, "-m", "pytest", "test_row.py", "--benchmark-only"]
    command += ["-p", "no:cacheprovider"]

    with Worker("a", command, environ=os.environ, folder=tmp_path) as worker:
        worker.await_hello()
        worker.choose([name])
        assert worker.await_row(name) is None
        sample = worker.sample(worker.size(100_000.0))
        assert sample.wall_ns > 0
        assert worker.stop_row(name).outcome == "measured"
