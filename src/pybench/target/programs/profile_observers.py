"""What watches the steady executions of a profiled target, one question each.

An observer sees the batches between `begin` and `end`; `enable` and `disable` stand
right around each batch.
"""

import _thread
import cProfile
import functools
import gc
import sys
import threading
import time
import timeit
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pybench.records import profile_run as under
from pybench.records.proc import run_queue_ns
from pybench.records.profile_run import (
    Function,
    FunctionsSeen,
    PausesSeen,
    ProbeSeen,
    ThreadLife,
    WaitsSeen,
)

# How many pauses and functions are kept; sums are over all.
PAUSES_KEPT = 1000
FUNCTIONS_KEPT = 15

# Not a divisor of the switch interval, so that the two do not fall into step.
PROBE_S = 0.011
PROBE_IDLE = 20

# An execution is timed in so many batches: the quickest was disturbed least.
BATCHES = 5

# What timeit calls around a batch.
TIMEIT = (
    "<built-in method time.perf_counter_ns>",
    "<built-in method gc.disable>",
    "<built-in method gc.enable>",
    "<built-in method gc.isenabled>",
)

# The files whose functions are ours and not the target's.
_TARGET = Path(__file__).parents[1]
AROUND = {timeit.__file__} | {
    str(_TARGET / name)
    for name in (
        "process/lazy_results.py",
        "process/pedantic.py",
        "programs/profile_observers.py",
        "programs/profile_target.py",
        "programs/sampling.py",
        "programs/target_calls.py",
    )
}

now = time.perf_counter_ns


def queued_ns(native: int | None = None) -> int | None:
    """Return how long a thread was ready to run without a CPU; None if unknown."""
    native = threading.get_native_id() if native is None else native
    try:
        return run_queue_ns(Path(f"/proc/self/task/{native}/schedstat").read_text())
    except OSError:
        return None


class Observer:
    """Sees nothing; the others do more."""

    def begin(self) -> None:
        """Forget what was seen so far."""

    def enable(self) -> None:
        """Look from here on."""

    def disable(self) -> None:
        """Look no longer."""

    def end(self) -> object:
        """Return what was seen."""
        return None

    def leave(self) -> None:
        """Look no longer, in a process that the target forked."""

    def settle(self, run: Callable[[], object], seen: object) -> object:
        """Return what was seen once all is over; `run` executes the target again."""
        return seen


class _Pauses(Observer):
    """The collector's pauses, by its callbacks.

    On a free-threaded build the time between them is not the pause alone: the
    finalizers of what was found run in it as well, with other threads going on.
    """

    def __init__(self) -> None:
        self._pauses: list[tuple[int, int]] = []
        self._begun = 0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._begun = now()
        else:
            self._pauses.append((info["generation"], now() - self._begun))

    def leave(self) -> None:
        gc.callbacks.remove(self._note)

    def begin(self) -> None:
        self._pauses.clear()

    def end(self) -> PausesSeen:
        kept = self._pauses[:PAUSES_KEPT]
        return PausesSeen(
            pauses_ns=tuple(ns for _, ns in kept),
            generations=tuple(generation for generation, _ in kept),
            count=len(self._pauses),
            sum_ns=sum(ns for _, ns in self._pauses),
        )


class _Probe(Observer):
    """A thread that sleeps, and sees how late it runs again.

    Late is what the timer is late, and then the wait for the GIL. What the timer
    takes is measured first, while nothing else runs.
    """

    def __init__(self) -> None:
        self._idle: list[int] = []
        self._late: list[int] = []
        # Not a Thread: the target shall not find it, and no script waits for it.
        _thread.start_new_thread(self._run, ())
        while len(self._idle) < PROBE_IDLE:
            time.sleep(PROBE_S)

    def _run(self) -> None:
        wanted = int(PROBE_S * 1e9)
        before = queued_ns() or 0
        while True:
            begun = now()
            time.sleep(PROBE_S)
            late = now() - begun - wanted
            # A wait for a CPU is none for the GIL.
            after = queued_ns() or 0
            late, before = max(0, late - (after - before)), after
            (self._late if len(self._idle) >= PROBE_IDLE else self._idle).append(late)

    def begin(self) -> None:
        self._late.clear()

    def end(self) -> ProbeSeen:
        return ProbeSeen(
            idle_ns=tuple(self._idle),
            late_ns=tuple(self._late),
            switch_ns=int(sys.getswitchinterval() * 1e9),
        )


class _Ledger:
    """What one thread did in the window, in nanoseconds."""

    def __init__(self) -> None:
        self._ident = threading.get_ident()
        self._native = threading.get_native_id()
        self.limiting = 0
        self.ended: ThreadLife | None = None
        self.begin()

    def begin(self) -> None:
        self.lock_ns = self.idle_ns = 0
        self._wall = now()
        self._cpu = self._cpu_ns()
        self._queued = queued_ns(self._native)

    def read(self) -> ThreadLife:
        """Return what there is so far; what has ended can no longer be asked."""
        queued, before = queued_ns(self._native), self._queued
        return ThreadLife(
            life_ns=now() - self._wall,
            cpu_ns=self._cpu_ns() - self._cpu,
            lock_ns=self.lock_ns,
            idle_ns=self.idle_ns,
            queued_ns=None if queued is None or before is None else queued - before,
        )

    def _cpu_ns(self) -> int:
        if self._ident == threading.get_ident():
            return time.thread_time_ns()
        try:
            return time.clock_gettime_ns(time.pthread_getcpuclockid(self._ident))
        except (AttributeError, OSError):
            return 0


class _Waits(Observer):
    """What each thread waits for: a lock that another has, or others to be done.

    ``threading.Lock``, ``RLock`` and semaphores are replaced before the target is
    imported; waiting for a condition, a queue or the end of a thread is no
    contention, and is taken off the life of the thread that does. The rest of a
    thread's life off the CPU is waiting for the system or for the GIL.
    """

    def __init__(self) -> None:
        self._ledgers: list[_Ledger] = []
        self._local = threading.local()
        self._open_ledger()
        self._replace()

    def _open_ledger(self) -> _Ledger:
        ledger = self._local.ledger = _Ledger()
        self._ledgers.append(ledger)
        return ledger

    def _mine(self) -> _Ledger | None:
        ledger: _Ledger | None = getattr(self._local, "ledger", None)
        return ledger

    def blocked(self, since: int, *, at_lock: bool) -> None:
        """Note that the running thread was blocked."""
        ledger = self._mine()
        if ledger is None:
            return
        # A condition waits on a lock of its own; what limits counts as one.
        if at_lock or ledger.limiting:
            ledger.lock_ns += now() - since
        else:
            ledger.idle_ns += now() - since

    def _replace(self) -> None:
        # Here: what a target imports by itself shall not be there before.
        import queue

        names: Any = threading
        names.Lock = _timed_kind("Lock", self, names.Lock)
        names.RLock = _timed_kind("RLock", self, names.RLock)
        bootstrap = names.Thread._bootstrap_inner

        def run(thread: threading.Thread) -> None:
            ledger = self._open_ledger()
            try:
                bootstrap(thread)
            finally:
                ledger.ended = ledger.read()

        names.Thread._bootstrap_inner = run
        names.Thread.join = self._idle(names.Thread.join)
        names.Condition.wait = self._idle(names.Condition.wait)
        acquire = names.Semaphore.acquire

        def limited(semaphore: Any, *args: Any, **kwargs: Any) -> Any:
            ledger = self._mine()
            if ledger is None:
                return acquire(semaphore, *args, **kwargs)
            ledger.limiting += 1
            try:
                return acquire(semaphore, *args, **kwargs)
            finally:
                ledger.limiting -= 1

        names.Semaphore.acquire = names.Semaphore.__enter__ = limited
        stock: Any = queue.SimpleQueue
        timed: Any = type("SimpleQueue", (stock,), {"get": self._idle(stock.get)})
        queue.SimpleQueue = timed  # type: ignore[misc]

    def _idle(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def waiting(*args: Any, **kwargs: Any) -> Any:
            ledger = self._mine()
            before = ledger.lock_ns if ledger else 0
            begun = now()
            try:
                return method(*args, **kwargs)
            finally:
                if ledger and not ledger.limiting:
                    # Taking the lock again at the end is part of the same wait.
                    ledger.lock_ns = before
                self.blocked(begun, at_lock=False)

        return waiting

    def begin(self) -> None:
        self._ledgers[:] = [life for life in self._ledgers if life.ended is None]
        for ledger in self._ledgers:
            ledger.begin()

    def end(self) -> WaitsSeen:
        """Return all that there were in the window; those that go on may go on."""
        return WaitsSeen(
            threads=tuple(life.ended or life.read() for life in self._ledgers)
        )


class _TimedLock:
    """A lock that tells how long one had to wait for it."""

    def __init__(self, waits: _Waits, lock: Any) -> None:
        self._waits = waits
        self._lock = lock

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; only a lock that another thread has is timed."""
        if self._lock.acquire(False):
            return True
        if not blocking:
            return False
        begun = now()
        try:
            return bool(self._lock.acquire(True, timeout))
        finally:
            self._waits.blocked(begun, at_lock=True)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)


def _timed_kind(name: str, waits: _Waits, make: Callable[[], Any]) -> type[_TimedLock]:
    """Return a class in place of a kind of lock: programs name it in annotations."""

    def make_timed(self: _TimedLock) -> None:
        _TimedLock.__init__(self, waits, make())

    return type(name, (_TimedLock,), {"__init__": make_timed})


class _Functions(Observer):
    """cProfile, by wall time; it sees the thread that started it."""

    def __init__(self) -> None:
        self._profile = cProfile.Profile(time.perf_counter)

    def begin(self) -> None:
        self._profile.clear()

    def enable(self) -> None:
        self._profile.enable()

    def disable(self) -> None:
        self._profile.disable()

    leave = disable

    def end(self) -> FunctionsSeen:
        functions = []
        for entry in self._profile.getstats():
            code: Any = entry.code
            is_native = isinstance(code, str)
            name = code if is_native else named(code, code.co_name)
            if "_lsprof" in name or (not is_native and is_around(code.co_filename)):
                continue
            if name in TIMEIT and entry.callcount <= 2 * BATCHES:
                continue
            functions.append(
                Function(
                    name=name,
                    calls=entry.callcount,
                    own_s=entry.inlinetime,
                    total_s=entry.totaltime,
                    native=is_native,
                )
            )
        functions.sort(key=lambda function: function.own_s, reverse=True)
        return FunctionsSeen(functions=tuple(functions[:FUNCTIONS_KEPT]))


def named(code: types.CodeType, name: str) -> str:
    """Return a function's place and name, as pstats writes them."""
    return f"{code.co_filename}:{code.co_firstlineno}({name})"


def is_around(path: str) -> bool:
    """Tell whether a file is one of those that stand around the target."""
    return path in AROUND or path.startswith("<timeit")


OBSERVERS: dict[str, Callable[[], Observer]] = {
    under.PAUSES: _Pauses,
    under.PROBE: _Probe,
    under.WAITS: _Waits,
    under.FUNCTIONS: _Functions,
}
