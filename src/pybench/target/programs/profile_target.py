"""What runs inside a measured child: one target, under one condition.

Started as a file, by any CPython from 3.11 on, so it imports the standard library
alone, and one file of pybench by its path. It is told what to do by one JSON object in
its arguments and answers by a JSON file, which it writes again after each step: what
is known stays known when the target ends the process. Times are nanoseconds, of
`time.monotonic_ns` where the host compares them with its own.
"""

import contextlib
import cProfile
import functools
import gc
import importlib
import importlib.machinery
import importlib.util
import inspect
import io
import itertools
import json
import os
import sys
import threading
import time
import timeit
import tracemalloc
import types
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

Call = Callable[[], object]
Report = dict[str, Any]

# A call this short is timed in a batch, by timeit; a longer one now and then by itself.
BATCH_NS = 5_000_000
MOST_CALLS = 1_000_000
# The quickest of them is the one that was disturbed least.
BATCHES = 5

# How many pauses and functions are kept; their sums are over all.
PAUSES = 1000
FUNCTIONS = 15

# Not a divisor of the switch interval, so that the two do not fall into step.
PROBE_S = 0.011
PROBE_IDLE = 20

CALIBRATED = 20_000

# What a target left to exit functions, threads and pools, may take so long to end.
GRACE_S = 5.0

now = time.perf_counter_ns


def by_path(name: str, path: Path) -> Any:
    """Import a file that only needs the standard library, whatever sys.path is."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


unfinished = by_path(
    "pybench_unfinished", Path(__file__).parents[1] / "process" / "lazy_results.py"
)


sampling = by_path("pybench_sampling", Path(__file__).with_name("sampling.py"))
stated = by_path(
    "pybench_pedantic", Path(__file__).parents[1] / "process" / "pedantic.py"
)
given_row = by_path("pybench_suite_row", Path(__file__).with_name("suite_row.py"))


class TargetError(Exception):
    """A target that did not do what one has to; ``kind`` says how."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


# --- targets ---------------------------------------------------------------------


def script(path: str, arguments: list[str]) -> Call:
    """Return what runs a script once, as ``__main__`` and with nothing left over."""
    # As Python does: the folder of what a link points to, the path as it was given.
    sys.path.insert(0, str(Path(path).resolve().parent))
    sys.argv = [path, *arguments]
    full = str(Path(path).absolute())
    code = compile(Path(path).read_bytes(), full, "exec", dont_inherit=True)
    loader = importlib.machinery.SourceFileLoader("__main__", full)
    return main_program(
        code, {"__file__": full, "__cached__": None, "__loader__": loader}
    )


def module(name: str, arguments: list[str]) -> Call:
    """Return what runs a module once, as ``python -m`` does."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        raise TargetError("missing", f"-m {name}: {error}") from None
    loader: Any = spec and spec.loader
    if spec is None or not hasattr(loader, "get_code"):
        raise TargetError("missing", f"-m {name}: there is no such module")
    code = loader.get_code(spec.name)
    if code is None:
        raise TargetError("missing", f"-m {name}: it is not written in Python")
    sys.argv = [spec.origin or name, *arguments]
    names = {
        "__file__": spec.origin,
        "__cached__": spec.cached,
        "__loader__": loader,
        "__package__": spec.parent,
        "__spec__": spec,
    }
    return main_program(code, names)


def main_program(code: types.CodeType, names: dict[str, object]) -> Call:
    """Return what runs code as ``__main__``, each time in a module of its own."""
    arguments = list(sys.argv)
    # The last module is kept until the next has begun: threads may still read it.
    kept: list[types.ModuleType] = []

    def run() -> None:
        main = types.ModuleType("__main__")
        main.__dict__.update(names)
        kept[:] = [main]
        sys.modules["__main__"] = main
        sys.argv[:] = arguments
        try:
            exec(code, main.__dict__)
        except SystemExit as end:
            if FORKED:
                raise
            if status := exit_status(end):
                raise TargetError("exited", f"it ended with exit {status}") from None
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()

    return run


def exit_status(end: SystemExit) -> int:
    """Return the status of an exit; a text is printed and means 1."""
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


def function(name: str, threads: int | None) -> tuple[Call, bool]:
    """Return what calls ``module:function``, and whether it takes ``threads``."""
    module_name, _, path = name.rpartition(":")
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = [module_name]
    # Processes that are spawned import the main module again: this file is none.
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        found: Any = imported(module_name)
    except ModuleNotFoundError as error:
        raise TargetError("missing", f"{module_name}: {error}") from None
    for word in path.split("."):
        try:
            found = getattr(found, word)
        except AttributeError:
            has = ", ".join(n for n, v in vars(found).items() if inspect.isfunction(v))
            raise TargetError(
                "missing",
                f"{module_name} has no {path!r}; its functions: {has or 'none'}",
            ) from None
    if not callable(found):
        raise TargetError("missing", f"{name} is {type(found).__name__}, not callable")
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        parameters = types.MappingProxyType({})
    takes = "threads" in parameters
    needs = [
        p.name
        for p in parameters.values()
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and p.name != "threads"
    ]
    if needs:
        raise TargetError(
            "missing",
            f"{name} needs {', '.join(needs)}: name a function without arguments",
        )
    if takes and threads is None and parameters["threads"].default is inspect._empty:
        threads = 2
    if takes and threads is not None:
        return lambda: found(threads=threads), True
    # Python that calls it: a C function called by C is hidden from cProfile.
    return lambda: found(), takes


def imported(name: str) -> types.ModuleType:
    """Import a module by its name, or by the path of its file."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    if not Path(name).is_file():
        raise TargetError("missing", f"{name}: no such file")
    sys.path.insert(0, str(Path(name).absolute().parent))
    stem = Path(name).stem
    spec = importlib.util.spec_from_file_location(stem, name)
    if spec is None or spec.loader is None:
        raise TargetError("missing", f"{name}: cannot be imported")
    module = sys.modules[stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Rounds:
    """What a row says in ``benchmark.pedantic``: an execution is one of its rounds.

    A round is made as stock makes it: what the set-up gives, so many iterations, the
    teardown.

    Attributes
    ----------
    most : int or None
        The rounds that this process may do, those of the warm-up not among them.

    Raises
    ------
    ValueError
        For what stock refuses, in its words.
    """

    def __init__(
        self,
        target: Callable[..., Any],
        args: Any = (),
        kwargs: Any = None,
        setup: Callable[[], Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        rounds: int = 1,
        warmup_rounds: int = 0,
        iterations: int = 1,
        *,
        says_rounds: bool,
    ) -> None:
        stated.check_pedantic(
            rounds=rounds,
            warmup_rounds=warmup_rounds,
            iterations=iterations,
            has_setup=bool(setup),
        )
        self.most: int | None = stated.most_rounds(
            rounds, has_setup=bool(setup), says_rounds=says_rounds
        )
        parts = {"setup": setup, "teardown": teardown}
        self.facts: Report = {
            "rounds": self.most,
            "iterations": iterations,
            "with": [name for name, function in parts.items() if function],
        }
        self._target = target
        self._given = (args, kwargs or {}, setup)
        self._teardown = teardown
        self._warmup_rounds = warmup_rounds
        self._iterations = iterations
        self._result: Any = None

    def warm(self) -> None:
        """Do the warm-up rounds."""
        for _ in range(self._warmup_rounds):
            self.call()

    def call(self) -> Any:
        """Do one round; return what its last iteration returned."""
        self._result = None  # so that no round holds what the one before has made
        args, kwargs = stated.round_arguments(*self._given)
        for _ in range(self._iterations):
            self._result = self._target(*args, **kwargs)
        if self._teardown is not None:
            self._teardown(*args, **kwargs)
        return self._result

    def result(self) -> Any:
        """Return what the row gets: stock makes one more call if there are several."""
        if self._iterations == 1:
            return self._result
        args, kwargs = stated.round_arguments(*self._given)
        result = self._target(*args, **kwargs)
        if self._teardown is not None:
            self._teardown(*args, **kwargs)
        return result


def row(node: str, measure: Callable[..., None]) -> None:
    """Run a row under pytest, and measure what it gives to ``benchmark``.

    Parameters
    ----------
    measure : callable
        Takes a call; how often it may be made in all, as ``most``; and what to say of
        the row, as ``facts``.
    """
    sys.path.insert(0, str(Path.cwd()))
    try:
        import pytest  # noqa: F401 - its lack is told here
        from pytest_benchmark.fixture import BenchmarkFixture
    except ImportError as error:
        raise TargetError(
            "missing",
            f"a row needs pytest and pytest-benchmark in {sys.executable}: {error}",
        ) from None
    stock: Any = BenchmarkFixture
    problems: list[TargetError] = []
    reached: list[bool] = []
    said: list[bool] = []

    def take(call: Call, **how: Any) -> None:
        reached.append(True)
        try:
            measure(call, **how)
        except TargetError as error:
            problems.append(error)
            raise

    def raw(_self: Any, target: Any, /, *args: Any, **kwargs: Any) -> Any:
        def call() -> Any:
            return target(*args, **kwargs)

        take(call)
        return call()

    def raw_pedantic(_self: Any, target: Any, **how: Any) -> Any:
        reached.append(True)
        try:
            rounds = Rounds(target, says_rounds=said[-1], **how)
            if getattr(target, "__module__", "") == "pybench.target.plugin.kernel":
                raise TargetError(
                    "native",
                    f"{node} is a native kernel, timed in C: there is no Python to "
                    "profile; pybench run --profile detailed names its C function",
                )
            rounds.warm()
        except TargetError as error:
            problems.append(error)
            raise
        except Exception as error:
            what = f"it raised {type(error).__name__}: {error}"
            problems.append(TargetError("raised", what))
            raise
        take(rounds.call, most=rounds.most, facts=rounds.facts)
        return rounds.result()

    inner = stock.pedantic
    parameters = inspect.signature(inner)

    # Stock's own fills in what a row leaves out, and one round is what it fills in.
    def pedantic(benchmark: Any, *args: Any, **kwargs: Any) -> Any:
        given = parameters.bind_partial(benchmark, *args, **kwargs).arguments
        said.append("rounds" in given)
        return inner(benchmark, *args, **kwargs)

    stock._raw, stock._raw_pedantic, stock.pedantic = raw, raw_pedantic, pedantic
    given = given_row.GivenRow(node)
    status = given_row.run_row(given)
    if given.problem:
        raise TargetError("missing", given.problem)
    if problems:
        raise problems[0]
    if not reached:
        raise TargetError(
            "missing" if status in (4, 5) else "raised",
            f"pytest ended with status {int(status)} before {node} called benchmark",
        )


# --- observers -------------------------------------------------------------------


class Pauses:
    """The collector's pauses, by its callbacks.

    On a free-threaded build the time between them is not the pause alone: the
    finalizers of what was found run in it as well, with other threads going on.
    """

    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []
        self._begun = 0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._begun = now()
        else:
            self.found.append((info["generation"], now() - self._begun))

    def leave(self) -> None:
        """Look no longer."""
        gc.callbacks.remove(self._note)

    def begin(self) -> None:
        """Forget what was seen so far."""
        self.found.clear()

    def end(self) -> Report:
        """Return them in their order."""
        return {
            "pauses_ns": [ns for _, ns in self.found[:PAUSES]],
            "generations": [generation for generation, _ in self.found[:PAUSES]],
            "count": len(self.found),
            "sum_ns": sum(ns for _, ns in self.found),
        }


class Probe:
    """A thread that sleeps, and sees how late it runs again.

    Late is what the timer is late, and then the wait for the GIL. What the timer
    takes is measured first, while nothing else runs.
    """

    def __init__(self) -> None:
        import _thread

        self.idle: list[int] = []
        self.late: list[int] = []
        # Not a Thread: the target shall not find it, and no script waits for it.
        _thread.start_new_thread(self._run, ())
        while len(self.idle) < PROBE_IDLE:
            time.sleep(PROBE_S)

    def _run(self) -> None:
        wanted = int(PROBE_S * 1e9)
        before = queued_ns() or 0
        while True:
            begun = now()
            time.sleep(PROBE_S)
            late = now() - begun - wanted
            # A wait for a CPU is none for the GIL.
            after = queued_ns() or 0
            late, before = max(0, late - (after - before)), after
            (self.late if len(self.idle) >= PROBE_IDLE else self.idle).append(late)

    def begin(self) -> None:
        """Forget what was seen so far, but for the idle ones."""
        self.late.clear()

    def end(self) -> Report:
        """Return the idle and the busy ones."""
        late = list(self.late)
        return {
            "idle_ns": self.idle,
            "late_ns": late,
            "switch_ns": int(sys.getswitchinterval() * 1e9),
        }


class Ledger:
    """What one thread did in the window, in nanoseconds."""

    def __init__(self, ident: int, native: int) -> None:
        self.ident = ident
        self.native = native
        self.lock_ns = 0
        self.idle_ns = 0
        self.limiting = 0
        self.report: Report | None = None
        self.begin()

    def begin(self) -> None:
        """Begin anew, from any thread."""
        self.lock_ns = self.idle_ns = 0
        self.wall = now()
        self.cpu = self._cpu()
        self.queued = queued_ns(self.native)

    def end(self) -> None:
        """Settle it; what has ended can no longer be asked."""
        self.report = self.read()

    def read(self) -> Report:
        """Return what there is so far."""
        queued = queued_ns(self.native)
        before = self.queued
        return {
            "life_ns": now() - self.wall,
            "cpu_ns": self._cpu() - self.cpu,
            "lock_ns": self.lock_ns,
            "idle_ns": self.idle_ns,
            "queued_ns": None if queued is None or before is None else queued - before,
        }

    def _cpu(self) -> int:
        if self.ident == threading.get_ident():
            return time.thread_time_ns()
        try:
            return time.clock_gettime_ns(time.pthread_getcpuclockid(self.ident))
        except (AttributeError, OSError):
            return 0


class Waits:
    """What each thread waits for: a lock that another has, or others to be done.

    ``threading.Lock``, ``RLock`` and semaphores are replaced before the target is
    imported; waiting for a condition, a queue or the end of a thread is no
    contention, and is taken off the life of the thread that does. The rest of a
    thread's life off the CPU is waiting for the system or for the GIL.
    """

    def __init__(self) -> None:
        self.ledgers: list[Ledger] = []
        self.open = False
        self.main = Ledger(threading.get_ident(), threading.get_native_id())
        self._local = threading.local()
        self._local.ledger = self.main
        self.ledgers.append(self.main)
        self._replace()

    def mine(self) -> Ledger | None:
        """Return the ledger of the running thread."""
        found: Ledger | None = getattr(self._local, "ledger", None)
        return found

    def blocked(self, since: int, *, lock: bool) -> None:
        """Note that the running thread was blocked."""
        ledger = self.mine()
        if ledger is None:
            return
        # A condition waits on a lock of its own; what limits counts as one.
        if lock or ledger.limiting:
            ledger.lock_ns += now() - since
        else:
            ledger.idle_ns += now() - since

    def _replace(self) -> None:
        import queue

        names: Any = threading
        names.Lock = timed_kind("Lock", self, names.Lock)
        names.RLock = timed_kind("RLock", self, names.RLock)
        bootstrap = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]

        def run(thread: threading.Thread) -> None:
            ledger = Ledger(threading.get_ident(), threading.get_native_id())
            self._local.ledger = ledger
            self.ledgers.append(ledger)
            try:
                bootstrap(thread)
            finally:
                ledger.end()

        names.Thread._bootstrap_inner = run
        for owner, name in (
            (threading.Thread, "join"),
            (threading.Condition, "wait"),
        ):
            setattr(owner, name, self._idle(getattr(owner, name)))
        acquire: Any = threading.Semaphore.acquire

        def limited(semaphore: Any, *args: Any, **kwargs: Any) -> Any:
            ledger = self.mine()
            if ledger is None:
                return acquire(semaphore, *args, **kwargs)
            ledger.limiting += 1
            try:
                return acquire(semaphore, *args, **kwargs)
            finally:
                ledger.limiting -= 1

        semaphore: Any = threading.Semaphore
        semaphore.acquire = semaphore.__enter__ = limited
        stock = queue.SimpleQueue
        idle_get = self._idle(stock.get)
        timed = type("SimpleQueue", (stock,), {"get": idle_get})
        queue.SimpleQueue = timed  # type: ignore[assignment,misc]

    def _idle(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def waiting(*args: Any, **kwargs: Any) -> Any:
            ledger = self.mine()
            before = ledger.lock_ns if ledger else 0
            begun = now()
            try:
                return method(*args, **kwargs)
            finally:
                if ledger and not ledger.limiting:
                    # Taking the lock again at the end is part of the same wait.
                    ledger.lock_ns = before
                self.blocked(begun, lock=False)

        return waiting

    def begin(self) -> None:
        """Begin anew, with the threads that are still there."""
        self.ledgers[:] = [one for one in self.ledgers if one.report is None]
        for one in self.ledgers:
            one.begin()

    def end(self) -> Report:
        """Return all that there were in the window; those that go on may go on."""
        return {"threads": [one.report or one.read() for one in self.ledgers]}


class TimedLock:
    """A lock that tells how long one had to wait for it."""

    def __init__(self, waits: Waits, lock: Any) -> None:
        self._waits = waits
        self._lock = lock

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; only a lock that another thread has is timed."""
        if self._lock.acquire(False):
            return True
        if not blocking:
            return False
        begun = now()
        try:
            return bool(self._lock.acquire(True, timeout))
        finally:
            self._waits.blocked(begun, lock=True)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)


def timed_kind(name: str, waits: Waits, make: Callable[[], Any]) -> type[TimedLock]:
    """Return a class in place of a kind of lock: programs name it in annotations."""

    def make_timed(self: TimedLock) -> None:
        TimedLock.__init__(self, waits, make())

    return type(name, (TimedLock,), {"__init__": make_timed})


class Functions:
    """cProfile, by wall time; it sees the thread that started it."""

    def __init__(self) -> None:
        self.profile = cProfile.Profile(time.perf_counter)

    def begin(self) -> None:
        """Begin anew."""
        self.profile.clear()

    def end(self) -> Report:
        """Return the dearest."""
        found = []
        for entry in self.profile.getstats():
            code: Any = entry.code
            is_native = isinstance(code, str)
            name = (
                code
                if is_native
                else f"{code.co_filename}:{code.co_firstlineno}({code.co_name})"
            )
            if "_lsprof" in name or (not is_native and is_ours(code.co_filename)):
                continue
            if name in TIMEIT and entry.callcount <= 2 * BATCHES:
                continue
            found.append(
                {
                    "name": name,
                    "calls": entry.callcount,
                    "own_s": entry.inlinetime,
                    "total_s": entry.totaltime,
                    "native": is_native,
                }
            )
        found.sort(key=lambda one: one["own_s"], reverse=True)
        return {"functions": found[:FUNCTIONS]}


# What timeit calls around a batch.
TIMEIT = (
    "<built-in method time.perf_counter_ns>",
    "<built-in method gc.disable>",
    "<built-in method gc.enable>",
    "<built-in method gc.isenabled>",
)


def is_ours(path: str) -> bool:
    """Tell whether a file is one of those that stand around the target."""
    ours = (__file__, timeit.__file__, unfinished.__file__, sampling.__file__)
    return path in ours or path.startswith("<timeit")


# --- the run ---------------------------------------------------------------------


# Of this process: whether the target forked it. The list is empty in the one that
# measures, and what a fork has to end is what it holds there.
FORKED: list[bool] = []


class Batch(timeit.Timer):
    """Calls between two looks at the clock, which a forked process breaks off.

    It would go on with the batch and fork in turn: twice as many with each execution.
    A look at the process id in every call would be timed with it, and a profiler in
    the child would slow down what the parent waits for.
    """

    turns: Iterator[None] = iter(())

    def timeit(self, number: int = 1) -> float:
        """Do as the original, with turns that can be used up from outside."""
        turns = itertools.repeat(None, number)
        Batch.turns = turns
        was_on = gc.isenabled()
        gc.disable()
        try:
            timer: Any = self  # its inner parts are in no stub
            return float(timer.inner(turns, timer.timer))
        finally:
            if was_on:
                gc.enable()


def leave_forks(observer: Any, *, traced: bool) -> None:
    """See to it that a process that the target forks runs unwatched, and ends.

    It ends where it comes back from the call, as the program's own would at the end of
    its main module. Nothing is written of it.
    """

    def forked() -> None:
        FORKED.append(True)
        deque(Batch.turns, maxlen=0)
        if isinstance(observer, Functions):
            observer.profile.disable()
        if isinstance(observer, Pauses):
            observer.leave()
        if traced:
            tracemalloc.stop()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)


class Stdin(io.RawIOBase):
    """The empty standard input, which notes whether anybody reads it."""

    was_read = False

    def readable(self) -> bool:
        """Be a file to read from."""
        return True

    def fileno(self) -> int:
        """Be the descriptor that is inherited."""
        return 0

    def readinto(self, _buffer: Any) -> int:
        """Say that there is nothing."""
        Stdin.was_read = True
        return 0


def watch_stdin() -> None:
    """Put it in place of the real one, which is as empty."""
    sys.stdin = io.TextIOWrapper(io.BufferedReader(Stdin()), encoding="utf-8")


def left_threads() -> list[str]:
    """Name the daemon threads of the target that still run."""
    return [
        thread.name
        for thread in threading.enumerate()
        if thread.daemon and not isinstance(thread, threading._DummyThread)
    ]


class Finished:
    """A call, and what it makes run to its end: a coroutine, a generator, their like.

    What it makes is known once it was called: the first time is `first`, all others
    are `again`.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self.kind = ""
        self.again = call

    def first(self) -> None:
        """Call it, find out what that made, and run that."""
        result = self._call()
        self.kind = unfinished.kind_of(result)
        if self.kind:
            run = self._running()
            run(lambda: result)()
            self.again = run(self._call)

    def _running(self) -> Callable[[Call], Call]:
        if self.kind not in unfinished.ASYNCHRONOUS:
            return lambda call: unfinished.drained(call)
        import asyncio

        loop = asyncio.Runner().get_loop()

        def run(call: Call) -> Call:
            made = unfinished.awaited(call, self.kind)
            return lambda: loop.run_until_complete(made())

        return run


def observer_of(settings: Report) -> Any:
    """Return what watches, None for nothing."""
    word = settings.get("observe")
    if word == "pauses":
        return Pauses()
    if word == "probe":
        return Probe()
    if word == "waits":
        return Waits()
    if word == "functions":
        return Functions()
    if word == "native":
        return sampling.Samples(settings.get("extension"))
    return None


class Collector:
    """The collector's switches, of which a target's own calls can be kept away."""

    def __init__(self) -> None:
        self.collect = gc.collect
        self._off = False
        enable, thresholds = gc.enable, gc.get_threshold()
        self._thresholds = thresholds
        gc.enable = lambda: None if self._off else enable()

        def collect(*args: Any, **kwargs: Any) -> int:
            return 0 if self._off else self.collect(*args, **kwargs)

        gc.collect = collect

    def switch(self, word: str) -> None:
        """Switch it off whatever the target does, freeze, raise, or as it was."""
        self._off = word == "off"
        gc.unfreeze()
        gc.set_threshold(*self._thresholds)
        self.collect()
        if word == "frozen":
            gc.freeze()
        elif word == "raised":
            gc.set_threshold(self._thresholds[0] * 100, *self._thresholds[1:])


def cpu_ns() -> int:
    """Return the CPU time of this process and of the children it has waited for."""
    times = os.times()
    return time.process_time_ns() + int(
        (times.children_user + times.children_system) * 1e9
    )


def fresh_ns() -> dict[str, float]:
    """Return what a fresh small object costs above one that is there already.

    A string gives its characters out: those below 256 exist once for all, others
    are made anew, each by one call of the allocator. A number is the cheapest that
    there is; some versions keep used ones at hand.
    """

    def cost(made: Any) -> float:
        timer = timeit.Timer(lambda: deque(made, maxlen=0), timer=time.thread_time)
        return min(timer.repeat(repeat=5, number=1)) / CALIBRATED * 1e9

    reused = cost("a" * CALIBRATED)
    string = cost("\u4e00" * CALIBRATED)
    number = cost(range(1 << 20, (1 << 20) + CALIBRATED))
    return {"string": max(0.0, string - reused), "number": max(0.0, number - reused)}


def timed(
    call: Call, number: int, *, collecting: bool, batches: int = 1, observer: Any = None
) -> Report:
    """Time so many calls in batches, watched or not; sums, and the batches."""
    setup = gc.enable if collecting else gc.disable
    timer = Batch(call, setup, timer=now)
    if observer:
        observer.begin()
    blocks, begun = sys.getallocatedblocks(), time.monotonic_ns()
    # A profile is of the calls, and not of what stands around them.
    profile = getattr(observer, "profile", None)
    found = [_batch(timer, number // batches, profile) for _ in range(batches)]
    return {
        "calls": number // batches * batches,
        **{name: sum(one[name] for one in found) for name in found[0]},
        "batches": found,
        "blocks": sys.getallocatedblocks() - blocks,
        "begun_ns": begun,
        "observed": observer.end() if observer else None,
    }


def _batch(timer: timeit.Timer, number: int, profile: Any) -> dict[str, int]:
    queued, cpu, own = queued_ns(), cpu_ns(), time.process_time_ns()
    if profile:
        profile.enable()
    wall = int(timer.timeit(number))
    if FORKED:
        leave(0)
    if profile:
        profile.disable()
    return {
        "wall_ns": wall,
        "own_cpu_ns": time.process_time_ns() - own,
        "cpu_ns": cpu_ns() - cpu,
        "queued_ns": (queued_ns() or 0) - (queued or 0),
    }


def queued_ns(native: int | None = None) -> int | None:
    """Return how long a thread was ready to run without a CPU; None if unknown."""
    native = threading.get_native_id() if native is None else native
    try:
        text = Path(f"/proc/self/task/{native}/schedstat").read_text()
        running, queued, *_ = map(int, text.split())
    except (OSError, ValueError):
        return None
    # All zero where the kernel does not count.
    return queued if running or queued else None


class Subject:
    """One run in this process."""

    def __init__(self, settings: Report) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self.report: Report = {
            "version": sys.version.split()[0],
            "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
            "first": None,
            "steady": None,
            "ready_ns": None,
        }
        self.collector = Collector()
        if settings["collector"] == "off":
            self.collector.switch("off")
            gc.disable()
        self.observer = observer_of(settings)
        leave_forks(self.observer, traced=settings.get("treatment") == "traced")

    def write(self) -> None:
        """Write what is known; the file is whole at any time."""
        if os.getpid() != self.pid:
            os._exit(0)  # a child of the target, forked without Python's knowledge
        path = Path(self.settings["report"])
        part = path.with_suffix(".part")
        part.write_text(json.dumps(self.report))
        part.replace(path)

    def measure(
        self, call: Call, *, most: int | None = None, facts: Report | None = None
    ) -> None:
        """Run it for the first time, then steadily.

        Parameters
        ----------
        call : callable
            One execution.
        most : int, optional
            How many executions there may be in this process, all together. The only
            one of a process is the first and the steady one.
        facts : dict, optional
            What to say of the row.
        """
        self.report["row"] = facts
        finished = Finished(call)
        self.report["ready_ns"] = time.monotonic_ns()
        self.write()
        collecting = self.settings["collector"] != "off"
        is_only = most == 1
        observer = self.observer if is_only else None
        self.report["first"] = first = self._guard(
            finished.first, 1, collecting, observer
        )
        observed = first.pop("observed")
        self.report["makes"] = finished.kind
        self.report["threads_left"] = left_threads()
        self.report["read_stdin"] = Stdin.was_read
        self.write()
        try:
            if is_only:
                self._keep(first, observed, None)
            else:
                self._steady(finished.again, collecting, most and most - 1)
        except TargetError as error:
            # Most scripts can run twice in one process; one that cannot has a first.
            self.report["steady_error"] = str(error)
        # A target may have switched it on, or an extension it imported.
        self.report["gil"] = getattr(sys, "_is_gil_enabled", lambda: True)()
        self.write()

    def _steady(self, call: Call, collecting: bool, most: int | None) -> None:
        budget = self.settings["budget_ns"]
        took = self.report["first"]["wall_ns"]
        is_limited = most is not None
        if took < BATCH_NS and not is_limited:
            # The first is dearer than the others, and would make the batch too small.
            took = self._guard(call, 3, collecting)["wall_ns"] // 3
        most = MOST_CALLS if most is None else min(most, MOST_CALLS)
        if self.settings.get("treatment"):
            self._take_turns(call, took, most)
            return
        # What the last execution left would pile up without it.
        self.collector.collect()
        number = max(1, min(most, budget // max(took, 1)))
        batches = min(BATCHES, number)
        steady = self._guard(call, number, collecting, self.observer, batches)
        is_short = steady["wall_ns"] < budget // 20
        if is_short and not is_limited and number < MOST_CALLS:
            # What made the first one dear is done: imports, a cache, a connection.
            number = min(MOST_CALLS, budget * number // max(steady["wall_ns"], 1))
            batches = min(BATCHES, number)
            steady = self._guard(call, number, collecting, self.observer, batches)
        again = None if is_limited else call
        self._keep(steady, steady.pop("observed"), again)

    def _keep(self, steady: Report, observed: Any, again: Call | None) -> None:
        """Put down steady executions; a sampler may ask for one more of them."""
        if isinstance(self.observer, sampling.Samples):

            def once_more() -> None:
                if again:
                    self._guard(again, 1, self.settings["collector"] != "off")

            observed = self.observer.settle(once_more, is_ours)
        self.report["observed"] = observed
        self.report["steady"] = steady

    def _take_turns(self, call: Call, took: int, most: int) -> None:
        """Run batches with and without a treatment in turns, so that both are close.

        A machine that slows down or speeds up does so for both. There is none if the
        executions that are left do not give one pair.
        """
        word, budget = self.settings["treatment"], self.settings["budget_ns"]
        pairs = min(most // 2, max(2, min(BATCHES, budget // max(took, 1))))
        if not pairs:
            return
        number = max(1, min(most // (2 * pairs), budget // pairs // max(took, 1)))
        found: list[Report] = []
        for _ in range(pairs):
            self.collector.switch("on")
            plain = self._guard(call, number, True)
            fresh = fresh_ns() if word == "traced" else None
            if word == "traced":
                tracemalloc.start()
                before = tracemalloc.get_traced_memory()[0]
                treated = self._guard(call, number, True)
                peak = tracemalloc.get_traced_memory()[1] - before
                dear = fresh_ns()
                tracemalloc.stop()
                found.append({"fresh": fresh, "dear": dear, "peak_bytes": peak})
            else:
                self.collector.switch(word)
                treated = self._guard(call, number, word != "off")
                found.append({})
            self.collector.switch("on")
            found[-1].update({"plain": plain, "treated": treated})
        self.report["pairs"] = found

    def _guard(
        self,
        call: Call,
        number: int,
        collecting: bool,
        observer: Any = None,
        batches: int = 1,
    ) -> Report:
        """Time calls; whatever they raise becomes one kind of error."""
        try:
            return timed(
                call, number, collecting=collecting, batches=batches, observer=observer
            )
        except TargetError:
            raise
        except BaseException as error:
            import traceback

            if isinstance(error, SystemExit):
                if FORKED:
                    leave(exit_status(error))
                raise TargetError(
                    "exited", f"it called exit({error.code!r}) instead of returning"
                ) from None
            traceback.print_exc()
            if FORKED:
                leave(1)
            text = str(error) or "no message"
            raise TargetError(
                "raised", f"it raised {type(error).__name__}: {text}"
            ) from None

    def run(self) -> None:
        """Find the target and measure it."""
        kind, target = self.settings["kind"], self.settings["target"]
        try:
            if kind == "row":
                row(target, self.measure)
            elif kind in ("script", "module"):
                load = script if kind == "script" else module
                arguments = self.settings["arguments"]
                self.measure(self._loaded(lambda: load(target, arguments)))
            else:
                call, takes = self._loaded(
                    lambda: function(target, self.settings.get("threads"))
                )
                self.report["takes_threads"] = takes
                self.measure(call)
        except TargetError as error:
            empty = "; standard input is empty here" if Stdin.was_read else ""
            self.report["error"] = {"kind": error.kind, "message": f"{error}{empty}"}
        self.write()

    def _loaded(self, load: Callable[[], Any]) -> Any:
        """Load a target; an import that fails is the target's."""
        try:
            return load()
        except TargetError:
            raise
        except SystemExit as end:
            raise TargetError(
                "exited", f"it called exit({end.code!r}) while it was imported"
            ) from None
        except Exception as error:
            import traceback

            traceback.print_exc()
            raise TargetError(
                "raised",
                f"it raised {type(error).__name__} when it was loaded: {error}",
            ) from None


def leave(status: int) -> NoReturn:
    """End the process as Python ends one, but not later than after a while.

    Exit functions end the pools that were left to them, and files are closed that
    nothing but the main module had. Python's own end would wait for the threads that
    the target left, and in a forked process for faulthandler's, which is not there.
    """
    import _thread
    import atexit

    def cut_off() -> None:
        time.sleep(GRACE_S)
        os._exit(status)

    _thread.start_new_thread(cut_off, ())
    names: Any = threading
    for end in (names._shutdown, atexit._run_exitfuncs):
        with contextlib.suppress(BaseException):
            end()
    main = sys.modules["__main__"].__dict__
    if main is not globals():
        main.clear()
        gc.collect()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


def main() -> None:
    """Do what the arguments say, and leave as a program does."""
    settings: Report = json.loads(sys.argv[1])
    import faulthandler

    # Just before the host loses its patience: where does it hang?
    faulthandler.dump_traceback_later(settings["patience_s"])
    if settings["kind"] != "row":
        watch_stdin()
    subject = Subject(settings)
    subject.run()
    if os.getpid() != subject.pid:
        os._exit(0)
    # The report is written; threads that never end are the target's.
    leave(1 if "error" in subject.report else 0)


if __name__ == "__main__":
    main()
