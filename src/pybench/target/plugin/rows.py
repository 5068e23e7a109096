"""The benchmark rows of a session: marked, watched, journaled, resumed, saved.

Registered only beside pytest-benchmark, whose hooks it uses. What it takes of that
package's private side is here and in `kernel`: the session object, its list of
benchmarks and the fixture's options.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pybench.records.documents import DocumentError
from pybench.records.outcomes import ERROR, MEASURED, NOT_AVAILABLE, VALUE, VOID
from pybench.target.plugin.command_line import said_value
from pybench.target.plugin.json_values import for_table, held, is_stock_document
from pybench.target.plugin.kernel import REFUSED_OPTIONS, KernelRows
from pybench.target.plugin.marking import (
    data_limit,
    is_kernel_row,
    is_row,
    label_threads,
    thread_count,
)
from pybench.target.plugin.outcomes import (
    error_reason,
    na_of,
    named_folders,
    skip_reason,
    unmeasured_lines,
)
from pybench.target.plugin.saving import guard_saving
from pybench.target.plugin.session import Session
from pybench.target.plugin.table import TableDefaults, thin
from pybench.target.plugin.values import said_value as said_value_of_row
from pybench.target.process.identity import extension

if TYPE_CHECKING:
    from pybench.records.journal import JournalRow
    from pybench.target.plugin.journal import Journal, JournalWriter

_RESUME = "--pybench-resume"

# Where the memory that a row took is in its extra_info.
MEMORY_KEY = "pybench_memory"


class Rows:
    """The rows of this session and the hooks that need pytest-benchmark.

    Raises `pytest.UsageError` if what is to be resumed cannot be.
    """

    def __init__(
        self,
        session: Session,
        storage: Path | None,
        table: TableDefaults,
        words: Sequence[str],
    ) -> None:
        self.session = session
        self.config = session.config
        self.storage = storage
        # Where the saves and the journal of this identity are.
        self.folder = storage and storage / session.identity.folder
        self._table = table
        self._words = words
        self._is_interleaved = self.config.getoption("pybench_turns") is not None
        self._expected: set[str] = set()
        self._ended: set[str] = set()
        self._is_collected = False
        self._void: dict[str, str] = {}
        # Rows whose markers say what cannot be, where that ends no session.
        self.refused: dict[str, str] = {}
        self._failed: set[str] = set()
        self._limits: dict[str, int] = {}
        self._threads: dict[str, int] = {}
        self._collection_line = ""
        self._restored: list[Any] = []
        self._resumed: Journal | None = None
        self._journal: JournalWriter | None = None
        self._open_journal()

    @cached_property
    def kernels(self) -> KernelRows:
        """What runs kernel rows that nobody interleaves."""
        from pybench.target.process.iterations import IterationStore, machine_folder

        identity, path = self.session.identity, None
        if self.storage is not None:
            machine = machine_folder(identity.cpu_model, identity.machine)
            # Two levels down: the stock list takes every *.json above for a save.
            path = self.storage / "machines" / machine / "iterations.json"
        store = IterationStore(path, self.session.say)
        return KernelRows(self._words, store, identity.usable_cpus)

    # Before the first row

    def _open_journal(self) -> None:
        is_resumed = self.config.getoption("pybench_resume")
        if is_resumed and self.storage is None:
            raise pytest.UsageError(f"{_RESUME} needs a --benchmark-storage on disk")
        if self.storage is None or self.folder is None:
            return
        from pybench.records.journal import JournalHeader
        from pybench.target.plugin.journal import JournalWriter, find_journal

        say, identity = self.session.say, self.session.identity
        words = [str(word) for word in self.config.invocation_params.args]
        header = JournalHeader(
            identity=identity,
            arguments=tuple(word for word in words if word != _RESUME),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        try:
            if is_resumed:
                journal = self._resumed = find_journal(self.storage, identity)
                rows = journal.rows.values()
                self._restored = [restore(r) for r in rows if r.outcome == MEASURED]
                if journal.torn:
                    say(f"{journal.path}: {journal.torn} is torn, its row runs again")
            self._journal = JournalWriter(
                self.folder, header, resumed=self._resumed, say=say
            )
        except DocumentError as error:
            raise pytest.UsageError(f"{_RESUME}: {error}") from error

    def pytest_sessionstart(self) -> None:
        """Guard the saving, now that the stock session exists."""
        guard_saving(
            self._benchmarks,
            self.folder,
            is_collected=lambda: self._is_collected,
            has_rows=lambda: bool(self.session.collected),
            say=self.session.say_problem,
        )

    @property
    def _benchmarks(self) -> Any:
        return self.config._benchmarksession  # type: ignore[attr-defined]

    # Collection

    def mark(self, items: Sequence[pytest.Item]) -> None:
        """Mark kernel rows, give them their clock, and note limits of raw data."""
        native = extension()
        is_own_budget = said_value(self._words, "--benchmark-max-time") is not None
        is_cut = self.config.getoption("pybench_quick") and not is_own_budget
        for item in filter(is_row, items):
            try:
                self._mark(item, native, is_cut=is_cut)
            except pytest.UsageError as error:
                if not self._is_interleaved:
                    raise
                self.refused[item.nodeid] = str(error)

    def _mark(self, item: pytest.Item, native: Any, *, is_cut: bool) -> None:
        limit = data_limit(item)
        if limit is not None:
            self._table.is_wanted = True
            self._limits[item.nodeid] = limit
        threads = thread_count(item)
        if threads is not None:
            self._threads[item.nodeid] = threads
        if is_cut:
            from pybench.target.plugin.selection import cut_budget

            cut_budget(item)
        if not is_kernel_row(item):
            return
        self._table.is_wanted = True
        item.add_marker("kernel")
        marker = item.get_closest_marker("benchmark")
        settings = dict(marker.kwargs) if marker else {}
        refused = [name for name in REFUSED_OPTIONS if name in settings]
        if refused:
            raise pytest.UsageError(
                f"{item.nodeid}: a kernel row has its own clock and rounds; "
                f"take {', '.join(refused)} out of its benchmark marker"
            )
        if native is not None:
            settings["timer"] = native.stopwatch
            marker_with_clock = pytest.mark.benchmark(**settings)
            item.add_marker(marker_with_clock, append=False)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse what kernel rows cannot obey; leave out what is in the journal."""
        if not self._benchmarks.disabled and not self._benchmarks.skip:
            self._refuse_options(items)
        self.session.collected = [item.nodeid for item in items if is_row(item)]
        if self._resumed is not None:
            self._resume(items, self._resumed)
        self._expected = {item.nodeid for item in items if is_row(item)}
        self._is_collected = True

    def _refuse_options(self, items: list[pytest.Item]) -> None:
        if not any(item.get_closest_marker("kernel") for item in items):
            return
        for option in REFUSED_OPTIONS.values():
            if said_value(self._words, option) is not None:
                raise pytest.UsageError(
                    f"{option} does not work with kernel rows, which have their own "
                    'clock and rounds; leave them out with -m "not kernel"'
                )

    def _resume(self, items: list[pytest.Item], journal: Journal) -> None:
        if self._benchmarks.disabled:
            raise pytest.UsageError(f"{_RESUME}: benchmarks are disabled")
        # A void or failed row has no value yet, so it is still missing.
        done = {
            row.fullname
            for row in journal.rows.values()
            if row.outcome not in (VOID, ERROR)
        }
        left_out = [item for item in items if item.nodeid in done]
        items[:] = [item for item in items if item.nodeid not in done]
        if left_out:
            self.config.hook.pytest_deselected(items=left_out)
        # What runs again has no status until it has ended again.
        again = {item.nodeid for item in items}
        self.session.rows.update(
            (name, row) for name, row in journal.rows.items() if name not in again
        )
        self.session.resumed = done
        self._benchmarks.benchmarks.extend(self._restored)
        missing = sum(map(is_row, items))
        self._collection_line = (
            f"pybench: resuming the run of {journal.header.started} "
            f"(pytest {' '.join(journal.header.arguments)}): {len(done)} rows are in "
            f"the journal, {missing or 'nothing'} {'are' if missing > 1 else 'is'} "
            "missing"
        )

    def pytest_report_collectionfinish(self) -> list[str]:
        """Say what is resumed."""
        return [self._collection_line] if self._collection_line else []

    # Each row

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Void a row if the GIL came on before or while it ran."""
        watch = self.session.watch
        if not is_row(item) or self._benchmarks.disabled:
            return (yield)
        if watch.is_broken:
            self._fail_void(item, "before this row")
        try:
            result = yield
        except (Exception, pytest.skip.Exception, pytest.fail.Exception) as error:
            watch.see_warning(str(error))
            if watch.is_broken:
                self._fail_void(item, "while this row ran")
            raise
        if watch.is_broken:
            self._fail_void(item, "while this row ran")
        fixture = _fixture(item)
        if fixture is None or not fixture.stats:
            return result
        if item.nodeid in self._limits:
            _divide_by_operations(fixture.stats)
        declared = self._threads.get(item.nodeid)
        # Without the marker, the word in a row of ours; elsewhere it may mean
        # something else.
        if declared is not None or item.nodeid in self._limits:
            usable_cpus = self.session.identity.usable_cpus
            label_threads(fixture.extra_info, declared, usable_cpus)
        return result

    def _fail_void(self, item: pytest.Item, when: str) -> NoReturn:
        culprit = self.session.watch.culprit()
        self._void[item.nodeid] = culprit
        pytest.fail(
            f"void: the GIL was turned on by {culprit} {when}; every later row of "
            "this process is void too (run it in a process of its own, or with "
            "PYTHON_GIL=1 if the GIL is wanted)",
            pytrace=False,
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[pytest.TestReport]:
        """Journal a row as soon as it is known how it ended."""
        report: pytest.TestReport = yield  # type: ignore[misc, assignment]
        if self._is_interleaved:  # the controller writes down how it ended
            if report.failed or (report.skipped and report.when == "call"):
                self._drop_value(item)
        elif is_row(item):
            row = self._ended_row(item, report, call)
            if row is not None:
                self.session.rows[item.nodeid] = row
                if self._journal is not None and not self._benchmarks.disabled:
                    self._journal.append(row)
            elif report.skipped:
                self.session.skipped[item.nodeid] = skip_reason(report)
            if report.when == "teardown":
                self._ended.add(item.nodeid)
        return report  # type: ignore[return-value]

    def _ended_row(
        self, item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None]
    ) -> JournalRow | None:
        """Return the row if it just ended in one of the four ways."""
        from pybench.records.journal import JournalRow
        from pybench.records.values import KEY

        fullname = item.nodeid
        if report.failed or (report.skipped and report.when == "call"):
            self._drop_value(item)
        if report.failed:
            if fullname in self._failed:
                return None  # what failed first is the reason
            self._failed.add(fullname)
            if fullname in self._void:
                outcome, reason = VOID, self._void[fullname]
            else:
                error = call.excinfo.value if call.excinfo else Exception("unknown")
                outcome, reason = ERROR, error_reason(report, error)
            return JournalRow(fullname=fullname, outcome=outcome, reason=reason)
        na = na_of(report)
        if na is not None:
            return JournalRow(fullname=fullname, outcome=NOT_AVAILABLE, reason=na)
        if report.when != "call" or not report.passed:
            return None
        if self._benchmarks.disabled:
            self.session.unmeasured.add(fullname)
            return None
        fixture = _fixture(item)
        value = said_value_of_row(item)
        if value is not None:
            return JournalRow(
                fullname=fullname,
                outcome=VALUE,
                name=item.name,
                extra_info={KEY: value},
            )
        if fixture is None or not fixture.stats:
            self.session.skipped[fullname] = "it did not use the fixture benchmark"
            return None
        row = fixture.stats.as_dict()
        self._thin(row)
        info = row["extra_info"]  # a suite may have put anything in its place
        return JournalRow(
            outcome=MEASURED,
            extra_info=info if isinstance(info, dict) else {"extra_info": info},
            **{
                name: row[name]
                for name in (
                    *("fullname", "name", "group", "param", "params", "options"),
                    "stats",
                )
            },
        )

    def _drop_value(self, item: pytest.Item) -> None:
        """Take out of table and files what a row had measured before it failed.

        Stock keeps it: an assertion about the result, after the timing, would leave
        the time of a wrong one.
        """
        kept = self._benchmarks.benchmarks
        kept[:] = [row for row in kept if row.fullname != item.nodeid]
        fixture = _fixture(item)
        if fixture is not None:
            fixture.has_error = True
            # Else stock complains, as a second error, that the row did not use it.
            fixture._mode = fixture._mode or "failed"

    def _thin(self, row: dict[str, Any]) -> None:
        """Cut the raw data of a row with a limit; its statistics are of all of it."""
        limit, data = self._limits.get(row["fullname"]), row["stats"].get("data")
        if limit is None or not data:
            return
        record = row["extra_info"].setdefault("pybench", {})
        if isinstance(record, dict):
            # A row out of the journal has been cut already: keep its first count.
            record.setdefault("raw_values", len(data))
        row["stats"]["data"] = thin(data, limit)

    # After the last row

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Mark a complete run in the journal; nothing missing is a success."""
        if self._journal is not None and not self._benchmarks.disabled:
            if self._expected <= self._ended:
                self._journal.finish()
            self._journal.close()
        self._say_unmeasured()
        yield
        nothing_ran = session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        if nothing_ran and self.session.resumed:
            session.exitstatus = pytest.ExitCode.OK

    def _say_unmeasured(self) -> None:
        """Fail for a folder that was named and in which every row is n/a."""
        stock = self._benchmarks
        # One process of a comparison says what became of each row.
        is_run = not (stock.disabled or stock.skip or self.config.option.collectonly)
        if is_run and not self._is_interleaved:
            folders = named_folders(self.config)
            statuses = self.session.statuses()
            for line in unmeasured_lines(folders, statuses, self.config.rootpath):
                self.session.say_problem(line)

    # Files

    # Around those of the suite and ours, so that what all of them add can be held.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_benchmark_update_json(
        self, output_json: Any
    ) -> Generator[None, object, object]:
        """Say what became of every row; put a text for what JSON cannot hold."""
        if not is_stock_document(self.config, output_json):
            self.session.say(
                "the JSON has the shape that a hook of the suite gives it, and is "
                "written as it is: without what pybench adds to pytest-benchmark's"
            )
            return (yield)
        from pybench.records.instructions import KEY, instructions_document
        from pybench.records.journal import statuses_document

        output_json["pybench"] = statuses_document(self.session.statuses())
        for row in output_json["benchmarks"]:
            self._thin(row)
            if taken := self.session.memory.get(row["fullname"]):
                row["extra_info"] = {**row["extra_info"], MEMORY_KEY: taken}
            if known := self.session.instructions.get(row["fullname"]):
                counted = {KEY: instructions_document(known)}
                row["extra_info"] = {**row["extra_info"], **counted}
        result = yield
        kept = held(output_json)
        output_json.clear()
        output_json.update(kept)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_benchmark_group_stats(
        self, benchmarks: list[dict[str, Any]]
    ) -> Generator[None, object, object]:
        """Put a text for what the table cannot put into words."""
        for row in benchmarks:
            row["group"] = for_table(row["group"])
            row["params"] = row["params"] and {
                name: for_table(value) for name, value in row["params"].items()
            }
        return (yield)


def _fixture(item: pytest.Item) -> Any:
    return getattr(item, "funcargs", {}).get("benchmark")


def _divide_by_operations(metadata: Any) -> None:
    """Turn a row's seconds per call into seconds per operation, in place.

    A statement of 5 ns cannot be timed through a fixture that costs 50 ns a call, so
    such a row times a function that does it a thousand times and says so:
    ``benchmark.extra_info["operations"] = 1000``. Its statistics are computed from the
    raw data when they are first asked for. Its iterations become operations, as for a
    row that stock itself repeats.
    """
    count = metadata.extra_info.get("operations", 1)
    if type(count) is not int or count < 1:
        pytest.fail(
            f"{metadata.fullname}: extra_info['operations'] must be an int of at "
            f"least 1, not {count!r}",
            pytrace=False,
        )
    metadata.stats.data[:] = [seconds / count for seconds in metadata.stats.data]
    metadata.iterations *= count


def restore(row: JournalRow) -> Any:
    """Make of a journaled row what pytest-benchmark makes of one it measured.

    Its statistics are those that were computed when all raw data was there.
    """
    from pytest_benchmark.stats import Metadata, Stats

    missing = [name for name in (*Stats.fields, "data") if name not in row.stats]
    if missing:
        raise DocumentError(f"{row.fullname}: no {', '.join(missing)} in the journal")
    fixture = SimpleNamespace(
        name=row.name,
        fullname=row.fullname,
        group=row.group,
        param=row.param,
        params=row.params,
        extra_info=dict(row.extra_info),
        cprofile_stats=None,
        has_error=False,
    )
    metadata: Any = Metadata(  # type: ignore[no-untyped-call]
        fixture, iterations=row.stats["iterations"], options=dict(row.options)
    )
    values = {name: row.stats[name] for name in Stats.fields}
    metadata.stats = type("JournaledStats", (Stats,), values)()
    metadata.stats.data = list(row.stats["data"])
    return metadata
