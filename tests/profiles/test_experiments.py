"""Targets in processes of their own: what is found, and what goes wrong with them."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pybench.profiles import experiments, subject
from pybench.profiles.experiments import (
    PLAIN,
    Condition,
    Ran,
    Target,
    TargetMissingError,
    parse_imports,
    parse_target,
)
from pybench.runner import Interpreter, probe


@pytest.fixture(scope="module")
def python() -> Interpreter:
    """Return the interpreter that runs this."""
    return probe(sys.executable)


@pytest.fixture
def run(python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return what runs a source as a script, once."""
    monkeypatch.setattr(experiments, "BUDGET_S", 0.01)

    def run_source(source: str, timeout_s: float = 30.0, function: str = "") -> Ran:
        path = tmp_path / "target.py"
        path.write_text(source)
        word = f"{path}:{function}" if function else str(path)
        return experiments.run(
            python, parse_target(word), Condition(name=PLAIN), 0, timeout_s
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
    assert ran.report["first"]["calls"] == 1
    assert ran.report["steady"]["calls"] >= 1
    assert ran.report["ready_ns"] > ran.begun_ns


@pytest.mark.parametrize(
    ("source", "function", "kind", "message"),
    [
        ("raise ValueError('broken')", "", "raised", "ValueError: broken"),
        ("import sys; sys.exit(3)", "", "exited", "exit 3"),
        ("import os; os._exit(0)", "", "exited", "os._exit"),
        ("import os; os.abort()", "", "killed", "signal 6"),
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


def test_target_that_never_returns_is_ended_where_it_was(run) -> None:  # type: ignore[no-untyped-def]
    ran = run("import time\nprint()\ntime.sleep(600)\n", timeout_s=4.0)

    assert ran.kind == "endless"
    assert "within 4 s" in ran.problem
    assert "line 3" in ran.problem


def test_target_that_forks_answers_once(run) -> None:  # type: ignore[no-untyped-def]
    ran = run(
        "import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\n", timeout_s=20
    )

    assert ran.problem == ""
    assert ran.report["steady"]["calls"] >= 1


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
        timeout_s=20,
    )

    assert ran.problem == ""
    assert len({*begun.read_text().split()}) == 1


def test_without_proc_nobody_knows_who_waited_for_a_cpu() -> None:
    """As outside Linux: there is no process 0, and no such thread."""
    assert experiments._queued_ns(0) == 0
    assert subject.queued_ns(0) is None


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
    functions = Condition(name="functions", observe="functions")

    ran = experiments.run(python, parse_target(f"{path}::test_it"), functions, 0, 60.0)
    missing = experiments.run(
        python, parse_target(f"{path}::test_none"), functions, 0, 60.0
    )

    assert ran.problem == ""
    names = [one["name"] for one in ran.report["observed"]["functions"]]
    assert "<built-in method builtins.sorted>" in names
    assert "before" in missing.problem


def test_imports_are_those_of_the_target() -> None:
    text = (
        "import time:       100 |        100 |   codecs\n"
        "import time:       100 |        300 | site\n"
        "import time:       200 |        200 |   json.decoder\n"
        "import time:       300 |        500 | json\n"
        "something else\n"
    )

    assert parse_imports(text) == {"json": 500_000}


def test_all_conditions_take_turns(
    python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "BUDGET_S", 0.001)
    path = tmp_path / "target.py"
    path.write_text("pass\n")
    target = Target(kind="script", name=str(path))

    runs = list(experiments.run_all(python, target, repeat=1, timeout_s=30))

    names = [one.condition for one in runs]
    assert [one.problem for one in runs if one.problem] == []
    assert sorted(names) == sorted(
        one.name for one in experiments.conditions(python, target)
    )
    assert os.environ.get("PYTHONMALLOC") is None


@pytest.mark.parametrize("free_threaded", [False, True])
def test_only_cprofile_runs_under_the_gil_of_a_free_threaded_build(
    python: Interpreter, free_threaded: bool
) -> None:
    """Without the GIL, threads under cProfile tear its tree of functions apart."""
    build = replace(python, free_threaded=free_threaded, gil_enabled=not free_threaded)
    target = Target(kind="function", name="json:dumps")

    with_gil = {
        one.name
        for one in experiments.conditions(build, target)
        if one.environ.get("PYTHON_GIL") == "1"
    }

    profiled = {experiments.FUNCTIONS, experiments.NATIVE}
    assert with_gil == (profiled if free_threaded else set())
