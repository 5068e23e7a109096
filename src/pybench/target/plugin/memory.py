"""The memory that rows take, in runs of their own that time nothing.

``--pybench-memory-to`` (of ``pybench profile memory``) writes each row's peak in this
process, which says most where it runs one row. ``--pybench-memory`` runs the measured
rows in two more processes when all is timed: one for resident memory, one under
tracemalloc. All rows share each of them, so that one may reuse what an earlier one
gave back.
"""

import gc
import json
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pybench.target.plugin.marking import is_row
from pybench.target.plugin.options import MEMORY, MEMORY_PASS, MEMORY_TO
from pybench.target.plugin.rerun import GIVEN, isolate, run_again, show
from pybench.target.plugin.selection import keep
from pybench.target.plugin.session import Session
from pybench.target.process.memory import LINES, PeakLines, begin, peak

# What is shown, as a difference of what the observer wrote.
_DIFFERENCES = {
    "rss_peak_bytes": ("rss_peak_bytes", "rss_before_bytes"),
    "rss_grown_bytes": ("rss_after_bytes", "rss_before_bytes"),
    "traced_peak_bytes": ("traced_peak_bytes", "traced_before_bytes"),
    "blocks_grown": ("blocks_after", "blocks_before"),
}
# The same of a row that does nothing: what is left of it is pytest's.
_HARNESS = {
    "harness_blocks": ("blocks_after", "blocks_before"),
    "harness_traced": ("traced_after_bytes", "traced_before_bytes"),
}


class MemoryObserver:
    """Writes each row's peak memory to `path` when the session ends.

    `expected` are the traced bytes at the peak of an earlier run, whose lines are then
    looked for in this one.
    """

    def __init__(
        self, path: Path, session: Session, expected: int | None = None
    ) -> None:
        self._path = path
        self._session = session
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
            if any("peak" in key for key in row)
        }
        # Of a module that is skipped it is not known, and neither are its rows.
        nothing = seen.get(self._nothing[-1], {}) if self._nothing else {}
        harness = _differences(nothing, _HARNESS)
        document = {
            name: row | harness
            for name, row in seen.items()
            if name not in self._nothing
        }
        self._session.write(MEMORY_TO, self._path, document)


def do_nothing(benchmark: Any) -> None:
    """Be a row whose call does nothing."""
    benchmark(_nothing)


def _nothing() -> None:
    """Do nothing."""


def _differences(
    row: Mapping[str, Any], wanted: Mapping[str, tuple[str, str]]
) -> dict[str, int]:
    return {
        name: row[later] - row[earlier]
        for name, (later, earlier) in wanted.items()
        if later in row and earlier in row
    }


def differences_of(row: Mapping[str, Any]) -> dict[str, int]:
    """Return what a row took, in bytes and blocks, as far as the observer knows."""
    taken = _differences(row, _DIFFERENCES)
    if "blocks_grown" in taken:
        taken["blocks_grown"] -= row.get("harness_blocks", 0)
    return taken


def observe(session: Session) -> None:
    """Observe the measured rows again, in two more processes."""
    names = [*session.measured_medians()]
    for what, switches in (
        ("resident memory", ()),
        ("allocated memory", ("-X", "tracemalloc")),
    ):
        show(session.config, f"pybench: {what}, in a process of its own")
        rerun = run_again(session.config, MEMORY_PASS, names, switches=switches)
        if rerun.status != 0:
            # What other rows took counts: one failing test does not undo it.
            session.say_problem(f"the process for {what} {rerun.ended}")
        for row in names:
            if numbers := differences_of((rerun.found or {}).get(row, {})):
                session.memory[row] = session.memory.get(row, {}) | numbers
    lacking = len(set(names) - session.memory.keys())
    if lacking:
        session.say_problem(
            f"{MEMORY}: {lacking} of {len(names)} measured rows without memory"
        )


def select_measured(
    config: pytest.Config, items: list[pytest.Item], folder: Path
) -> None:
    """In one of those processes: keep the rows that were measured."""
    names = {*json.loads((folder / GIVEN).read_text(encoding="utf-8"))}
    keep(config, items, lambda item: item.nodeid in names)


def turn_timing_off(config: pytest.Config, folder: Path) -> None:
    """Make the session one that runs each row once; before pytest-benchmark's is."""
    isolate(config, folder)
    for name in ("benchmark_only", "benchmark_skip", "benchmark_enable"):
        if hasattr(config.option, name):
            setattr(config.option, name, False)
    config.option.benchmark_disable = True
