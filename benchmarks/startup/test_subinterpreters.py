"""What a second interpreter in the same process costs."""

import sys
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pybench.target.plugin import Kernel

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


@pytest.mark.parametrize("gil", ["own", "shared"])
def test_benchmark_startup_interpreter_native(kernel: Kernel, gil: str) -> None:
    """Make an interpreter in C and destroy it, with a GIL of its own or a shared one.

    A native row: nothing runs in it but its own start-up. Expect 5 to 20 ms, above half
    of what a process of its own takes. n/a before 3.12.
    """
    kernel("subinterpreters_create", gil=gil, iterations=1)


@pytest.mark.threads(2)
@pytest.mark.parametrize("gil", ["own", "shared"])
def test_benchmark_startup_interpreter_both(kernel: Kernel, gil: str) -> None:
    """The same on two threads at once.

    A native row. Expect little more than on one thread where each has a GIL of its
    own, and twice that where they share one. n/a before 3.12.
    """
    kernel("subinterpreters_create", gil=gil, threads=2, iterations=1)


@pytest.mark.parametrize("gil", ["own", "shared"])
def test_benchmark_startup_interpreter_switch(kernel: Kernel, gil: str) -> None:
    """Attach to another interpreter from C and come back.

    A native row. Expect 80 to 200 ns with a GIL, its handing over and back twice, and
    half of it without one. n/a before 3.12.
    """
    kernel("subinterpreters_switch", gil=gil)
