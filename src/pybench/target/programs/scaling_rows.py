"""Rows of a suite as what threads call: which there are, and what each gives them.

A row gives a function to `benchmark_threads`; a script of pyperf to `bench_func`. Both
are taken in the middle of the row, with all its fixtures set up, and the row ends
there. pytest is imported when a row is asked for: functions do without.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pybench.records.scaling import NA, ScalingOrder
from pybench.target.process.thread_calls import Setup, own_arguments, own_function
from pybench.target.programs.start_pytest import add_packages
from pybench.target.programs.suite_row import GivenRow, run_row
from pybench.target.programs.target_calls import missing, need_pytest

FIXTURE = "benchmark_threads"
_SCRIPTS = "pybench.target.suites.pyperf"

Call = Callable[[], object]
Use = Callable[[Callable[[], Call]], None]


def find_path(packages: str) -> None:
    """Set the path up as the sessions of a comparison have it."""
    if packages:
        add_packages(Path(packages))
    sys.path.append(os.getcwd())  # noqa: PTH109 - an entry is a str
    need_pytest()


def rows_of(order: ScalingOrder) -> tuple[str, ...]:
    """Return the rows that give threads a function; raises `TargetError` for none."""
    import pytest

    find_path(order.packages)
    rows = Rows(order.target)
    words = ["--collect-only", "-q", "-p", "no:cacheprovider", *order.options]
    status = pytest.main(words, plugins=[rows])
    if rows.others is None:
        raise missing(rows.problem or f"pytest ended with status {int(status)}")
    if not rows.rows:
        raise missing(
            rows.problem
            or f"none of {rows.others} tests gives a function to {FIXTURE}, or to "
            "bench_func of pyperf"
        )
    return tuple(rows.rows)


def use_row(order: ScalingOrder, use: Use) -> None:
    """Run a row, and use what makes a thread's call; `TargetError` if it gives none."""
    find_path(order.packages)
    given = GivenRow(order.target)
    takes = Takes(use)
    status = run_row(given, ("-s", *order.options), [takes])
    if not takes.is_taken:
        raise missing(
            given.problem
            or takes.problem
            or f"pytest ended with status {status} before the row gave a function"
        )


class Rows:
    """The plugin that notes the rows of threads, and leaves none to be run."""

    def __init__(self, begin: str) -> None:
        self.rows: list[str] = []
        self.others: int | None = None
        self.problem = ""
        self._begin = begin

    def pytest_collectreport(self, report: Any) -> None:
        """Note the first file that cannot be collected."""
        if report.failed and not self.problem:
            self.problem = f"{report.nodeid} cannot be collected: {last_line(report)}"

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Note them: of those that differ in their number of threads, the last."""
        by_values: dict[object, str] = {}
        for item in items:
            test = item.nodeid.partition("::")[2]
            is_meant = test == self._begin or test.startswith(
                (f"{self._begin}[", f"{self._begin}::") if self._begin else ""
            )
            if is_meant and gives_function(item):
                by_values[values_of(item)] = f"{shown(item.path)}::{test}"
        self.others = len(items)
        self.rows += by_values.values()
        items.clear()


def gives_function(item: Any) -> bool:
    """Tell whether a row is one of threads, or a benchmark of a script."""
    is_of_script = type(item.parent).__module__ == _SCRIPTS
    return FIXTURE in getattr(item, "fixturenames", ()) or is_of_script


def values_of(item: Any) -> object:
    """Return the test and its parameters, the number of threads left out."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "threads" not in callspec.params:
        return item.nodeid
    # By identity: not every value has a hash, and rows of one test share theirs.
    others = [(name, id(of)) for name, of in callspec.params.items()]
    return item.nodeid.partition("[")[0], *(of for of in others if of[0] != "threads")


def shown(path: Path) -> str:
    """Return a path as somebody here would write it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


class Takes:
    """The plugin that takes what a row gives, in place of whoever measures it."""

    def __init__(self, use: Use) -> None:
        self.is_taken = False
        self.problem = ""
        self._use = use

    def pytest_configure(self, config: Any) -> None:
        """Stand in for the fixture, and for what measures a script's benchmark."""
        import pytest

        def take(make: Callable[[], Call]) -> None:
            self.is_taken = True
            self._use(make)
            pytest.skip("measured")

        class Fixtures:
            """Registered now, and so found before that of an installed pybench."""

            @pytest.fixture(name=FIXTURE)
            def benchmark_threads(self, benchmark: Any) -> Any:
                """Take the function of a row."""
                return Given(benchmark, take)

        config.pluginmanager.register(Fixtures(), "pybench-scaling-fixtures")
        scripts: Any = sys.modules.get(_SCRIPTS)
        if scripts is not None:
            scripts.Script._take = lambda self, benchmark, call: take_script(call, take)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note why a row did not come to that."""
        if not self.is_taken and not report.passed and not self.problem:
            self.problem = last_line(report)


class Given:
    """What the fixture is while its function is taken."""

    def __init__(
        self, benchmark: Any, take: Callable[[Callable[[], Call]], None]
    ) -> None:
        self.extra_info = benchmark.extra_info
        self._take = take

    def __call__(
        self,
        function: Callable[..., Any],
        *args: Any,
        threads: int | None = None,
        setup: Setup | None = None,
        **kwargs: Any,
    ) -> None:
        """Take it; how many threads the row wants is not asked."""

        def make() -> Call:
            own, named = own_arguments(args, kwargs, setup, FIXTURE)
            return partial(own_function(function), *own, **named)

        self._take(make)


def take_script(call: Any, take: Callable[[Callable[[], Call]], None]) -> None:
    """Take the function that a script gives to `bench_func`."""
    import pytest

    if getattr(getattr(call.timed, "func", None), "__name__", "") != "_function":
        pytest.skip(
            f"{NA}{call.name} is no function for threads to call; bench_func takes one"
        )
    function = call.timed.args[0]
    whole = function if isinstance(function, partial) else partial(function)
    take(lambda: partial(own_function(whole.func), *whole.args, **whole.keywords))


def last_line(report: Any) -> str:
    """Return what pytest says of a row or a file, in a line."""
    text = report.longrepr
    if isinstance(text, tuple):  # of a skip: the file, the line, the reason
        reason = str(text[2]).removeprefix("Skipped: ")
        return reason if reason.startswith(NA) else f"{NA}it is skipped: {reason}"
    crash = getattr(text, "reprcrash", None)
    lines = [line.strip() for line in str(crash.message if crash else text).split("\n")]
    lines = [line.removeprefix("E").strip() for line in lines if line]
    return (lines[0] if crash else lines[-1]) if lines else "no message"
