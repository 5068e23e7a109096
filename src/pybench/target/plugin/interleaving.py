"""A row that is interleaved: under ``pybench compare`` it runs when it is told to.

The controller starts a session of each interpreter and talks with it over one socket,
in lines of JSON. A row gets there through the `benchmark` fixture itself: a call of it
announces the row, then runs a sample each time the controller asks for one, and returns
when it is told to stop. So the row's set-up, its markers and the user's options are
those of any other session. What the controller sends:

    {"do": "rows", "rows": [...]}          once, after collection: which, in what order
    {"do": "size", "target_ns": n, "most": n or null}    find the numbers of a sample
    {"do": "sample", "numbers": {"count": n, ...}}       run one
    {"do": "count", "numbers": {...} or {}}              count instructions, where the
                                                         session is under callgrind
    {"do": "stop"}                                       end the row

This end answers ``{"say": "sized", "numbers": ...}``, ``{"say": "sample", ...}`` and
``{"say": "counted", ...}``. It sends unasked: ``hello`` (who), ``ready`` (a row waits),
``ended`` (a row is over and how), ``bye``. When the socket closes, the session ends.
"""

from __future__ import annotations

import gc
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pybench.children import CALLGRIND_FILES
from pybench.records.identity import identity_document
from pybench.records.outcomes import (
    ERROR,
    MEASURED,
    NOT_AVAILABLE,
    SKIPPED,
    VALUE,
    VOID,
    ReasonKind,
)
from pybench.records.row_names import row_name
from pybench.target.plugin.controller import Controller, ControllerGoneError, plain
from pybench.target.plugin.interleaving_adapters import (
    COUNT_MOST,
    Adapter,
    CallAdapter,
    KernelAdapter,
    PedanticAdapter,
)
from pybench.target.plugin.interleaving_timer import events_of_process
from pybench.target.plugin.marking import (
    OWN_PROCESS,
    UNMATCHED,
    is_exclusive,
    is_row,
    margin,
)
from pybench.target.plugin.outcomes import na_of, skip_reason
from pybench.target.plugin.overriding import overridden
from pybench.target.plugin.replacing import replace_methods
from pybench.target.plugin.session import Session
from pybench.target.plugin.values import said_value
from pybench.target.process.built_modules import BuiltModules
from pybench.target.process.collector import collector_off
from pybench.target.process.identity import gil_enabled, is_free_threaded
from pybench.target.process.imported_packages import ImportedPackages
from pybench.target.process.layout import shifted
from pybench.target.process.log_handlers import without_kept_logs
from pybench.target.process.pedantic import noting_rounds

if TYPE_CHECKING:
    from pybench.target.plugin.count_pass import CountEach
    from pybench.target.plugin.counting import RowCounter
    from pybench.target.process.rounds import KernelResult

# Of a reason so many characters are sent.
REASON_MOST = 300


class Interleaving:
    """The plugin of a session under a controller.

    `refused` has the rows whose markers say what cannot be, and what that is; it is
    read when all rows are collected.
    """

    def __init__(
        self,
        session: Session,
        controller: Controller | CountEach,
        refused: Mapping[str, str],
    ) -> None:
        self._configured_s = time.monotonic()
        self._session = session
        self._controller = controller
        self._current = ""  # the row whose call phase is on
        self._facts: dict[str, Any] = {}
        self._is_ended = False  # whether that row's end has been sent
        self._is_served = False  # whether the row has called `benchmark`
        self._refused = refused
        self._says_rounds = False  # whether the row's call of pedantic does
        self._packages: ImportedPackages
        self._built = BuiltModules()
        self._counter: RowCounter | None = None
        self._blocks: list[object] = []
        if CALLGRIND_FILES in os.environ:
            from pybench.target.plugin.counting import RowCounter

            self._counter = RowCounter()
        else:  # a count is of one layout, a time of many
            self._blocks = shifted(os.environ.get("PYTHONHASHSEED", ""))

    # Session

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Send who this is and what there is; keep what the controller wants."""
        if is_free_threaded():
            # Free-threaded 3.13 makes functions, classes and modules immortal when its
            # first thread starts, but none that is frozen by then: threads would wait
            # for each other at every call, as those of a program never do.
            first = threading.Thread(target=int)
            first.start()
            first.join()
        self._packages = ImportedPackages()
        # What was imported until here lives as long as the session. Left to the
        # collector, every row's collections would walk through pytest.
        gc.collect()
        gc.freeze()
        wanting = [item for item in items if OWN_PROCESS in item.stash]
        rows = [item for item in items if is_row(item) and item not in wanting]
        names = Counter(item.nodeid for item in rows)
        self._controller.send(
            say="hello",
            pid=os.getpid(),
            configured_s=self._configured_s,
            root=str(config.rootpath),
            configuration=str(config.inipath or ""),
            identity=identity_document(self._session.identity),
            gil_enabled=gil_enabled(),
            overridden=overridden(config),
            events=events_of_process().document(),
            packages=self._packages.new(),
            strays=self._built.strays(),
            rows={
                item.nodeid: _facts_of(item, self._refused, names[item.nodeid])
                for item in rows
            },
            uncollected=self._session.uncollected,
            unmatched=config.stash.get(UNMATCHED, {}),
            own_process=[row_name(item.nodeid).path for item in wanting],
        )
        message = self._controller.receive()
        by_name = {item.nodeid: item for item in rows}
        items[:] = [by_name[name] for name in message["rows"] if name in by_name]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Send how each row ended, whatever happened to it."""
        self._is_ended = self._is_served = False
        self._current = item.nodeid
        result = yield
        if not self._is_ended:
            self._end(ERROR, "the row ended without a result")
        self._current = ""
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Keep what pytest adds to each record of a log out of what is measured."""
        if "caplog" in getattr(item, "fixturenames", ()):
            return (yield)
        with without_kept_logs():
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the outcome of a row from its reports."""
        if report.nodeid != self._current or self._is_ended:
            return
        if report.failed:
            watch = self._session.watch
            if watch.is_broken:
                reason = f"GIL turned on by {watch.culprit()}"
                self._end(VOID, reason, kind=ReasonKind.GIL_TURNED_ON)
            else:
                self._end(ERROR, _last_line(report))
        elif report.skipped:
            na = na_of(report)
            outcome = SKIPPED if na is None else NOT_AVAILABLE
            self._end(outcome, na or skip_reason(report))
        elif report.when == "teardown":
            value = said_value(report)
            if self._is_served:
                self._end(MEASURED, "")
            elif value is not None:
                self._end(VALUE, "", value=value)
            else:
                self._end(SKIPPED, "it never called benchmark")

    def _end(self, outcome: str, reason: str, **more: object) -> None:
        self._is_ended = True
        if packages := self._packages.new():
            more["packages"] = packages
        if strays := self._built.strays():
            more["strays"] = strays
        self._controller.send(
            say="ended",
            row=self._current,
            outcome=outcome,
            reason=reason,
            facts=self._facts,
            **more,
        )
        self._facts = {}

    def pytest_sessionfinish(self) -> None:
        """Send that nothing comes any more."""
        try:
            self._controller.send(say="bye")
        except ControllerGoneError:
            return

    # One row

    def attach(self, fixture: Any) -> Callable[[], None]:
        """Make the stock fixture interleave its samples; returns what undoes it.

        Its two inner methods are replaced, so that the checks around them, among
        them that it is used once, stay the stock's.
        """

        def note(says_rounds: bool) -> None:
            self._says_rounds = says_rounds

        def raw(benchmark: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
            return self.serve(benchmark, CallAdapter(benchmark, function, args, kwargs))

        def raw_pedantic(benchmark: Any, target: Any, **how: Any) -> Any:
            adapter = PedanticAdapter(
                benchmark, target, says_rounds=self._says_rounds, **how
            )
            return self.serve(benchmark, adapter)

        pedantic = noting_rounds(fixture.pedantic, note)
        return replace_methods(
            fixture, _raw=raw, pedantic=pedantic, _raw_pedantic=raw_pedantic
        )

    def kernel(
        self,
        benchmark: Any,
        name: str,
        arguments: Mapping[str, object],
        iterations: int | None,
    ) -> list[KernelResult]:
        """Measure a kernel row in samples; what the fixture `kernel` does here."""
        benchmark._mode = "kernel(...)"  # else stock says that it was not used
        adapter = KernelAdapter(benchmark, name, arguments, iterations)
        with collector_off():
            kept: list[KernelResult] = self.serve(
                benchmark, adapter, threads=arguments.get("threads", 1), native=True
            )
        return kept

    def serve(self, benchmark: Any, adapter: Adapter, **facts: object) -> Any:
        """Run samples of a row until told to stop; return what the row gets."""
        self._is_served = True
        self._facts = {name: plain(value) for name, value in facts.items()}
        self._controller.send(
            say="ready", row=benchmark.fullname, rounds=adapter.rounds, **self._facts
        )
        samples: list[float] = []
        numbers: dict[str, int] = {}
        while True:
            message = self._controller.receive()
            action = message.pop("do")
            if action == "size":
                most = message.get("most") or COUNT_MOST
                numbers = adapter.size(message["target_ns"], most)
                self._controller.send(say="sized", numbers=numbers)
            elif action == "sample":
                numbers = message["numbers"]
                sample = adapter.run(numbers)
                samples.append(sample.wall_ns / 1e9)
                self._controller.send(say="sample", sample=asdict(sample))
            elif action == "count" and self._counter is not None:
                counted = self._counter.count(adapter, message["numbers"])
                numbers = counted.get("numbers", numbers)
                self._controller.send(say="counted", **counted)
            elif action == "stop":
                break
            else:
                raise ControllerGoneError(f"unknown message {action!r}")
        extra = benchmark.extra_info
        self._facts |= {
            key: plain(extra[key]) for key in ("operations", "threads") if key in extra
        }
        if not benchmark.stats:
            stats = benchmark._make_stats(math.prod(numbers.values()))
            for value in samples or [0.0]:
                stats.update(value)
        return adapter.finish()


def _facts_of(
    item: pytest.Item, refused: Mapping[str, str], copies: int
) -> dict[str, Any]:
    """Return what the controller must know of a row before it runs.

    A row that says what cannot be is told with the reason: it is no fault of others.
    """
    facts: dict[str, Any] = {"file": os.fspath(item.path)}
    try:
        facts |= {"alternate": is_exclusive(item), "margin": margin(item)}
    except pytest.UsageError as error:
        return facts | {"refused": str(error)}
    group = item.get_closest_marker("benchmark")
    facts["group"] = _group_text(group.kwargs.get("group")) if group else None
    if item.nodeid in refused:
        facts["refused"] = refused[item.nodeid]
    elif copies > 1:
        facts["refused"] = f"{copies} rows of the suite have this name"
    return facts


def _group_text(group: object) -> str | None:
    """Return a group as a text: stock takes whatever can be shown."""
    if group is None:
        return None
    try:
        return str(group)
    except Exception:
        return str(plain(group))


def _last_line(report: pytest.TestReport) -> str:
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    crash = getattr(getattr(report.longrepr, "reprcrash", None), "message", "")
    text = crash or (lines[-1] if lines else "no message")
    return f"{report.when}: {text.splitlines()[0][:REASON_MOST]}"
