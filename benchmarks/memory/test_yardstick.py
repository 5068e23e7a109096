"""Did the machine change? Pure C, without Python: rows that no interpreter can change.

One iteration is one step, load, line or call as the row says; filling memory is
outside the window. When these rows differ between two runs, the machine
differed, and so may every other row.
"""

import pytest

from pybench.target.plugin import Kernel


def test_benchmark_memory_yardstick_empty(kernel: Kernel) -> None:
    """Do nothing: the floor under every native row.

    Expect below 0.3 ns: an eighth of a loop turn.
    """
    kernel("yardstick_empty")


def test_benchmark_memory_yardstick_alu(kernel: Kernel) -> None:
    """Take one step in a chain of 64-bit multiply-and-add: the core's clock.

    Expect 4 to 5 cycles, 1 to 2 ns; moves with frequency and nothing else.
    """
    kernel("yardstick_alu")


@pytest.mark.parametrize("level", ["L1", "L2", "memory"])
def test_benchmark_memory_yardstick_load(kernel: Kernel, level: str) -> None:
    """Load a word whose address the last load gave, from 16 KiB, 256 KiB or 64 MiB.

    Expect about 5 and 15 cycles, and 20 to 300 ns beyond the caches; the last moves
    with neighbours on the same machine.
    """
    kernel("yardstick_load", level=level)


def test_benchmark_memory_yardstick_bandwidth(kernel: Kernel) -> None:
    """Read one 64-byte line of a sequential pass over 64 MiB.

    Expect 3 to 10 ns: 64 / ns is the bandwidth in GB/s that one core gets.
    """
    kernel("yardstick_bandwidth")


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_memory_yardstick_atomic(kernel: Kernel, threads: int) -> None:
    """Add to one 64-bit word from all threads with a relaxed atomic instruction.

    Expect 4 to 6 ns alone; with two threads what the hardware charges for contention,
    the part of `refcount_shared` that is not CPython's.
    """
    kernel("yardstick_atomic", threads=threads, layout="shared")


def test_benchmark_memory_yardstick_atomic_private(kernel: Kernel) -> None:
    """Add to a word of one's own from two threads: the share-nothing control.

    Expect the price of one thread. More means that two CPUs are not two CPUs.
    """
    kernel("yardstick_atomic", threads=2, layout="private")


def test_benchmark_memory_yardstick_syscall(kernel: Kernel) -> None:
    """Call getppid(), which the kernel answers at once.

    Expect 50 to 300 ns, several times that in a sandbox that intercepts system calls.
    """
    kernel("yardstick_syscall")
