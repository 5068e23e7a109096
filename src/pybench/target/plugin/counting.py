"""A row's instructions: its windows, counted instead of timed.

Only in a session that was started under callgrind. The clocks of a sample become the
switches of a window; what a window has besides the row's calls is counted once, empty,
and taken off.
"""

import _thread
import gc
import os
import threading
from collections.abc import Callable, Mapping
from itertools import repeat
from typing import Any

from pybench.records.samples import Sample
from pybench.target.plugin.interleaving_adapters import Adapter
from pybench.target.plugin.interleaving_timer import (
    SampleTimer,
    children_used,
    undisturbed,
)
from pybench.target.plugin.replacing import replace_methods
from pybench.target.process.callgrind import Callgrind, CountError

# A window has as many calls as make about so many instructions: enough that its ends
# are under a thousandth, and a fiftieth of a second under callgrind. Doubled from one,
# so that every build has the same number.
WINDOW = 1_000_000
SCALE_MOST = 2**20
# The first windows fill caches and specialise; the others count.
WARM, KEPT = 2, 4
# So many objects of each small and of each large size fill the holes that earlier rows
# have left. In a pool that is just full, each object which the row makes would move it
# between lists: up to a tenth more instructions, or not, as chance has it.
HOLES = (3000, 20)
# So many more before each window give it memory of its own: the least window stands.
SHIFT = (37, 1)

_SMALL = (*range(2, 480, 16),)
_LARGE = (*(int(512 * 2 ** (step / 4)) for step in range(32)),)

# What a row must not do, as nobody counts it.
THREADS = "it starts threads, and whose turn it is depends on time"
OTHER_THREADS = "other threads run beside it, which are not counted"
PROCESSES = "it starts processes, which are not counted"
EXEC = "it executes another program in its place, which nobody counts"
NO_WINDOW = "it times itself, so that its calls cannot be told from the rest"

# Rows that time themselves are asked whether they took any time.
_NOTHING = Sample(wall_ns=1, cpu_ns=1, waited_ns=0)


class RowCounter:
    """Counts rows in a session under callgrind."""

    def __init__(self) -> None:
        self.callgrind = Callgrind()
        self._overhead = 0
        self._filling: list[object] = []
        self._threads = 0  # started since the session began
        if not self.callgrind.lacks:
            self._replace_clocks()
            self._watch()

    def _replace_clocks(self) -> None:
        callgrind = self.callgrind
        opens, closes = callgrind.start, callgrind.stop

        def start(timer: SampleTimer) -> None:
            callgrind.windows += 1
            opens()

        def stop(timer: SampleTimer) -> Sample:
            closes()
            return _NOTHING

        replace_methods(SampleTimer, start=start, stop=stop)

    def _watch(self) -> None:
        """Note threads that are started, and keep this process what it is."""

        def watched(function: Callable[..., Any]) -> Callable[..., Any]:
            def start(*args: Any, **kwargs: Any) -> Any:
                self._threads += 1
                return function(*args, **kwargs)

            return start

        process = os.getpid()

        def kept(function: Callable[..., Any]) -> Callable[..., Any]:
            def execute(*args: Any, **kwargs: Any) -> Any:
                if os.getpid() == process:
                    raise CountError(EXEC)
                return function(*args, **kwargs)

            return execute

        for name in ("execv", "execve"):
            replace_methods(os, **{name: kept(getattr(os, name))})
        for owner, name in (
            (_thread, "start_new_thread"),
            (_thread, "start_joinable_thread"),
            (threading.Thread, "start"),
        ):
            if hasattr(owner, name):
                replace_methods(owner, **{name: watched(getattr(owner, name))})

    def count(self, adapter: Adapter, numbers: Mapping[str, int]) -> dict[str, Any]:
        """Count a row; with `numbers` windows of that size, else size them.

        Returns the numbers of a window and the counts of the windows that are kept, or
        the reason why there are none.
        """
        if self.callgrind.lacks:
            return {"reason": f"n/a: {self.callgrind.lacks}", "counts": []}
        self._filling = fill_holes(*HOLES)
        self.callgrind.begin()
        try:
            if not self._overhead:
                self._overhead = self._empty()
            return self._count(adapter, dict(numbers))
        finally:
            self.callgrind.end()
            self._filling = []

    def _count(self, adapter: Adapter, numbers: dict[str, int]) -> dict[str, Any]:
        least = dict(getattr(adapter, "least", {"count": 1}))
        grows = getattr(adapter, "grows", "count")
        limit = adapter.rounds
        windows = WARM + KEPT
        if limit is not None and limit < 2 + windows:
            # Every round is one of few: none is spent on looking.
            numbers, windows = least, limit
        else:
            before = children_used(), self._threads
            sizes = [self._window(adapter, least) for _ in range(2)]
            if reason := self._refuse(before):
                return {"reason": reason, "counts": []}
            if not sizes[1]:
                return {"reason": NO_WINDOW, "counts": []}
            most = SCALE_MOST if limit is None else (limit - 2) // windows
            scale = min(most, max(1, WINDOW // sizes[1]))
            if not numbers:
                # The next power of two below, so that a build which does a little more
                # has the same.
                numbers = {**least, grows: least[grows] << (scale.bit_length() - 1)}
        before = children_used(), self._threads
        counts = [self._window(adapter, numbers) for _ in range(windows)]
        if reason := self._refuse(before):
            return {"reason": reason, "counts": []}
        kept = counts[WARM:] if windows > KEPT else counts[-1:]
        if 0 in kept:
            return {"reason": NO_WINDOW, "counts": []}
        return {"numbers": numbers, "counts": kept, "reason": ""}

    def _window(self, adapter: Adapter, numbers: Mapping[str, int]) -> int:
        self._filling += fill_holes(*SHIFT)
        gc.collect()  # so that the next collection is as far off each time
        self.callgrind.take()
        adapter.run(numbers)
        windows = self.callgrind.windows
        return max(0, self.callgrind.take() - windows * self._overhead)

    def _refuse(self, before: tuple[float, int]) -> str:
        """Say why what a row did cannot be counted, "" if it can."""
        if self._threads > before[1]:
            return THREADS
        if children_used() != before[0]:
            return PROCESSES
        return OTHER_THREADS if threads_alive() > 1 else ""

    def _empty(self) -> int:
        """Return the instructions of a window without a call."""
        timer, counts = SampleTimer(), []
        for _ in range(WARM + KEPT):
            self.callgrind.take()
            with undisturbed(is_collector_off=True):
                times = repeat(None, 0)
                timer.start()
                for _ in times:
                    pass
                timer.stop()
            counts.append(self.callgrind.take())
        return min(counts)


def fill_holes(small: int, large: int) -> list[object]:
    """Return objects that take what is free in memory that is partly in use."""
    return [
        *(object() for _ in range(small)),
        *(number / 3 for number in range(small)),
        *(bytes(size) for size in _SMALL for _ in range(small)),
        *(bytes(size) for size in _LARGE for _ in range(large)),
    ]


def threads_alive() -> int:
    """Count the threads of this process, those of libraries too."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names are enough
    except OSError:
        return threading.active_count()
