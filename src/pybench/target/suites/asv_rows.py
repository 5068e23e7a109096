"""What runs a benchmark of asv, as a row: its set-up, its samples or its value.

The parts of asv_runner that asv itself uses are used: what makes a benchmark, sets it
up and tears it down in this process, and what runs it in a child for a value.
"""

import contextlib
import io
import itertools
import json
import math
import os
import pickle
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

from pybench import children
from pybench.records.samples import Sample
from pybench.target.plugin.interleaving_adapters import CallAdapter, PedanticAdapter
from pybench.target.plugin.outcomes import in_words
from pybench.target.plugin.values import report_value
from pybench.target.process import clocks
from pybench.target.suites.asv_caches import CACHES

# asv's own limit of what runs in a child, where the suite says none.
TIMEOUT_S = 60.0
# Under ``pybench compare`` no step may take a minute: then the child alone is ended.
STEP_S = 50.0
# asv warms up for so long where the suite does not say.
WARMUP_S = 0.1
# What a child runs, with the path of this process: a row imports what others import.
# The alarm ends one that outlives this process.
_CHILD = """
import json, signal, sys
path, limit_s, function, words = json.loads(sys.stdin.read())
sys.path[:] = path
if hasattr(signal, "alarm"):
    signal.alarm(limit_s)
if function == "run":
    from asv_runner.run import _run as function
else:
    from asv_runner.setup_cache import _setup_cache as function
function(words)
"""
# Linux lets a process begin with the peak of memory of the one that started it: this
# one stands between, and has little.
_BETWEEN = "import os, sys; sys.exit(os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:]))"
# The child of a timeraw_ row; its clocks are read where asv reads them, by timeit.
_RAW_CHILD = """
import json, signal, sys, time, timeit
path, limit_s, stmt, setup, number = json.loads(sys.stdin.read())
sys.path[:] = path
if hasattr(signal, "alarm"):
    signal.alarm(limit_s)
read = []
def clock():
    read.append((time.process_time_ns(), time.perf_counter_ns()))
    return 0
timeit.Timer(stmt, setup, timer=clock, globals={}).timeit(number)
(cpu, wall), (cpu_end, wall_end) = read
print("\\n%d %d" % (wall_end - wall, cpu_end - cpu))
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a benchmark comes from: one is made for each row, with its own instance."""

    root: Path
    module: ModuleType
    owner: type | None
    name: str
    function: Callable[..., Any]

    def benchmark(self) -> Any:
        """Return asv's benchmark, None if it takes this for none."""
        from asv_runner.discovery import _get_benchmark

        return _get_benchmark(self.name, self.module, self.owner, self.function)


class ChildClock:
    """A clock that a child's own readings move, for pytest-benchmark."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def read(self) -> float:
        """Return it."""
        return self.now_s


CHILD_CLOCK = ChildClock()


@dataclass(slots=True)
class Run:
    """One row while it runs: asv's benchmark and pytest-benchmark's fixture."""

    source: Source
    index: int
    fixture: Any
    request: pytest.FixtureRequest
    asv: Any = None
    folder: Path = Path()

    def __post_init__(self) -> None:
        """Choose the parameters, and have `setup_cache` run."""
        self.asv = self.source.benchmark()
        self.asv.set_param_idx(self.index)
        key = self.asv.setup_cache_key
        name = None if key is None else f"{self.source.root}:{key}"
        caches = self.request.config.stash[CACHES]
        self.folder = caches.folder(name, self.set_up_cache)

    @property
    def interleaving(self) -> Any:
        """What takes the samples under ``pybench compare``, else None."""
        return self.request.config.pluginmanager.get_plugin("pybench-interleaving")

    def child(
        self, function: str, words: Sequence[str], folder: Path, timeout_s: float | None
    ) -> children.ChildResult:
        """Let asv_runner do something for this row in a child."""
        limit_s = self.limit_s(timeout_s)
        identity = f"{self.asv.name}-{self.index}" if self.asv.params else self.asv.name
        arguments = [str(self.source.root), identity, "{}", *words]
        return children.run(
            [sys.executable, "-IS", "-c", _BETWEEN, sys.executable, "-P", "-c", _CHILD],
            text=json.dumps([sys.path, math.ceil(limit_s) + 1, function, arguments]),
            cwd=folder,
            timeout_s=limit_s,
        )

    def limit_s(self, timeout_s: float | None) -> float:
        """Return how long a child may take, by what the suite says."""
        limit_s = timeout_s or TIMEOUT_S
        return limit_s if self.interleaving is None else min(limit_s, STEP_S)

    def set_up_cache(self, folder: Path) -> str:
        """Run `setup_cache` in a child, in a folder; return its problem."""
        timeout_s = self.asv.setup_cache_timeout or self.asv.timeout
        child = self.child("setup_cache", [], folder, timeout_s)
        return child.problem and f"{child.problem}: {child.last_line}"

    @contextlib.contextmanager
    def set_up(self) -> Iterator[None]:
        """Run a row between its set-up and its tear-down, in its folder."""
        from asv_runner.benchmarks.mark import SkipNotImplemented

        if self.asv.setup_cache_key is not None:
            data = (self.folder / "cache.pickle").read_bytes()
            self.asv.set_cache(pickle.loads(data))
        with contextlib.chdir(self.folder):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                is_skipped = self.asv.do_setup()
            if is_skipped:
                with contextlib.suppress(Exception):  # of what was not set up
                    self.asv.do_teardown()
                _skip(printed.getvalue(), "its parameters are in skip_params")
            try:
                yield
            except SkipNotImplemented as error:
                pytest.skip(f"n/a: {in_words(error)}")
            finally:
                self.asv.do_teardown()


def _skip(printed: str, why: str) -> NoReturn:
    """Make a row n/a, with the reason that asv_runner has printed, else with `why`."""
    mark = "asv: skipped: "
    reasons = [line for line in printed.splitlines() if line.startswith(mark)]
    if reasons:
        why = f"set-up: {reasons[-1].removeprefix(mark).strip()}"
    pytest.skip(f"n/a: {why}")


# The kinds of rows


class CallsAfterSetup(CallAdapter):
    """A sample is a number of calls behind a set-up, as asv takes one."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.fixture, run.asv.func, run.asv._build_params(), {})
        self._again = run.asv.redo_setup

    def run(self, numbers: Mapping[str, int], *, refill: bool = True) -> Sample:
        """Set up again, except before the first sample, and time so many calls."""
        self._again()
        return super().run(numbers, refill=refill)

    def finish(self) -> None:
        """Return nothing: nobody asks a row of asv for its result."""


class ChildSamples(PedanticAdapter):
    """A sample is a number of child processes, each timed by its own clocks."""

    def _round(self) -> Sample:
        self._row.arguments()
        wall_ns, cpu_ns = self._row.target()
        return Sample(wall_ns=wall_ns, cpu_ns=cpu_ns, waited_ns=0, blocked=None)

    def finish(self) -> None:
        """Return nothing: nobody asks a row of asv for its result."""


def _run_time(run: Run) -> None:
    """Measure a ``time_`` row."""
    __tracebackhide__ = True
    with run.set_up():
        call = partial(run.asv.func, *run.asv._build_params())
        warmup_s = run.asv.warmup_time
        if warmup_s < 0:
            warmup_s = 0 if run.interleaving else WARMUP_S
        if not run.fixture.disabled:
            _repeat_for(run, call, warmup_s)
        number = run.asv.number
        if number == 0 and run.interleaving is not None:
            run.fixture._mode = "asv"  # else stock says that it was not used
            run.interleaving.serve(run.fixture, CallsAfterSetup(run))
            return
        if number == 0:
            number = 1 if run.fixture.disabled else _number(run, call)
        _pedantic(run, _calls(call, number), number, again=run.asv.redo_setup)


def _run_raw(run: Run) -> None:
    """Measure a ``timeraw_`` row."""
    __tracebackhide__ = True
    with run.set_up():
        number, child = run.asv.number, partial(_time_in_child, run)
        if run.interleaving is not None:
            run.fixture._mode = "asv"
            run.fixture.extra_info["operations"] = number
            samples = ChildSamples(run.fixture, child, setup=_nothing, rounds=2)
            run.interleaving.serve(run.fixture, samples)
            return

        def timed() -> None:
            CHILD_CLOCK.now_s += child()[0] / 1e9

        # What a child does leaves nothing behind: asv sets up once.
        _pedantic(run, timed, number, again=_nothing)


def _run_value(run: Run) -> None:
    """Let a row come to its value in a child, whose memory is its own."""
    result = run.folder / "value.json"
    result.unlink(missing_ok=True)
    timeout_s = run.asv.timeout
    child = run.child("run", ["None", str(result)], run.folder, timeout_s)
    if child.problem:
        pytest.fail(f"{child.problem}: {child.last_line}", pytrace=False)
    value = json.loads(result.read_text())
    if isinstance(value, float) and math.isnan(value):
        _skip(child.stdout, "its value is nan, by which asv says that it is skipped")
    report_value(run.request.node, run.fixture, value, run.asv.unit)


def _calls(call: Callable[[], object], number: int) -> Callable[[], None]:
    """Return what does a call so many times."""

    def calls() -> None:
        for _ in itertools.repeat(None, number):
            call()

    return calls


def _repeat_for(run: Run, call: Callable[[], object], seconds: float) -> None:
    """Warm up for so long, each time behind a set-up."""
    end_ns = clocks.wall_ns() + seconds * 1e9
    while clocks.wall_ns() < end_ns:
        run.asv.redo_setup()
        call()


def _number(run: Run, call: Callable[[], object]) -> int:
    """Return how many calls fill asv's `sample_time`, found as asv finds it."""
    number, wanted_ns = 1, run.asv.sample_time * 1e9
    while True:
        run.asv.redo_setup()
        began_ns = clocks.wall_ns()
        _calls(call, number)()
        taken_ns = max(clocks.wall_ns() - began_ns, 1)
        if taken_ns >= wanted_ns:
            return number
        number = max(number + 1, int(min(10.0, wanted_ns / taken_ns) * number))


def _nothing() -> None:
    """Set nothing up."""


def _pedantic(
    run: Run, target: Callable[[], None], number: int, *, again: Callable[[], None]
) -> None:
    """Measure rounds of so many calls, each behind a set-up.

    A row that asks for one call and no more gets one in each process.
    """
    __tracebackhide__ = True
    asv, is_interleaved = run.asv, run.interleaving is not None
    least, most, max_s = _repeats(asv)
    rounds = most
    if number == most == 1 and asv.warmup_time == 0:
        rounds = 1
    elif is_interleaved:
        rounds = max(2, most)  # no limit: a set-up is behind each
    elif not run.fixture.disabled:
        again()
        began_ns = clocks.wall_ns()
        target()
        taken_s = max(clocks.wall_ns() - began_ns, 1) / 1e9
        enough = max(int(max_s / taken_s), math.ceil(asv.min_run_count / number))
        rounds = max(least, min(most, enough))
    run.fixture.extra_info["operations"] = number
    run.fixture.pedantic(target, setup=again, rounds=rounds, iterations=1)


def _repeats(asv: Any) -> tuple[int, int, float]:
    """Return the fewest and the most samples of a process, and the seconds for them."""
    try:
        least, most, max_s = asv.repeat
    except (TypeError, ValueError):
        if asv.repeat:
            least = most = max(int(asv.repeat), 1)
            return least, most, asv.timeout or TIMEOUT_S
        return (1, 5, 10.0) if asv.rounds > 1 else (1, 10, 20.0)
    return max(int(least), 1), max(int(most), 1), float(max_s)


def _time_in_child(run: Run) -> tuple[int, int]:
    """Run the statement of a ``timeraw_`` row in a child; return wall and CPU ns."""
    statement = run.asv.func(*run.asv._build_params())
    parts = (statement, "") if isinstance(statement, str) else statement
    stmt, setup = map(textwrap.dedent, parts)
    limit_s = run.limit_s(run.asv.timeout)
    child = children.run(
        [sys.executable, "-P", "-c", _RAW_CHILD],
        text=json.dumps(
            [sys.path, math.ceil(limit_s) + 1, stmt, setup, run.asv.number]
        ),
        env={**os.environ, **(getattr(run.asv, "_timeraw_env", None) or {})},
        timeout_s=limit_s,
    )
    if child.problem:
        pytest.fail(f"the child {child.problem}: {child.last_line}", pytrace=False)
    try:
        wall_ns, cpu_ns = map(int, children.last_line(child.stdout).split())
    except ValueError:
        pytest.fail(f"the child wrote {child.last_line!r} last, and no time")
    return wall_ns, cpu_ns


RAW = "TimerawBenchmark"


def run_row(
    kind: str, source: Source, index: int, fixture: Any, request: pytest.FixtureRequest
) -> None:
    """Run one row of a kind, which is the name of asv_runner's class."""
    __tracebackhide__ = True
    run = Run(source, index, fixture, request)
    {"TimeBenchmark": _run_time, RAW: _run_raw}.get(kind, _run_value)(run)
