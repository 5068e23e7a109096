"""The suite's own pytest options that contradict a measurement, and those that do not.

They are read from an ini file, as users have them, and nobody has to edit it.
"""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pybench.comparison.worker import Worker
from pybench.target.plugin.overriding import before_plugins
from tests.target.plugin.conftest import Run

SUITE = """
def test_row(benchmark):
    assert benchmark(sum, [1, 2]) == 3
"""


@pytest.mark.once
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--benchmark-disable", "--benchmark-disable"),
        ("--benchmark-skip --setup-plan", "--benchmark-skip, --setup-plan"),
        ("--collect-only", "--collect-only"),
        ("-n 2 --dist loadgroup", "-n, --dist"),
        ("--cov=here --cov-report term --no-cov-on-fail", "--cov"),
        ("--reruns 3", "--reruns"),
    ],
)
def test_what_contradicts_a_measurement_is_overridden_and_said_once(
    pytester: pytest.Pytester, run: Run, options: str, named: str
) -> None:
    pytester.makeini(f"[pytest]\naddopts = {options}\n")
    pytester.makepyfile(SUITE)
    result = run("--benchmark-only", "--pybench-measured")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*pybench: 1 rows measured*"])
    said = [line for line in result.stdout.lines if named in line and "note:" in line]
    assert len(said) == 1


@pytest.mark.once
def test_the_users_own_session_is_as_they_configured_it(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makeini("[pytest]\naddopts = --benchmark-disable --ff\n")
    pytester.makepyfile(SUITE)
    result = run()
    result.stdout.fnmatch_lines(["*0 rows measured, 1 run without measuring*"])
    result.stdout.no_fnmatch_line("*overridden*")


@pytest.mark.once
@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("-n 2 tests", "tests"),
        ("-n4 tests --numprocesses=auto", "tests"),
        ("--cov tests --cov-report term -k name", "tests -k name"),
        ("--dist=load --tx popen -x --durations=10", "-x --durations=10"),
        ("--codspeed --codspeed-mode walltime -q", "-q"),
        ("--reruns 2 --reruns-delay=1 -m slow -rA", "-m slow -rA"),
        ("-ra -vv --maxfail=1 --ff -W error", "-ra -vv --maxfail=1 --ff -W error"),
    ],
)
def test_options_of_plugins_that_are_overridden_need_no_plugin(
    words: str, kept: str
) -> None:
    config: Any = SimpleNamespace(
        known_args_namespace=SimpleNamespace(),
        stash=pytest.Stash(),
        pluginmanager=SimpleNamespace(get_plugins=list),
    )
    line = words.split()
    before_plugins(cast("pytest.Config", config), line)
    assert line == kept.split()


@pytest.mark.once
def test_an_option_is_overridden_where_the_plugin_has_it_and_not_the_suite(
    pytester: pytest.Pytester, run: Run
) -> None:
    """A suite may have a `--profile` that has nothing to do with a profiler."""
    pytester.makeini("[pytest]\naddopts = -p pytest_forked --forked --profile=quick\n")
    pytester.makepyfile(
        pytest_forked="""
def pytest_addoption(parser):
    parser.addoption("--forked", action="store_true")

def pytest_runtest_protocol(item):
    assert not item.config.option.forked
""",
        conftest="""
def pytest_addoption(parser):
    parser.addoption("--profile")
""",
        test_row="""
def test_row(benchmark, request):
    assert request.config.getoption("profile") == "quick"
    benchmark(sum, [1, 2])
""",
    )
    pytester.syspathinsert()
    result = run("--benchmark-only", "--pybench-measured")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*needs it: --forked"])


CACHED = """
import pytest

@pytest.fixture
def size(request):
    cache = request.config.cache
    cache.set("rows/written", 1)
    assert cache.get("rows/written", 0) == 1
    folder = cache.mkdir("rows")
    assert (folder / "kept").read_text() == "by the user"
    (folder / "new").touch()
    return cache.get("rows/size", 0)

def test_row(benchmark, size, tmp_path):
    assert size == 7
    assert "mine" not in tmp_path.parts
    benchmark(sum, range(size))
"""


def test_a_row_that_takes_turns_has_the_users_options_and_cache(
    tmp_path: Path,
) -> None:
    """What it writes to the cache it reads, and the one on disk is left as it is."""
    name = "test_cached.py::test_row"
    (tmp_path / "test_cached.py").write_text(CACHED)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = --ff --lf -x --basetemp=mine --benchmark-disable -n 2\n"
    )
    cache = tmp_path / ".pytest_cache"
    for path, text in (("v/rows/size", "7"), ("d/rows/kept", "by the user")):
        (cache / path).parent.mkdir(parents=True)
        (cache / path).write_text(text)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    command = [sys.executable, "-m", "pytest", "--benchmark-only", "-W", "error"]
    with Worker("a", command, environ=os.environ, folder=tmp_path) as worker:
        worker.await_hello()
        assert {*worker.overridden} == {
            *("--benchmark-disable", "-n", "--maxfail", "--basetemp")
        }
        worker.choose([name])
        worker.await_row(name)
        worker.sample({"count": 1})
        assert worker.stop_row(name).outcome == "measured"
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before
    assert not (tmp_path / "mine").exists()
