"""What detaching from the interpreter and attaching again costs, alone and contended.

Native rows. One iteration of `release` and `ensure` is one pair of calls in a C loop;
of `handoff` one turn taken over; of `reacquire` one request. Thread states, threads
and hogs are made outside the window.
"""

import sys
import threading

import pytest

from pybench.target.plugin import Kernel


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_gil_release(kernel: Kernel, threads: int) -> None:
    """Detach and attach again, as every blocking call does.

    Expect 40 to 80 ns with the GIL (a mutex and a condition variable) and 20 to 60 ns
    without (the thread's state, and leaving and joining memory reclamation). With two
    threads and the GIL the row is CPU time per pair: the futex calls of waking a
    rival, not the waiting; without, it should stay as it was with one.
    """
    kernel("gil_release", threads=threads)


def test_benchmark_gil_ensure_nested(kernel: Kernel) -> None:
    """PyGILState_Ensure and Release in a thread that is attached already.

    Expect 5 to 15 ns: a look at a thread-local and two counts. More than nothing, so
    code that knows it is attached should not ask.
    """
    kernel("gil_ensure", state="nested")


def test_benchmark_gil_ensure_nested_allocate(kernel: Kernel) -> None:
    """The same around making and dropping one empty list.

    Expect `nested` plus a list, 10 to 25 ns in all.
    """
    kernel("gil_ensure", state="nested", body="allocate")


def test_benchmark_gil_ensure_persistent(kernel: Kernel) -> None:
    """Attach and detach a thread state that a native thread keeps.

    Expect the price of `release`, which is the same pair the other way round: what a
    native thread pays per callback if it does not throw its thread state away.
    """
    kernel("gil_ensure", state="persistent")


def test_benchmark_gil_ensure_persistent_allocate(kernel: Kernel) -> None:
    """The same around making and dropping one empty list.

    Expect `persistent` plus a list: its heap is warm from the last time.
    """
    kernel("gil_ensure", state="persistent", body="allocate")


@pytest.mark.parametrize("state", ["nested", "transient", "persistent"])
def test_benchmark_gil_ensure_call(kernel: Kernel, state: str) -> None:
    """The same around one call of a Python function, in each kind of thread state.

    Expect the row of that state without a body, and 30 to 60 ns; for `transient` a
    microsecond more with the GIL, as the first call of a thread state makes the stack
    of its frames.
    """
    kernel("gil_ensure", state=state, body="call")


def test_benchmark_gil_ensure_persistent_rivals(kernel: Kernel) -> None:
    """Two native threads attach and detach, each with a state of its own.

    Excluded are the states. The value is wall time. Without the GIL, expect what one
    thread pays; with it, several times that, in which the waiting is included.
    """
    kernel("gil_ensure", state="persistent", threads=2)


def test_benchmark_gil_ensure_transient(kernel: Kernel) -> None:
    """PyGILState_Ensure and Release in a native thread without a thread state.

    One operation makes a thread state, attaches, detaches and destroys it. Expect 0.4
    to 1 us with the GIL. Without, 1 to 3 us in a fresh process, but 100 to 500 us once
    a thread that had allocated has ended in it, as here: ending a thread state looks
    through the heaps that others have abandoned.
    """
    kernel("gil_ensure", state="transient")


def test_benchmark_gil_ensure_transient_allocate(kernel: Kernel) -> None:
    """The same around making and dropping one empty list.

    Expect hardly more than `transient` with the GIL. Expect 100 to 500 us on a
    free-threaded build, thousands of times `persistent`: the heaps of the thread
    state are made for one list, and abandoned with it.
    """
    kernel("gil_ensure", state="transient", body="allocate")


@pytest.mark.parametrize("beside", ["persistent", "transient"])
@pytest.mark.threads(2)
def test_benchmark_gil_ensure_collateral(kernel: Kernel, beside: str) -> None:
    """Attach, make a list and detach, beside a native thread that does so too.

    That one keeps its thread state, the control, or makes one for each list. Expect no
    difference: what it leaves behind, heaps and a look through them, costs those that
    end a thread state (`ensure_transient`), and a thread that keeps its own nothing.
    """
    native = pytest.importorskip("_pybench", reason="n/a: _pybench is not built")
    over = False

    def ensure() -> None:
        while not over:
            native.gil_ensure(1000, state=beside, body="allocate", pin=False)

    thread = threading.Thread(target=ensure)
    thread.start()
    try:
        kernel("gil_ensure", state="persistent", body="allocate")
    finally:
        over = True
        thread.join()


def test_benchmark_gil_handoff(kernel: Kernel) -> None:
    """Take the GIL over from a thread that releases it, asleep until then.

    From the giver's release to the taker being attached; excluded is the time in which
    the next taker falls asleep. Expect 5 to 100 us: waking a thread on another CPU,
    which is the kernel's and the processor's more than CPython's, and much more where
    other processes want that CPU. n/a without a GIL.
    """
    kernel("gil_handoff", threads=2)


def test_benchmark_gil_reacquire_idle(kernel: Kernel) -> None:
    """Attach every 200 us with no other thread: the control of the rows with hogs.

    From a deadline to being attached. Expect 0.1 to 10 us, in which being late for the
    deadline and caches gone cold are included; the percentiles are in the detail.
    """
    kernel("gil_reacquire", hogs=0, gap_us=200, iterations=200)


@pytest.mark.parametrize("hogs", [1, 2])
def test_benchmark_gil_reacquire_hogs(kernel: Kernel, hogs: int) -> None:
    """Attach every 10 ms per hog against threads that run Python code.

    From a deadline to being attached. With the GIL, expect the switch interval, 5 ms,
    or a little less: a hog lets go when it is asked to, one interval after. Without,
    expect `idle`, plus a time slice of the system where hogs fill the CPUs. The
    percentiles in the detail are of 50 to 100 requests, too few for a p99.9: call
    `_pybench.gil_reacquire` with some thousand for that.
    """
    kernel("gil_reacquire", hogs=hogs, gap_us=10_000 * hogs, iterations=20 // hogs)


@pytest.mark.parametrize("releases", [2, 4])
def test_benchmark_gil_reacquire_releases(kernel: Kernel, releases: int) -> None:
    """Attach so many times for one request, beside one thread that runs Python code.

    From a deadline to the last attaching, as of a request that makes so many blocking
    calls. Expect as many times `reacquire_hogs[1]` with the GIL: each release lets the
    hog in (the convoy). Without it expect `idle`.
    """
    kernel(
        "gil_reacquire",
        hogs=1,
        releases=releases,
        gap_us=10_000 * releases,
        iterations=20 // releases,
    )


@pytest.mark.parametrize("interval_us", [500, 20_000])
def test_benchmark_gil_reacquire_interval(kernel: Kernel, interval_us: int) -> None:
    """Attach beside one thread that runs Python code, with another switch interval.

    From a deadline to being attached. Expect the interval with the GIL, and no
    influence of it without.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval_us / 1e6)
    try:
        kernel("gil_reacquire", hogs=1, gap_us=2 * interval_us, iterations=5)
    finally:
        sys.setswitchinterval(before)
