"""What the order in which memory is touched costs, without Python and with its objects.

Native rows. One operation is one access (of bandwidth rows one line of 64 bytes); each
thread has memory of its own, filled outside the window. Except for the rows of objects
there is no interpreter in them: they say what the machine charges, and whether it has
changed. Sizes: L1 16 KiB, L2 256 KiB, L3 8 MiB, memory 64 MiB. Source: Drepper, What
every programmer should know about memory, 2007.
"""

import pytest

from pybench.target.plugin import Kernel

LEVELS = ["L1", "L2", "L3", "memory"]


@pytest.mark.parametrize("level", ["L1", "memory"])
def test_benchmark_memory_ordering_sequential(kernel: Kernel, level: str) -> None:
    """Read one word after the other.

    Expect 0.05 to 0.3 ns from anywhere: the prefetchers are ahead of the reads.
    """
    kernel("ordering_walk", pattern="sequential", level=level)


@pytest.mark.parametrize("stride", [64, 256, 4096])
def test_benchmark_memory_ordering_strided(kernel: Kernel, stride: int) -> None:
    """Read one word in so many bytes of 64 MiB, as a walk along a matrix's columns.

    Expect 1 to 15 ns, more with the longer stride: each read takes a line of its own,
    and from a page on the prefetchers do not follow.
    """
    kernel("ordering_walk", pattern="strided", level="memory", stride=stride)


@pytest.mark.parametrize("level", ["L2", "L3", "memory"])
def test_benchmark_memory_ordering_random(kernel: Kernel, level: str) -> None:
    """Read a word anywhere; where does not depend on the read before.

    Expect 0.5 to 20 ns, by the level: a core has ten and more such misses under way.
    """
    kernel("ordering_walk", pattern="random", level=level)


@pytest.mark.parametrize("level", LEVELS)
def test_benchmark_memory_ordering_chased(kernel: Kernel, level: str) -> None:
    """Read the word whose place the last one gave: the latency of a level.

    Expect 1.3, 4, 15 and 100 ns: each read waits for the one before.
    """
    kernel("ordering_walk", pattern="chased", level=level)


def test_benchmark_memory_ordering_paged(kernel: Kernel) -> None:
    """Follow such a chain through memory page by page.

    Expect well below `chased` from memory: the caches miss as often, the translation
    of addresses only once a page.
    """
    kernel("ordering_walk", pattern="paged", level="memory")


def test_benchmark_memory_ordering_linked(kernel: Kernel) -> None:
    """Follow a chain that leads to the next line each time, through 64 MiB.

    Expect a few ns, a small part of `chased`: the prefetchers see the pattern.
    """
    kernel("ordering_walk", pattern="linked", level="memory")


@pytest.mark.parametrize("stride", [4096, 4160])
def test_benchmark_memory_ordering_column(kernel: Kernel, stride: int) -> None:
    """Go round 32 lines that lie so many bytes apart.

    Expect 4 160 to cost what L1 costs, and 4 096 what L2 costs: there all 32 belong to
    one set of the first cache, which has room for eight to sixteen of them.
    """
    kernel("ordering_walk", pattern="column", stride=stride)


@pytest.mark.parametrize("pattern", ["sequential", "random"])
def test_benchmark_memory_ordering_written(kernel: Kernel, pattern: str) -> None:
    """Write words into 64 MiB, one after the other or anywhere.

    Expect twice the price of reading and more: a line is fetched, and written back.
    """
    kernel("ordering_walk", pattern=pattern, access="write", level="memory")


@pytest.mark.parametrize("operation", ["read", "write", "copy"])
def test_benchmark_memory_ordering_bandwidth(kernel: Kernel, operation: str) -> None:
    """Move a line of 64 bytes of a pass through memory.

    Expect 3 to 15 ns: some 5 to 20 GB/s for one thread, less for copying.
    """
    kernel("ordering_bandwidth", operation=operation)


@pytest.mark.threads(2)
def test_benchmark_memory_ordering_bandwidth_both(kernel: Kernel) -> None:
    """Read so with two threads, each its own memory.

    Expect one to two times `bandwidth[read]`: they share the way to memory.
    """
    kernel("ordering_bandwidth", threads=2)


@pytest.mark.parametrize("place", ["aligned", "within", "line", "page"])
def test_benchmark_memory_ordering_aligned(kernel: Kernel, place: str) -> None:
    """Load eight bytes on their boundary, off it, over a line's end, over a page's.

    Expect nothing for being off inside a line, and up to twice the latency of L1 over
    the end of one.
    """
    kernel("ordering_aligned", place=place)


@pytest.mark.parametrize("place", ["aligned", "line", "page"])
def test_benchmark_memory_ordering_store(kernel: Kernel, place: str) -> None:
    """Store eight bytes on their boundary, over a line's end, over a page's.

    Expect a store over a page's end to cost ten times and more.
    """
    kernel("ordering_aligned", access="store", place=place)


@pytest.mark.parametrize("order", ["relaxed", "release", "seq_cst", "fence"])
def test_benchmark_memory_ordering_publish(kernel: Kernel, order: str) -> None:
    """Store a payload and then a flag, with so much order between them.

    Expect relaxed and release to be one price on x86-64, which keeps stores in order
    anyway, and the other two 5 to 20 ns: they wait until the stores are seen.
    """
    kernel("ordering_publish", order=order)


@pytest.mark.parametrize("layout", ["together", "apart"])
@pytest.mark.threads(2)
def test_benchmark_memory_ordering_message(kernel: Kernel, layout: str) -> None:
    """Send a message to another thread and wait for its answer.

    The payload lies on the line of the flag or on one of its own. Expect 80 to 400 ns
    between two cores, and more apart: two lines have to travel instead of one.
    """
    kernel("ordering_message", layout=layout, threads=2)


@pytest.mark.parametrize("order", ["allocated", "shuffled"])
def test_benchmark_memory_ordering_objects(kernel: Kernel, order: str) -> None:
    """Read the value of a float, of 2**20 of them in an array of pointers.

    Expect the order of allocation to cost 1 to 3 ns and a shuffled one several times
    that: what sorting a list of objects does to whoever walks along it.
    """
    kernel("ordering_objects", order=order, count=1_048_576)


@pytest.mark.parametrize("order", ["allocated", "shuffled"])
def test_benchmark_memory_ordering_counted(kernel: Kernel, order: str) -> None:
    """The same, with the object's count written up and down again.

    Expect more than `objects`, above all shuffled: each line has to be written back.
    """
    kernel("ordering_objects", order=order, access="count", count=1_048_576)


@pytest.mark.parametrize("layout", ["together", "apart"])
@pytest.mark.threads(2)
def test_benchmark_memory_ordering_neighbours(kernel: Kernel, layout: str) -> None:
    """Count an object of the thread's own, on the line of another thread's or not.

    Expect no difference with the GIL on, and on a free-threaded build several times
    the price together: false sharing between two objects that share nothing.
    """
    kernel("ordering_neighbours", layout=layout, threads=2)
