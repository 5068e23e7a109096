"""What the locks of `threading` cost: free, contended, and as signals.

Rows of one thread do a thousand operations per call. Rows of two threads time a
`crew`: the threads exist, and the window goes from letting them go to the end of
the slower one. Their `operations` are those of one thread. Threads that wait for each
other share one CPU, so that the row is what Python and the system do, and not how
soundly another CPU slept; `lock_handoff` is there both ways.
"""

import threading
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pybench.target.plugin import Kernel

pytestmark = pytest.mark.benchmark(group="locks")

Task = Callable[[], object]
Statement = Callable[..., object]
TimeCrew = Callable[..., None]
MakeCrew = Callable[..., Task]

HANDOFFS = 200  # round trips of two threads per timed call, 2 to 10 ms
INCREMENTS = 50_000  # of one thread per timed call, 2 to 20 ms


def test_benchmark_threading_lock_uncontended(statement: Statement) -> None:
    """Take a free `Lock` and release it.

    One operation is `with lock` around nothing. Expect 20 to 50 ns, most of it the
    two method calls. The lock itself is a semaphore up to 3.13.0, a byte that is
    compared and swapped since.
    """
    statement("with lock: pass", lock=threading.Lock())


def test_benchmark_threading_rlock_uncontended(statement: Statement) -> None:
    """Take a free `RLock` and release it.

    One operation is `with lock` around nothing. Expect about `lock_uncontended`,
    and a little for noting the owner.
    """
    statement("with lock: pass", lock=threading.RLock())


def test_benchmark_threading_rlock_nested(statement: Statement) -> None:
    """Take an `RLock` that this thread holds already, and release it.

    One operation is `with lock` around nothing, which only counts. Expect a little
    less than `rlock_uncontended`.
    """
    lock = threading.RLock()
    with lock:
        statement("with lock: pass", lock=lock)


def test_benchmark_threading_semaphore_uncontended(statement: Statement) -> None:
    """Take a `Semaphore` that is free and give it back.

    One operation is `with semaphore` around nothing. Expect ten times
    `lock_uncontended`: it is a counter under a condition, written in Python.
    """
    statement("with lock: pass", lock=threading.Semaphore())


def test_benchmark_threading_condition_idle(statement: Statement) -> None:
    """Notify a `Condition` on which no thread waits.

    One operation is `with condition` and `notify`. Expect five to ten times
    `lock_uncontended`, since `notify` checks in Python that the lock is held.
    """
    statement("with condition: condition.notify()", condition=threading.Condition())


def test_benchmark_threading_event_is_set(statement: Statement) -> None:
    """Ask an `Event` whether it is set.

    One operation is one call of a Python method, without a lock: what a worker
    does between pieces of work. Expect a method call.
    """
    statement("event.is_set()", event=threading.Event())


@pytest.mark.parametrize("lock", ["shared", "own"], ids=lambda kind: f"lock={kind}")
def test_benchmark_threading_counter(
    benchmark: BenchmarkFixture, crew: MakeCrew, lock: str
) -> None:
    """Increment a counter under a lock from two threads: one of both, or one each.

    One operation is one thread's `with lock`, read, add and store, with both
    threads at work: `operations` counts those of one thread. `lock=own` shares
    nothing and is the control. With a GIL expect twice the time of one thread in
    both, since the threads alternate; without it, one thread's time for `own` and
    several times that for `shared`.
    """
    locks = (
        [threading.Lock()] * 2
        if lock == "shared"
        else [threading.Lock(), threading.Lock()]
    )
    counters = [[0]] * 2 if lock == "shared" else [[0], [0]]

    def increment(lock: threading.Lock, counter: list[int]) -> None:
        for _ in range(INCREMENTS):
            with lock:
                counter[0] += 1

    run = crew(
        *(
            lambda pair=pair: increment(*pair)
            for pair in zip(locks, counters, strict=True)
        )
    )
    benchmark.extra_info["operations"] = INCREMENTS
    benchmark(run)
    # A lost update would mean that the lock did not do what is measured here.
    assert sum(counter[0] for counter in counters) % INCREMENTS == 0


@pytest.mark.parametrize("cpus", [1, 2], ids=lambda count: f"cpus={count}")
def test_benchmark_threading_lock_handoff(time_crew: TimeCrew, cpus: int) -> None:
    """Wake a thread by releasing a lock it waits for, and be woken the same way.

    One operation is one round trip: two releases, two waits, two wake-ups by the
    system. The cheapest signal there is in Python; expect 4 to 12 us on one CPU (on
    a free-threaded 3.13 up to 60, since whoever waits spins first), and 20 to
    250 us between two, most of it the other CPU's waking up.
    """
    ping, pong = threading.Lock(), threading.Lock()
    ping.acquire()
    pong.acquire()

    def serve() -> None:
        for _ in range(HANDOFFS):
            ping.release()
            pong.acquire()

    def answer() -> None:
        for _ in range(HANDOFFS):
            ping.acquire()
            pong.release()

    time_crew(serve, answer, together=cpus == 1, operations=HANDOFFS)


def test_benchmark_threading_condition_handoff(time_crew: TimeCrew) -> None:
    """Pass the turn to the other thread with `notify`, and `wait` for it to return.

    One operation is one round trip of two threads: each waits and notifies once.
    Expect one to two times `lock_handoff`: every `wait` makes a lock of its own,
    and whoever is notified has to wait once more, for the condition's lock.
    """
    condition = threading.Condition()
    turn = [0]

    def play(own: int) -> None:
        with condition:
            for _ in range(HANDOFFS):
                while turn[0] != own:
                    condition.wait()
                turn[0] = 1 - own
                condition.notify()

    time_crew(lambda: play(0), lambda: play(1), together=True, operations=HANDOFFS)


def test_benchmark_threading_event_handoff(time_crew: TimeCrew) -> None:
    """Set the other thread's `Event` and wait for one's own.

    One operation is one round trip: two `set`, two `wait`, two `clear`. Expect
    one to two times `condition_handoff`: an event is a condition and a flag.
    """
    ping, pong = threading.Event(), threading.Event()

    def serve() -> None:
        for _ in range(HANDOFFS):
            ping.set()
            pong.wait()
            pong.clear()

    def answer() -> None:
        for _ in range(HANDOFFS):
            ping.wait()
            ping.clear()
            pong.set()

    time_crew(serve, answer, together=True, operations=HANDOFFS)


def test_benchmark_threading_semaphore_handoff(time_crew: TimeCrew) -> None:
    """Release the semaphore the other thread waits for, and wait for one's own.

    One operation is one round trip. Expect about `event_handoff`.
    """
    ping, pong = threading.Semaphore(0), threading.Semaphore(0)

    def serve() -> None:
        for _ in range(HANDOFFS):
            ping.release()
            pong.acquire()

    def answer() -> None:
        for _ in range(HANDOFFS):
            ping.acquire()
            pong.release()

    time_crew(serve, answer, together=True, operations=HANDOFFS)


def test_benchmark_threading_barrier(time_crew: TimeCrew) -> None:
    """Cross a `Barrier` of two threads.

    One operation is one crossing by both. Expect one to two times
    `lock_handoff`: the last to come has to let the other out before the barrier
    can be used again, under one condition.
    """
    barrier = threading.Barrier(2)

    def cross() -> None:
        for _ in range(HANDOFFS):
            barrier.wait()

    time_crew(cross, cross, together=True, operations=HANDOFFS)


@pytest.mark.parametrize("kind", ["pymutex", "pythread", "pthread"])
def test_benchmark_threading_locks_free(kernel: Kernel, kind: str) -> None:
    """Acquire and release an uncontended native lock.

    No interpreter is in it. Expect 5 to 15 ns of a pthread mutex and of a PyMutex (n/a
    before 3.13), and two to four times that of the older PyThread lock, which is a
    semaphore up to 3.14 and a PyMutex from 3.15 on. Source: gh-108724.
    """
    kernel("locks_pair", kind=kind)


@pytest.mark.parametrize("threads", [2, 4, 8])
@pytest.mark.parametrize("kind", ["pymutex", "pythread"])
def test_benchmark_threading_locks_contended(
    kernel: Kernel, kind: str, threads: int
) -> None:
    """Acquire and release one native lock that the threads contend for all the time.

    Expect two to ten times `locks_free`, by how soon each kind lets a waiter sleep;
    with more threads than CPUs the row says oversubscribed. Fairness is in the record.
    """
    kernel("locks_pair", kind=kind, layout="shared", threads=threads)


@pytest.mark.threads(2)
def test_benchmark_threading_locks_contended_plain(kernel: Kernel) -> None:
    """The same for a pthread mutex and two threads: what the system costs.

    Expect 50 to 150 ns.
    """
    kernel("locks_pair", kind="pthread", layout="shared", threads=2)


@pytest.mark.threads(2)
def test_benchmark_threading_locks_apart(kernel: Kernel) -> None:
    """Two threads, each with a PyMutex of its own: the share-nothing control.

    Expect `locks_free`. n/a before 3.13.
    """
    kernel("locks_pair", threads=2)


@pytest.mark.parametrize("kind", ["one", "two"])
def test_benchmark_threading_locks_section(kernel: Kernel, kind: str) -> None:
    """Begin and end a critical section, on one object or on two at once.

    Expect 10 to 15 ns, and twice that for two. n/a with the GIL, where it is nothing.
    """
    kernel("locks_critical_section", kind=kind)


def test_benchmark_threading_locks_section_nested(kernel: Kernel) -> None:
    """Begin a critical section inside one of the same object.

    Expect microseconds on 3.13, where the inner one cannot have the lock before the
    outer one has been suspended, and about nothing from 3.14.1 on, which sees that it
    has it. n/a with the GIL.
    """
    kernel("locks_critical_section", kind="nested")


@pytest.mark.threads(2)
def test_benchmark_threading_locks_section_shared(kernel: Kernel) -> None:
    """Begin and end a critical section on an object that two threads use.

    Expect two to five times `locks_section`; `locks_contended` is the bare lock. n/a
    with the GIL.
    """
    kernel("locks_critical_section", layout="shared", threads=2)


@pytest.mark.threads(2)
def test_benchmark_threading_locks_section_pair(kernel: Kernel) -> None:
    """Begin and end a critical section on two objects that two threads use.

    Expect two to five times `locks_section[two]`. n/a with the GIL.
    """
    kernel("locks_critical_section", kind="two", layout="shared", threads=2)


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_threading_locks_section_suspended(
    kernel: Kernel, threads: int
) -> None:
    """Detach and attach within a critical section, which is suspended meanwhile.

    What a call that blocks does. Expect `locks_section`, `gil_release` and another
    10 to 20 ns for one thread, and several times that for two at one object: the
    other one enters, and has to be waited for. n/a with the GIL.
    """
    kernel("locks_critical_section", kind="suspended", layout="shared", threads=threads)


@pytest.mark.threads(2)
@pytest.mark.parametrize("kind", ["pymutex", "pythread", "pthread"])
def test_benchmark_threading_locks_wait(kernel: Kernel, kind: str) -> None:
    """Wait for a native lock that two threads keep for 2 ms each time.

    One operation is the wait alone; the detail has its percentiles, and how often the
    other thread had the lock meanwhile. Expect about 2 ms of a PyMutex, which is handed
    on after a millisecond, so that the two take turns. The others are taken by who
    comes first, mostly the one that has just released it: next to nothing for most
    waits, and a few of many turns. The control is `locks_wait_apart`.
    """
    kernel("locks_wait", kind=kind, threads=2, hold_us=2_000, iterations=5)


@pytest.mark.threads(2)
def test_benchmark_threading_locks_wait_apart(kernel: Kernel) -> None:
    """The same with a PyMutex of each thread's own: the share-nothing control.

    Expect `locks_free` and a reading of the clock. n/a before 3.13.
    """
    kernel("locks_wait", layout="private", threads=2, hold_us=2_000, iterations=5)
