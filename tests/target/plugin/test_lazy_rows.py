"""Rows whose call makes a coroutine or a generator and does not run it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.comparison.worker import RowEndedError, Worker

Run = Callable[..., pytest.RunResult]

SUITE = """
import asyncio, functools

async def coroutine():
    await asyncio.sleep(0)

async def asynchronous():
    yield

def generator():
    yield

def test_coroutine(benchmark):
    benchmark(coroutine)

def test_partial(benchmark):
    benchmark(functools.partial(coroutine))

def test_wrapper(benchmark):
    benchmark(lambda: coroutine())

def test_asynchronous(benchmark):
    benchmark.pedantic(asynchronous, rounds=2)

def test_generator(benchmark):
    benchmark(generator)

def test_awaited(benchmark):
    benchmark(lambda: asyncio.run(coroutine()))

def test_drained(benchmark):
    assert benchmark(lambda: list(generator())) == [None]
"""


def test_row_that_only_makes_a_coroutine_fails_with_the_way_out(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)

    # Of those that were made while it was timed: nobody can close them.
    result = run("--benchmark-only", "-W", "ignore::RuntimeWarning")

    result.assert_outcomes(failed=4, passed=3)
    text = result.stdout.str()
    assert text.count("makes a coroutine and does not run it") >= 3
    assert "makes an asynchronous generator and does not run it" in text
    assert "lambda: asyncio.run(main())" in text
    assert "test_generator: a call makes a generator and does not run it" in text


@pytest.mark.once
def test_row_of_a_comparison_ends_before_it_is_sampled(tmp_path: Path) -> None:
    (tmp_path / "test_row.py").write_text(SUITE)
    name = "test_row.py::test_coroutine"
    command = [sys.executable, "-m", "pytest", "test_row.py", "--benchmark-only"]
    command += ["-p", "no:cacheprovider"]

    with Worker("a", command, environ=os.environ, folder=tmp_path) as worker:
        worker.await_hello()
        worker.choose([name])
        with pytest.raises(RowEndedError, match="makes a coroutine and does not run"):
            worker.await_row(name)
