"""What a second interpreter in the same process costs."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="subinterpreters"),
    pytest.mark.skipif(
        sys.version_info < (3, 12),
        reason="n/a: no interpreter has a GIL of its own before Python 3.12",
    ),
]

Serving = Callable[[str], Callable[[], None]]


def test_benchmark_startup_interpreter(
    benchmark: BenchmarkFixture, serving: Serving
) -> None:
    """Make an interpreter and end it.

    One operation takes place in a child that exists, in its main thread, when it is
    asked through a pipe: `concurrent.interpreters` from 3.14, the private modules
    before it. Expect 10 to 30 ms: about `bare`, since all modules of the start are
    imported anew, and only the process is spared.
    """
    benchmark(serving("interpreter"))


def test_benchmark_startup_interpreter_exec(
    benchmark: BenchmarkFixture, serving: Serving
) -> None:
    """Make an interpreter, run one assignment in it, and end it.

    As `interpreter`, with one string compiled and run. Expect less than 1 ms more.
    """
    benchmark(serving("interpreter-exec"))
