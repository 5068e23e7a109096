"""What memory each row takes at most, in a run of its own that times nothing.

Resident memory is the process's high-water mark, so that a run of one row says most;
what is its own (USS) and its share of what others have too (PSS) have no such mark and
are written before and after, with the times between which somebody else may sample
them. Under ``-X tracemalloc`` the peak of what Python allocated is written instead, and
the lines that allocated what is left: tracing enlarges the process and slows it, so
that the two cannot be had together.
"""

import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pybench.plugin.marking import is_row

OPTION = "--pybench-memory-to"

PROC = Path("/proc/self")

# Lines of source that are kept of a row, by the bytes that are left of them.
LINES = 5


class MemoryObserver:
    """Writes each row's peak memory when the session ends.

    Parameters
    ----------
    path : Path
        The JSON that is written.
    say_problem : callable
        Told if it cannot be.
    """

    def __init__(self, path: Path, say_problem: Callable[[str], None]) -> None:
        self._path = path
        self._say_problem = say_problem
        self._rows: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Take the memory before a row's set-up, and forget earlier peaks."""
        if is_row(item):
            gc.collect()
            self._rows[item.nodeid] = begin()
        return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Take the peak when the row's body has ended, however it did."""
        try:
            return (yield)
        finally:
            if item.nodeid in self._rows:
                self._rows[item.nodeid] |= peak(self._rows[item.nodeid])

    def pytest_sessionfinish(self) -> None:
        """Write what was seen."""
        document = {
            name: row
            for name, row in self._rows.items()
            if any("peak" in w for w in row)
        }
        try:
            self._path.write_text(json.dumps(document) + "\n", encoding="utf-8")
        except OSError as error:
            self._say_problem(f"{OPTION}={self._path}: {error.strerror}")


def begin() -> dict[str, Any]:
    """Return the memory now, in bytes, and let the peaks begin here."""
    blocks = sys.getallocatedblocks()
    if tracemalloc.is_tracing():
        before = tracemalloc.get_traced_memory()[0]
        # From here on only what the row allocates is known, and so are its lines.
        tracemalloc.clear_traces()
        return {"traced_before_bytes": before}
    found = {f"{name}_before_bytes": size for name, size in own_and_share().items()}
    try:
        # Linux: sets the high-water mark of this process to what it has now.
        (PROC / "clear_refs").write_text("5")
        found["rss_before_bytes"] = _status("VmRSS:")
    except OSError:
        found["rss_before_bytes"] = _rss_peak_ever()
    return found | {"blocks_before": blocks, "begin_ns": time.monotonic_ns()}


def peak(before: dict[str, Any]) -> dict[str, Any]:
    """Return the peak since `begin`, which returned `before`, and what is left now."""
    end_ns, blocks = time.monotonic_ns(), sys.getallocatedblocks()
    if tracemalloc.is_tracing():
        added, most = tracemalloc.get_traced_memory()
        base = before["traced_before_bytes"]
        return {
            "traced_peak_bytes": base + most,
            "traced_after_bytes": base + added,
            "traced_lines": lines(),
        }
    try:
        found = {
            "rss_peak_bytes": _status("VmHWM:"),
            "rss_after_bytes": _status("VmRSS:"),
        }
    except OSError:
        found = {"rss_peak_bytes": _rss_peak_ever()}
    found |= {f"{name}_after_bytes": size for name, size in own_and_share().items()}
    return found | {"blocks_after": blocks, "end_ns": end_ns}


def lines() -> list[list[Any]]:
    """Return file, line, bytes and blocks of what has been traced and is left."""
    left = tracemalloc.take_snapshot().filter_traces(
        [
            tracemalloc.Filter(False, tracemalloc.__file__),
            tracemalloc.Filter(False, __file__),
        ]
    )
    return [
        [one.traceback[0].filename, one.traceback[0].lineno, one.size, one.count]
        for one in left.statistics("lineno")[:LINES]
    ]


def own_and_share(process: Path | None = None) -> dict[str, int]:
    """Return USS and PSS of a process in bytes; empty where the system does not tell.

    Parameters
    ----------
    process : Path, optional
        Its folder in ``/proc``; by default our own.
    """
    try:
        text = ((process or PROC) / "smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return {}
    sizes = {
        words[0]: int(words[1]) * 1024
        for words in map(str.split, text.splitlines()[1:])
        if len(words) == 3
    }
    private = [size for name, size in sizes.items() if name.startswith("Private_")]
    return {"uss": sum(private), "pss": sizes.get("Pss:", 0)} if private else {}


def _status(name: str) -> int:
    for line in (PROC / "status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {name} in {PROC}/status")


def _rss_peak_ever() -> int:
    """Return the high-water mark since the process began, for want of better."""
    import resource

    # Linux counts KiB, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
