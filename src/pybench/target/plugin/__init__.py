"""The pytest plugin: native kernel rows, identity, watch over the GIL, journal.

Loaded by every pytest run of an environment that has pybench, so at module level it
imports pytest and the standard library alone, and a session without benchmarks gets a
line in its header and nothing else.
"""

import argparse
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from pybench.target.plugin import (
    listing,
    memory,
    observing,
    overriding,
    processes,
    rerun,
)
from pybench.target.plugin.baselines import storage_folder
from pybench.target.plugin.changes import FAIL_ON
from pybench.target.plugin.comparison import Comparison
from pybench.target.plugin.interleaving import OPTION, Turns
from pybench.target.plugin.kernel import Kernel, run_row
from pybench.target.plugin.lazy_rows import look_at_rows
from pybench.target.plugin.marking import MARKERS, skip_without_free_threading
from pybench.target.plugin.options import said_words
from pybench.target.plugin.rows import Rows
from pybench.target.plugin.rowstate import RowState, limit_calibration
from pybench.target.plugin.selection import ROW_OPTION, select, select_quick, select_row
from pybench.target.plugin.session import Session
from pybench.target.plugin.table import TableDefaults
from pybench.target.process import clocks
from pybench.target.process.rounds import KernelResult

__all__ = ["Kernel", "KernelResult", "kernel", "takes_turns"]

_ROWS = pytest.StashKey[Rows]()
_SESSION = pytest.StashKey[Session]()
_TURNS = pytest.StashKey[Turns]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("pybench")
    group.addoption(
        "--pybench-resume",
        action="store_true",
        default=False,
        help="Run only the benchmarks that the journal of an interrupted run lacks; "
        "the table and saved files have all.",
    )
    group.addoption(
        "--pybench-select",
        metavar="SELECTOR",
        action="append",
        default=[],
        help="Run what this matches: category/area/operation, each part a glob, or the "
        "beginning of that, or another name that `pybench list` prints; may be given "
        "several times.",
    )
    group.addoption(
        "--pybench-quick",
        action="store_true",
        default=False,
        help="Run the rows marked quick alone, on a small budget.",
    )
    group.addoption(
        memory.OPTION,
        action="store_true",
        default=False,
        help="When all is timed, run the measured rows in two more processes for the "
        "memory they take, listed after the table and saved in their extra_info.",
    )
    group.addoption(
        "--pybench-counts",
        metavar="PATH",
        type=Path,
        default=None,
        help="Write how many rows were measured, n/a and void as JSON.",
    )
    group.addoption(
        processes.OPTION,
        metavar="N",
        type=processes.process_count,
        default=1,
        help="Repeat the session in fresh processes, until there are N with this one; "
        "what is saved has the median of each: a baseline that shows its own spread.",
    )
    group.addoption(
        "--pybench-fail-on",
        choices=[*FAIL_ON],
        default=None,
        help="End with exit status 10 if a row changed so against the baseline of "
        "--benchmark-compare, by more than its spread and the machine's drift explain.",
    )
    # For the processes of --pybench-processes.
    group.addoption(
        processes.REPETITION_OPTION,
        dest="pybench_repetition",
        type=Path,
        default=None,
        help=argparse.SUPPRESS,
    )
    # For the processes of --pybench-memory.
    group.addoption(
        memory.PASS_OPTION,
        dest="pybench_memory_pass",
        type=Path,
        default=None,
        help=argparse.SUPPRESS,
    )
    # For `pybench profile memory` and `pybench run --profile detailed`: a run of one
    # row, which writes its memory there.
    group.addoption(
        observing.OPTION,
        dest="pybench_memory_to",
        type=Path,
        default=None,
        help=argparse.SUPPRESS,
    )
    group.addoption(
        observing.LINES_OPTION,
        dest="pybench_memory_lines",
        type=int,
        default=None,
        help=argparse.SUPPRESS,
    )
    # For `pybench list`, whose sessions collect and run nothing.
    group.addoption(
        listing.OPTION,
        dest="pybench_list_to",
        type=Path,
        default=None,
        help=argparse.SUPPRESS,
    )
    # For `pybench run`: what contradicts a measurement is overridden.
    group.addoption(
        overriding.MEASURED_OPTION,
        dest="pybench_measured",
        action="store_true",
        default=False,
        help=argparse.SUPPRESS,
    )
    group.addoption(
        ROW_OPTION, dest="pybench_row", default=None, help=argparse.SUPPRESS
    )
    # For `pybench compare` alone, which inherits the socket to its children.
    group.addoption(OPTION, type=int, default=None, help=argparse.SUPPRESS)


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
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    results: Path | None = config.getoption("pybench_repetition")
    if results is not None:
        rerun.keep_apart(config, results.parent)
    memory_pass: Path | None = config.getoption("pybench_memory_pass")
    if memory_pass is not None:
        memory.turn_timing_off(config, memory_pass)
    session = config.stash[_SESSION] = Session(config)
    config.add_cleanup(session.watch.stop)
    if names := overriding.overridden(config):
        session.say(f"overridden, as a measurement needs it: {', '.join(names)}")
    config.pluginmanager.register(session, "pybench-session")
    observed: Path | None = config.getoption("pybench_memory_to")
    if observed is not None:
        observer = observing.MemoryObserver(
            observed, session.say_problem, config.getoption("pybench_memory_lines")
        )
        config.pluginmanager.register(observer, "pybench-observer")
    listed: Path | None = config.getoption("pybench_list_to")
    if listed is not None:
        writer = listing.Listing(listed, session.say_problem)
        config.pluginmanager.register(writer, "pybench-listing")
    if memory_pass is not None:
        memory.observe_apart(config, memory_pass, session)
    if not _has_pytest_benchmark(config):
        if config.getoption("pybench_resume"):
            raise pytest.UsageError("--pybench-resume needs pytest-benchmark")
        if config.getoption("pybench_processes") > 1:
            raise pytest.UsageError(f"{processes.OPTION} needs pytest-benchmark")
        if config.getoption("pybench_fail_on"):
            raise pytest.UsageError("--pybench-fail-on needs pytest-benchmark")
        if config.getoption("pybench_memory"):
            raise pytest.UsageError(f"{memory.OPTION} needs pytest-benchmark")
        return
    descriptor: int | None = config.getoption("pybench_turns")
    storage = storage_folder(config.getoption("benchmark_storage"))
    if descriptor is not None:
        storage = None
    if storage is not None:
        config.add_cleanup(_replace_machine_id(session.identity.folder))
    clocks.use_extension()
    config.add_cleanup(limit_calibration())
    config.pluginmanager.register(RowState(session.say), "pybench-row-state")
    words = said_words(config)
    table = TableDefaults(config, words)
    rows = config.stash[_ROWS] = Rows(session, storage, table, words)
    config.pluginmanager.register(rows, "pybench-rows")
    config.pluginmanager.register(table, "pybench-table")
    config.pluginmanager.register(Comparison(session, storage), "pybench-comparison")
    if results is not None:
        repetition = processes.Repetition(session, results)
        config.pluginmanager.register(repetition, "pybench-repetition")
    wanted: int = config.getoption("pybench_processes")
    if wanted > 1:
        repeated = processes.Processes(session, wanted)
        config.pluginmanager.register(repeated, "pybench-processes")
    if config.getoption("pybench_memory"):
        # After the others, so that its processes come when all is timed.
        config.pluginmanager.register(memory.Memory(session), "pybench-memory")
    from pytest_benchmark.fixture import BenchmarkFixture

    if descriptor is not None:
        turns = config.stash[_TURNS] = Turns(session, descriptor, rows.refused)
        config.add_cleanup(turns.attach(BenchmarkFixture))
        config.pluginmanager.register(turns, "pybench-turns")
    # Around the turns, which replace what it wraps.
    config.add_cleanup(look_at_rows(BenchmarkFixture, session))


def takes_turns(config: pytest.Config) -> bool:
    """Tell whether `pybench compare` runs this session, which reads times alone."""
    return config.getoption("pybench_turns", None) is not None


def _has_pytest_benchmark(config: pytest.Config) -> bool:
    module = sys.modules.get("pytest_benchmark.plugin")
    return module is not None and config.pluginmanager.is_registered(module)


def _replace_machine_id(folder: str) -> Callable[[], None]:
    """Give each identity a folder of baselines; returns what undoes it.

    Stock has one folder for 3.14, 3.14t and 3.14t with the GIL on, and no hook for it.
    """
    from pytest_benchmark import session

    stock: Any = session
    machine_id = stock.get_machine_id
    stock.get_machine_id = lambda: folder

    def undo() -> None:
        stock.get_machine_id = machine_id

    return undo


# First, so that `-m kernel` and `-m "not kernel"` see the marker.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Select, and mark what is left."""
    selectors = config.getoption("pybench_select")
    if selectors:
        select(config, items, selectors)
    if config.getoption("pybench_quick"):
        select_quick(config, items)
    row: str | None = config.getoption("pybench_row")
    if row is not None:
        select_row(config, items, row)
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
    of_session = request.config.stash[_ROWS]

    def run(
        name: str,
        /,
        *,
        iterations: int | None = None,
        rounds: int | None = None,
        **arguments: object,
    ) -> list[KernelResult]:
        __tracebackhide__ = True
        turns = request.config.stash.get(_TURNS, None)
        if turns is not None:
            return turns.kernel(
                name, arguments, benchmark=benchmark, iterations=iterations
            )
        try:
            return run_row(
                name,
                arguments,
                benchmark=benchmark,
                budget=of_session.budget(request.node, benchmark),
                store=of_session.store,
                floor=of_session.floor,
                usable_cpus=of_session.session.identity.usable_cpus,
                iterations=iterations,
                rounds=rounds,
            )
        except BaseException:
            # Else the stock fixture complains that this row did not use it.
            benchmark._mode = benchmark._mode or "kernel(...)"
            raise

    return run
