"""What sharing memory costs the hardware, without any Python in it.

Native rows: one iteration is one store, addition or exchange by a native thread that
has no thread state; memory and threads are made outside the window. They are the same
on every interpreter, GIL or not, and are what its own locks and counts are made of.
Where two CPUs are two hardware threads of one core, false sharing costs far less than
between two cores: compare rows of one machine only.
"""

import pytest

from pybench.target.plugin import Kernel


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_threading_counters_padded(kernel: Kernel, threads: int) -> None:
    """Add to a counter of one's own, 256 bytes from the next: the control.

    Expect 4 to 7 ns, and the same with two threads: nothing is shared. If two threads
    cost more, the machine did not give two CPUs just now.
    """
    kernel("counters_increment", threads=threads, layout="padded")


def test_benchmark_threading_counters_unpadded(kernel: Kernel) -> None:
    """Add to counters 8 bytes apart, each of one thread alone: false sharing.

    Expect 2 to 20 times `padded`: no value is shared, the cache line is.
    """
    kernel("counters_increment", threads=2, layout="unpadded")


def test_benchmark_threading_counters_shared(kernel: Kernel) -> None:
    """Add to one counter from both threads: true sharing.

    Expect about the price of `unpadded`: the hardware moves lines, not values.
    """
    kernel("counters_increment", threads=2, layout="shared")


@pytest.mark.parametrize("stride", [32, 64, 128])
def test_benchmark_threading_counters_stride(kernel: Kernel, stride: int) -> None:
    """Add to counters so many bytes apart, to find a distance that suffices.

    Expect `unpadded` up to half a cache line and `padded` from a whole one on, which
    is 64 bytes or 128; some cores fetch lines in pairs and need two.
    """
    kernel("counters_increment", threads=2, layout="strided", stride=stride)


@pytest.mark.parametrize("operation", ["acq_rel", "seq_cst", "cas"])
def test_benchmark_threading_counters_order(kernel: Kernel, operation: str) -> None:
    """Add with a stronger memory order, or by compare-and-exchange, on one thread.

    Compare with `padded[1]`, which is relaxed. Expect no difference on x86-64, where
    all three orders are one instruction, and a little more for the exchange; on
    AArch64 each order has an instruction of its own.
    """
    kernel("counters_increment", operation=operation)


def test_benchmark_threading_counters_cas_shared(kernel: Kernel) -> None:
    """Add to one counter from both threads by compare-and-exchange.

    Expect more than `shared`: an exchange that came too late is done again. This is
    what a reference count shared between threads does on a free-threaded build.
    """
    kernel("counters_increment", threads=2, operation="cas", layout="shared")


@pytest.mark.parametrize("layout", ["padded", "unpadded"])
def test_benchmark_threading_counters_store(kernel: Kernel, layout: str) -> None:
    """Store a running count with plain stores, no read-modify-write, on two threads.

    Expect below 1 ns, often for both layouts: a core collects its stores in a buffer
    of its own and writes many of them to the line in one visit.
    """
    kernel("counters_increment", threads=2, operation="store", layout=layout)
