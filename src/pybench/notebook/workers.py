"""Python threads that do one callable over and over, and can be called off.

The counterpart, for callables, of the driver in `src/_pybench/threads.c`: a common
start, a window per thread, workers that live for all rounds.
"""

from __future__ import annotations

import ctypes
import itertools
import operator
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

# How long a worker may go on after it was called off before it is told again.
_AGAIN_S = 0.1


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
        lock = threading.RLock()
        self._turn = threading.Condition(lock)
        self._done = threading.Condition(lock)
        self._round = 0
        self._active = 0
        self._iterations = 0
        self._line = threading.Barrier(1)
        self._windows: list[Window] = []
        self._error: BaseException | None = None
        self._missing = 0
        self._is_over = False
        self._threads = [
            threading.Thread(
                target=self._work, args=(index,), name=f"pybench-{index}", daemon=True
            )
            for index in range(threads if threads > 1 else 0)
        ]

    def __enter__(self) -> Self:
        try:
            for thread in self._threads:
                thread.start()
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
        if not self._threads:
            return [timed(self._loop, iterations)]
        with self._turn:
            self._active = self._missing = threads
            self._iterations = iterations
            self._line = threading.Barrier(threads)
            self._windows = []
            self._error = None
            self._round += 1
            self._turn.notify_all()
            while self._missing:
                self._done.wait()
            if self._error is not None:
                raise self._error
            return self._windows

    def _work(self, index: int) -> None:
        try:
            seen = 0
            while True:
                with self._turn:
                    while not self._is_over and (
                        self._round == seen or index >= self._active
                    ):
                        seen = self._round
                        self._turn.wait()
                    if self._is_over:
                        return
                    seen = self._round
                    line, iterations = self._line, self._iterations
                self._one(line, iterations)
        except CalledOff:
            return  # told while it waited for the next round

    def _one(self, line: threading.Barrier, iterations: int) -> None:
        window: Window | None = None
        error: BaseException | None = None
        try:
            line.wait()
            window = timed(self._loop, iterations)
        except BaseException as raised:
            error = raised
        with self._turn:
            if window is not None:
                self._windows.append(window)
            if error is not None and not isinstance(error, CalledOff):
                self._error = self._error or error
            self._missing -= 1
            self._done.notify_all()

    def _call_off(self) -> None:
        """End the threads: a call that runs Python code is broken off, others end."""
        with self._turn:
            self._is_over = True
            self._turn.notify_all()
        self._line.abort()
        for thread in self._threads:
            if thread.ident is None:
                continue  # never started
            thread.join(_AGAIN_S)
            while thread.is_alive():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident), ctypes.py_object(CalledOff)
                )
                thread.join(_AGAIN_S)
