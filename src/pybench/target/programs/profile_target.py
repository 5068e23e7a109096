"""What runs inside a profiled child: one target, under one condition.

`start_program` starts it in any CPython from 3.11 on, so it imports the standard
library alone besides files of pybench that do the same. It reads an `Order` and answers
by a `Report`, which it writes again after each step: what is known stays known when the
target ends the process.
"""

import _thread
import atexit
import contextlib
import faulthandler
import functools
import gc
import io
import itertools
import json
import os
import sys
import threading
import time
import timeit
import tracemalloc
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from pybench.records import profile_run as under
from pybench.records.profile_run import (
    Batch,
    Error,
    Executions,
    Failure,
    Order,
    Pair,
    Report,
    RowRounds,
)
from pybench.target.process import lazy_results
from pybench.target.programs.profile_observers import (
    BATCHES,
    OBSERVERS,
    Observer,
    now,
    queued_ns,
)
from pybench.target.programs.sampling import Samples
from pybench.target.programs.target_calls import (
    FORKED,
    Call,
    TargetError,
    exit_status,
    function,
    module,
    run_given_row,
    script,
)

# A call this short is timed in a batch, by timeit; a longer one now and then by itself.
BATCH_NS = 5_000_000
MOST_CALLS = 1_000_000

# So many fresh objects tell what one costs.
FRESH = 20_000

# What a target left to exit functions, threads and pools, may take so long to end.
GRACE_S = 5.0


class _Timer(timeit.Timer):
    """Calls between two looks at the clock, which a forked process breaks off.

    It would go on with the batch and fork in turn: twice as many with each execution.
    A look at the process id in every call would be timed with it, and a profiler in
    the child would slow down what the parent waits for.
    """

    turns: Iterator[None] = iter(())

    def timeit(self, number: int = 1) -> float:
        """Do as the original, with turns that can be used up from outside."""
        turns = _Timer.turns = itertools.repeat(None, number)
        was_on = gc.isenabled()
        gc.disable()
        try:
            timer: Any = self  # its inner parts are in no stub
            return float(timer.inner(turns, timer.timer))
        finally:
            if was_on:
                gc.enable()


def watch_forks(observer: Observer, *, traced: bool) -> None:
    """See to it that a process that the target forks runs unwatched, and ends.

    It ends where it comes back from the call, as the program's own would at the end of
    its main module. Nothing is written of it.
    """

    def forked() -> None:
        FORKED.append(True)
        deque(_Timer.turns, maxlen=0)
        observer.leave()
        if traced:
            tracemalloc.stop()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)


class _Stdin(io.RawIOBase):
    """The empty standard input, which notes whether anybody reads it."""

    was_read = False

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def readinto(self, _buffer: Any) -> int:
        _Stdin.was_read = True
        return 0


@functools.cache
def event_loop() -> Any:
    """Return the loop of all executions: a target may keep what belongs to it."""
    import asyncio

    return asyncio.Runner().get_loop()


def execution(call: Call, makes: str) -> Call:
    """Return what runs to its end what a call makes, such as a coroutine."""
    if not makes:
        return call
    if makes not in lazy_results.ASYNCHRONOUS:
        return lazy_results.drained(call)
    loop, made = event_loop(), lazy_results.awaited(call, makes)
    return lambda: loop.run_until_complete(made())


class _Collector:
    """The collector's switches, of which a target's own calls can be kept away."""

    def __init__(self) -> None:
        self.collect = gc.collect
        self._off = False
        self._thresholds = gc.get_threshold()
        enable = gc.enable
        gc.enable = lambda: None if self._off else enable()
        gc.collect = lambda *args, **kwargs: (
            0 if self._off else self.collect(*args, **kwargs)
        )

    def switch(self, condition: str) -> None:
        """Switch it off whatever the target does, freeze, raise, or as it was."""
        self._off = condition == under.GC_OFF
        gc.unfreeze()
        gc.set_threshold(*self._thresholds)
        self.collect()
        if condition == under.GC_FROZEN:
            gc.freeze()
        elif condition == under.GC_RAISED:
            gc.set_threshold(self._thresholds[0] * 100, *self._thresholds[1:])


def cpu_ns() -> int:
    """Return the CPU time of this process and of the children it has waited for."""
    times = os.times()
    children_s = times.children_user + times.children_system
    return time.process_time_ns() + int(children_s * 1e9)


def fresh_costs() -> dict[str, float]:
    """Return what a fresh small object costs above one that is there already.

    A string gives its characters out: those below 256 exist once for all, others
    are made anew, each by one call of the allocator. A number is the cheapest that
    there is; some versions keep used ones at hand.
    """

    def cost(made: Any) -> float:
        timer = timeit.Timer(lambda: deque(made, maxlen=0), timer=time.thread_time)
        return min(timer.repeat(repeat=5, number=1)) / FRESH * 1e9

    reused = cost("a" * FRESH)
    string = cost("\u4e00" * FRESH)
    number = cost(range(1 << 20, (1 << 20) + FRESH))
    return {"string": max(0.0, string - reused), "number": max(0.0, number - reused)}


def timed(
    call: Call, number: int, batches: int, observer: Observer, collecting: bool
) -> Executions:
    """Time so many calls in batches."""
    timer = _Timer(call, gc.enable if collecting else gc.disable, timer=now)
    each = number // batches
    observer.begin()
    blocks, begun = sys.getallocatedblocks(), time.monotonic_ns()
    done = tuple(run_batch(timer, each, observer) for _ in range(batches))
    blocks = sys.getallocatedblocks() - blocks
    sums = {name: sum(getattr(one, name) for one in done) for name in Batch.__slots__}
    return Executions(
        calls=each * batches, batches=done, blocks=blocks, begun_ns=begun, **sums
    )


def run_batch(timer: _Timer, number: int, observer: Observer) -> Batch:
    """Time so many calls at once."""
    queued, cpu, own = queued_ns(), cpu_ns(), time.process_time_ns()
    observer.enable()
    wall = int(timer.timeit(number))
    if FORKED:
        leave(0)
    observer.disable()
    return Batch(
        wall_ns=wall,
        own_cpu_ns=time.process_time_ns() - own,
        cpu_ns=cpu_ns() - cpu,
        queued_ns=(queued_ns() or 0) - (queued or 0),
    )


class _Measurement:
    """One target in this process, and what is known of it."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._pid = os.getpid()
        self.report = Report(version=sys.version.split()[0], gil=gil_enabled())
        self._collector = _Collector()
        # Without the collector, whose time would fall on whoever sets it off.
        self._is_collecting = order.condition != under.NATIVE
        if not self._is_collecting:
            self._collector.switch(under.GC_OFF)
            gc.disable()
        observers = OBSERVERS | {under.NATIVE: lambda: Samples(order.extension)}
        self._observer = observers.get(order.condition, Observer)()
        watch_forks(self._observer, traced=order.condition == under.TRACED)

    def _note(self, **facts: Any) -> None:
        self.report = replace(self.report, **facts)

    def _write(self) -> None:
        """Write what is known; the file is whole at any time."""
        if os.getpid() != self._pid:
            os._exit(0)  # a child of the target, forked without Python's knowledge
        path = Path(self.order.report)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self.report)))
        part.replace(path)

    def measure(self, call: Call, row: RowRounds | None = None) -> None:
        """Run it for the first time, then steadily, as often as a row allows.

        The only execution of a process is the first and the steady one.
        """
        most = row.rounds if row else None
        made: list[str] = []

        def first_call() -> None:
            """Call it, find out what that made, and run that."""
            result = call()
            made.append(lazy_results.kind_of(result))
            execution(lambda: result, made[0])()

        self._note(row=row, ready_ns=time.monotonic_ns())
        self._write()
        watched = self._observer if most == 1 else Observer()
        first = self._timed(first_call, 1, watched)
        seen = watched.end()
        self._note(
            first=first,
            makes=made[0],
            threads_left=tuple(
                thread.name
                for thread in threading.enumerate()
                if thread.daemon and not isinstance(thread, threading._DummyThread)
            ),
            read_stdin=_Stdin.was_read,
        )
        self._write()
        try:
            if most == 1:
                self._keep(first, seen, None)
            else:
                self._repeat(execution(call, made[0]), most and most - 1)
        except TargetError as error:
            # Most scripts can run twice in one process; one that cannot has a first.
            self._note(steady_error=str(error))
        # A target may have switched it on, or an extension it imported.
        self._note(gil=gil_enabled())
        self._write()

    def _repeat(self, call: Call, limit: int | None) -> None:
        """Time steady executions, at most so many."""
        budget, first = self.order.budget_ns, self.report.first
        assert first is not None
        took = first.wall_ns
        if took < BATCH_NS and limit is None:
            # The first is dearer than the others, and would make the batch too small.
            took = self._timed(call, 3).wall_ns // 3
        took = max(took, 1)
        most = min(limit or MOST_CALLS, MOST_CALLS)
        if self.order.condition in (
            under.GC_OFF,
            under.GC_FROZEN,
            under.GC_RAISED,
            under.TRACED,
        ):
            self._pair(call, took, most)
            return
        # What the last execution left would pile up without it.
        self._collector.collect()
        number = max(1, min(most, budget // took))
        steady = self._timed(call, number, self._observer)
        is_short = steady.wall_ns < budget // 20
        if is_short and limit is None and number < MOST_CALLS:
            # What made the first one dear is done: imports, a cache, a connection.
            number = min(MOST_CALLS, budget * number // max(steady.wall_ns, 1))
            steady = self._timed(call, number, self._observer)
        self._keep(steady, self._observer.end(), call if limit is None else None)

    def _keep(self, steady: Executions, seen: object, again: Call | None) -> None:
        """Put down steady executions; a sampler may ask for one more of them."""

        def once_more() -> None:
            if again:
                self._timed(again)

        self._note(observed=self._observer.settle(once_more, seen), steady=steady)

    def _pair(self, call: Call, took: int, most: int) -> None:
        """Run batches with and without a treatment in turns, so that both are close.

        A machine that slows down or speeds up does so for both. There is none if the
        executions that are left do not give one pair.
        """
        condition, budget = self.order.condition, self.order.budget_ns
        pairs = min(most // 2, max(2, min(BATCHES, budget // took)))
        if not pairs:
            return
        number = max(1, min(most // (2 * pairs), budget // pairs // took))
        done = []
        for _ in range(pairs):
            self._collector.switch(under.PLAIN)
            plain = self._timed(call, number)
            if condition == under.TRACED:
                done.append(self._traced(call, number, plain))
            else:
                self._collector.switch(condition)
                is_on = condition != under.GC_OFF
                treated = self._timed(call, number, collecting=is_on)
                done.append(Pair(plain=plain, treated=treated))
            self._collector.switch(under.PLAIN)
        self._note(pairs=tuple(done))

    def _traced(self, call: Call, number: int, plain: Executions) -> Pair:
        fresh = fresh_costs()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        treated = self._timed(call, number)
        peak = tracemalloc.get_traced_memory()[1] - before
        dear = fresh_costs()
        tracemalloc.stop()
        return Pair(
            plain=plain, treated=treated, fresh=fresh, dear=dear, peak_bytes=peak
        )

    def _timed(
        self,
        call: Call,
        number: int = 1,
        observer: Observer | None = None,
        *,
        collecting: bool = True,
    ) -> Executions:
        """Time calls; whatever they raise becomes one kind of error."""
        collecting = collecting and self._is_collecting
        batches = min(BATCHES, number) if observer else 1
        with as_failure("instead of returning"):
            return timed(call, number, batches, observer or Observer(), collecting)

    def run(self) -> None:
        """Find the target and measure it."""
        order = self.order
        try:
            if order.kind == "row":
                run_given_row(order.target, self.measure)
            elif order.kind == "function":
                with as_failure("while it was imported", " when it was loaded"):
                    call, takes = function(order.target, order.threads)
                self._note(takes_threads=takes)
                self.measure(call)
            else:
                load = script if order.kind == "script" else module
                with as_failure("while it was imported", " when it was loaded"):
                    call = load(order.target, order.arguments)
                self.measure(call)
        except TargetError as error:
            empty = "; standard input is empty here" if _Stdin.was_read else ""
            self._note(error=Error(kind=error.kind, message=f"{error}{empty}"))
        self._write()


def gil_enabled() -> bool:
    """Tell whether this process runs with the GIL."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


@contextlib.contextmanager
def as_failure(when_exited: str, when_raised: str = "") -> Iterator[None]:
    """Turn whatever a target raises into a `TargetError`; end a forked process."""
    try:
        yield
    except TargetError:
        raise
    except SystemExit as end:
        if FORKED:
            leave(exit_status(end))
        message = f"it called exit({end.code!r}) {when_exited}"
        raise TargetError(Failure.EXITED, message) from None
    except BaseException as error:
        # Here: what a target imports by itself shall not be there before.
        import traceback

        traceback.print_exc()  # the host reads its last line
        if FORKED:
            leave(1)
        text = str(error) or "no message"
        message = f"it raised {type(error).__name__}{when_raised}: {text}"
        raise TargetError(Failure.RAISED, message) from None


def leave(status: int) -> NoReturn:
    """End the process as Python ends one, but not later than after a while.

    Exit functions end the pools that were left to them, and files are closed that
    nothing but the main module had. Python's own end would wait for the threads that
    the target left, and in a forked process for faulthandler's, which is not there.
    """

    def cut_off() -> None:
        time.sleep(GRACE_S)
        os._exit(status)

    _thread.start_new_thread(cut_off, ())
    names: Any = threading
    for end in (names._shutdown, atexit._run_exitfuncs):
        with contextlib.suppress(BaseException):
            end()
    sys.modules["__main__"].__dict__.clear()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


def main() -> None:
    """Do what the order says, and leave as a program does."""
    order = Order(**json.loads(sys.argv[1]))
    # Just before the host loses its patience: where does it hang?
    faulthandler.dump_traceback_later(order.patience_s)
    if order.kind != "row":
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Stdin()), encoding="utf-8")
    measurement = _Measurement(order)
    pid = os.getpid()
    measurement.run()
    if os.getpid() != pid:
        os._exit(0)
    # The report is written; threads that never end are the target's.
    leave(1 if measurement.report.error else 0)
