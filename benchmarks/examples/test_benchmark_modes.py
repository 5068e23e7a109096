"""How to write each kind of row: copy the one that fits, and change the operation.

The rows measure real things, cheaply; what they are here for is their form. What all
rows have: a name `test_benchmark_<category>_<operation>`, a group, and a docstring that
says what one operation is, what is left out, and what to expect.
"""

import asyncio
import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pybench.target.plugin import AsyncFixture, Kernel, ThreadsFixture

# The word in the file's name; a table has one block for each.
pytestmark = pytest.mark.benchmark(group="benchmark_modes")


def test_benchmark_examples_plain(benchmark: BenchmarkFixture) -> None:
    """Time a call: for anything from about a microsecond on.

    One operation is sorting a list of 100 that is sorted already. pytest-benchmark
    chooses how many calls make a round. Expect about a microsecond.
    """
    benchmark(sorted, list(range(100)))


def test_benchmark_examples_unrolled(statement: Callable[..., object]) -> None:
    """Time a statement that is cheaper than a call.

    One operation is reading an item of a list. The statement is compiled a hundred
    times into a loop, its names are local variables, and the row shows the time of one.
    Expect 2 to 6 ns.
    """
    statement("_ = row[1]", row=[1, 2, 3])


def test_benchmark_examples_operations(benchmark: BenchmarkFixture) -> None:
    """Time a call that does something many times, and say how often.

    One operation is one of a thousand turns of a loop. The plugin divides by
    `extra_info["operations"]`. Expect 5 to 15 ns.
    """

    def loop() -> None:
        for _ in range(1000):
            pass

    benchmark.extra_info["operations"] = 1000
    benchmark(loop)


def test_benchmark_examples_setup(benchmark: BenchmarkFixture) -> None:
    """Time what can be done only once to each object.

    One operation is sorting a list of 1000 that is in reverse order; making it is left
    out. `pedantic` calls `setup` before each round, and a round is one call. Expect
    some microseconds.
    """
    stock: Any = benchmark
    stock.pedantic(
        lambda row: row.sort(),
        setup=lambda: (([*range(1000, 0, -1)],), {}),
        rounds=100,
    )


@pytest.mark.parametrize("length", [10, 1000])
def test_benchmark_examples_parametrized(
    benchmark: BenchmarkFixture, length: int
) -> None:
    """Time one operation at a few sizes; four are the most that count as rows.

    One operation is summing a list of so many numbers. Expect the longer one to cost
    nearly a hundred times as much, as the call itself is in both.
    """
    benchmark(sum, [1] * length)


def test_benchmark_examples_kernel(kernel: Kernel) -> None:
    """Time a loop in C, by the name of a kernel of the extension.

    One operation is one turn of an empty loop: the floor under all kernels. Expect
    well below a nanosecond. `pybench.kernels()` lists what there is.
    """
    kernel("yardstick_empty")


@pytest.mark.parametrize("layout", ["padded", "unpadded"])
@pytest.mark.threads(2)
def test_benchmark_examples_kernel_threads(kernel: Kernel, layout: str) -> None:
    """Time two native threads, and beside it the same without what they share.

    One operation is adding to a counter of the thread's own. The counters lie on one
    cache line or ("padded", the control) far apart. Expect several times the control.
    """
    kernel("counters_increment", layout=layout, threads=2)


@pytest.mark.threads(2)
def test_benchmark_examples_crew(benchmark_threads: ThreadsFixture) -> None:
    """Time two threads of Python that start together, and one in turns with both.

    One operation is one of 20 000 turns that each thread does; the threads exist
    before, each on a CPU of its own. What they gain is listed after the table. Expect
    the time of one thread without a GIL, and twice that with one.
    """

    def work() -> None:
        for _ in range(20_000):
            pass

    benchmark_threads.extra_info["operations"] = 20_000
    benchmark_threads(work, threads=2)


def test_benchmark_examples_async(benchmark_async: AsyncFixture) -> None:
    """Time awaiting a coroutine function, on a loop that is open before and after.

    One operation is one of 1000 turns through the event loop. Expect 1 to 3 us.
    """

    async def batch() -> None:
        for _ in range(1000):
            await asyncio.sleep(0)

    benchmark_async.extra_info["operations"] = 1000
    benchmark_async(batch)


def test_benchmark_examples_not_available(benchmark: BenchmarkFixture) -> None:
    """Time something that not every Python has: elsewhere it is n/a, with the reason.

    One operation is compressing a kilobyte with Zstandard. Expect some microseconds
    from 3.14 on. A feature is looked for, a version never asked.
    """
    if importlib.util.find_spec("compression") is None:
        pytest.skip("n/a: compression.zstd is new in Python 3.14 (PEP 784)")
    zstd: Any = importlib.import_module("compression.zstd")
    benchmark(zstd.compress, b"0123456789abcdef" * 64)


@pytest.mark.benchmark(max_time=0.05, min_rounds=3)
@pytest.mark.pybench(margin=0.1)
def test_benchmark_examples_budget(benchmark: BenchmarkFixture) -> None:
    """Give a row a budget of its own, and a margin when it is compared.

    One operation is building a text of 1000 numbers. The row gets 0.05 s, and under
    `pybench compare` a change below 10 % counts as equal. Expect about 100 us.
    """
    benchmark(lambda: " ".join(map(str, range(1000))))
