"""The memory of this process: resident, or what Python allocated, and at which lines.

Resident memory has a high-water mark, which Linux lets a process set back. The
process's own part (USS) and its share (PSS) have none: they are read before and after.
Under tracemalloc the peak of what Python allocated is read instead: tracing enlarges
the process and slows it, so that the two cannot be had together.
"""

import gc
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from types import FrameType
from typing import Any

from pybench.records import proc

PROC = Path("/proc/self")

# Lines of source that are kept of a row.
LINES = 5

# Snapshots begin at this part of the expected peak; each next one is so much larger.
_FIRST = 0.7
_STEP = 1.1

# What a line gave back by its end counts if it exceeds the best snapshot so much.
_BRIEF = 1.1


def begin() -> dict[str, Any]:
    """Return the memory now, in bytes, and let the peaks begin here."""
    blocks = sys.getallocatedblocks()
    if tracemalloc.is_tracing():
        before = tracemalloc.get_traced_memory()[0]
        # From here on only what the row allocates is known, and so are its lines.
        tracemalloc.clear_traces()
        return {"traced_before_bytes": before}
    sizes = {f"{name}_before_bytes": size for name, size in own_and_share().items()}
    try:
        # Linux: sets the high-water mark of this process to what it has now.
        (PROC / "clear_refs").write_text("5")
        sizes["rss_before_bytes"] = _status("VmRSS")
    except OSError:
        sizes["rss_before_bytes"] = _rss_peak_ever()
    return sizes | {"blocks_before": blocks, "begin_ns": time.monotonic_ns()}


def peak(before: dict[str, Any]) -> dict[str, Any]:
    """Return the peak since `begin`, which returned `before`, and what is left now."""
    end_ns = time.monotonic_ns()
    if tracemalloc.is_tracing():
        most = tracemalloc.get_traced_memory()[1]
        gc.collect()
        added = tracemalloc.get_traced_memory()[0]
        base = before["traced_before_bytes"]
        return {
            "traced_peak_bytes": base + most,
            "traced_after_bytes": base + added,
            "traced_lines": [
                line[:4] for line in lines_of(tracemalloc.take_snapshot(), LINES)
            ],
        }
    try:
        sizes = {
            "rss_peak_bytes": _status("VmHWM"),
            "rss_after_bytes": _status("VmRSS"),
        }
    except OSError:
        sizes = {"rss_peak_bytes": _rss_peak_ever()}
    sizes |= {f"{name}_after_bytes": size for name, size in own_and_share().items()}
    # Garbage is not left: it goes at the next collection.
    gc.collect()
    return sizes | {"blocks_after": sys.getallocatedblocks(), "end_ns": end_ns}


def own_and_share() -> dict[str, int]:
    """Return USS and PSS in bytes; empty where the system does not tell."""
    try:
        text = (PROC / "smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return {}
    return dict(zip(("uss", "pss"), proc.own_and_share(text) or (), strict=False))


def _status(name: str) -> int:
    size = proc.status_bytes((PROC / "status").read_text(encoding="utf-8"), name)
    if size is None:
        raise OSError(f"no {name} in {PROC}/status")
    return size


def _rss_peak_ever() -> int:
    """Return the high-water mark since the process began, for want of better."""
    import resource

    # Linux counts KiB, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class PeakLines:
    """Finds the lines that hold the memory when a row has most of it.

    tracemalloc keeps the height of the peak and not its lines. `expected` is that
    height in an earlier run. Each line, call and return of the row is looked at: a
    snapshot is taken at nearly so many bytes, and again at each tenth more. What a
    single line allocates and gives back before it ends is in no snapshot: the peak
    between two looks tells of it, and where it was. `count` lines are kept.
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
        self._looking = threading.Lock()

    def begin(self) -> None:
        """Look from here on, in this thread and in those that are started."""
        self._replaced = sys.gettrace(), sys.getprofile()
        threading.settrace(self._traced)
        threading.setprofile(self._look)
        sys.settrace(self._traced)
        sys.setprofile(self._look)

    def end(self) -> dict[str, Any]:
        """Look no longer; return the lines, and whether the row put others in place.

        Each has file, line, bytes, blocks, and whether the line gave it back itself,
        of which the blocks are not known.
        """
        is_ours = sys.gettrace() == self._traced and sys.getprofile() == self._look
        trace, profile = self._replaced
        sys.setprofile(profile)
        sys.settrace(trace)
        # None for both is what they are by default.
        threading.settrace(trace)
        threading.setprofile(profile)
        self._look(sys._getframe())  # what the last line before this took
        lines = [] if self._best is None else lines_of(self._best, self._count)
        file, line, size = self._brief
        # A list that grows has both its old and its new items for a moment: the line
        # is named already.
        is_known = bool(lines) and lines[0][:2] == [file, line]
        is_high = self._brief_peak > max(_BRIEF * self._best_bytes, self._least)
        if is_high and not is_known:
            lines.insert(0, [file, line, size, 0, True])
        return {"peak_lines": lines[: self._count], "peak_lines_cut": not is_ours}

    def _traced(self, frame: FrameType, _event: str, _argument: object) -> Any:
        self._look(frame)
        return self._traced

    def _look(self, frame: FrameType, _event: str = "", _argument: object = 0) -> None:
        if not self._looking.acquire(blocking=False):
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
            self._looking.release()


def lines_of(snapshot: tracemalloc.Snapshot, count: int) -> list[list[Any]]:
    """Return file, line, bytes, blocks and False of what most was allocated by."""
    files = (tracemalloc.__file__, __file__)
    others = snapshot.filter_traces([tracemalloc.Filter(False, f) for f in files])
    return [
        [top.traceback[0].filename, top.traceback[0].lineno, top.size, top.count, False]
        for top in others.statistics("lineno")[:count]
    ]
