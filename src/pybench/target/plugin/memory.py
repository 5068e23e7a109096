"""``--pybench-memory``: what the measured rows take, after their times have been taken.

Two further processes run the rows once each, untimed: one for resident memory, one
under tracemalloc, which enlarges a process. All rows share a process, so that one may
reuse what an earlier one gave back; ``pybench profile memory`` has one for each row.
"""

import json
import tempfile
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pybench.target.plugin.json_values import is_stock_document
from pybench.target.plugin.observing import MemoryObserver
from pybench.target.plugin.rerun import (
    how_ended,
    keep_apart,
    last_line,
    read_found,
    run_again,
    show,
)
from pybench.target.plugin.session import Session

OPTION = "--pybench-memory"

# For the processes of ours alone: a folder with the names of the rows, and for what
# they took.
PASS_OPTION = "--pybench-memory-pass"

# Where a row's numbers are in its extra_info.
KEY = "pybench_memory"

_ROWS, _FOUND = "rows.json", "memory.json"

# What is shown, as a difference of what the observer wrote.
_DIFFERENCES = {
    "rss_peak_bytes": ("rss_peak_bytes", "rss_before_bytes"),
    "rss_grown_bytes": ("rss_after_bytes", "rss_before_bytes"),
    "traced_peak_bytes": ("traced_peak_bytes", "traced_before_bytes"),
    "blocks_grown": ("blocks_after", "blocks_before"),
}


class Memory:
    """Looks at the rows again after the last of them, before anything is saved.

    Parameters
    ----------
    session : Session
        Whose measured rows are looked at, and which gets what they took.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._config = session.config

    # Around everything that other plugins do to the loop, further processes that are
    # timed among it.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Look at what was measured; an interrupt keeps what is there."""
        result = yield
        names = [*self._session.measured_medians()]
        # A resumed session has rows of the journal also if it only collects.
        if names and not self._config.getoption("collectonly"):
            self._look("resident memory", names, ())
            self._look("allocated memory", names, ("-X", "tracemalloc"))
            lacking = len(set(names) - self._session.memory.keys())
            if lacking:
                self._session.say_problem(
                    f"{OPTION}: {lacking} of {len(names)} measured rows without memory"
                )
        return result

    def _look(self, what: str, names: Sequence[str], switches: Sequence[str]) -> None:
        show(self._config, f"pybench: {what}, in a process of its own")
        with tempfile.TemporaryDirectory(
            prefix="pybench-", ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            said = folder / "said"
            try:
                (folder / _ROWS).write_text(json.dumps(names), encoding="utf-8")
                option = f"{PASS_OPTION}={folder}"
                status = run_again(self._config, option, said, switches=switches)
                ended = how_ended(status) + last_line(said)
            except OSError as error:
                self._session.say_problem(
                    f"{what} cannot be looked at: {error.strerror or error}"
                )
                return
            found = read_found(folder / _FOUND) or {}
        if status != 0:
            # What other rows took counts: one failing test does not undo it.
            self._session.say_problem(f"the process for {what} {ended}")
        memory = self._session.memory
        for row in names:
            numbers = differences_of(found.get(row, {}))
            if numbers:
                memory[row] = memory.get(row, {}) | numbers

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Put a row's numbers beside its own."""
        if not is_stock_document(self._config, output_json):
            return
        for row in output_json["benchmarks"]:
            numbers = self._session.memory.get(row["fullname"])
            if numbers:
                row["extra_info"] = {**row["extra_info"], KEY: numbers}


class MemoryPass:
    """The other end: a session of the measured rows alone.

    Parameters
    ----------
    config : pytest.Config
        Of the session.
    folder : Path
        Has the names of the rows, and gets what they took.
    """

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config = config
        self._names = {*json.loads((folder / _ROWS).read_text(encoding="utf-8"))}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what was not measured."""
        others = [item for item in items if item.nodeid not in self._names]
        if others:
            self._config.hook.pytest_deselected(items=others)
            items[:] = [item for item in items if item.nodeid in self._names]


def observe_apart(config: pytest.Config, folder: Path, session: Session) -> None:
    """Set up a process of ours: nothing is timed, and each row is observed."""
    for plugin, name in (
        (MemoryPass(config, folder), "pybench-memory-pass"),
        (MemoryObserver(folder / _FOUND, session.say_problem), "pybench-observer"),
    ):
        config.pluginmanager.register(plugin, name)


def turn_timing_off(config: pytest.Config, folder: Path) -> None:
    """Make the session one that runs each row once; before pytest-benchmark's is."""
    keep_apart(config, folder)
    for name in ("benchmark_only", "benchmark_skip", "benchmark_enable"):
        if hasattr(config.option, name):
            setattr(config.option, name, False)
    config.option.benchmark_disable = True


def differences_of(row: Mapping[str, Any]) -> dict[str, int]:
    """Return what a row took, in bytes and blocks, as far as the observer knows."""
    found = {
        name: row[later] - row[earlier]
        for name, (later, earlier) in _DIFFERENCES.items()
        if later in row and earlier in row
    }
    if "blocks_grown" in found:
        # What a row that does nothing leaves is pytest's.
        found["blocks_grown"] -= row.get("harness_blocks", 0)
    return found
