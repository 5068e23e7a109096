"""The pytest plugin: native kernel rows, identity, watch over the GIL, journal.

Loaded by every pytest run of an environment that has pybench, so at module level it
imports pytest and the standard library alone, and a session without benchmarks gets a
line in its header and nothing else. `pybench compare` starts a session for each arm and
pair: what only some sessions need is imported where it is needed.

A session collects (`marking`), selects (`selection`), runs its rows (`rows`), each by
pytest-benchmark, as a `kernel` or under ``pybench compare`` (`interleaving`), writes
each down (`journal`) and tells of them (`table`, `outcomes`); a saved baseline is found
(`baselines`) and compared (`comparison`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pybench.target.plugin import overriding
from pybench.target.plugin.command_line import said_words
from pybench.target.plugin.kernel import Kernel
from pybench.target.plugin.lazy_rows import look_at_rows
from pybench.target.plugin.marking import (
    MARKERS,
    UNMATCHED,
    skip_without_free_threading,
    thread_count,
)
from pybench.target.plugin.options import (
    INSTRUCTIONS,
    add_options,
    refuse_without_benchmark,
)
from pybench.target.plugin.replacing import replace_methods
from pybench.target.plugin.rows import Rows
from pybench.target.plugin.rowstate import RowState, limit_calibration
from pybench.target.plugin.session import Session
from pybench.target.plugin.table import TableDefaults
from pybench.target.process import clocks

if TYPE_CHECKING:
    from pybench.target.plugin.controller import Controller
    from pybench.target.plugin.count_pass import CountEach
    from pybench.target.plugin.event_loops import AsyncFixture
    from pybench.target.plugin.interleaving import Interleaving
    from pybench.target.plugin.threads import ThreadsFixture
    from pybench.target.process.rounds import KernelResult

__all__ = [
    "AsyncFixture",
    "Kernel",
    "KernelResult",
    "ThreadsFixture",
    "benchmark_async",
    "benchmark_threads",
    "is_interleaved",
    "kernel",
]

# For annotations: imported for whoever names them.
_NAMED_IN = {
    "AsyncFixture": "plugin.event_loops",
    "KernelResult": "process.rounds",
    "ThreadsFixture": "plugin.threads",
}

_ROWS = pytest.StashKey[Rows]()
_SESSION = pytest.StashKey[Session]()
_INTERLEAVING: pytest.StashKey[Interleaving] = pytest.StashKey()


def __getattr__(name: str) -> Any:
    if name not in _NAMED_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"pybench.target.{_NAMED_IN[name]}")
    return getattr(module, name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    add_options(parser)


# Around pytest-cov, which begins to trace in its own.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, args: list[str]
) -> Generator[None, object, object]:
    """Override what contradicts a measurement, in a session that pybench started."""
    if overriding.is_measured(early_config.known_args_namespace):
        overriding.before_plugins(early_config, args)
    return (yield)


# Around pytest-xdist, which makes its processes in its own.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Override the rest, now that all options are read."""
    if overriding.is_measured(config.option):
        overriding.before_configure(config)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Set up before pytest-benchmark builds its session, which loads baselines."""
    option, register = config.option, config.pluginmanager.register
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    for folder in (option.pybench_repetition, option.pybench_turns):
        if isinstance(folder, Path):
            from pybench.target.plugin.rerun import isolate

            isolate(config, folder)
    if option.pybench_memory_pass is not None:
        from pybench.target.plugin.memory import turn_timing_off

        turn_timing_off(config, option.pybench_memory_pass)
    session = config.stash[_SESSION] = Session(config)
    config.add_cleanup(session.watch.stop)
    if names := overriding.overridden(config):
        session.say(f"overridden, as a measurement needs it: {', '.join(names)}")
    register(session, "pybench-session")
    observed = option.pybench_memory_to
    if option.pybench_memory_pass is not None:
        from pybench.target.plugin.rerun import FOUND

        observed = option.pybench_memory_pass / FOUND
    if observed is not None:
        from pybench.target.plugin.memory import MemoryObserver

        lines = option.pybench_memory_lines
        register(MemoryObserver(observed, session, lines), "pybench-observer")
    if option.pybench_list_to is not None:
        from pybench.target.plugin.listing import Listing

        register(Listing(option.pybench_list_to, session), "pybench-listing")
    if _has_pytest_benchmark(config):
        _configure_rows(config, session)
    else:
        refuse_without_benchmark(config)


def _has_pytest_benchmark(config: pytest.Config) -> bool:
    module = sys.modules.get("pytest_benchmark.plugin")
    return module is not None and config.pluginmanager.is_registered(module)


def _configure_rows(config: pytest.Config, session: Session) -> None:
    """Set up what needs pytest-benchmark."""
    from pytest_benchmark import session as stock_session
    from pytest_benchmark.fixture import BenchmarkFixture

    option, register = config.option, config.pluginmanager.register
    storage: Path | None = None
    if not is_interleaved(config):
        from pybench.target.plugin.baselines import storage_folder

        storage = storage_folder(option.benchmark_storage)
    if storage is not None:
        # Stock has one folder of baselines for 3.14, 3.14t and 3.14t with the GIL on,
        # and no hook for it; each identity gets one.
        folder = session.identity.folder
        config.add_cleanup(
            replace_methods(stock_session, get_machine_id=lambda: folder)
        )
    clocks.use_extension()
    config.add_cleanup(limit_calibration())
    register(RowState(session.say), "pybench-row-state")
    words = said_words(config)
    table = TableDefaults(config, words)
    rows = config.stash[_ROWS] = Rows(session, storage, table, words)
    register(rows, "pybench-rows")
    register(table, "pybench-table")
    if not is_interleaved(config):  # which saves nothing
        from pybench.target.plugin.comparison import Comparison

        register(Comparison(session, storage), "pybench-comparison")
    if option.pybench_repetition is not None:
        from pybench.target.plugin.processes import Repetition

        repetition = Repetition(session, option.pybench_repetition)
        register(repetition, "pybench-repetition")
    is_counted = option.benchmark_metric == INSTRUCTIONS
    if option.pybench_processes > 1 or option.pybench_memory or is_counted:
        from pybench.target.plugin.processes import Processes

        further = Processes(
            session,
            option.pybench_processes,
            is_memory=option.pybench_memory,
            is_counted=is_counted,
        )
        register(further, "pybench-processes")
    if is_interleaved(config):
        from pybench.target.plugin.interleaving import Interleaving

        interleaving = config.stash[_INTERLEAVING] = Interleaving(
            session, _controller(option.pybench_turns), rows.refused
        )
        config.add_cleanup(interleaving.attach(BenchmarkFixture))
        register(interleaving, "pybench-interleaving")
    # Around the interleaving, which replaces what it wraps.
    config.add_cleanup(look_at_rows(BenchmarkFixture, session))


def _controller(turns: int | Path) -> Controller | CountEach:
    if isinstance(turns, Path):
        from pybench.target.plugin.count_pass import CountEach

        return CountEach(turns)
    from pybench.target.plugin.controller import Controller

    return Controller(turns)


def is_interleaved(config: pytest.Config) -> bool:
    """Tell whether `pybench compare` runs this session, which reads times alone."""
    return config.getoption("pybench_turns", None) is not None


# First, so that `-m kernel` and `-m "not kernel"` see the marker.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Select, and mark what is left."""
    option = config.option
    if option.pybench_select or option.pybench_quick or option.pybench_row is not None:
        from pybench.target.plugin import selection

        unmatched: dict[str, str] = {}
        if option.pybench_select:
            unmatched |= selection.select(config, items, option.pybench_select)
        if option.pybench_quick:
            unmatched |= selection.select_quick(config, items)
        config.stash[UNMATCHED] = unmatched
        # Another session of a comparison may collect what this one cannot.
        if unmatched and not is_interleaved(config):
            raise pytest.UsageError(next(iter(unmatched.values())))
        if option.pybench_row is not None:
            selection.select_row(config, items, option.pybench_row)
    if option.pybench_memory_pass is not None:
        from pybench.target.plugin.memory import select_measured

        select_measured(config, items, option.pybench_memory_pass)
    was_turned_on = config.stash[_SESSION].watch.is_broken
    for item in items:
        skip_without_free_threading(item, gil_was_turned_on=was_turned_on)
    rows = config.stash.get(_ROWS, None)
    if rows is not None:
        rows.mark(items)


@pytest.fixture
def kernel(request: pytest.FixtureRequest, benchmark: Any) -> Kernel:
    """Measure one native kernel as a benchmark row.

    Call it once, with the kernel's name and arguments; ``iterations`` and ``rounds``
    take the place of what is sized and budgeted. Returns the `_pybench.KernelResult`
    of each round.
    """
    rows = request.config.stash[_ROWS]
    interleaving = request.config.stash.get(_INTERLEAVING, None)

    def run(
        name: str,
        /,
        *,
        iterations: int | None = None,
        rounds: int | None = None,
        **arguments: object,
    ) -> list[KernelResult]:
        __tracebackhide__ = True
        if interleaving is not None:
            return interleaving.kernel(benchmark, name, arguments, iterations)
        return rows.kernels.run(
            request.node, benchmark, name, arguments, iterations, rounds
        )

    return run


@pytest.fixture
def benchmark_threads(request: pytest.FixtureRequest, benchmark: Any) -> ThreadsFixture:
    """Measure a function on several threads that start together, as a benchmark row.

    ``benchmark_threads(function, *args, threads=4, setup=None, **kwargs)`` is called
    once. The row's time is that of a call while all threads run; each does them all.
    Behind the table stand the speed-up over one thread, which is measured in turns with
    it, a control that shares nothing, and how fairly the threads got on. `setup` is
    called once by each thread and may return ``(args, kwargs)`` of its own::

        @pytest.mark.parametrize("threads", [1, 2, 4])
        def test_counting(benchmark_threads, threads):
            benchmark_threads(count_words, "file.txt", threads=threads)
    """
    from pybench.target.plugin.threads import ThreadsFixture

    rows = request.config.stash[_ROWS]
    interleaving = request.config.stash.get(_INTERLEAVING, None)
    return ThreadsFixture(
        benchmark,
        declared=thread_count(request.node),
        usable_cpus=rows.session.identity.usable_cpus,
        say=rows.session.say,
        serve=None if interleaving is None else interleaving.serve,
    )


@pytest.fixture
def benchmark_async(
    request: pytest.FixtureRequest, benchmark: Any
) -> Iterator[AsyncFixture]:
    """Measure a coroutine function on an open event loop, as a benchmark row.

    ``benchmark_async(function, *args, **kwargs)`` is called once. The row's time is
    that of awaiting one call; the loop is open over the whole row, and entering it is
    not timed. ``benchmark_async.run(coroutine)`` prepares something on the same loop::

        def test_request(benchmark_async):
            client = benchmark_async.run(connect())
            benchmark_async(client.request, "/")
    """
    from pybench.target.plugin.event_loops import AsyncFixture

    rows = request.config.stash[_ROWS]
    interleaving = request.config.stash.get(_INTERLEAVING, None)
    fixture = AsyncFixture(
        benchmark,
        request.node,
        say=rows.session.say,
        serve=None if interleaving is None else interleaving.serve,
    )
    yield fixture
    fixture.close()
