"""What a reference costs, by who owns the object and how many threads count it.

Native rows: one iteration is one Py_INCREF and one Py_DECREF in a C loop, or, as the
control, the same two stores without CPython.  The objects are made outside the window.
Expect all owners alike on a GIL build; on a free-threaded build the owner counts
without atomics and the other threads with two.
"""

import pytest

from pybench.target.plugin import Kernel


def test_benchmark_memory_refcount_owned(kernel: Kernel) -> None:
    """Count an object of one's own: a lower bound, as cores rename the pair away.

    Expect well below 2 ns everywhere: two plain adds (GIL build) or an owner check and
    two plain adds (free-threaded build).
    """
    kernel("refcount_pair", target="owned")


def test_benchmark_memory_refcount_owned_chained(kernel: Kernel) -> None:
    """Count one's own objects, each pair waiting for the count of the last.

    Expect 3 to 6 ns: the latency of a store being read back, which real code that
    looks at what it has just counted pays.
    """
    kernel("refcount_pair", target="owned", form="chained")


def test_benchmark_memory_refcount_owned_strided(kernel: Kernel) -> None:
    """Count 64 objects of one's own up, then all of them down.

    Expect about the price of `owned`: no pair can be renamed away, but neighbours do
    not wait for each other.
    """
    kernel("refcount_pair", target="owned", form="strided")


def test_benchmark_memory_refcount_foreign(kernel: Kernel) -> None:
    """Count an object that another thread made; no other thread uses it meanwhile.

    Expect the price of `owned` on a GIL build and two uncontended compare-and-swap
    loops, 8 to 25 ns, on a free-threaded build.
    """
    kernel("refcount_pair", target="foreign")


def test_benchmark_memory_refcount_foreign_strided(kernel: Kernel) -> None:
    """Count 64 objects of another thread up, then all of them down.

    Expect less than `foreign` on free-threaded builds where the core can overlap
    atomics on different lines, the same where it cannot.
    """
    kernel("refcount_pair", target="foreign", form="strided")


def test_benchmark_memory_refcount_immortal(kernel: Kernel) -> None:
    """Count None, which 3.12 and later do not count: the cost of the check.

    Expect under 1 ns. n/a before 3.12, where None is an object like any other.
    """
    kernel("refcount_pair", target="immortal")


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_memory_refcount_shared(kernel: Kernel, threads: int) -> None:
    """The atomic stress: all threads count one object that none of them owns.

    Expect `foreign` with one thread; with two, on a free-threaded build, several times
    that: the cache line moves to and fro. With the GIL on the threads are serialised.
    """
    kernel("refcount_stress", threads=threads, layout="shared")


def test_benchmark_memory_refcount_private(kernel: Kernel) -> None:
    """Two threads count an object of their own each: the share-nothing control.

    Expect the price of `owned`; more says that the machine did not scale just now.
    """
    kernel("refcount_stress", threads=2, layout="private")


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_memory_refcount_weakref(kernel: Kernel, threads: int) -> None:
    """Make a strong reference from a weak one of this thread's own, and drop it.

    Expect 2 to 20 ns: a check that the referent lives and a pair of counts, under the
    weak reference's lock on free-threaded builds.
    """
    kernel("refcount_weakref", threads=threads)


def test_benchmark_memory_refcount_try_incref(kernel: Kernel) -> None:
    """Try to count an object that may be freed (PyUnstable_TryIncRef), and drop it.

    Expect the price of `owned`. n/a before 3.14; a plain count on GIL builds.
    """
    kernel("refcount_try_incref")


@pytest.mark.parametrize("width", ["whole", "half", "mixed"])
def test_benchmark_memory_refcount_word(kernel: Kernel, width: str) -> None:
    """Add one to a word in memory and take it away again: plain C, no Python in it.

    `whole` does both on 64 bits, as 3.11 counts references, `half` on 32, as 3.14,
    and `mixed` goes up by 32 and down by 64, as 3.12 and 3.13: the load is wider than
    the store before it and waits for the cache. Expect 0.5 to 2 ns for the first two,
    and 3 to 12 ns for `mixed`. Python cannot move it: it says what the machine charges.
    """
    kernel("refcount_word", width=width)
