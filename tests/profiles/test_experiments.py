"""Targets in processes of their own: what is found, and what goes wrong with them."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pybench.children import Child, group_runs
from pybench.interpreters import Interpreter, probe
from pybench.profiles import experiments
from pybench.profiles.bottleneck import notes_of
from pybench.profiles.experiments import environ_of, parse_imports
from pybench.profiles.targets import (
    Target,
    TargetMissingError,
    module_target,
    parse_target,
)
from pybench.records.bottleneck import Run
from pybench.records.profile_run import FUNCTIONS, GC_OFF, PLAIN, TRACED
from pybench.target.programs.profile_observers import queued_ns
from pybench.target.programs.suite_row import GivenRow
from pybench.target.programs.target_calls import Rounds

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")


@pytest.fixture(scope="module")
def python() -> Interpreter:
    """Return the interpreter that runs this."""
    return probe(sys.executable)


@pytest.fixture
def run(python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return what runs a source as a script, once."""
    monkeypatch.setattr(experiments, "BUDGET_S", 0.01)

    def run_source(
        source: str,
        timeout_s: float = 300.0,
        function: str = "",
        arguments: tuple[str, ...] = (),
        condition: str = PLAIN,
    ) -> Run:
        path = tmp_path / "target.py"
        path.write_text(source)
        word = f"{path}:{function}" if function else str(path)
        return experiments.run(
            python, parse_target(word, arguments), condition, 0, timeout_s
        )

    return run_source


def test_words_mean_scripts_functions_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.touch()

    assert parse_target(str(path)).kind == "script"
    assert parse_target(f"{path}:run").kind == "function"
    assert parse_target("json:dumps").kind == "function"
    assert parse_target(f"{path}::test_it").kind == "row"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("nothing.py", "nothing.py does not exist"),
        ("nothing.py:run", "nothing.py does not exist"),
        ("nothing.py::test_it", "nothing.py does not exist"),
        ("nothing", "module:function"),
        (".", "is no file"),
    ],
)
def test_target_that_is_not_there_is_named(word: str, reason: str) -> None:
    with pytest.raises(TargetMissingError, match=reason):
        parse_target(word)


def test_script_has_a_first_and_a_steady_time(run) -> None:  # type: ignore[no-untyped-def]
    ran = run("import sys\nassert __name__ == '__main__'\nsys.exit(0)\n")

    assert ran.problem == ""
    assert ran.report.first.calls == 1
    assert ran.report.steady.calls >= 1
    assert ran.report.ready_ns > ran.begun_ns


@pytest.mark.parametrize(
    ("source", "function", "kind", "message"),
    [
        ("raise ValueError('broken')", "", "raised", "ValueError: broken"),
        ("import sys; sys.exit(3)", "", "exited", "exit 3"),
        ("import os; os._exit(0)", "", "exited", "os._exit"),
        ("import os; os.abort()", "", "killed", "ended by SIGABRT"),
        ("def f(): raise SystemExit(2)", "f", "exited", r"called exit\(2\)"),
        ("def f(x): pass", "f", "missing", "needs x"),
        ("def f(): pass", "g", "missing", "its functions: f"),
        ("f = 1", "f", "missing", "int, not callable"),
        ("import nothing_like_it\ndef f(): pass", "f", "missing", "nothing_like_it"),
    ],
)
def test_target_that_fails_says_how(  # type: ignore[no-untyped-def]
    run, source: str, function: str, kind: str, message: str
) -> None:
    import re

    ran = run(source, function=function)

    assert ran.kind == kind
    assert re.search(message, ran.problem)


def test_target_that_never_returns_is_ended_where_it_was(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"
    wait = experiments._wait

    def wait_once_begun(process: Child, timeout_s: float) -> object:
        while not begun.exists():  # a busy machine starts it when it can
            time.sleep(0.01)
        return wait(process, timeout_s)

    monkeypatch.setattr(experiments, "_wait", wait_once_begun)
    ran = run(
        f"import time\nopen({str(begun)!r}, 'w')\ntime.sleep(600)\n", timeout_s=4.0
    )

    assert ran.kind == "endless"
    assert "within 4 s" in ran.problem
    assert "line 3" in ran.problem


def test_target_that_forks_answers_once(run) -> None:  # type: ignore[no-untyped-def]
    ran = run(
        "import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\n", timeout_s=300
    )

    assert ran.problem == ""
    assert ran.report.steady.calls >= 1


@pytest.mark.parametrize("end", ["x = 1", "raise ValueError"])
def test_forked_process_ends_where_it_comes_back(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """It would go on with the batch, and fork in turn."""
    monkeypatch.setattr(experiments, "BUDGET_S", 0.05)
    begun = tmp_path / "begun"
    ran = run(
        "import os\n"
        f"with open({str(begun)!r}, 'a') as file:\n"
        "    file.write(f'{os.getpid()}\\n')\n"
        "pid = os.fork()\n"
        "if pid:\n"
        "    os.waitpid(pid, 0)\n"
        "else:\n"
        f"    {end}\n",
        timeout_s=300,
    )

    assert ran.problem == ""
    assert len({*begun.read_text().split()}) == 1


# How a child is forked in which `report()` runs, and what its parent then does.
FORKS = {
    "fork": """
pid = os.fork()
if pid == 0:
    report()
    sys.exit(3)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
""",
    "thread": """
def fork():
    if not (pid := os.fork()):
        report()
        os._exit(0)
    os.waitpid(pid, 0)
thread = threading.Thread(target=fork)
thread.start()
thread.join()
""",
    "multiprocessing": """
child = multiprocessing.get_context("fork").Process(target=report)
child.start()
child.join()
assert child.exitcode == 0
""",
    "preexec_fn": """
subprocess.run([sys.executable, "-c", ""], preexec_fn=report, check=True)
""",
}


@pytest.mark.parametrize("way", FORKS)
@pytest.mark.parametrize("condition", [FUNCTIONS, TRACED])
def test_forked_process_runs_unwatched(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, way: str, condition: str
) -> None:
    """Whoever forks it, and what it ends with is what its parent sees."""
    seen = tmp_path / "seen"
    monitors = "[t for t in range(6) if sys.monitoring.get_tool(t)]"
    source = (
        "import multiprocessing, os, subprocess, sys, threading, tracemalloc\n"
        "def report():\n"
        f"    tools = {monitors} if hasattr(sys, 'monitoring') else []\n"
        "    watched = sys.getprofile() or tools or tracemalloc.is_tracing()\n"
        f"    with open({str(seen)!r}, 'a') as file:\n"
        "        file.write('watched\\n' if watched else 'free\\n')\n"
    )
    ran = run(source + FORKS[way], condition=condition)

    assert ran.problem == ""
    assert not ran.left_behind
    assert {*seen.read_text().split()} == {"free"}


def test_files_of_a_forked_process_are_written(  # type: ignore[no-untyped-def]
    run, tmp_path: Path
) -> None:
    """It ends as a program does, with what its main module alone had open."""
    path = tmp_path / "written"
    ran = run(
        "import os\n"
        "pid = os.fork()\n"
        "if pid:\n"
        "    os.waitpid(pid, 0)\n"
        "else:\n"
        f"    file = open({str(path)!r}, 'w')\n"
        "    file.write('all of it')\n"
    )

    assert ran.problem == ""
    assert path.read_text() == "all of it"


POOL = """
import multiprocessing, sys
from multiprocessing.shared_memory import SharedMemory

def double(number):
    return 2 * number

if __name__ == "__main__":
    block = SharedMemory(create=True, size=16)
    pool = multiprocessing.get_context(sys.argv[1]).Pool(1)
    assert pool.map(double, [1, 2]) == [2, 4]
    block.close()
    block.unlink()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pool_that_is_left_to_the_end_leaves_nothing(run, method: str) -> None:  # type: ignore[no-untyped-def]
    """The helpers of multiprocessing end by themselves, a moment after the program."""
    ran = run(POOL, arguments=(method,))

    assert ran.problem == ""
    assert not ran.left_behind


@pytest.mark.once
def test_what_has_ended_and_is_not_waited_for_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not group_runs(child.pid) or not Path("/proc/self/stat").exists()
    child.wait()
    assert group_runs(os.getpgrp())


LAZY = """
import asyncio, functools, types
done = []
loops = set()
async def coroutine():
    await asyncio.sleep(0)
    loops.add(asyncio.get_running_loop())
    assert len(loops) == 1
    done.append(1)
def generator():
    yield
    done.append(1)
async def asynchronous():
    yield
    done.append(1)
def wrapper():
    return coroutine()
partial = functools.partial(generator)
class Job:
    @classmethod
    def make(cls):
        return generator()
    async def __call__(self):
        done.append(1)
job = Job()
def mapped():
    return map(done.append, [1])
def plain():
    done.append(1)
"""


@pytest.mark.parametrize(
    ("function", "makes"),
    [
        ("coroutine", "coroutine"),
        ("wrapper", "coroutine"),
        ("job", "coroutine"),
        ("generator", "generator"),
        ("partial", "generator"),
        ("Job.make", "generator"),
        ("asynchronous", "asynchronous generator"),
        ("mapped", "lazy iterator"),
        ("plain", ""),
    ],
)
def test_what_a_call_only_makes_is_run_and_said(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, function: str, makes: str
) -> None:
    counted = tmp_path / "counted"
    end = f"import atexit\natexit.register(lambda: open({str(counted)!r}, 'w')"
    ran = run(f"{LAZY}{end}.write(str(len(done))))\n", function=function)

    assert ran.problem == ""
    assert ran.report.makes == makes
    steady = ran.report.steady.calls
    assert int(counted.read_text()) > steady


def test_whole_run_runs_what_the_call_makes(tmp_path: Path) -> None:
    """As a user would: the command of one run awaits, or iterates."""
    path = tmp_path / "lazy.py"
    path.write_text(f"{LAZY}import atexit\natexit.register(lambda: print(done))\n")
    made = {"coroutine": "coroutine", "generator": "generator"}
    made["asynchronous"] = "asynchronous generator"

    for function, makes in made.items():
        target = replace(parse_target(f"{path}:{function}"), makes=makes)
        said = subprocess.run(
            [sys.executable, *target.command()], capture_output=True, text=True
        )
        assert (said.stdout, said.stderr) == ("[1]\n", "")


SHOW = "import json, sys\nfacts = [sys.argv, sys.path[0], __name__, __file__]\n"


@pytest.mark.parametrize("kind", ["script", "link", "package", "submodule"])
def test_program_sees_what_it_sees_without_us(
    python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Its arguments, its path and its own name, as under Python alone."""
    monkeypatch.setattr(experiments, "BUDGET_S", 0.001)
    monkeypatch.chdir(tmp_path)
    seen = tmp_path / "seen.json"
    source = f"{SHOW}facts += [__spec__ and __spec__.name, __package__]\n"
    source += f"json.dump(facts, open({str(seen)!r}, 'w'))\n"
    package = tmp_path / "package"
    package.mkdir()
    for name in ("__init__", "__main__", "other"):
        (package / f"{name}.py").write_text("" if name == "__init__" else source)
    (tmp_path / "link.py").symlink_to(package / "other.py")
    arguments = ["--flag", "a b"]
    target = {
        "script": lambda: parse_target("package/other.py", arguments),
        "link": lambda: parse_target("link.py", arguments),
        "package": lambda: module_target("package", arguments),
        "submodule": lambda: module_target("package.other", arguments),
    }[kind]()

    ran = experiments.run(python, target, PLAIN, 0, 30.0)
    ours = json.loads(seen.read_text())
    subprocess.run([sys.executable, *target.command()], check=True)

    assert ran.problem == ""
    assert ours == json.loads(seen.read_text())
    assert ours[0][1:] == arguments


@pytest.mark.parametrize(
    ("name", "reason"),
    [("no_such_package", "no such module"), ("math", "not written in Python")],
)
def test_module_that_cannot_be_run_is_named(
    python: Interpreter, name: str, reason: str
) -> None:
    ran = experiments.run(python, module_target(name), PLAIN, 0, 30.0)

    assert ran.kind == "missing"
    assert reason in ran.problem


def test_arguments_are_those_of_a_program() -> None:
    with pytest.raises(TargetMissingError, match="a function takes no arguments"):
        parse_target("json:dumps", ["--flag"])
    with pytest.raises(TargetMissingError, match="no name of a module"):
        module_target("a-b")
    assert module_target("a.b", ["x y"]).words == "-m a.b 'x y'"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys; sys.exit('no such table')", "exit 1: no such table"),
        ("import argparse; argparse.ArgumentParser().error('bad')", "error: bad"),
        ("import sys; sys.exit(True)", "exit 1"),
        ("input()", "EOF when reading a line; standard input is empty here"),
        (
            "import sys; sys.exit(f'no rows: {sys.stdin.read()!r}')",
            "exit 1; standard input is empty here: no rows: ''",
        ),
    ],
)
def test_own_last_words_of_a_program_are_shown(run, source: str, said: str) -> None:  # type: ignore[no-untyped-def]
    assert said in run(source).problem


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("import sys\nsys.stdin.read()", "standard input, which is empty here"),
        ("for line in __import__('sys').stdin: pass", "standard input, which is"),
        ("__import__('sys').stdin.buffer.readline()", "standard input, which is"),
        (
            "import threading\nstop = threading.Event()\n"
            "threading.Thread(target=stop.wait, daemon=True, name='ticker').start()",
            "when an execution ended: ticker",
        ),
        ("x = 1", ""),
    ],
)
def test_what_is_not_in_the_times_is_noted(run, source: str, note: str) -> None:  # type: ignore[no-untyped-def]
    ran = run(source)

    notes = " ".join(notes_of(ran.report))
    assert ran.problem == ""
    assert note in notes
    assert bool(note) == bool(notes)


def test_without_proc_nobody_knows_who_waited_for_a_cpu() -> None:
    """As outside Linux: there is no such thread."""
    assert queued_ns(0) is None


def test_processes_left_behind_are_ended(run) -> None:  # type: ignore[no-untyped-def]
    ran = run(
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    )

    assert ran.left_behind


def test_row_is_measured_through_its_fixture(
    python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "BUDGET_S", 0.01)
    path = tmp_path / "test_rows.py"
    path.write_text(
        "def test_it(benchmark): assert benchmark(sorted, [2, 1]) == [1, 2]\n"
        "def test_none(): pass\n"
    )
    ran = experiments.run(python, parse_target(f"{path}::test_it"), FUNCTIONS, 0, 60.0)
    missing = experiments.run(
        python, parse_target(f"{path}::test_none"), FUNCTIONS, 0, 60.0
    )

    assert ran.problem == ""
    names = [function.name for function in ran.report.observed.functions]
    assert "<built-in method builtins.sorted>" in names
    assert "before" in missing.problem


ROWS = """
import pathlib
import pytest

def note():
    with open(pathlib.Path(__file__).with_name("calls"), "a") as file:
        file.write(".")

def test_once(benchmark):
    benchmark.pedantic(note, rounds=1)

@pytest.mark.parametrize("at", ["http://a//b", "x/./y", "a::b", "[z"])
def test_five(benchmark, at):
    benchmark.pedantic(note, rounds=5, warmup_rounds=1, iterations=2)

def test_made_anew(benchmark):
    benchmark.pedantic(note, setup=lambda: None, teardown=lambda: None, rounds=2)

def test_refused(benchmark):
    benchmark.pedantic(note, rounds=0)
"""


@pytest.mark.parametrize(
    ("test", "condition", "calls"),
    [
        ("once", PLAIN, {1}),
        # A warm-up and five rounds of two, and one call for what the row gets.
        ("five[http://a//b]", PLAIN, {13}),
        ("five[a::b]", GC_OFF, {13}),
        ("made_anew", PLAIN, range(10, 10_000)),
    ],
)
def test_row_runs_as_often_as_it_says(
    python: Interpreter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    test: str,
    condition: str,
    calls: set[int] | range,
) -> None:
    # What a row says limits its executions, and never the time on a busy machine.
    monkeypatch.setattr(experiments, "BUDGET_S", 0.01 if test == "made_anew" else 60)
    path = tmp_path / "test_rows.py"
    path.write_text(ROWS)
    target = parse_target(f"{path}::test_{test}")

    ran = experiments.run(python, target, condition, 0, 60.0)

    assert ran.problem == ""
    assert len((tmp_path / "calls").read_text()) in calls
    note = " ".join(notes_of(ran.report))
    if test == "once":
        assert ran.report.steady == ran.report.first
        assert "no process runs the row more than once;" in note
    elif test == "made_anew":
        assert (
            note == "an execution is one round of the row with its setup and teardown"
        )
    else:
        assert "with its 2 iterations" in note
        assert "more than 5 times; write more rounds" in note


def test_row_that_stock_refuses_is_refused_in_its_words(
    python: Interpreter, tmp_path: Path
) -> None:
    path = tmp_path / "test_rows.py"
    path.write_text(ROWS)
    target = parse_target(f"{path}::test_refused")

    ran = experiments.run(python, target, PLAIN, 0, 60.0)

    assert ran.problem == ("it raised ValueError: Must have positive int for `rounds`.")
    assert not (tmp_path / "calls").exists()


def test_round_is_made_as_stock_makes_it() -> None:
    said: list[object] = []

    def target(*args: int, **kwargs: int) -> int:
        said.append((args, kwargs))
        return len(said)

    rounds = Rounds(
        target=target,
        setup=lambda: ((1,), {"b": 2}),
        teardown=lambda *args, **kwargs: said.append("down"),
        warmup_rounds=1,
        rounds=3,
        says_rounds=True,
    )
    rounds.warm()
    returned = rounds.call()

    assert said == [((1,), {"b": 2}), "down"] * 2
    assert returned == rounds.result() == 3
    assert rounds.facts.rounds is None


@pytest.mark.parametrize(
    ("how", "most"),
    [
        ({"says_rounds": False}, 1),
        ({"rounds": 4, "says_rounds": True}, 4),
        ({"rounds": 1, "setup": dict, "says_rounds": True}, 1),
        ({"rounds": 1, "setup": dict, "says_rounds": False}, None),
        ({"rounds": 4, "setup": dict, "says_rounds": True}, None),
    ],
)
def test_rounds_have_the_limit_that_the_row_says(
    how: dict[str, Any], most: int | None
) -> None:
    assert Rounds(target=int, **how).facts.rounds == most


def test_setup_that_gives_arguments_allows_no_others() -> None:
    rounds = Rounds(
        target=int, args=("1",), setup=lambda: (("2",), {}), says_rounds=True
    )

    with pytest.raises(TypeError, match="Can't use `args` or `kwargs`"):
        rounds.call()


@pytest.mark.parametrize(
    ("test", "chosen"),
    [
        ("test_a[http://x//y]", "test_a[http://x//y]"),
        ("test_a[p::q]", "test_a[p::q]"),
        ("test_c", "test_c[1]"),
        ("T::test_d", "T::test_d"),
        ("T", "T::test_d"),
        ("test_a", "are 2 rows; name one: test_a[http://x//y], test_a[p::q]"),
        ("test_n", "there is no such row; rows.py has test_a[http://x//y]"),
    ],
)
def test_given_row_is_chosen_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: str, chosen: str
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["test_a[http://x//y]", "test_a[p::q]", "test_c[1]", "T::test_d"]
    items = [
        SimpleNamespace(
            nodeid=f"{file}::{name}",
            path=tmp_path / file,
            fixturenames=["benchmark"],
        )
        for file in ("other.py", "rows.py")
        for name in names
    ]
    given = GivenRow(f"rows.py::{test}")

    if " " in chosen:
        with pytest.raises(pytest.UsageError, match=re.escape(chosen)):
            given.pytest_collection_modifyitems(items)
        assert chosen in given.problem
    else:
        given.pytest_collection_modifyitems(items)
        assert [item.nodeid for item in items] == [f"rows.py::{chosen}"]


def test_imports_are_those_of_the_target() -> None:
    text = (
        "import time:       100 |        100 |   codecs\n"
        "import time:       100 |        300 | site\n"
        "import time:       200 |        200 |   json.decoder\n"
        "import time:       300 |        500 | json\n"
        "import time:       -20 |       7000 | app\n"
        "import time:        20 |         -1 | empty\n"
        "import time: cached    | cached     | sys\n"
        "something else\n"
    )

    assert parse_imports(text) == {"json": 500_000, "app": 7_000_000, "empty": 20_000}


def test_all_conditions_take_turns(
    python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "BUDGET_S", 0.001)
    path = tmp_path / "target.py"
    path.write_text("pass\n")
    target = Target(kind="script", name=str(path))

    runs = list(experiments.run_all(python, target, repeat=1, timeout_s=300))

    names = [one.condition for one in runs]
    assert [one.problem for one in runs if one.problem] == []
    assert sorted(names) == sorted(experiments.conditions_of(python, target))
    assert os.environ.get("PYTHONMALLOC") is None


@pytest.mark.parametrize("free_threaded", [False, True])
def test_only_cprofile_runs_under_the_gil_of_a_free_threaded_build(
    python: Interpreter, free_threaded: bool
) -> None:
    """Without the GIL, threads under cProfile tear its tree of functions apart."""
    build = replace(python, free_threaded=free_threaded, gil_enabled=not free_threaded)
    target = Target(kind="function", name="json:dumps")

    with_gil = {
        condition
        for condition in experiments.conditions_of(build, target)
        if environ_of(build, condition).get("PYTHON_GIL") == "1"
    }

    assert with_gil == ({FUNCTIONS} if free_threaded else set())
