"""Python threads that do one callable over and over, and can be called off.

The counterpart, for callables, of the driver in `src/_pybench/threads.c`: a common
start, a window per thread, workers that live for all rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import operator
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pybench.target.process.lazy_results import (
    ASYNC_GENERATOR,
    ASYNCHRONOUS,
    drained,
    look,
)

# How long a worker may go on after it was called off before it is told again.
_AGAIN_S = 0.1

# How often the thread that waits for a round looks for an interrupt.
_LOOK_S = 0.5


class CalledOff(BaseException):
    """Raised in a worker to end it; no `except Exception` of a callable stops it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one thread took for its calls."""

    start_ns: int
    stop_ns: int
    cpu_ns: int


# Does something once for each item.
Loop = Callable[[Iterable[None]], None]


class SelfTimed:
    """A loop that looks at the clocks itself, after what it has to prepare."""

    def timed(self, turns: Iterable[None]) -> Window:
        """Do something once for each item; return what that took."""
        raise NotImplementedError


class Awaits(SelfTimed):
    """Calls something and awaits what that makes, on an event loop of each thread.

    The loop is there before a window begins and goes on after it: what is timed is
    ``await call()``. It lasts as long as the thread, since a program's locks and
    connections belong to one event loop.

    Parameters
    ----------
    call : callable
        Returns something of `kind`.
    kind : str
        One of `unfinished.ASYNCHRONOUS`.
    """

    def __init__(self, call: Callable[[], Any], kind: str) -> None:
        self._call = call
        self._body = self._exhaust if kind == ASYNC_GENERATOR else self._await
        self._local = threading.local()
        self._loops: list[asyncio.AbstractEventLoop] = []

    def timed(self, turns: Iterable[None]) -> Window:
        """Do the turns on the loop of the running thread."""
        runner: asyncio.Runner | None = getattr(self._local, "runner", None)
        if runner is None:
            runner = self._local.runner = asyncio.Runner()
            self._loops.append(runner.get_loop())
        return runner.run(self._body(turns))

    def wake(self) -> None:
        """Have waiting loops look around: their thread may have been called off."""
        for loop in self._loops:
            with contextlib.suppress(RuntimeError):  # closed
                loop.call_soon_threadsafe(_nothing)

    def close(self) -> None:
        """Close the loop of the running thread."""
        runner: asyncio.Runner | None = getattr(self._local, "runner", None)
        if runner is not None:
            runner.close()

    async def _await(self, turns: Iterable[None]) -> Window:
        call = self._call
        wall, cpu = time.perf_counter_ns, time.thread_time_ns
        cpu_start = cpu()
        start = wall()
        for _ in turns:
            await call()
        stop = wall()
        return Window(start_ns=start, stop_ns=stop, cpu_ns=cpu() - cpu_start)

    async def _exhaust(self, turns: Iterable[None]) -> Window:
        call = self._call
        wall, cpu = time.perf_counter_ns, time.thread_time_ns
        cpu_start = cpu()
        start = wall()
        for _ in turns:
            async for _item in call():
                pass
        stop = wall()
        return Window(start_ns=start, stop_ns=stop, cpu_ns=cpu() - cpu_start)


def _nothing() -> None:
    """Do nothing, on a loop that was waiting."""


def calls(call: Callable[[], Any], kind: str = "") -> Loop | SelfTimed:
    """Return the loop that calls something, and runs what that makes.

    Parameters
    ----------
    call : callable
        Called once for each turn.
    kind : str
        What a call makes, as `unfinished.kind_of` says; "" for a result. Then the first
        result of all is looked at, and `unfinished.UnfinishedError` raised if it was
        none: the others are timed and looked at by nobody.
    """
    if kind in ASYNCHRONOUS:
        return Awaits(call, kind)
    if kind:
        call = drained(call)
    looked = bool(kind)

    def loop(turns: Iterable[None]) -> None:
        nonlocal looked
        if not looked:
            for _ in turns:
                look(call, call())
                looked = True
                break
        for _ in turns:
            call()

    return loop


def timed(loop: Loop | SelfTimed, iterations: int) -> Window:
    """Do so many turns of a loop between two looks at the clock.

    An exception in it gets a note with the number of the turn that raised it.
    """
    turns = itertools.repeat(None, iterations)
    wall, cpu = time.perf_counter_ns, time.thread_time_ns
    try:
        if isinstance(loop, SelfTimed):
            return loop.timed(turns)
        cpu_start = cpu()
        start = wall()
        loop(turns)
        stop = wall()
    except BaseException as error:
        # The iterator knows how far it got: a counter would be part of the value.
        number = iterations - operator.length_hint(turns)
        error.add_note(
            f"pybench: raised by call {number} of the {iterations} of a round"
        )
        raise
    return Window(start_ns=start, stop_ns=stop, cpu_ns=cpu() - cpu_start)


# What came of a round, from one thread.
Reports = queue.SimpleQueue[Window | BaseException]


class Workers:
    """Threads that wait for rounds; leave the ``with`` block and they have ended.

    Parameters
    ----------
    loop : callable or SelfTimed
        What each thread does in a round.
    threads : int
        How many there are at most. With one, the rounds run in the calling thread:
        some objects may be used there alone, and an interrupt reaches any call. What
        is awaited has a thread of its own, since that of a notebook runs an event loop.
    """

    def __init__(self, loop: Loop | SelfTimed, threads: int) -> None:
        self._loop = loop
        self._line = threading.Barrier(1)
        self._ended: Reports = queue.SimpleQueue()
        self._workers = [
            _Worker(index, loop, self._ended)
            for index in range(
                threads if threads > 1 or isinstance(loop, Awaits) else 0
            )
        ]

    def __enter__(self) -> Self:
        try:
            for worker in self._workers:
                worker.thread.start()
        except BaseException:
            self._call_off()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._call_off()

    def round(self, threads: int, iterations: int) -> list[Window]:
        """Run one round on so many of the threads.

        Raises
        ------
        BaseException
            What the callable raised first, in whichever thread; `KeyboardInterrupt`
            when interrupted while waiting.
        """
        if not self._workers:
            return [timed(self._loop, iterations)]
        self._line = threading.Barrier(threads)
        for worker in self._workers[:threads]:
            worker.orders.put((self._line, iterations))
        reports = [self._report() for _ in range(threads)]
        for report in reports:
            if isinstance(report, BaseException):
                raise report
        return [report for report in reports if isinstance(report, Window)]

    def _report(self) -> Window | BaseException:
        """Wait for what one thread says.

        With a look around now and then: a signal that comes just before an endless wait
        begins does not end it, and a notebook would not be interrupted.
        """
        while True:
            try:
                return self._ended.get(timeout=_LOOK_S)
            except queue.Empty:
                continue

    def _call_off(self) -> None:
        """End the threads: a call that runs Python code is broken off, others end."""
        self._line.abort()
        for worker in self._workers:
            worker.orders.put(None)
        for worker in self._workers:
            worker.end()


class _Worker:
    """One thread, and the two queues by which it is spoken to.

    Queues in C and no condition: an exception that is raised in the thread from outside
    may strike between any two steps, and one that struck where a lock of Python's had
    just been taken left it taken for ever.
    """

    def __init__(self, index: int, loop: Loop | SelfTimed, ended: Reports) -> None:
        self.orders: queue.SimpleQueue[tuple[threading.Barrier, int] | None] = (
            queue.SimpleQueue()
        )
        self.thread = threading.Thread(
            target=self._work, name=f"pybench-{index}", daemon=True
        )
        self._loop = loop
        self._ended = ended
        self._is_calling = False

    def _work(self) -> None:
        try:
            while (order := self.orders.get()) is not None:
                self._ended.put(self._report(*order))
        except CalledOff:
            return
        finally:
            if isinstance(self._loop, Awaits):
                self._loop.close()

    def _report(
        self, line: threading.Barrier, iterations: int
    ) -> Window | BaseException:
        try:
            line.wait()
            # From here on no lock of Python's is taken: it may be struck.
            self._is_calling = True
            return timed(self._loop, iterations)
        except CalledOff:
            raise
        except BaseException as error:
            return error
        finally:
            self._is_calling = False

    def end(self) -> None:
        """Wait for the thread, which has been told, and break off what it calls."""
        if self.thread.ident is None:
            return  # never started
        self.thread.join(_AGAIN_S)
        while self.thread.is_alive():
            if self._is_calling:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self.thread.ident), ctypes.py_object(CalledOff)
                )
                if isinstance(self._loop, Awaits):
                    self._loop.wake()
            self.thread.join(_AGAIN_S)
