"""What it costs to make an object and to destroy it, by kind, batch and thread.

Native rows. One iteration is one object made and destroyed in a C loop, its contents
left unset; types are made outside the window and the garbage collector is off. With
the GIL on, rows of two threads are serialised and show CPU time.
"""

import pytest

from pybench.target.plugin import Kernel


@pytest.mark.parametrize("kind", ["int", "float", "str", "bytes"])
def test_benchmark_memory_churn_scalar(kernel: Kernel, kind: str) -> None:
    """Make and drop a number outside the cached ones, or a text or bytes of 16.

    Expect 5 to 20 ns: one small allocation, or none where a free list keeps the last
    one (float; int from 3.14). A str needs more set up than bytes.
    """
    kernel("churn_create", kind=kind)


@pytest.mark.parametrize("kind", ["tuple", "list", "dict"])
def test_benchmark_memory_churn_container(kernel: Kernel, kind: str) -> None:
    """Make and drop a tuple of three, an empty list or an empty dict.

    Expect 5 to 20 ns: all three come from free lists, and are entered with the garbage
    collector and taken out again.
    """
    kernel("churn_create", kind=kind)


def test_benchmark_memory_churn_list_private(kernel: Kernel) -> None:
    """Two threads make and drop empty lists: the share-nothing control.

    Expect the price of one thread, as each has its own free lists or the GIL; more
    says that the machine did not scale just now.
    """
    kernel("churn_create", kind="list", threads=2)


def test_benchmark_memory_churn_object(kernel: Kernel) -> None:
    """Make and drop a bare `object`, by the tp_new of its static type.

    Expect 10 to 25 ns: no free list, so the allocator each time.
    """
    kernel("churn_create", kind="object")


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_memory_churn_heap_shared(kernel: Kernel, threads: int) -> None:
    """Make and drop instances of one heap type, as every extension's type is.

    Expect a little more than `object`: the type is counted too. On a free-threaded
    build with two threads expect ten times that, though they share no instance: the
    type's count is on one cache line that both write.
    """
    kernel("churn_create", kind="heap", threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_memory_churn_heap_private(kernel: Kernel, threads: int) -> None:
    """The same with a heap type of each thread's own: the control.

    Expect the price of `heap_shared` with one thread, whatever the number of threads.
    """
    kernel("churn_create", kind="heap_private", threads=threads)


@pytest.mark.parametrize("batch", [64, 65_536])
def test_benchmark_memory_churn_lifo(kernel: Kernel, batch: int) -> None:
    """Make a batch of tuples of three, then drop them, the youngest first.

    Expect the price of a single one for a batch that the free list and the nearest
    cache hold, and two to four times that for one that they do not.
    """
    kernel("churn_create", kind="tuple", order="lifo", batch=batch, iterations=65_536)


@pytest.mark.parametrize("batch", [64, 65_536])
def test_benchmark_memory_churn_fifo(kernel: Kernel, batch: int) -> None:
    """Make a batch of tuples of three, then drop them, the oldest first.

    Expect `lifo`; with the large batch, a difference is that of the prefetchers and of
    the order in which the allocator gets its pages back.
    """
    kernel("churn_create", kind="tuple", order="fifo", batch=batch, iterations=65_536)


@pytest.mark.parametrize("size", [1_024, 65_536, 1_048_576])
def test_benchmark_memory_churn_bytes(kernel: Kernel, size: int) -> None:
    """Make and drop bytes too large for the small-object allocator, contents unset.

    Expect 20 to 100 ns for a kibibyte, from malloc or from mimalloc's pages. For 64 and
    1024 of them the same up to some microseconds: the allocator may have to go to the
    system each time, and the first page is touched anew.
    """
    kernel("churn_create", kind="bytes", size=size)


@pytest.mark.parametrize("size", [8, 96, 479, 480])
def test_benchmark_memory_churn_class(kernel: Kernel, size: int) -> None:
    """Make a thousand bytes of one size class, then drop them, the youngest first.

    With their header of 33 bytes (49 where it is free-threaded) they take blocks of 48,
    144, 512, and one byte more: on a GIL build the largest class of the small-object
    allocator, and the first size that malloc gets. Expect 5 to 15 ns, and three to five
    times that for the last, which on a free-threaded build costs no more than the rest.
    """
    kernel("churn_create", kind="bytes", size=size, batch=1_024, iterations=65_536)


@pytest.mark.parametrize("kind", ["float", "list", "dict"])
def test_benchmark_memory_churn_freelist(kernel: Kernel, kind: str) -> None:
    """Make 64 objects, then drop them: as many as the type's free list can keep.

    Free lists keep 80 to 100 of each of these. Expect 5 to 15 ns: no allocator.
    """
    kernel("churn_create", kind=kind, batch=64, iterations=65_536)


@pytest.mark.parametrize("kind", ["float", "list", "dict"])
def test_benchmark_memory_churn_freelist_past(kernel: Kernel, kind: str) -> None:
    """Make 4096 objects, then drop them: fifty times what the free list keeps.

    Expect a quarter to twice as much above `churn_freelist`; the less, the better the
    allocator. The objects fit into the second cache.
    """
    kernel("churn_create", kind=kind, batch=4_096, iterations=65_536)


def test_benchmark_memory_churn_handover(kernel: Kernel) -> None:
    """Drop the last reference to an object that another thread made.

    Excluded are the making and, on a free-threaded build, the destroying: there the
    object is put into its owner's queue, 15 to 40 ns, and `drain_ns` of the detail
    says what the owner then takes to destroy them all. With plain counts, expect 5 to
    15 ns: the dropper destroys.
    """
    kernel("churn_handover", threads=2)


@pytest.mark.parametrize("owner", ["running", "attached", "gone"])
def test_benchmark_memory_churn_handover_owner(kernel: Kernel, owner: str) -> None:
    """The same where the owner runs bytecode, is attached in C, or has ended.

    With plain counts expect `churn_handover`. On a free-threaded build expect about
    that of an owner that is running, which destroys meanwhile, and of one that is
    attached, which destroys nothing: `backlog` is the whole round then. An owner that
    is gone leaves the destroying to the dropper: two to three times as long, and no
    backlog. The controls: `handover_own`, `churn_object`. n/a for attached with the
    GIL on.
    """
    kernel("churn_handover", owner=owner, threads=2)


@pytest.mark.parametrize("reader", ["none", "running", "attached", "detached"])
def test_benchmark_memory_churn_replace(kernel: Kernel, reader: str) -> None:
    """Replace the array of a list that two threads have used, beside a reader.

    One operation makes an empty list grow by an item and shrink again. Expect 20 to
    60 ns. `retained_bytes` of the detail is what could not be freed: a bounded amount,
    some hundred arrays, but with a reader that is attached in C on a free-threaded
    build, where each array of the round is kept. n/a for attached with the GIL on.
    """
    kernel("churn_replace", reader=reader)


def test_benchmark_memory_churn_replace_private(kernel: Kernel) -> None:
    """Replace the array of a list that one thread alone has used: the control.

    Expect `churn_replace` with a GIL, and somewhat less without: the array is freed
    at once.
    """
    kernel("churn_replace", layout="private")
