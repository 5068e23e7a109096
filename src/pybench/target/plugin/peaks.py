"""Which lines hold the memory at the moment when a row has most of it.

tracemalloc keeps the height of the peak and not its lines. So a second run, which knows
that height from the first, looks at each line, call and return of the row how much
there is, and takes a snapshot when it is nearly so much, and again when it is a tenth
more. What a single line allocates and gives back before it ends is in no snapshot: the
peak between two looks tells of it, and where it was.
"""

import sys
import threading
import tracemalloc
from types import FrameType
from typing import Any

# Snapshots begin at this part of the expected peak; each next one is so much larger.
_FIRST = 0.7
_STEP = 1.1

# What a line gave back by its end counts if it exceeds the best snapshot so much.
_BRIEF = 1.1


class PeakLines:
    """Looks at a row as it runs.

    Parameters
    ----------
    expected : int
        Traced bytes at the peak of an earlier run.
    count : int
        Lines that are kept.
    """

    def __init__(self, expected: int, count: int) -> None:
        self._least = self._next = expected * _FIRST
        self._count = count
        self._best: tracemalloc.Snapshot | None = None
        self._best_bytes = 0
        self._brief: tuple[str, int, int] = ("", 0, 0)
        self._brief_peak = 0
        self._before = 0
        self._place = ("", 0)
        self._replaced: tuple[Any, Any] = (None, None)
        # Threads of the row look as well, one at a time.
        self._turn = threading.Lock()

    def begin(self) -> None:
        """Look from here on, in this thread and in those that are started."""
        self._replaced = sys.gettrace(), sys.getprofile()
        threading.settrace(self._traced)
        threading.setprofile(self._profiled)
        sys.settrace(self._traced)
        sys.setprofile(self._profiled)

    def end(self) -> dict[str, Any]:
        """Look no longer; return the lines, and whether the row put others in place.

        Each has file, line, bytes, blocks, and whether the line gave it back itself,
        of which the blocks are not known.
        """
        is_ours = sys.gettrace() == self._traced and sys.getprofile() == self._profiled
        trace, profile = self._replaced
        sys.setprofile(profile)
        sys.settrace(trace)
        # None for both is what they are by default.
        threading.settrace(trace)
        threading.setprofile(profile)
        # What the last line before this took.
        self._look(sys._getframe())
        found = [] if self._best is None else lines_of(self._best, self._count)
        file, line, size = self._brief
        # A list that grows has both its old and its new items for a moment: the line
        # is named already.
        is_known = bool(found) and found[0][:2] == [file, line]
        is_high = self._brief_peak > max(_BRIEF * self._best_bytes, self._least)
        if is_high and not is_known:
            found.insert(0, [file, line, size, 0, True])
        return {"peak_lines": found[: self._count], "peak_lines_cut": not is_ours}

    def _traced(self, frame: FrameType, _event: str, _argument: object) -> Any:
        self._look(frame)
        return self._traced

    def _profiled(self, frame: FrameType, _event: str, _argument: object) -> None:
        self._look(frame)

    def _look(self, frame: FrameType) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            now, most = tracemalloc.get_traced_memory()
            if most > self._brief_peak:
                self._brief_peak = most
                self._brief = (*self._place, most - self._before)
            if now >= self._next:
                self._best = tracemalloc.take_snapshot()
                self._best_bytes = now
                self._next = now * _STEP
            self._before = now
            self._place = frame.f_code.co_filename, frame.f_lineno
            tracemalloc.reset_peak()
        finally:
            self._turn.release()


def lines_of(snapshot: tracemalloc.Snapshot, count: int) -> list[list[Any]]:
    """Return file, line, bytes, blocks and False of what most was allocated by."""
    others = snapshot.filter_traces(
        [
            tracemalloc.Filter(False, tracemalloc.__file__),
            tracemalloc.Filter(False, __file__),
        ]
    )
    return [
        [one.traceback[0].filename, one.traceback[0].lineno, one.size, one.count, False]
        for one in others.statistics("lineno")[:count]
    ]
