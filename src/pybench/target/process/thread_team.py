"""Threads that live as long as a row and do one task each whenever they are told to.

Each waits at a lock of its own, so that starting and joining are outside of what is
timed. A task that raises ends the team: the others are broken off, as far as they run
Python code, and the error names the thread.
"""

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

# A wait looks around now and then: where a lock cannot be interrupted, Ctrl-C would
# wait as long.
_LOOK_S = 0.5
# So long threads that were broken off may take to end; then they are left behind.
_END_S = 1.0
_AGAIN_S = 0.05

Task = Callable[[], object]


class TeamError(RuntimeError):
    """A thread that could not start, or whose task raised; the text names it."""


class _CalledOffError(BaseException):
    """Raised in a thread from outside, to break off what it calls."""


class ThreadTeam:
    """So many threads, each kept to its CPU if `cpus` has one for it.

    Raises `TeamError` if one cannot start; those before it are ended.
    """

    def __init__(self, cpus: Sequence[int | None]) -> None:
        self._ended: queue.SimpleQueue[tuple[int, BaseException | None]] = (
            queue.SimpleQueue()
        )
        self._members: list[_Member] = []
        for index, cpu in enumerate(cpus):
            member = _Member(index, cpu, self._ended)
            try:
                member.thread.start()
            except (RuntimeError, MemoryError) as error:
                self.dismiss()
                raise TeamError(
                    f"thread {index + 1} of {len(cpus)} could not start ({error}): "
                    "take fewer, or allow this user more (ulimit -u)"
                ) from error
            self._members.append(member)

    def __len__(self) -> int:
        """Return the number of threads."""
        return len(self._members)

    @property
    def cpus(self) -> list[int | None]:
        """The CPU that each thread keeps to, None where the system decides."""
        return [member.cpu for member in self._members]

    @property
    def is_pinned(self) -> bool:
        """Whether each thread keeps to a CPU."""
        return None not in self.cpus

    def run(self, tasks: Sequence[Task | None]) -> list[Any]:
        """Do one task on each of the first threads; return what they returned.

        None is for a thread that has nothing to do.

        Raises `TeamError` for the first exception of a task; what is no `Exception`,
        as a skip of pytest, is raised as it is.
        """
        __tracebackhide__ = True
        members = self._members[: len(tasks)]
        busy = [at for at, task in zip(members, tasks, strict=True) if task is not None]
        for member, task in zip(members, tasks, strict=True):
            member.task, member.result = task or int, None
        for member in busy:
            member.start.release()
        for _ in busy:
            index, error = self._wait()
            if error is not None:
                left = self.dismiss()
                self._raise(index, error, left)
        return [member.result for member in members]

    def _wait(self) -> tuple[int, BaseException | None]:
        while True:
            with contextlib.suppress(queue.Empty):
                return self._ended.get(timeout=_LOOK_S)

    def _raise(self, index: int, error: BaseException, left: int) -> None:
        __tracebackhide__ = True
        if not isinstance(error, Exception | SystemExit):
            raise error
        behind = f"; {left} other threads have not ended" if left else ""
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        raise TeamError(f"thread {index + 1} of {len(self)}: {text}{behind}") from error

    def dismiss(self) -> int:
        """End the threads; return how many are still in a call that cannot be ended."""
        for member in self._members:
            member.dismiss()
        until = time.monotonic() + _END_S
        for member in self._members:
            member.thread.join(_AGAIN_S)
            while member.thread.is_alive() and time.monotonic() < until:
                member.break_off()
                member.thread.join(_AGAIN_S)
        return sum(member.thread.is_alive() for member in self._members)


class _Member:
    """One thread of a team."""

    def __init__(
        self,
        index: int,
        cpu: int | None,
        ended: "queue.SimpleQueue[tuple[int, BaseException | None]]",
    ) -> None:
        self.task: Task = int
        self.result: object = None
        self.start = threading.Lock()
        self.start.acquire()
        self._index = index
        self.cpu = cpu
        self._ended = ended
        self._is_dismissed = False
        self._is_calling = False
        # A daemon: one that cannot be ended must not keep the process.
        self.thread = threading.Thread(
            target=self._serve, name=f"pybench-{index + 1}", daemon=True
        )

    def dismiss(self) -> None:
        """Let the thread end when its task has."""
        self._is_dismissed = True
        if self.start.locked():
            with contextlib.suppress(RuntimeError):
                self.start.release()

    def break_off(self) -> None:
        """Raise an exception in the thread, if it is in a task."""
        # Not everywhere there is a ctypes.
        with contextlib.suppress(ImportError):
            import ctypes

            if self._is_calling and self.thread.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self.thread.ident), ctypes.py_object(_CalledOffError)
                )

    def _serve(self) -> None:
        # Of a tracer of all threads: what it costs is no part of the row.
        sys.settrace(None)
        sys.setprofile(None)
        if self.cpu is not None:
            with contextlib.suppress(OSError):  # a CPU may have been taken away
                os.sched_setaffinity(0, {self.cpu})  # zero is the calling thread
        with contextlib.suppress(_CalledOffError):
            while True:
                self.start.acquire()
                if self._is_dismissed:
                    return
                self._ended.put((self._index, self._done()))

    def _done(self) -> BaseException | None:
        """Do the task; return what it raised."""
        try:
            self._is_calling = True
            self.result = self.task()
        except _CalledOffError:
            raise
        except BaseException as error:
            return error
        finally:
            self._is_calling = False
        return None


def usable_cpus() -> list[int]:
    """Return the CPUs that the calling thread may be kept to; none if it cannot be."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


def cpus_for(threads: int, *, together: bool = False) -> list[int | None]:
    """Choose a CPU for each thread, or None for each where they cannot be kept.

    Left alone, threads that are woken together often share a CPU for longer than a
    window, and a row would measure the scheduler. `together` keeps them to one CPU: for
    threads that only wait for each other, waking one on another CPU costs ten times
    the hand-off.
    """
    usable = usable_cpus()
    if usable and together:
        return [usable[0]] * threads
    if threads <= len(usable):
        return [*usable[:threads]]
    return [None] * threads
