"""The hooks of ``--benchmark-compare``: which file, how unlike, and what changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pybench.records.documents import DocumentError
from pybench.records.identity import identity_document
from pybench.records.instructions import RowInstructions
from pybench.target.plugin.baselines import (
    baseline_counts,
    check_baseline,
    find_baseline,
    newest_save,
    unlikeness,
)
from pybench.target.plugin.changes import (
    COUNT_MARGIN,
    FAIL_ON,
    MORE,
    TITLE,
    CountChanges,
    Judgement,
    Times,
    count_changes,
    count_lines,
    fail_on_line,
    judge,
    rows_doing_more,
    saved_times,
    section_lines,
    session_times,
)
from pybench.target.plugin.options import INSTRUCTIONS, METRIC
from pybench.target.plugin.replacing import replace_methods
from pybench.target.plugin.session import Session

# pytest owns 0 to 5.
EXIT_CHANGED = 10

_STOCK_DIFFERENCE = "Benchmark machine_info is different"


class Comparison:
    """Turns a name into a file, and says in the end which rows differ from it.

    `storage` is the folder of ``--benchmark-storage``; None leaves finding to the
    stock. Raises `pytest.UsageError` if there is no such baseline, or it cannot be
    compared with; if a run shall fail for a change, without a baseline.
    """

    def __init__(self, session: Session, storage: Path | None) -> None:
        self._session = session
        self._baselines: list[Times] = []
        self._unlike: list[str] = []
        self._foreign = ""
        wanted: str | bool = session.config.getoption("benchmark_compare")
        self._is_wanted = bool(wanted)
        self._fail_on: str | None = session.config.getoption("pybench_fail_on")
        metric = session.config.getoption(METRIC)
        self._is_counted = metric == INSTRUCTIONS
        self._counts: dict[str, RowInstructions] = {}
        if self._fail_on == MORE and not self._is_counted:
            raise pytest.UsageError(
                f"--pybench-fail-on={MORE} is of instructions: "
                f"add {METRIC}={INSTRUCTIONS}"
            )
        if self._fail_on and not wanted:
            raise pytest.UsageError(
                f"--pybench-fail-on={self._fail_on} needs a baseline: "
                "add --benchmark-compare, or --benchmark-compare=NAME"
            )
        if storage is None or not wanted:
            return
        # Where stock keeps its saves: the session's own name of it is replaced.
        from pytest_benchmark import utils

        stock: Any = utils
        stock_name = str(stock.get_machine_id())
        try:
            if isinstance(wanted, str):
                paths = find_baseline(wanted, storage, session.identity, stock_name)
            else:
                newest = newest_save(storage / session.identity.folder)
                newest = newest or newest_save(storage / stock_name)
                paths = [newest] if newest else []
            for path in paths:
                check_baseline(path)
            if self._is_counted and len(paths) == 1:
                self._counts = baseline_counts(paths[0], session.identity)
        except DocumentError as error:
            raise pytest.UsageError(str(error)) from error
        if len(paths) == 1:
            session.config.option.benchmark_compare = str(paths[0])

    def pytest_benchmark_update_machine_info(
        self, machine_info: dict[str, Any]
    ) -> None:
        """Put the identity into what is saved."""
        machine_info["pybench"] = identity_document(self._session.identity)

    @pytest.hookimpl(wrapper=True)
    def pytest_benchmark_compare_machine_info(
        self,
        benchmarksession: Any,
        machine_info: dict[str, Any],
        compared_benchmark: dict[str, Any],
    ) -> Iterator[None]:
        """Say field by field what differs, instead of two dumps of everything."""
        theirs = compared_benchmark["machine_info"]
        try:
            self._baselines.append(saved_times(compared_benchmark))
        except DocumentError as error:
            raise pytest.UsageError(str(error)) from error
        fields, foreign = unlikeness(self._session.identity, machine_info, theirs)
        self._unlike += fields
        self._foreign = self._foreign or foreign
        if fields:
            self._session.say(f"the baseline is not like this run: {'; '.join(fields)}")
        logger = benchmarksession.logger
        name = "warning" if hasattr(logger, "warning") else "warn"  # as 4.0 has it
        warn = getattr(logger, name)

        def warn_of_others(text: str, *more: Any, **options: Any) -> None:
            if not text.startswith(_STOCK_DIFFERENCE):
                warn(text, *more, **options)

        undo = replace_methods(logger, **{name: warn_of_others})
        try:
            return (yield)
        except ValueError as error:
            # The stock hook cannot name a storage outside the working directory.
            if "subpath" not in str(error):
                raise
            return None
        finally:
            undo()

    def _judgement(self) -> Judgement | None:
        """Return what is known, None without exactly one baseline to go by."""
        if len(self._baselines) != 1:
            return None
        session = self._session
        now = session_times(session.rows.values(), session.process_medians)
        margin = session.config.getoption("pybench_margin")
        return judge(self._baselines[0], now, self._foreign, margin)

    # More inside than the session's: after the stock tables, before its summary.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_terminal_summary(
        self, terminalreporter: "pytest.TerminalReporter"
    ) -> Iterator[None]:
        """Say which rows differ by more than the baseline explains."""
        try:
            yield
        finally:
            if self._is_wanted and (self._session.rows or self._fail_on):
                terminalreporter.section(TITLE, "-")
                for line in self._lines():
                    terminalreporter.write_line(line)

    def _lines(self) -> list[str]:
        judgement = self._judgement()
        if judgement is not None:
            lines = section_lines(judgement, self._unlike)
        elif self._baselines:
            number = len(self._baselines)
            lines = [f"no verdict is possible: {number} baselines match; name one"]
        else:
            lines = ["no verdict is possible: there is no baseline yet"]
        if self._is_counted:
            lines += count_lines(self._count_changes())
        if self._fail_on == MORE:
            rows = rows_doing_more(self._count_changes())
            named = ", ".join(rows) or "no row"
            lines.append(f"--pybench-fail-on={MORE}: {named} by {COUNT_MARGIN:.1%}")
        elif self._fail_on:
            lines.append(fail_on_line(judgement, self._fail_on))
        return lines

    def _count_changes(self) -> CountChanges:
        return count_changes(self._session.instructions, self._counts)

    # Around what else sets the exit status: a session that failed keeps its own.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Fail a session whose tests passed for the change that was named."""
        yield
        if not self._fail_on or session.exitstatus != pytest.ExitCode.OK:
            return
        if self._fail_on == MORE and rows_doing_more(self._count_changes()):
            session.exitstatus = EXIT_CHANGED
        judgement = self._judgement()
        if judgement is not None and judgement.rows_that_are(FAIL_ON[self._fail_on]):
            session.exitstatus = EXIT_CHANGED
