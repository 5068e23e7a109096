"""What every row of this suite shares: its budget, and how it holds its threads.

Nothing here reaches past this folder: pytest offers `pytest_itemcollected` only
to the conftest files above an item, so other people's suites keep their options.
"""

import marshal
import os
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

# Seconds of timing a row gets. The suite has to end within two minutes on two
# cores; stock pytest-benchmark gives each row 1 s, then adds its calibration.
BUDGET_S = 0.3

# Children cost 10 ms and more a start, and those of calibration and warm-up as much:
# a category of them needs less time in the rounds to end within 12 s. So does one whose
# rows measure one thread, two, and a control of both.
CATEGORY_BUDGETS_S = {"startup": 0.2, "scaling": 0.2}

# Raw values kept per row in the JSON: a row of 0.3 s has up to 60 000 rounds, and
# 200 values, taken evenly, still draw its distribution.
DATA_LIMIT = 200

# The rows of `-m quick` and `--pybench-quick`, one name a line.
QUICK = frozenset(
    Path(__file__).with_name("quick.txt").read_text(encoding="utf-8").splitlines()
)

# Markers of the pybench plugin that rows here use.
MARKERS = (
    "pybench(data_limit): how pybench records this row.",
    "quick: a row of the short list.",
    "slow: a row that takes seconds.",
    "requires_ft: a row that is n/a unless the GIL is off.",
    "threads(n): a row of n threads.",
    "async_loop(name): whose event loop a row runs on.",
    "needs(*what): libraries without which a row is n/a.",
)

# An `unrolled` function does its statement OPERATIONS times, COPIES to a turn of its
# loop. A turn costs about 8 ns, so less than 0.1 ns an operation.
OPERATIONS = 1000
COPIES = 100

# Seconds before a thread that should have arrived is taken for stuck. Far above
# any honest window, so that it never bounds one.
STUCK_S = 60.0

# Seconds for one connection over the loopback interface, which takes microseconds:
# a firewall that drops what it does not like lets it wait for ever.
LOOPBACK_S = 2.0

Task = Callable[[], object]


def pytest_configure(config: pytest.Config) -> None:
    """Let the rows be collected when the pybench plugin is switched off."""
    if not has_pybench(config):
        for marker in MARKERS:
            config.addinivalue_line("markers", marker)


def has_pybench(config: pytest.Config) -> bool:
    """Tell whether the pybench plugin is there, by a marker that only it registers."""
    return any(line.startswith("kernel:") for line in config.getini("markers"))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a row of this suite its markers, its budget and its share of the JSON."""
    item.add_marker(pytest.mark.pybench(data_limit=DATA_LIMIT))
    if item.name in QUICK:
        item.add_marker("quick")
    if item.get_closest_marker("requires_ft") and not has_pybench(item.config):
        item.add_marker(pytest.mark.skip(reason="n/a: needs the pybench plugin"))
    settings = marker_settings(item)
    if user_set_max_time(item.config):
        settings.pop("max_time", None)
    else:
        category = item.path.parent.name
        settings.setdefault("max_time", CATEGORY_BUDGETS_S.get(category, BUDGET_S))
    # pytest-benchmark reads the closest marker alone, so it has to carry them all.
    item.add_marker(pytest.mark.benchmark(**settings), append=False)


def marker_settings(item: pytest.Item) -> dict[str, Any]:
    """Merge the `benchmark` markers of a row, the closest one winning."""
    merged: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("benchmark"))):
        merged.update(marker.kwargs)
    return merged


def user_set_max_time(config: pytest.Config) -> bool:
    """Tell whether the user gave a budget.

    The option's value cannot tell: its default, 1 s, may also be asked for.
    """
    given = [
        *config.getini("addopts"),
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *config.invocation_params.args,
    ]
    return any(str(word).startswith("--benchmark-max-time") for word in given)


def usable_cpu_count() -> int:
    """Count the CPUs this process may run on, which a machine may have more of."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    # From 3.13; before it, the machine's count is all there is to know.
    count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
    return count() or 1


def cpus_for(thread_count: int, *, together: bool = False) -> list[int | None]:
    """Choose a CPU for each thread, or None for each where they cannot be kept."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if usable and together:
        return [usable[0]] * thread_count
    if thread_count <= len(usable):
        return [*usable[:thread_count]]
    return [None] * thread_count


@pytest.fixture
def unrolled(benchmark: BenchmarkFixture) -> Callable[..., Task]:
    """Return a maker of functions that do one statement a thousand times.

    `unrolled(statement, prepare="", outside={}, **names)` compiles a function
    without arguments, and writes how often it executes the statement into
    `benchmark.extra_info["operations"]`, by which the plugin divides: the row shows
    the time of one operation. The names are local variables of the function, those of
    `outside` its globals; `prepare` runs once per call, inside the timing.
    """

    def make(
        statement: str,
        *,
        prepare: str = "",
        outside: dict[str, object] | None = None,
        **names: object,
    ) -> Task:
        benchmark.extra_info["operations"] = OPERATIONS
        return unroll(statement, prepare=prepare, outside=outside or {}, names=names)

    return make


@pytest.fixture
def statement(
    benchmark: BenchmarkFixture, unrolled: Callable[..., Task]
) -> Callable[..., object]:
    """Return a function that measures one statement, as a row.

    `statement("_ = row[1]", row=[1, 2, 3])` takes what `unrolled` takes, and times it.
    """

    def measure(source: str, **how: Any) -> object:
        return benchmark(unrolled(source, **how))

    return measure


def unroll(
    statement: str,
    *,
    prepare: str,
    outside: dict[str, object],
    names: dict[str, object],
) -> Task:
    """Compile a function of `OPERATIONS` executions of one statement."""
    # `repeat` yields one object over and over; `range` would make its numbers.
    parameters = ", ".join(f"{name}={name}" for name in [*names, "repeat_"])
    lines = [f"def operation({parameters}):"]
    lines += [f"    {line}" for line in prepare.splitlines()]
    lines += [f"    for _ in repeat_(None, {OPERATIONS // COPIES}):"]
    lines += [f"        {line}" for line in statement.splitlines()] * COPIES
    scope: dict[str, Any] = {**outside, **names, "repeat_": repeat}
    # Through marshal, as code comes from a .pyc: what compile() gives keeps its
    # constants mortal on a free-threaded 3.13, as no imported module's are.
    code = compile("\n".join(lines), statement_file(statement), "exec")
    exec(marshal.loads(marshal.dumps(code)), scope)
    function: Task = scope["operation"]
    return function


def statement_file(statement: str) -> str:
    """Return what stands for the file of a generated function: what it does.

    Profilers and tracebacks name the file, and this code is in none.
    """
    text = "; ".join(line.strip() for line in statement.splitlines() if line.strip())
    return f"<statement: {text}>"


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return a function that compiles `utils/extension.c`, once in a session.

    `compiled("-DNAME", ...)` returns the file of the module `extension`. A row is n/a
    where there is no compiler, or the interpreter came without its headers.
    """
    folder = tmp_path_factory.mktemp("compiled")

    def compiled_with(*defines: str) -> str:
        module = folder / "".join(["as", *defines]) / "extension.so"
        if not module.exists():
            module.parent.mkdir(exist_ok=True)
            compile_extension(module, *defines)
        return str(module)

    return compiled_with


def compile_extension(module: Path, *defines: str) -> None:
    """Compile it into a file; a row is n/a where that cannot be."""
    shared = ["-shared"]
    if sys.platform == "darwin":
        shared = ["-bundle", "-undefined", "dynamic_lookup"]
    line = [*compiler(), *shared, "-O3", "-fPIC", f"-I{headers_folder()}", *defines]
    source = Path(__file__).with_name("utils") / "extension.c"
    subprocess.run([*line, str(source), "-o", str(module)], check=True)


def compiler() -> list[str]:
    """Return the words that begin a compilation; a row is n/a where nothing compiles.

    An interpreter that was built elsewhere may name a compiler that is not here.
    """
    for words in (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc"):
        line = shlex.split(words or "")
        if line and shutil.which(line[0]):
            return line
    pytest.skip("n/a: no C compiler; install one, or name it in CC")


def headers_folder() -> str:
    """Return where this interpreter's Python.h is; a row is n/a without it."""
    folder = sysconfig.get_path("include")
    if not Path(folder, "Python.h").is_file():
        pytest.skip(f"n/a: this Python came without headers (no Python.h in {folder})")
    return folder


@pytest.fixture(scope="session")
def loopback() -> None:
    """Make a row n/a where nothing can be sent to 127.0.0.1.

    A container without a network may have no such address, and a sandbox may forbid
    the connection; that is found out once, not by each row in the middle of its work.
    """
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = server.getsockname()
            socket.create_connection(address, timeout=LOOPBACK_S).close()
    except OSError as error:
        why = error.strerror or error
        pytest.skip(f"n/a: no connection over 127.0.0.1 ({why}); bring up the loopback")


@pytest.fixture
def crew(benchmark: BenchmarkFixture) -> Iterator[Callable[..., Task]]:
    """Return a maker of functions that run tasks, each on its own thread.

    `crew(task, task)` starts one thread per task, which waits at a start line. The
    function it returns is what a row times: it opens that line and returns when
    every task has been done once. So the threads are started and joined outside
    the timing, while letting them go and collecting them is inside: 10 to 20
    microseconds, up to 90 on a free-threaded 3.13. A task should last 2 ms.

    Each thread keeps to a CPU of its own, where the platform allows it and there
    are enough. Left alone, threads that are woken together often share a CPU for
    longer than the window, and the row would measure the scheduler. For the
    same reason `crew(..., together=True)`, for threads that only wait for each
    other, keeps them to one CPU: waking another one costs ten times the hand-off.
    """
    crews: list[Crew] = []

    def make(*tasks: Task, together: bool = False) -> Task:
        cpus = cpus_for(len(tasks), together=together)
        benchmark.extra_info["threads"] = len(tasks)
        benchmark.extra_info["oversubscribed"] = len(tasks) > usable_cpu_count()
        benchmark.extra_info["cpus"] = cpus  # null where the system decides
        crews.append(Crew(tasks, cpus))
        return crews[-1].run

    yield make
    for started in crews:
        started.dismiss()


@pytest.fixture
def time_crew(
    benchmark: BenchmarkFixture, crew: Callable[..., Task]
) -> Callable[..., None]:
    """Return a function that measures tasks which threads do together, as a row.

    `time_crew(task, task, operations=N)` takes what `crew` takes, and times it. The
    operations are those of a call, by which the plugin divides.
    """

    def measure(*tasks: Task, operations: int, together: bool = False) -> None:
        run = crew(*tasks, together=together)
        benchmark.extra_info["operations"] = operations
        benchmark(run)

    return measure


class Crew:
    """Threads that live as long as the row, and do their tasks at each call.

    The start and the finish line are one lock per thread, each passed from one
    side to the other: `threading.Barrier` costs ten times that, mostly in waking
    every thread to look at a condition that one of them has changed.
    """

    def __init__(self, tasks: tuple[Task, ...], cpus: list[int | None]) -> None:
        # A lock is held until the other side has something to say.
        self._starts = [threading.Lock() for _ in tasks]
        self._finishes = [threading.Lock() for _ in tasks]
        for lock in (*self._starts, *self._finishes):
            lock.acquire()
        self._dismissed = False  # written by the caller before it opens the start
        self._failure: BaseException | None = None  # written before the finish
        # Daemons: a row that failed half-way may leave one waiting for its partner,
        # and that must not keep the session from ending.
        self._threads = [
            threading.Thread(target=self._serve, args=(*work,), daemon=True)
            for work in zip(tasks, cpus, self._starts, self._finishes, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def run(self) -> None:
        """Do every task once; raise what a task raised."""
        for lock in self._starts:
            lock.release()
        for lock in self._finishes:
            if not lock.acquire(timeout=STUCK_S):
                self._failure = TimeoutError(f"a task took more than {STUCK_S} s")
        if self._failure is not None:
            raise self._failure

    def dismiss(self) -> None:
        """End the threads, which are at the start line unless a task failed."""
        self._dismissed = True
        for lock in self._starts:
            if lock.locked():
                lock.release()
        for thread in self._threads:
            thread.join(1.0 if self._failure else STUCK_S)

    def _serve(
        self,
        task: Task,
        cpu: int | None,
        start: threading.Lock,
        finish: threading.Lock,
    ) -> None:
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})  # zero is the calling thread
        while True:
            start.acquire()
            if self._dismissed:
                return
            try:
                task()
            except BaseException as failure:  # raised in the caller, whatever it is
                self._failure = failure
                # The others may wait for this one: no thread waits for them.
                for lock in self._finishes:
                    if lock.locked():
                        lock.release()
                return
            finish.release()
