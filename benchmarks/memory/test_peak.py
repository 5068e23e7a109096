"""What it costs to know how much memory is used, and what stays when it is freed.

Bytes are in `extra_info["bytes"]`, as in the rows of `sizes`. Tracing is on in this
process for as long as the row that needs it.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="peak", max_time=0.15),
    pytest.mark.usefixtures("collector_off"),
]

TimePrepared = Callable[..., None]
Bytes = dict[str, float]
ReadMemory = Callable[[Any], Bytes]
Start = Callable[..., Any]
Statement = Callable[..., object]


@contextmanager
def tracing(frames: int) -> Iterator[None]:
    """Trace allocations, with so many frames of the stack; zero traces nothing."""
    if tracemalloc.is_tracing():
        pytest.skip("n/a: tracemalloc is on already: leave out -X tracemalloc")
    if not frames:
        yield
        return
    tracemalloc.start(frames)
    try:
        yield
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("frames", [0, 1, 16])
def test_benchmark_memory_peak_traced(statement: Statement, frames: int) -> None:
    """Make and drop an object, traced by tracemalloc with a depth of frames or not.

    One operation is `object()`, one block and its end. Expect 15 to 40 ns untraced.
    With one frame the line is looked up, and the block entered into a table and taken
    out again: 0.3 to 1.5 us. Sixteen frames are read and hashed each time: 2 to 8 us.
    """
    with tracing(frames):
        statement("make()", make=object)


def test_benchmark_memory_peak_read(statement: Statement) -> None:
    """Ask tracemalloc for the traced bytes, now and at their peak.

    One operation is `get_traced_memory()`: two numbers and a tuple, which are traced
    themselves where they do not come from a free list. Expect 50 ns to 3 us.
    """
    with tracing(1):
        statement("read()", read=tracemalloc.get_traced_memory)


def test_benchmark_memory_peak_snapshot(benchmark: BenchmarkFixture) -> None:
    """Take a snapshot of ten thousand traced blocks.

    One operation is `take_snapshot()`, which makes a tuple for each block. Expect 1 to
    6 ms, 100 to 500 ns a block; grouping and comparing them is excluded.
    """
    with tracing(1):
        held = [object() for _ in range(10_000)]
        snapshot = benchmark(tracemalloc.take_snapshot)
        # Under --benchmark-only and without it: the blocks have to be in there.
        assert len(snapshot.traces) >= len(held)


@pytest.mark.needs("psutil")
@pytest.mark.parametrize("figure", ["rss", "uss"])
def test_benchmark_memory_peak_process(
    benchmark: BenchmarkFixture, serving: Start, figure: str
) -> None:
    """Read the memory of another process, a bare interpreter, with psutil.

    One operation is `memory_info()` or `memory_full_info()`. Expect 10 to 40 us for the
    RSS, one small file of /proc on Linux, and 50 us to 1 ms for the USS, for which the
    system goes through all mapped pages: too much to sample often.
    """
    psutil = pytest.importorskip(
        "psutil", reason="n/a: psutil is not installed: pip install psutil"
    )
    child = serving("collect-bare", 1)
    try:
        process = psutil.Process(child.pid)
        read = process.memory_info if figure == "rss" else process.memory_full_info
        read()
    except (psutil.Error, OSError) as error:
        pytest.skip(f"n/a: the system does not tell: {error}")
    benchmark(read)


@pytest.mark.parametrize("left", ["none", "some"])
def test_benchmark_memory_peak_transient(
    benchmark: BenchmarkFixture,
    time_prepared: TimePrepared,
    start_serving: Start,
    read_memory: ReadMemory,
    left: str,
) -> None:
    """Make 200,000 objects of 113 bytes, then drop all, or all but every 64th.

    One operation is one object made and dropped, in a child. Expect 40 to 150 ns, page
    faults included. In `bytes`: `peak_traced` is what was asked for at most, `peak_rss`
    what the process had at most, `before` and `after` its USS around the first time.
    With none left expect `after` near `before`, but on free-threaded builds, which
    keep most of it for themselves. Where `some` are left, one in 8 KiB, expect the peak
    to stay, as hardly a page is free of them.
    """
    count = 200_000
    child = start_serving("transient", left, count)
    child.prepare()
    before = read_memory(child)
    child.act()
    after = read_memory(child)
    benchmark.extra_info["operations"] = count
    time_prepared(child.act, child.prepare, rounds=8)
    found = {**child.report()}
    if before and after:
        found |= {"before": before["uss"], "after": after["uss"]}
    if found["peak_rss"] is None:
        del found["peak_rss"]
        benchmark.extra_info["bytes_na"] = "no VmHWM in /proc/self/status"
    benchmark.extra_info["bytes"] = found
