"""The clocks of a sample: wall time, CPU time, and what the system says of waiting."""

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from pybench.records.proc import run_queue_ns
from pybench.records.samples import Sample
from pybench.target.process import clocks
from pybench.target.process.events import Events

_children: Callable[[], Any] | None
try:
    from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
except ImportError:  # on Windows; there the children's time is not counted
    _children = None
else:
    _children = partial(getrusage, RUSAGE_CHILDREN)


class SampleTimer:
    """Wall time, CPU time and time spent runnable but not running, in ns."""

    __slots__ = (
        "_before", "_blocked", "_cpu", "_events", "_schedstat", "_waited", "_wall"
    )  # fmt: skip

    def __init__(self) -> None:
        self._events = events_of_process()
        self._before: tuple[int, ...] = ()
        self._schedstat = schedstat()
        self._wall = self._cpu = self._waited = 0
        self._blocked: int | None = None

    def start(self) -> None:
        """Begin a window."""
        self._waited = waited_ns(self._schedstat)
        self._blocked = blocked()
        self._before = self._events.read()
        self._cpu = cpu_ns()
        # Last, and kept at once: what follows it is in the window of a short round.
        self._wall = clocks.wall_ns()

    def stop(self) -> Sample:
        """End the window; clocks in the opposite order, so that wall is inside."""
        wall = clocks.wall_ns()
        cpu = cpu_ns()
        events = self._events.since(self._before)
        given_up = blocked_since(self._blocked)
        waited = waited_ns(self._schedstat) - self._waited
        return Sample(
            wall_ns=wall - self._wall,
            cpu_ns=cpu - self._cpu,
            waited_ns=waited,
            blocked=given_up,
            events=events or None,
        )


@cache
def events_of_process() -> Events:
    """Return the counters of this process, opened once."""
    return Events()


def schedstat() -> str | None:
    """Return the file of how long the calling thread waited for a CPU, if there is."""
    path = f"/proc/self/task/{threading.get_native_id()}/schedstat"
    return path if os.path.exists(path) else None  # noqa: PTH110 - str


def waited_ns(path: str | None) -> int:
    """Read such a file: ns in which the thread could have run and did not."""
    if path is None:
        return 0
    try:
        with open(path) as file:  # noqa: PTH123 - a str, read often
            return run_queue_ns(file.read()) or 0
    except OSError:  # it is there, and may not be read
        return 0


def blocked() -> int | None:
    """Return how often this process has given the CPU up of itself; Linux counts so."""
    if _children is None or sys.platform != "linux":
        return None
    count: int = getrusage(RUSAGE_SELF).ru_nvcsw
    return count


def blocked_since(before: int | None) -> int | None:
    """Return how often it has since then."""
    now = blocked()
    return None if before is None or now is None else now - before


def cpu_ns() -> int:
    """Return the CPU time of this process and of the children it has waited for."""
    return clocks.process_cpu_ns() + children_ns()


def children_ns() -> int:
    """Return the CPU time of the children that this process has waited for."""
    if _children is None:
        return 0
    usage = _children()
    children_s: float = usage.ru_utime + usage.ru_stime
    return round(children_s * 1e9)


def children_used() -> float:
    """Return what tells that a child of this process has ended, and was waited for."""
    return 0.0 if _children is None else float(_children().ru_minflt)


@contextmanager
def undisturbed(*, is_collector_off: bool) -> Iterator[None]:
    """Keep tracers and profilers out of a window, and the collector if that is asked.

    Stock's own pause of tracers has come with pytest-benchmark 5.2, and an arm may have
    an older one.
    """
    tracer, profiler, was_on = sys.gettrace(), sys.getprofile(), gc.isenabled()
    is_traced = tracer is not None or profiler is not None
    if is_traced:
        sys.settrace(None)
        sys.setprofile(None)
    if is_collector_off:
        gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        if is_traced:
            sys.settrace(tracer)
            sys.setprofile(profiler)
