"""Python threads that do one callable over and over, and can be called off.

The counterpart, for callables, of the driver in `src/_pybench/threads.c`: a common
start, a window per thread, workers that live for all rounds.
"""

from __future__ import annotations

import ctypes
import itertools
import operator
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

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


def calls(call: Callable[[], object]) -> Loop:
    """Return the loop that calls something."""

    def loop(turns: Iterable[None]) -> None:
        for _ in turns:
            call()

    return loop


def timed(loop: Loop, iterations: int) -> Window:
    """Do so many turns of a loop between two looks at the clock.

    An exception in it gets a note with the number of the turn that raised it.
    """
    turns = itertools.repeat(None, iterations)
    wall, cpu = time.perf_counter_ns, time.thread_time_ns
    cpu_start = cpu()
    start = wall()
    try:
        loop(turns)
    except BaseException as error:
        # The iterator knows how far it got: a counter would be part of the value.
        number = iterations - operator.length_hint(turns)
        error.add_note(
            f"pybench: raised by call {number} of the {iterations} of a round"
        )
        raise
    stop = wall()
    return Window(start_ns=start, stop_ns=stop, cpu_ns=cpu() - cpu_start)


# What came of a round, from one thread.
Reports = queue.SimpleQueue[Window | BaseException]


class Workers:
    """Threads that wait for rounds; leave the ``with`` block and they have ended.

    Parameters
    ----------
    loop : callable
        What each thread does in a round.
    threads : int
        How many there are at most. With one, the rounds run in the calling thread:
        some objects may be used there alone, and an interrupt reaches any call.
    """

    def __init__(self, loop: Loop, threads: int) -> None:
        self._loop = loop
        self._line = threading.Barrier(1)
        self._ended: Reports = queue.SimpleQueue()
        self._workers = [
            _Worker(index, loop, self._ended)
            for index in range(threads if threads > 1 else 0)
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

    def __init__(self, index: int, loop: Loop, ended: Reports) -> None:
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
            self.thread.join(_AGAIN_S)
