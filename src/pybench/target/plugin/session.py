"""One pytest session as this plugin sees it: its identity, notes and counts.

Everything here works without pytest-benchmark; `rows` adds what needs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pybench.records.outcomes import MEASURED
from pybench.target.plugin.outcomes import (
    count_rows,
    row_statuses,
    summary_lines,
    uncollected_reason,
)
from pybench.target.plugin.stock_rows import is_of_threads
from pybench.target.process.gil import watch_for_process
from pybench.target.process.identity import (
    gil_enabled,
    header_line,
    read_identity,
    read_load,
)

if TYPE_CHECKING:
    from pybench.records.instructions import RowInstructions
    from pybench.records.journal import JournalRow, RowStatus, SessionCounts


class Session:
    """What is known of this session, and the hooks that every session gets."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        # First: importing anything may already turn the GIL on.
        self.watch = watch_for_process()
        self.watch.start()
        self.identity = read_identity()
        self.rows: dict[str, JournalRow] = {}
        self.resumed: set[str] = set()
        self.unmeasured: set[str] = set()
        self.collected: list[str] = []
        self.skipped: dict[str, str] = {}
        self.uncollected: dict[str, str] = {}  # files, and why
        self.process_medians: dict[str, tuple[float, ...]] = {}
        self.memory: dict[str, dict[str, int]] = {}
        self.instructions: dict[str, RowInstructions] = {}
        self._notes: list[str] = []
        self._outcomes: dict[str, str] = {}
        self._has_problem = False

    def say(self, text: str) -> None:
        """Note something the user must see; said in the header and the summary."""
        if text not in self._notes:
            self._notes.append(text)

    def say_problem(self, text: str) -> None:
        """Note that something asked for was not done; the session then fails."""
        self._has_problem = True
        self.say(text)

    def statuses(self) -> list[RowStatus]:
        """Return what became of every row that was to be measured, so far."""
        names = [name for name in self.collected if name not in self.unmeasured]
        return [
            replace(
                status, process_medians_s=self.process_medians.get(status.fullname, ())
            )
            for status in row_statuses(names, self.rows, self.skipped)
        ]

    def measured_medians(self) -> dict[str, float]:
        """Return the median of each measured row, in seconds."""
        return {
            name: float(row.stats["median"])
            for name, row in self.rows.items()
            if row.outcome == MEASURED
        }

    def scaling(self) -> dict[str, dict[str, Any]]:
        """Return what rows of `benchmark_threads` found of their threads."""
        scalings: dict[str, dict[str, Any]] = {}
        for name, row in self.rows.items():
            facts = row.extra_info.get("scaling")
            if is_of_threads(row.extra_info) and isinstance(facts, dict):
                scalings[name] = facts
        return scalings

    def counts(self) -> SessionCounts:
        """Count what the session has done so far."""
        return count_rows(
            self.rows.values(),
            self.statuses(),
            self._outcomes,
            interpreter=self.identity.interpreter,
            free_threaded=self.identity.free_threaded,
            gil_enabled=gil_enabled(),
            rows_unmeasured=len(self.unmeasured),
            void_modules=(self.watch.culprit(),) if self.watch.is_broken else (),
            rows_resumed=len(self.resumed),
        )

    def pytest_report_header(self) -> list[str]:
        """Say what is measured on what, and what is odd about it."""
        lines = [header_line(self.identity, read_load())]
        return lines + [f"pybench: {note}" for note in self._notes]

    def pytest_warning_recorded(self, warning_message: object) -> None:
        """Catch the warning about the GIL from imports during collection."""
        self.watch.see_warning(str(getattr(warning_message, "message", "")))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a file that cannot be collected as a failed test; others can be."""
        if report.failed:
            self._outcomes[report.nodeid] = "failed"
            self.uncollected[report.nodeid] = uncollected_reason(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the tests."""
        if report.failed:
            self._outcomes[report.nodeid] = "failed"
        elif report.skipped or report.when == "call":
            self._outcomes.setdefault(report.nodeid, report.outcome)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Write the counts; a session that could not do what was asked fails."""
        self._write_counts()
        yield
        if self._has_problem and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    # The innermost wrapper: after the tables, before pytest's short summary.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Iterator[None]:
        """Say what was measured and what was not, also when a gate has raised."""
        try:
            yield
        finally:
            for title, lines in self._sections() if self.rows else ():
                if lines:
                    terminalreporter.section(title, "-")
                    terminalreporter.write_line("\n".join(lines))
            if self.rows or self.unmeasured or self._notes:
                terminalreporter.section("pybench")
                lines = summary_lines(self.counts())
                for line in lines + [f"  note: {note}" for note in self._notes]:
                    terminalreporter.write_line(line)

    def _sections(self) -> list[tuple[str, list[str]]]:
        """Return what is told of rows behind the table, each with its title."""
        from pybench.target.plugin import table_sections as sections
        from pybench.target.plugin.values import value_lines

        rows = self.rows.values()
        return [
            ("sizes", sections.size_lines(rows)),
            ("scaling", sections.scaling_lines(rows)),
            ("memory", sections.memory_lines(rows, self.memory)),
            ("values", value_lines(rows)),
            ("instructions", sections.instruction_lines(rows, self.instructions)),
        ]

    def _write_counts(self) -> None:
        path: Path | None = self.config.getoption("pybench_counts")
        # Under xdist only the controller knows all tests.
        if path is None or hasattr(self.config, "workerinput"):
            return
        self.write("--pybench-counts", path, asdict(self.counts()), indent=1)

    def write(
        self, option: str, path: Path, document: object, indent: int | None = None
    ) -> None:
        """Write JSON that an option asks for; a session that cannot write it fails."""
        text = json.dumps(document, indent=indent) + "\n"
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            self.say_problem(f"{option}={path}: {error.strerror or error}")
