"""What bytes cost that are copied, shared or only reserved.

One operation is one object made and dropped. The collector is off.
"""

from array import array
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="buffers", max_time=0.15),
    pytest.mark.usefixtures("collector_off"),
]

Statement = Callable[..., object]

LARGE = 65_536
HUGE = 1_048_576


@pytest.mark.parametrize("size", [LARGE, HUGE])
def test_benchmark_memory_buffer_zeroed(benchmark: BenchmarkFixture, size: int) -> None:
    """Make bytes that are all zero.

    One operation is `bytes(size)`, by `calloc`: memory fresh from the system is zero
    already and is not touched, memory used before has to be cleared. Expect 0.4 to 3 us
    for 64 KiB. For 1 MiB expect 5 to 60 us, depending on which of the two the C library
    takes, and that depends on the history of the process.
    """
    benchmark(bytes, size)


@pytest.mark.parametrize("size", [LARGE, HUGE])
def test_benchmark_memory_buffer_filled(benchmark: BenchmarkFixture, size: int) -> None:
    """Make bytes that are all ones.

    One operation is `one * size`, so every page is written. Expect 0.4 to 3 us for
    64 KiB and 5 to 300 us for 1 MiB, the larger number where the memory comes from the
    system each time and every page is a fault.
    """
    one = b"\x01"
    benchmark(lambda: one * size)


def test_benchmark_memory_buffer_slice_copy(statement: Statement) -> None:
    """Take all but the first of 65,536 bytes as bytes.

    One operation is `data[1:]`, which copies them. Expect 0.5 to 4 us, the speed of
    copying in the second cache.
    """
    statement("data[1:]", data=b"x" * LARGE)


def test_benchmark_memory_buffer_slice_view(statement: Statement) -> None:
    """Take all but the first of 65,536 bytes as a view.

    One operation is `view[1:]` of a `memoryview`, which copies nothing. Expect 25 to
    100 ns whatever the size.
    """
    statement("view[1:]", view=memoryview(b"x" * LARGE))


def test_benchmark_memory_buffer_view_open(statement: Statement) -> None:
    """Make a view of a bytearray and release it.

    One operation is `memoryview(data)` with its buffer, of which the bytearray keeps
    count as long as it must not be resized. Expect 40 to 120 ns.
    """
    statement("view(data)", view=memoryview, data=bytearray(LARGE))


def test_benchmark_memory_buffer_array_pack(benchmark: BenchmarkFixture) -> None:
    """Make an array of 64-bit integers from a list of 1000.

    One operation is one element: its conversion and its store. Expect 5 to 20 ns, and
    8 bytes, where a list and its object take 40.
    """
    numbers = list(range(1000, 2000))
    benchmark.extra_info["operations"] = len(numbers)
    benchmark(array, "q", numbers)


def test_benchmark_memory_buffer_array_unpack(benchmark: BenchmarkFixture) -> None:
    """Make a list from an array of 1000 64-bit integers.

    One operation is one element, for which an integer is made. Expect 6 to 25 ns.
    """
    numbers = array("q", range(1000, 2000))
    benchmark.extra_info["operations"] = len(numbers)
    benchmark(numbers.tolist)
