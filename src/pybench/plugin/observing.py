"""What memory each row takes at most, in a run of its own that times nothing.

Resident memory is the process's high-water mark, so that a run of one row says most.
Under ``-X tracemalloc`` the peak of what Python allocated is written instead: tracing
enlarges the process and slows it, so that the two cannot be had together.
"""

import gc
import json
import tracemalloc
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from pybench.plugin.marking import is_row

PROC = Path("/proc/self")


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
        self._rows: dict[str, dict[str, int]] = {}

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
                self._rows[item.nodeid] |= peak()

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
            self._say_problem(f"--pybench-memory={self._path}: {error.strerror}")


def begin() -> dict[str, int]:
    """Return the memory now, and let the peaks begin here."""
    if tracemalloc.is_tracing():
        tracemalloc.reset_peak()
        return {"traced_before_bytes": tracemalloc.get_traced_memory()[0]}
    try:
        # Linux: sets the high-water mark of this process to what it has now.
        (PROC / "clear_refs").write_text("5")
    except OSError:
        return {"rss_before_bytes": _rss_peak_ever()}
    return {"rss_before_bytes": _status("VmRSS:")}


def peak() -> dict[str, int]:
    """Return the peak since `begin`."""
    if tracemalloc.is_tracing():
        return {"traced_peak_bytes": tracemalloc.get_traced_memory()[1]}
    try:
        return {"rss_peak_bytes": _status("VmHWM:")}
    except OSError:
        return {"rss_peak_bytes": _rss_peak_ever()}


def _status(name: str) -> int:
    for line in (PROC / "status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {name} in {PROC}/status")


def _rss_peak_ever() -> int:
    """Return the high-water mark since the process began, for want of better."""
    import resource
    import sys

    # Linux counts KiB, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
