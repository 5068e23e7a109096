"""Scripts of pyperf as rows: what is measured of them, and what is said of bad ones."""

import gc
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pybench.comparison.worker import RowEndedError, Worker
from pybench.records.scripts import ARM_ENTRIES, ScriptEntry, write_entry
from pybench.target.suites.pyperf_runner import Call, Runner, recording
from pybench.target.suites.standin import pyperf as standin_pyperf

PLUGIN = ("-p", "pybench.target.suites.pyperf")
QUICK = ("--benchmark-only", "--benchmark-max-time=0.001", "--benchmark-min-rounds=1")

# The stock description of the CPU takes a second of child processes for each save.
FAST_MACHINE_INFO = """
def pytest_benchmark_generate_machine_info():
    return {"node": "here", "release": "1", "python_compiler": "cc", "cpu": {}}
"""

# Every kind; what they run is checked to be inside the script's own block.
KINDS = """
import os, sys, tempfile
import pyperf

def of_time(loops, seconds):
    return loops * seconds

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        runner = pyperf.Runner()
        runner.metadata["description"] = "all kinds"
        runner.argparser.add_argument("--n", type=int, default=3)
        args = runner.parse_args()
        assert args is runner.args and args.worker and args.n == 3

        def work(n):
            assert os.path.isdir(folder)

        async def awaited(n):
            work(n)

        runner.bench_func("a function", work, args.n, inner_loops=10)
        runner.bench_time_func("half a second", of_time, 0.5)
        runner.bench_time_func("in parts", of_time, 0.5, inner_loops=5)
        runner.bench_async_func("awaited", awaited, args.n)
        runner.timeit("x + y", setup=["x = 1", "y = 2"], teardown="assert y == 2")
        runner.timeit("copies", "x + 1", setup="x = 1", duplicate=4, inner_loops=3)
        runner.timeit("seen", "assert seen == 5", globals={"seen": 5})
        runner.bench_command("child", [sys.executable, "-S", "-c", "pass"])
    assert not os.path.exists(folder)
"""

Run = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def no_pyperf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing of pyperf be used, where it is installed."""
    monkeypatch.setitem(sys.modules, "pyperf", standin_pyperf)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Return what runs the scripts of the folder, and gives their rows by name."""
    pytester.makeconftest(FAST_MACHINE_INFO)

    def go(*options: str, status: int = 0) -> dict[str, Any]:
        result = pytester.runpytest_inprocess(
            *PLUGIN, *QUICK, "--benchmark-json=out.json", *options
        )
        assert result.ret == status
        document = json.loads((pytester.path / "out.json").read_text())
        said = result.stdout.str()
        return {"said": said} | {row["name"]: row for row in document["benchmarks"]}

    return go


def script(pytester: pytest.Pytester, body: str, name: str = "bm_one") -> Path:
    """Write a script whose lines follow the making of its runner."""
    path = pytester.path / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"import pyperf, sys, time\nrunner = pyperf.Runner()\n{body}\n")
    return path


def test_every_kind_is_a_row(pytester: pytest.Pytester, run: Run) -> None:
    (pytester.path / "bm_kinds.py").write_text(KINDS)

    rows = run("bm_kinds.py")

    assert [*rows][1:] == [
        *("a function", "half a second", "in parts", "awaited", "x + y", "copies"),
        *("seen", "child"),
    ]
    assert {row["group"] for row in [*rows.values()][1:]} == {"bm_kinds"}
    assert rows["child"]["fullname"] == "bm_kinds.py::child"
    # What it says of itself is its time, and an inner loop is one of several.
    assert rows["half a second"]["stats"]["median"] == pytest.approx(0.5)
    assert rows["in parts"]["stats"]["median"] == pytest.approx(0.1)
    operations = {
        name: row["extra_info"].get("operations", 1)
        for name, row in rows.items()
        if name != "said"
    }
    assert {n: c for n, c in operations.items() if c > 1} == {
        "a function": 10,
        "in parts": 5,
        "copies": 12,
    }


def test_row_is_profiled_where_that_is_asked_for(
    pytester: pytest.Pytester, run: Run
) -> None:
    script(
        pytester,
        "def work():\n    for n in range(100_000):\n        str(n)\n"
        "runner.bench_func('r', work)",
    )

    rows = run("--benchmark-cprofile=tottime", "bm_one.py")

    functions = [entry["function_name"] for entry in rows["r"]["cprofile"]]
    assert any("bm_one.py" in name and "work" in name for name in functions)


def test_arguments_are_the_script_s_own(pytester: pytest.Pytester, run: Run) -> None:
    """One script under two names; its second folder of modules is behind its own."""
    path = script(
        pytester,
        "import argparse, beside, more\n"
        "own = argparse.ArgumentParser(); own.add_argument('--size')\n"
        "size = own.parse_args().size\n"
        "assert sys.argv[0] == __file__ and __name__ == '__main__'\n"
        "assert sys.modules['__main__'].runner is runner\n"
        "runner.args = ()  # nothing of it is parsed\n"
        "runner.bench_func(f'{size} {beside.NAME} {more.NAME}', int)",
        "scripts/run_benchmark",
    )
    folder, more = path.parent, pytester.mkdir("more")
    (folder / "beside.py").write_text("NAME = 'beside'")
    (more / "beside.py").write_text("NAME = 'wrong'")
    (more / "more.py").write_text("NAME = 'more'")
    for size in ("small", "large"):
        entry = ScriptEntry(
            script=str(path), arguments=("--size", size), folders=(str(more),)
        )
        write_entry(pytester.path, size, entry)

    rows = run("small.pyperf", "large.pyperf")

    assert rows["small beside more"]["fullname"] == "small.pyperf::small beside more"
    assert rows["large beside more"]["group"] == "large"
    assert {"beside", "more"} & {*sys.modules} <= {"more"}


def test_modules_of_one_name_are_each_script_s_own(
    pytester: pytest.Pytester, run: Run
) -> None:
    before = sys.argv[:], sys.path[:], sys.modules["__main__"], Path.cwd()
    for name in ("first", "second"):
        script(
            pytester,
            "import os, ours\nos.chdir('/')\nsys.path.append('left')\n"
            "runner.bench_func(ours.NAME, int)",
            f"{name}/bm",
        )
        (pytester.path / name / "ours.py").write_text(f"NAME = {name!r}")

    rows = run(".")

    assert {"first", "second"} <= {*rows}
    assert before == (sys.argv, sys.path, sys.modules["__main__"], Path.cwd())


def test_script_runs_as_without_pytest(pytester: pytest.Pytester, run: Run) -> None:
    """Its logs are not kept, and what is deprecated costs no warning at each call."""
    script(
        pytester,
        "import logging, warnings\nassert logging.getLogger().handlers == []\n"
        "logging.basicConfig()\n"
        "def old():\n"
        "    warnings.warn_explicit('old', DeprecationWarning, 'lib.py', 1, 'lib')\n"
        "runner.bench_func('row', old)",
    )
    handlers = logging.getLogger().handlers[:]

    rows = run("bm_one.py")

    assert "row" in rows
    assert "warnings summary" not in rows["said"]
    assert logging.getLogger().handlers == handlers


def test_each_benchmark_finds_the_logs_of_a_new_process(
    pytester: pytest.Pytester, run: Run
) -> None:
    """The script runs for each of them, and adds its handler again."""
    script(
        pytester,
        "import io, logging\n"
        "logger = logging.getLogger('apart')\n"
        "assert not logger.handlers and logger.propagate, logger.handlers\n"
        "logger.propagate = False\n"
        "logger.addHandler(logging.StreamHandler(io.StringIO()))\n"
        "def log():\n"
        "    assert len(logger.handlers) == 1, logger.handlers\n"
        "    logger.warning('it')\n"
        "runner.bench_func('first', log)\n"
        "runner.bench_func('second', log)",
    )

    assert {"first", "second"} <= {*run("bm_one.py")}


def test_nothing_of_a_script_is_left_to_the_collector(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second row sees what is left of the first one's run."""
    monkeypatch.setattr(sys, "seen", [], raising=False)
    script(
        pytester,
        "import weakref\nclass Data:\n    def of(self): pass\ndata = Data()\n"
        "sys.seen = [ref for ref in sys.seen if ref()]\n"
        "sys.seen.append(weakref.ref(data))\nlen(sys.seen) > 2 and 1 / 0\n"
        "for name in 'abc':\n    runner.bench_func(name, int)",
    )

    gc.disable()  # so that nothing is collected by itself
    try:
        rows = run("bm_one.py")
    finally:
        gc.enable()

    assert {*rows} == {"said", "a", "b", "c"}


def test_tests_and_other_files_stay_what_they_are(
    pytester: pytest.Pytester, run: Run
) -> None:
    """A file that reads results imports pyperf too: it must not be run."""
    script(pytester, "runner.bench_func('row', int)", "test_named_like_one")
    (pytester.path / "test_other.py").write_text("def test_it(benchmark):\n"
        "    benchmark(int)\n")  # fmt: skip
    (pytester.path / "read.py").write_text("import pyperf\nraise SystemExit(9)\n")
    (pytester.path / "ours.py").write_text(
        "import pyperf\ndef make():\n    return pyperf.Runner()\n"
    )

    rows = run("-rs")

    assert {*rows} == {"said", "row", "test_it"}


# Scripts that cannot be listed, and the end of what is said of each.
UNLISTED = {
    "exits": ("sys.exit(3)", "exits.py ended by sys.exit(3) before it named a bench"),
    "says": (
        "print('needs a port', file=sys.stderr)\nsys.exit('no port')",
        "ended by sys.exit('no port') before it named a benchmark: needs a port",
    ),
    "own": (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('file')\np.parse_args()",
        "ended by sys.exit(2) before it named a benchmark: own.py: error: the follow",
    ),
    "nothing": ("pass", "nothing.py ended before it named a benchmark"),
    "two": ("pyperf.Runner()", "RuntimeError: the script makes two of Runner"),
    "lacks": ("import no_such_module", "No module named 'no_such_module'"),
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "name": ("runner.bench_func(5, int)", "must be a text, not 5"),
    "inner": (
        "runner.bench_func('a', int, inner_loops=0)",
        "inner_loops must be a whole number of at least 1, not 0",
    ),
    "results": ("pyperf.BenchmarkSuite", "stands in for it has no 'BenchmarkSuite'"),
}


def test_script_that_cannot_be_listed_says_why(
    pytester: pytest.Pytester, run: Run
) -> None:
    for name, (body, _) in UNLISTED.items():
        script(pytester, body, name)
    script(pytester, "runner.bench_func('good', int)\nsys.exit(0)", "good")
    files = [f"{name}.py" for name in (*UNLISTED, "good")]

    rows = run("--continue-on-collection-errors", *files, status=1)

    assert {*rows} == {"said", "good"}
    said = rows["said"]
    assert [name for name, (_, reason) in UNLISTED.items() if reason not in said] == []


# Rows that cannot be measured, one script each, and what is said of it.
UNMEASURED = {
    "negative": ("bench_time_func('r', lambda n: -1.0)", "returned -1.0 s for 1 calls"),
    "nan": ("bench_time_func('r', lambda n: float('nan'))", "returned nan s"),
    "endless": ("bench_time_func('r', lambda n: float('inf'))", "returned inf s"),
    "zero": ("bench_time_func('r', lambda n: 0 if n else 1)", "calls took 0 ns"),
    "none": ("bench_time_func('r', lambda n: None)", "returned None, which is no num"),
    "raises": ("bench_func('r', lambda: 1 / 0)", "ZeroDivisionError"),
    "leaves": ("bench_func('r', sys.exit, 7)", "SystemExit: 7"),
    "caught": (
        "bench_func\ntry:\n    runner.bench_func('r', lambda: {}['key'])\n"
        "except Exception:\n    pass",
        "KeyError: 'key'",
    ),
    "coroutine": ("bench_func('r', sleep)", "give it to bench_async_func"),
    "statement": ("timeit('r', 'x +')", "SyntaxError"),
    "command": (
        "bench_command('r', [sys.executable, '-c', 'exit(\"no\" * 2)'])",
        "ended with exit status 1: nono",
    ),
    "missing": ("bench_command('r', ['no-such-command'])", "No such file"),
    "fails": ("bench_func('r', int)\nsys.exit(4)", "ended by sys.exit(4)"),
    "twice": (
        "bench_func('r', int)\nrunner.bench_func('r', str)",
        "the script names 2 benchmarks 'r'",
    ),
    "once": (
        "bench_func if hasattr(time, 'ran') else runner.bench_func('r', int)\n"
        "time.ran = True",
        "did not run its benchmark 'r' this time",
    ),
}


def test_row_that_cannot_be_measured_says_why(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("time.ran", raising=False)
    for name, (body, _) in UNMEASURED.items():
        script(pytester, f"async def sleep(): pass\nrunner.{body}", name)
    script(pytester, "runner.bench_func('good', int)", "good")

    rows = run(*(f"{name}.py" for name in (*UNMEASURED, "good")), status=1)
    monkeypatch.delattr("time.ran", raising=False)

    assert {*rows} == {"said", "good"}
    lines = rows["said"].partition("short test summary")[0]
    missing = [n for n, (_, reason) in UNMEASURED.items() if reason not in lines]
    assert missing == []


def test_entry_that_is_unavailable_is_na_and_one_that_is_none_is_named(
    pytester: pytest.Pytester, run: Run
) -> None:
    write_entry(pytester.path, "away", ScriptEntry(script="x", unavailable="no wheel"))
    write_entry(pytester.path, "gone", ScriptEntry(script="no_such_file.py"))
    (pytester.path / "torn.pyperf").write_text("{")
    script(pytester, "runner.bench_func('good', int)")

    rows = run("-rs", "--continue-on-collection-errors", ".", status=1)

    assert {*rows} == {"said", "good"}
    for reason in ("n/a: no wheel", "no_such_file.py", "torn.pyperf: "):
        assert reason in rows["said"]


def test_script_that_wants_a_process_gets_what_it_asks_for(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages with a hook, seen by children too, and one that nobody has imported."""
    more = pytester.mkdir("more")
    (more / "hook.pth").write_text("import sys; sys.hooked = True\n")
    (more / "packaged.py").write_text("NAME = 'packaged'")
    script(
        pytester,
        "import packaged, pickle, subprocess\n"
        "assert sys.hooked and __builtins__.open\n"
        "assert 'seen' not in vars(pickle); pickle.seen = True\n"
        "child = [sys.executable, '-c', 'import packaged']\n"
        "runner.bench_func('good', subprocess.check_call, child)",
        "scripts/bm_one",
    )
    entry = ScriptEntry(
        script="scripts/bm_one.py",
        folders=(str(more),),
        anew=("pickle",),
        own_process=True,
    )
    path = write_entry(pytester.path, "own", entry)
    # As an arm has it, whose own entry stands in for that of the suite.
    arm = pytester.mkdir("arm")
    path.rename(arm / path.name)
    path.write_text("{}")
    monkeypatch.setenv(ARM_ENTRIES, str(arm))
    monkeypatch.setattr(sys, "hooked", False, raising=False)
    pickle = sys.modules["pickle"]

    assert run("own.pyperf").keys() == {"said", "good"}

    assert sys.modules["pickle"] is pickle
    assert not hasattr(pickle, "seen")
    assert str(more) not in os.environ.get("PYTHONPATH", "")
    script(pytester, "runner.bench_func('other', int)", "bm_two")
    rows = run("-rs", "own.pyperf", "bm_two.py")
    assert rows.keys() == {"said", "other"}
    assert "n/a: no other script may run in its process" in rows["said"]


def test_list_says_what_cannot_be_run_here(pytester: pytest.Pytester) -> None:
    """What can be is listed as well."""
    script(pytester, "runner.bench_func('good', int)")
    script(pytester, "import no_such_module", "lacks")
    write_entry(pytester.path, "away", ScriptEntry(script="x", unavailable="no wheel"))

    pytester.runpytest_inprocess(*PLUGIN, "--collect-only", "--pybench-list-to=list")

    rows = json.loads((pytester.path / "list").read_text())["rows"]
    assert {row["operation"]: row["lacks"] for row in rows} == {
        "good": None,
        "away": "no wheel",
        "lacks": "cannot be collected: ModuleNotFoundError: No module named "
        "'no_such_module'",
    }


def test_time_whose_cpu_time_is_lost_is_said(
    pytester: pytest.Pytester, run: Run
) -> None:
    script(
        pytester,
        "def own(n):\n    return n * 0.25\n"
        "def read(n):\n    t = time.monotonic()\n    return time.monotonic() - t\n"
        "runner.bench_time_func('own', own)\nrunner.bench_time_func('read', read)\n"
        "runner.bench_time_func('rounds', lambda n: float(read(n)))",
    )

    rows = run("bm_one.py")

    reason = "wall time alone is known, as its time function"
    assert f"bm_one.py::own: {reason} reads no clock that could" in rows["said"]
    assert f"bm_one.py::rounds: {reason} makes another number" in rows["said"]
    assert f"bm_one.py::read: {reason}" not in rows["said"]
    assert rows["own"]["extra_info"]["cpu_time"] == "not known"


def test_pyperf_that_is_installed_is_used(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own runner is there again afterwards."""
    theirs: Any = ModuleType("pyperf")
    theirs.Runner, theirs.ANSWER = object, 42
    monkeypatch.setitem(sys.modules, "pyperf", theirs)
    script(pytester, "runner.bench_func(f'row {pyperf.ANSWER}', int)")

    rows = run("bm_one.py")

    assert "row 42" in rows
    assert theirs.Runner is object


def test_runner_parses_what_pyperf_s_does() -> None:
    calls: list[Call] = []
    kind: type[Runner] = recording(calls.append)
    runner = kind(values=7, loops=2)

    args = runner.parse_args(["--fast", "-p", "3", "--inherit-environ=A,B"])

    assert (args.fast, args.processes, args.values, args.loops) == (True, 3, 7, 2)
    assert args.inherit_environ == ["A", "B"]
    assert args.debug_single_value is False
    assert runner.parse_args() is args
    assert runner.is_worker()
    assert runner.bench_func("row", int) is None  # type: ignore[func-returns-value]
    assert [call.name for call in calls] == ["row"]


INTERLEAVED = """
import time
def work(loops):
    start = time.perf_counter()
    for _ in range(loops):
        sum(range(1000))
    return time.perf_counter() - start
runner.bench_time_func('timed', work)
runner.bench_func('called', int, inner_loops=3)
runner.bench_time_func('lies', lambda n: n * 0.25 if n < 2 else -1.0)
"""


def test_rows_are_interleaved(pytester: pytest.Pytester) -> None:
    """In any order, with the CPU time of what a function times itself."""
    script(pytester, INTERLEAVED)
    write_entry(pytester.path, "port", ScriptEntry(script="bm_one.py", exclusive=True))
    options = ("--benchmark-only", "-p", "no:cacheprovider", "-q")
    command = [sys.executable, "-m", "pytest", *PLUGIN, *options]
    lies, called = "bm_one.py::lies", "bm_one.py::called"
    with Worker("a", command, environ=os.environ, folder=pytester.path) as worker:
        worker.await_hello()
        facts = worker.rows
        worker.choose([called, lies, "port.pyperf::timed"])
        assert worker.await_row(called) is None  # as many calls as are wanted
        assert worker.sample({"count": 100}).wall_ns > 0
        assert worker.stop_row(called).counts["operations"] == 3
        worker.await_row(lies)
        sample = worker.sample({"count": 1})
        assert (sample.wall_ns, sample.cpu_ns) == (250_000_000, 0)
        with pytest.raises(RowEndedError, match=r"returned -1\.0 s for 2 calls"):
            worker.sample({"count": 2})
        worker.await_row("port.pyperf::timed")
        assert worker.size(1e6)["count"] >= 1
        sample = worker.sample({"count": 20})
        assert sample.wall_ns > 0
        assert sample.cpu_ns > 0
        assert sample.blocked is not None or sys.platform != "linux"
        assert worker.stop_row("port.pyperf::timed").outcome == "measured"

    assert facts["port.pyperf::timed"].alternate
    assert not facts[lies].alternate
    assert facts[lies].group == "bm_one"
