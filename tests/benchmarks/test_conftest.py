"""What the suite's own fixtures promise to its rows."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.target.plugin.conftest import FAST_MACHINE_INFO

SUITE = Path(__file__).parents[2] / "benchmarks"

ROW = """
import pytest

def test_plain(benchmark):
    benchmark.pedantic(int)

@pytest.mark.benchmark(group="ours", max_time=0.01)
def test_marked(benchmark):
    benchmark.pedantic(int)
"""

Collected = dict[str, dict[str, Any]]


def load(path: Path) -> ModuleType:
    """Import a file that is in no package, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"loaded_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


conftest = load(SUITE / "conftest.py")
startup = load(SUITE / "startup" / "conftest.py")


@pytest.fixture
def collect(pytester: pytest.Pytester) -> Callable[..., Collected]:
    """Return a function that runs a suite with our conftest beside another's."""
    for folder in ("ours", "theirs"):
        pytester.mkdir(folder)
        (pytester.path / folder / f"test_{folder}.py").write_text(ROW)
    for name in ("conftest.py", "quick.txt"):
        shutil.copy(SUITE / name, pytester.path / "ours")
    pytester.makeconftest(FAST_MACHINE_INFO)

    def run(*arguments: str) -> Collected:
        # Without our plugin: the suite's folder has to stand by itself.
        options = ("-p", "no:pybench", "--strict-markers", "--benchmark-json=out.json")
        result = pytester.runpytest_inprocess(*options, *arguments)
        result.assert_outcomes(passed=4)
        document = json.loads((pytester.path / "out.json").read_text())
        return {row["fullname"]: row for row in document["benchmarks"]}

    return run


def test_gives_rows_of_this_suite_their_budget_and_leaves_others_alone(
    collect: Callable[..., Collected],
) -> None:
    """A row without a budget of its own has the suite's, and keeps its group."""
    rows = collect()

    assert rows["ours/test_ours.py::test_plain"]["options"]["max_time"] == 0.3
    assert rows["ours/test_ours.py::test_marked"]["options"]["max_time"] == 0.01
    assert rows["ours/test_ours.py::test_marked"]["group"] == "ours"
    # A row outside the folder keeps pytest-benchmark's budget.
    assert rows["theirs/test_theirs.py::test_plain"]["options"]["max_time"] == 1.0


@pytest.mark.parametrize("value", ["0.02", "1.0"])
def test_obeys_a_budget_given_on_the_command_line(
    collect: Callable[..., Collected], value: str
) -> None:
    """The user's budget wins over the suite's, the default's value included."""
    rows = collect(f"--benchmark-max-time={value}")

    for name in ("test_plain", "test_marked"):
        assert rows[f"ours/test_ours.py::{name}"]["options"]["max_time"] == float(value)


def test_obeys_a_budget_given_in_the_environment(
    collect: Callable[..., Collected], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A budget in PYTEST_ADDOPTS counts as the user's."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--benchmark-max-time 0.02")
    rows = collect()

    assert rows["ours/test_ours.py::test_plain"]["options"]["max_time"] == 0.02


MARKED = """
import pytest

@pytest.mark.slow
@pytest.mark.threads(1)
def test_slow(benchmark):
    benchmark.pedantic(int)

@pytest.mark.requires_ft
def test_needy(benchmark):
    benchmark.pedantic(int)

def test_benchmark_interpreter_add_int(benchmark):
    benchmark.pedantic(int)
"""


@pytest.mark.parametrize("plugin", ["pybench", "no:pybench"])
def test_markers_are_known_with_and_without_the_plugin(
    pytester: pytest.Pytester, plugin: str
) -> None:
    """No row fails to be collected for a marker, and `-m` finds each of them."""
    pytester.makepyfile(test_marked=MARKED)
    for name in ("conftest.py", "quick.txt"):
        shutil.copy(SUITE / name, pytester.path)
    switch = ["-p", plugin] if plugin.startswith("no:") else []
    options = ("--strict-markers", "-q", "--collect-only", *switch)
    collected = {
        marker: pytester.runpytest_inprocess(*options, "-m", marker).outlines
        for marker in ("slow", "threads", "requires_ft", "quick")
    }

    assert {marker: lines[0] for marker, lines in collected.items()} == {
        "slow": "test_marked.py::test_slow",
        "threads": "test_marked.py::test_slow",
        "requires_ft": "test_marked.py::test_needy",
        "quick": "test_marked.py::test_benchmark_interpreter_add_int",
    }


def test_needy_row_is_not_run_without_the_plugin(pytester: pytest.Pytester) -> None:
    """Nobody would look at the GIL, so the row says n/a instead of a number."""
    pytester.makepyfile(test_marked=MARKED)
    for name in ("conftest.py", "quick.txt"):
        shutil.copy(SUITE / name, pytester.path)
    result = pytester.runpytest_inprocess("-p", "no:pybench", "-rs")

    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*n/a: needs the pybench plugin"])


def test_unrolls_a_thousand_operations() -> None:
    """The statement runs a thousand times a call, and what prepares it once."""
    calls: list[str] = []
    run = conftest.unroll(
        "note('statement')",
        prepare="note('prepare')",
        outside={},
        names={"note": calls.append},
    )
    run()

    assert calls.count("statement") == 1000
    assert calls.count("prepare") == 1


def test_unrolled_code_is_named_by_its_statement() -> None:
    """What a profiler, a traceback and tracemalloc call its file."""
    run = conftest.unroll(
        "if FLAG:\n    calls.append(1)", prepare="", outside={"FLAG": 1}, names={}
    )

    assert run.__code__.co_filename == "<statement: if FLAG:; calls.append(1)>"


def test_unrolls_statements_of_several_lines() -> None:
    """A compound statement stays one, and globals stay outside the function."""
    calls: list[int] = []
    run = conftest.unroll(
        "if FLAG:\n    calls.append(1)",
        prepare="",
        outside={"FLAG": True},
        names={"calls": calls},
    )
    run()

    assert len(calls) == 1000
    assert "FLAG" in run.__code__.co_names


def test_crew_does_each_task_once_per_run_on_threads_that_stay() -> None:
    """Two runs are two calls of each task, each time on the same thread."""
    seen: list[tuple[str, int]] = []
    crew = conftest.Crew(
        tuple(
            lambda name=name: seen.append((name, threading.get_ident()))
            for name in ("first", "second")
        ),
        [None, None],
    )
    crew.run()
    crew.run()
    crew.dismiss()

    assert sorted(name for name, _ in seen) == ["first", "first", "second", "second"]
    assert len(set(seen)) == 2
    assert threading.get_ident() not in {ident for _, ident in seen}


def test_crew_raises_what_a_task_raised() -> None:
    """A failed task fails the run, though another one would wait for it for ever."""
    never = threading.Event()

    def fail() -> None:
        raise ValueError("of the task")

    crew = conftest.Crew((fail, never.wait), [None, None])
    with pytest.raises(ValueError, match="of the task"):
        crew.run()
    never.set()
    crew.dismiss()


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="n/a: threads cannot be pinned here"
)
def test_crew_keeps_each_thread_on_its_cpu_and_the_caller_free() -> None:
    """Pinning is a thread's own, and ends with it."""
    before = os.sched_getaffinity(0)
    cpus = sorted(before)[:1]
    seen: list[set[int]] = []
    crew = conftest.Crew((lambda: seen.append(os.sched_getaffinity(0)),), cpus)
    crew.run()
    crew.dismiss()

    assert seen == [set(cpus)]
    assert os.sched_getaffinity(0) == before


def test_more_threads_than_cpus_are_not_pinned() -> None:
    """Where threads have to share CPUs, the system decides how."""
    count = conftest.usable_cpu_count() + 1

    assert conftest.cpus_for(count) == [None] * count


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="n/a: threads cannot be pinned here"
)
def test_threads_that_stay_together_share_a_usable_cpu() -> None:
    """However many they are, they get one CPU, which this process may use."""
    cpus = conftest.cpus_for(3, together=True)

    assert len(cpus) == 3
    assert set(cpus) == {min(os.sched_getaffinity(0))}


def test_crew_leaves_no_thread() -> None:
    """Dismissing ends the threads, whether they ran or not."""
    before = threading.active_count()
    crew = conftest.Crew((int, int), [None, None])
    crew.dismiss()

    assert threading.active_count() == before


def test_failing_child_is_an_error_with_its_stderr(tmp_path: Path) -> None:
    """A child that ends badly raises what it said instead of giving a time."""
    with (tmp_path / "stderr").open("w+b") as stderr:
        spawn = startup.Spawner(("-c", "raise SystemExit('no such thing')"), {}, stderr)
        with pytest.raises(startup.ChildFailedError, match="no such thing"):
            spawn()

    assert spawn.cpu_s == []


def test_stuck_child_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that does not end is ended, and is an error."""
    monkeypatch.setattr(startup, "STUCK_S", 0.05)
    with (tmp_path / "stderr").open("w+b") as stderr:
        spawn = startup.Spawner(("-c", "import time; time.sleep(600)"), {}, stderr)
        with pytest.raises(startup.ChildFailedError), startup.watched(spawn.kill):
            spawn()

    assert spawn.cpu_s == []
