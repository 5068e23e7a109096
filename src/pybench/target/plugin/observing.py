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

from pybench.target.plugin.marking import is_row
from pybench.target.plugin.peaks import PeakLines, lines_of

OPTION = "--pybench-memory-to"

# How many traced bytes the peak is: then its lines are looked for.
LINES_OPTION = "--pybench-memory-lines"

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
    expected : int, optional
        Traced bytes at the peak of an earlier run, to look for its lines in this one.
    """

    def __init__(
        self,
        path: Path,
        say_problem: Callable[[str], None],
        expected: int | None = None,
    ) -> None:
        self._path = path
        self._say_problem = say_problem
        self._expected = expected
        self._lines: PeakLines | None = None
        self._rows: dict[str, dict[str, Any]] = {}
        self._nothing: list[str] = []

    # After all that select rows.
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put rows that do nothing in front: what they take is pytest's, and ours.

        The first of them takes what is made once in a process, too.
        """
        rows = [item for item in items if is_row(item)]
        module = rows[0].getparent(pytest.Module) if rows else None
        if module is None:
            return
        added = [
            pytest.Function.from_parent(module, name=name, callobj=do_nothing)
            for name in ("pybench-nothing-first", "pybench-nothing")
        ]
        self._nothing = [item.nodeid for item in added]
        items[:0] = added

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Take the memory before a row's set-up, and forget earlier peaks."""
        if is_row(item):
            gc.collect()
            self._rows[item.nodeid] = begin()
            if self._expected is not None and item.nodeid not in self._nothing:
                self._lines = PeakLines(self._expected, LINES)
                self._lines.begin()
        return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Take the peak when the row's body has ended, however it did."""
        try:
            return (yield)
        finally:
            if item.nodeid in self._rows:
                row = self._rows[item.nodeid]
                if self._lines is not None:
                    row |= self._lines.end()
                    self._lines = None
                row |= peak(row)

    def pytest_sessionfinish(self) -> None:
        """Write what was seen."""
        seen = {
            name: row
            for name, row in self._rows.items()
            if any("peak" in w for w in row)
        }
        # Of a module that is skipped it is not known, and neither are its rows.
        nothing = seen.get(self._nothing[-1], {}) if self._nothing else {}
        document = {
            name: row | harness(nothing)
            for name, row in seen.items()
            if name not in self._nothing
        }
        try:
            self._path.write_text(json.dumps(document) + "\n", encoding="utf-8")
        except OSError as error:
            self._say_problem(f"{OPTION}={self._path}: {error.strerror}")


def do_nothing(benchmark: Any) -> None:
    """Be a row whose call does nothing."""
    benchmark(_nothing)


def _nothing() -> None:
    """Do nothing."""


def harness(nothing: dict[str, Any]) -> dict[str, int]:
    """Return what a row that does nothing leaves, and its peak, as rows name them."""
    return {
        f"harness_{name}": nothing[f"{name}_{when}"] - nothing[f"{name}_{before}"]
        for name, when, before in (
            ("blocks", "after", "before"),
            ("traced", "after_bytes", "before_bytes"),
        )
        if f"{name}_{when}" in nothing
    }


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
    end_ns = time.monotonic_ns()
    if tracemalloc.is_tracing():
        most = tracemalloc.get_traced_memory()[1]
        gc.collect()
        added = tracemalloc.get_traced_memory()[0]
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
    # Garbage is not left: it goes at the next collection.
    gc.collect()
    return found | {"blocks_after": sys.getallocatedblocks(), "end_ns": end_ns}


def lines() -> list[list[Any]]:
    """Return file, line, bytes and blocks of what has been traced and is left."""
    snapshot = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(False, __file__)]
    )
    return [line[:4] for line in lines_of(snapshot, LINES)]


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
