"""A row that takes turns: under ``pybench compare`` it runs only when it is told to.

The controller starts a session of each interpreter and talks with it over one socket,
in lines of JSON. A row reaches its turns through the `benchmark` fixture itself: a
call of it announces the row, then runs a sample each time the controller asks for one,
and returns when it is told to stop. So the row's set-up, its markers and the user's
options are those of any other session. What the controller says:

    {"do": "rows", "rows": [...]}          once, after collection: which, in what order
    {"do": "size", "target_ns": n, ...}    find a count; answered {"sized": {...}}
    {"do": "sample", "count": n, ...}      run one; answered {"sample": {...}}
    {"do": "stop"}                         end the row

and what this side says unasked: ``hello`` (who), ``ready`` (a row waits), ``ended``
(a row is over and how), ``bye``. When the socket closes, the session ends.
"""

import gc
import inspect
import json
import math
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import repeat
from typing import Any

import pytest

from pybench.records.identity import identity_document
from pybench.records.outcomes import (
    ERROR,
    MEASURED,
    NOT_AVAILABLE,
    SKIPPED,
    VOID,
    ReasonKind,
)
from pybench.records.samples import Sample
from pybench.target.plugin.kernel import find_kernel, native_or_fail
from pybench.target.plugin.marking import alternates, is_row, margin
from pybench.target.plugin.overriding import overridden
from pybench.target.plugin.session import Session
from pybench.target.plugin.statuses import na_of, skip_reason
from pybench.target.process import clocks
from pybench.target.process.collector import collector_off
from pybench.target.process.identity import gil_enabled, is_free_threaded
from pybench.target.process.imported_packages import ImportedPackages
from pybench.target.process.pedantic import (
    Given,
    check_pedantic,
    most_rounds,
    round_arguments,
)
from pybench.target.process.rounds import KernelResult

_usage: Callable[[], Any] | None
try:
    from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
except ImportError:  # on Windows; there the children's time is not counted
    _usage = None
else:
    _usage = partial(getrusage, RUSAGE_CHILDREN)

OPTION = "--pybench-turns"

# Counts are whole multiples of this from it on, so that a twentieth more calls is an
# exact count too: that is how a change of 5 % is planted.
MULTIPLE = 20

# A sample that sets up for each call may take so many times what it times.
SETUP_SHARE = 8
# A kernel sets up once a sample, however many rounds there are: where that is long, the
# sample is longer too, up to so many times the target.
KERNEL_LONGEST = 3

# A sample of so many calls begins with one that is not timed: the partner has just had
# this CPU and its caches. With fewer it would cost a sizeable part of the sample.
REFILL_FROM = 5

# Kernels of one thread run in rounds of this length; with more threads, which need
# some microseconds to meet, in longer ones.
KERNEL_ROUND_NS = 250_000
KERNEL_ROUND_NS_THREADS = 1_000_000
KERNEL_FIRST = 256

# Nothing is timed in one go for longer, so that Ctrl-C and the end of the controller
# are seen.
COUNT_MOST = 10**9

# Of a reason so many characters are said.
REASON_MOST = 300


class ControllerGoneError(BaseException):
    """The controller closed the socket: no row shall catch this and go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a row does in a turn.

    Parameters
    ----------
    run : callable
        Takes the sized numbers, returns a sample.
    size : callable
        Takes the target in ns and the highest count; returns the numbers by name,
        "count" among them.
    finish : callable
        Gives the row its return value.
    rounds : int or None
        The most that its samples may count in this process, all together; None for as
        many as are wanted.
    """

    run: Callable[[Mapping[str, int]], Sample]
    size: Callable[[float, int], dict[str, int]]
    finish: Callable[[], Any]
    rounds: int | None = None


class Watch:
    """Wall time, CPU time and time spent runnable but not running, in ns."""

    __slots__ = ("_blocked", "_cpu", "_schedstat", "_waited", "_wall")

    def __init__(self) -> None:
        self._schedstat = _schedstat_path()
        self._wall = self._cpu = self._waited = 0
        self._blocked: int | None = None

    def start(self) -> None:
        """Begin a window."""
        self._waited = _waited_ns(self._schedstat)
        self._blocked = blocked()
        self._cpu = _cpu_ns()
        self._wall = clocks.wall_ns()

    def stop(self) -> Sample:
        """End the window; clocks in the opposite order, so that wall is inside."""
        wall = clocks.wall_ns()
        cpu = _cpu_ns()
        given_up = blocked_since(self._blocked)
        waited = _waited_ns(self._schedstat) - self._waited
        return Sample(
            wall_ns=wall - self._wall,
            cpu_ns=cpu - self._cpu,
            waited_ns=waited,
            blocked=given_up,
        )


def blocked() -> int | None:
    """Return how often this process has given the CPU up of itself; Linux counts so."""
    if _usage is None or sys.platform != "linux":
        return None
    count: int = getrusage(RUSAGE_SELF).ru_nvcsw
    return count


def blocked_since(before: int | None) -> int | None:
    """Return how often it has since then."""
    now = blocked()
    return None if before is None or now is None else now - before


def _cpu_ns() -> int:
    """Return the CPU time of this process and of the children it has waited for."""
    own = clocks.process_cpu_ns()
    if _usage is None:
        return own
    children = _usage()
    children_s: float = children.ru_utime + children.ru_stime
    return own + round(children_s * 1e9)


def _schedstat_path() -> str | None:
    path = f"/proc/self/task/{threading.get_native_id()}/schedstat"
    return path if os.path.exists(path) else None  # noqa: PTH110 - str, read often


def _waited_ns(path: str | None) -> int:
    if path is None:
        return 0
    with open(path, "rb") as file:  # noqa: PTH123
        return int(file.read().split()[1])


class Channel:
    """Lines of JSON over the inherited socket."""

    def __init__(self, descriptor: int) -> None:
        # Not for the children of a row: they would keep the controller waiting.
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._reader = self._socket.makefile("rb")

    def say(self, **message: object) -> None:
        """Send one line."""
        try:
            self._socket.sendall(json.dumps(message, default=str).encode() + b"\n")
        except OSError as error:
            raise ControllerGoneError(str(error)) from None

    def hear(self) -> dict[str, Any]:
        """Wait for one line."""
        try:
            line = self._reader.readline()
        except OSError as error:
            raise ControllerGoneError(str(error)) from None
        if not line.endswith(b"\n"):
            raise ControllerGoneError("closed")
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        """Close both."""
        self._reader.close()
        self._socket.close()


class Turns:
    """The plugin of a session under the controller.

    Parameters
    ----------
    session : Session
        Whose rows take turns.
    descriptor : int
        The socket.
    refused : mapping of str to str
        Rows whose markers say what cannot be, and what that is; read when all rows are
        collected.
    """

    def __init__(
        self, session: Session, descriptor: int, refused: Mapping[str, str]
    ) -> None:
        self._session = session
        self._channel = Channel(descriptor)
        self._current = ""  # the row whose call phase is on
        self._facts: dict[str, Any] = {}
        self._void: str | None = None
        self._said_ended = False
        self._is_served = False  # whether the row has called `benchmark`
        self._uncollected: dict[str, str] = {}
        self._refused = refused
        self._says_rounds = False  # whether the row's call of pedantic does
        self._packages: ImportedPackages | None = None

    # Session

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what cannot be collected, and why: other files can."""
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
            reason = lines[-1].removeprefix("E").strip() if lines else "no reason given"
            self._uncollected[report.nodeid] = reason[:REASON_MOST]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Say who this is and what there is; keep what the controller wants."""
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
        rows = [item for item in items if is_row(item)]
        names = Counter(item.nodeid for item in rows)
        self._channel.say(
            say="hello",
            pid=os.getpid(),
            root=str(config.rootpath),
            configuration=str(config.inipath or ""),
            identity=identity_document(self._session.identity),
            gil_enabled=gil_enabled(),
            overridden=overridden(config),
            packages=self._packages.new(),
            rows={
                item.nodeid: _facts_of(item, self._refused, names[item.nodeid])
                for item in rows
            },
            uncollected=self._uncollected,
        )
        message = self._channel.hear()
        by_name = {item.nodeid: item for item in rows}
        wanted = [name for name in message["rows"] if name in by_name]
        items[:] = [by_name[name] for name in wanted]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Say how each row ended, whatever happened to it."""
        self._said_ended = self._is_served = False
        self._current = item.nodeid
        result = yield
        if not self._said_ended:
            self._ended(item.nodeid, ERROR, "the row ended without a result")
        self._current = ""
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the outcome of a row from its reports."""
        if report.nodeid != self._current or self._said_ended:
            return
        if report.failed:
            watch = self._session.watch
            if watch.is_broken:
                reason = f"GIL turned on by {watch.culprit()}"
                self._ended(report.nodeid, VOID, reason, ReasonKind.GIL_TURNED_ON)
            else:
                self._ended(report.nodeid, ERROR, _last_line(report))
        elif report.skipped:
            na = na_of(report)
            outcome = SKIPPED if na is None else NOT_AVAILABLE
            self._ended(report.nodeid, outcome, na or skip_reason(report))
        elif report.when == "teardown":
            if self._is_served:
                self._ended(report.nodeid, MEASURED, "")
            else:
                self._ended(report.nodeid, SKIPPED, "it never called benchmark")

    def _ended(
        self, row: str, outcome: str, reason: str, kind: ReasonKind | None = None
    ) -> None:
        self._said_ended = True
        more = self._packages.new() if self._packages else {}
        self._channel.say(
            say="ended", row=row, outcome=outcome, reason=reason, kind=kind,
            facts=self._facts,
            **({"packages": more} if more else {}),
        )  # fmt: skip
        self._facts = {}

    def pytest_sessionfinish(self) -> None:
        """Say that nothing comes any more."""
        try:
            self._channel.say(say="bye")
        except ControllerGoneError:
            return

    # One row

    def attach(self, fixture: type) -> Callable[[], None]:
        """Make the stock fixture take turns; returns what undoes it.

        Its two inner methods are replaced, so that the checks around them, among
        them that it is used once, stay the stock's.
        """
        stock: Any = fixture
        names = ("_raw", "_raw_pedantic", "pedantic")
        kept = {name: getattr(stock, name) for name in names}
        parameters = inspect.signature(kept["pedantic"])

        def raw(benchmark: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
            work = calls_work(benchmark, function, args, kwargs)
            return self.serve(benchmark, work)

        # Stock's own fills in what a row leaves out, and one round is what it fills in.
        def pedantic(benchmark: Any, *args: Any, **kwargs: Any) -> Any:
            said = parameters.bind_partial(benchmark, *args, **kwargs).arguments
            self._says_rounds = "rounds" in said
            return kept["pedantic"](benchmark, *args, **kwargs)

        def raw_pedantic(benchmark: Any, target: Any, **how: Any) -> Any:
            work = pedantic_work(
                benchmark, target, says_rounds=self._says_rounds, **how
            )
            return self.serve(benchmark, work)

        stock._raw, stock._raw_pedantic = raw, raw_pedantic
        stock.pedantic = pedantic

        def undo() -> None:
            for name, function in kept.items():
                setattr(stock, name, function)

        return undo

    def kernel(
        self,
        name: str,
        arguments: Mapping[str, object],
        *,
        benchmark: Any,
        iterations: int | None,
    ) -> list[KernelResult]:
        """Measure a kernel row in turns; what the fixture `kernel` does here."""
        benchmark._mode = "kernel(...)"  # else stock says that it was not used
        work = kernel_work(benchmark, name, arguments, iterations)
        with collector_off():
            kept: list[KernelResult] = self.serve(
                benchmark, work, threads=arguments.get("threads", 1)
            )
        return kept

    def serve(self, benchmark: Any, work: Work, **facts: object) -> Any:
        """Run samples of a row until told to stop; return what the row gets."""
        self._is_served = True
        self._facts = {name: _plain(value) for name, value in facts.items()}
        self._channel.say(
            say="ready", row=benchmark.fullname, rounds=work.rounds, **self._facts
        )
        samples: list[float] = []
        numbers: dict[str, int] = {}
        while True:
            message = self._channel.hear()
            action = message.pop("do")
            if action == "size":
                most = message.get("most") or COUNT_MOST
                numbers = work.size(message["target_ns"], most)
                self._channel.say(say="sized", numbers=numbers)
            elif action == "sample":
                numbers = message["numbers"]
                sample = work.run(numbers)
                samples.append(sample.wall_ns / 1e9)
                self._channel.say(say="sample", sample=asdict(sample))
            elif action == "stop":
                break
            else:
                raise ControllerGoneError(f"unknown message {action!r}")
        extra = benchmark.extra_info
        self._facts |= {
            key: _plain(extra[key]) for key in ("operations", "threads") if key in extra
        }
        if not benchmark.stats:
            stats = benchmark._make_stats(math.prod(numbers.values()))
            for value in samples or [0.0]:
                stats.update(value)
        return work.finish()


def _facts_of(
    item: pytest.Item, refused: Mapping[str, str], copies: int
) -> dict[str, Any]:
    """Say what the controller must know of a row before it runs.

    A row that says what cannot be is told with the reason: it is no fault of others.
    """
    facts: dict[str, Any] = {"file": os.fspath(item.path)}
    try:
        facts |= {"alternate": alternates(item), "margin": margin(item)}
    except pytest.UsageError as error:
        return facts | {"refused": str(error)}
    group = item.get_closest_marker("benchmark")
    facts["group"] = _group_of(group.kwargs.get("group")) if group else None
    if item.nodeid in refused:
        facts["refused"] = refused[item.nodeid]
    elif copies > 1:
        facts["refused"] = f"{copies} rows of the suite have this name"
    return facts


def _group_of(group: object) -> str | None:
    """Return a group as a text: stock takes whatever can be shown."""
    if group is None:
        return None
    try:
        return str(group)
    except Exception:
        return str(_plain(group))


def _plain(value: object) -> object:
    """Return a value as JSON can hold it, or a text of what it is."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        is_short = value.bit_length() <= 64
        return int(value) if is_short else f"an int of {value.bit_length()} bits"
    if isinstance(value, str):
        return str.__str__(value)
    return f"a {type(value).__name__}"


def _last_line(report: pytest.TestReport) -> str:
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    crash = getattr(getattr(report.longrepr, "reprcrash", None), "message", "")
    text = crash or (lines[-1] if lines else "no message")
    return f"{report.when}: {text.splitlines()[0][:REASON_MOST]}"


@contextmanager
def _collector(*, is_off: bool) -> Iterator[None]:
    """Keep the collector off in a window, if the user's options say so."""
    was_on = gc.isenabled()
    if is_off:
        gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _whole(count: float) -> int:
    """Return a count that a twentieth can be added to exactly, if it is that large."""
    if count < MULTIPLE:
        return max(1, round(count))
    return min(COUNT_MOST, round(count / MULTIPLE) * MULTIPLE)


def _find_count(
    run: Callable[[int], tuple[float, float]], target_ns: float, most_count: int
) -> int:
    """Return how many times fill the target, at most `most_count`.

    Parameters
    ----------
    run : callable
        Does it so many times; returns the timed ns and those of all. It is asked for
        less than three times the most in all, and for nothing if that is one.
    """
    if most_count == 1:
        return 1
    count = 1
    while True:
        timed, whole = run(count)
        per_call = max(timed / count, 1e-3)
        # Else a row whose set-up is long would take minutes.
        most = SETUP_SHARE * target_ns / max(whole / count, 1e-3)
        wanted = min(target_ns / per_call, most)
        if timed >= target_ns / 10 or whole >= target_ns or count >= most_count:
            return min(most_count, _whole(wanted))
        count = min(most_count, max(count * 2, min(count * 20, int(wanted / 5))))


def calls_work(
    benchmark: Any,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Work:
    """Return the work of ``benchmark(function, *args, **kwargs)``."""
    watch = Watch()

    def run(numbers: Mapping[str, int], *, refill: bool = True) -> Sample:
        times = repeat(None, numbers["count"])
        with _paused(), _collector(is_off=benchmark._disable_gc):
            if refill and numbers["count"] >= REFILL_FROM:
                function(*args, **kwargs)
            watch.start()
            for _ in times:
                function(*args, **kwargs)
            return watch.stop()

    def once(count: int) -> tuple[float, float]:
        wall = run({"count": count}, refill=False).wall_ns
        return wall, wall

    return Work(
        run=run,
        size=lambda target, most: {"count": _find_count(once, target, most)},
        finish=lambda: function(*args, **kwargs),
    )


def pedantic_work(
    benchmark: Any,
    target: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    setup: Callable[[], Any] | None = None,
    teardown: Callable[..., Any] | None = None,
    rounds: int = 1,
    warmup_rounds: int = 0,
    iterations: int = 1,
    *,
    says_rounds: bool = True,
) -> Work:
    """Return the work of ``benchmark.pedantic(...)``: its rounds, one after another.

    No process does more rounds than `most_rounds`; the calls of those are the ones
    that stock would make. Where there is no limit, `rounds` is taken for an idea of
    how many are enough.

    Raises
    ------
    ValueError
        For what stock refuses, in its words.
    """
    check_pedantic(
        rounds=rounds,
        warmup_rounds=warmup_rounds,
        iterations=iterations,
        has_setup=bool(setup),
    )
    work = _Rounds(
        benchmark=benchmark,
        target=target,
        arguments=partial(round_arguments, args, kwargs or {}, setup),
        teardown=teardown,
        warmup_rounds=warmup_rounds,
        iterations=iterations,
        limit=most_rounds(rounds, has_setup=bool(setup), says_rounds=says_rounds),
    )
    return Work(run=work.run, size=work.size, finish=work.finish, rounds=work.limit)


class _Rounds:
    """The rounds of one row in this process."""

    def __init__(
        self,
        *,
        benchmark: Any,
        target: Callable[..., Any],
        arguments: Callable[[], Given],
        teardown: Callable[..., Any] | None,
        warmup_rounds: int,
        iterations: int,
        limit: int | None,
    ) -> None:
        self.limit = limit
        self._benchmark = benchmark
        self._target = target
        self._arguments = arguments
        self._teardown = teardown
        self._warmup_rounds = warmup_rounds
        self._iterations = iterations
        self._done = 0
        self._watch = Watch()
        # What the row gets, if no further call may be made for it.
        self._is_result_kept = limit is not None and iterations == 1
        self._result: Any = None

    def run(self, numbers: Mapping[str, int]) -> Sample:
        """Do a sample's rounds."""
        count, asked = numbers["count"], numbers.get("iterations", self._iterations)
        if asked != self._iterations:
            raise ValueError(
                f"pedantic(iterations={self._iterations}) here, and {asked} where the "
                "row was tried out first: its rounds cannot be compared"
            )
        if self.limit is not None and self._done + count > self.limit:
            raise ValueError(
                f"pedantic(rounds={self.limit}) and {self._done + count} are asked "
                "for: the run that is continued did not know of the limit, or the "
                "other side has a higher one"
            )
        self._warm()
        self._done += count
        total = Sample(wall_ns=0, cpu_ns=0, waited_ns=0, blocked=0)
        for _ in range(count):
            total += self._round()
        return total

    def size(self, target_ns: float, most: int) -> dict[str, int]:
        """Find how many rounds fill a sample."""

        def once(count: int) -> tuple[float, float]:
            start = clocks.wall_ns()
            timed = self.run({"count": count}).wall_ns
            return timed, clocks.wall_ns() - start

        if most > 1:
            self._warm()
        count = _find_count(once, target_ns, most)
        return {"count": count, "iterations": self._iterations}

    def finish(self) -> Any:
        """Return what the target returned; call it if that was not kept."""
        if self._is_result_kept and self._done:
            return self._result
        self._warm()
        ours, names = self._arguments()
        result = self._target(*ours, **names)
        if self._teardown is not None:
            self._teardown(*ours, **names)
        return result

    def _warm(self) -> None:
        """Do the warm-up rounds that the row asks for, once."""
        while self._warmup_rounds:
            self._warmup_rounds -= 1
            self._round()

    def _round(self) -> Sample:
        target, watch = self._target, self._watch
        ours, names = self._arguments()
        with _paused(), _collector(is_off=self._benchmark._disable_gc):
            if self._is_result_kept:
                self._result = None  # so that the one before is freed outside
                watch.start()
                result = target(*ours, **names)
                sample = watch.stop()
                self._result = result
            else:
                watch.start()
                for _ in repeat(None, self._iterations):
                    target(*ours, **names)
                sample = watch.stop()
        if self._teardown is not None:
            self._teardown(*ours, **names)
        return sample


def kernel_work(
    benchmark: Any,
    name: str,
    arguments: Mapping[str, object],
    iterations: int | None,
) -> Work:
    """Return the work of a native kernel: a count of its rounds, timed in C."""
    native = native_or_fail()
    function = find_kernel(native, name)
    if benchmark.group is None:
        benchmark.group = native.KERNELS[name]["area"]
    last: list[KernelResult] = []

    def call(rounds: int, of: int) -> list[KernelResult]:
        try:
            last[:] = function(of, rounds=rounds, **arguments)
        except NotImplementedError as error:
            pytest.skip(f"n/a: {error}")
        return last

    def run(numbers: Mapping[str, int]) -> Sample:
        before = blocked()
        results = call(numbers["count"], numbers["iterations"])
        given_up = blocked_since(before)
        operations = numbers["iterations"]
        # The driver knows no run-queue wait; a thread that never waits shows it as
        # the difference of its clocks.
        return Sample(
            wall_ns=round(sum(r.ns_per_operation for r in results) * operations),
            cpu_ns=round(sum(r.cpu_ns_per_operation for r in results) * operations),
            waited_ns=0,
            # The driver's own thread is waited for once, whatever it does: a kernel
            # that waits does so in every round.
            blocked=None if given_up is None else given_up // numbers["count"],
        )

    def size(target_ns: float, most: int) -> dict[str, int]:
        threads = arguments.get("threads", 1)
        single = threads == 1
        round_ns = KERNEL_ROUND_NS if single else KERNEL_ROUND_NS_THREADS
        chosen = iterations
        if chosen is None:
            chosen = KERNEL_FIRST
            while True:
                window = min(r.elapsed_ns for r in call(3, chosen))
                if window >= round_ns / 10 or chosen >= COUNT_MOST:
                    break
                chosen = min(COUNT_MOST, chosen * 8)
            chosen = max(1, round(chosen * round_ns / max(window, 1)))
        began = clocks.wall_ns()
        windows = [r.elapsed_ns for r in call(3, chosen)]
        setup_ns = clocks.wall_ns() - began - sum(windows)
        wanted = max(target_ns, min(setup_ns / SETUP_SHARE, KERNEL_LONGEST * target_ns))
        count = min(most, _whole(wanted / max(min(windows), 1)))
        return {"iterations": chosen, "count": count}

    return Work(run=run, size=size, finish=lambda: last)


@contextmanager
def _paused() -> Iterator[None]:
    """Keep tracers and profilers out of a window, as the stock fixture does.

    Its own pause has come with pytest-benchmark 5.2, and a side may have an older one.
    """
    tracer, profiler = sys.gettrace(), sys.getprofile()
    if tracer is None and profiler is None:
        yield
        return
    sys.settrace(None)
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
        sys.setprofile(profiler)
