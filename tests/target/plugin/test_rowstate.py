"""What a row does to its process, and the rows after it that do not notice."""

import os
import sys
from pathlib import Path

import pytest

from pybench.comparison.worker import Worker
from tests.target.plugin.conftest import Run

# A row that leaves something changed, and what the row after it sees.
LEFT = [
    (
        "the current folder",
        "import os; os.chdir('/')",
        "import os; assert os.getcwd() != '/'",
    ),
    (
        "signal handlers",
        "import signal; signal.signal(signal.SIGUSR1, print)",
        "import signal; assert signal.getsignal(signal.SIGUSR1) is not print",
    ),
    (
        "resource limits",
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE,"
        " (40, r.getrlimit(r.RLIMIT_NOFILE)[1]))",
        "import resource as r; assert r.getrlimit(r.RLIMIT_NOFILE)[0] > 40",
    ),
    (
        "the collector",
        "import gc; gc.disable(); gc.set_threshold(9)",
        "import gc; assert gc.isenabled() and gc.get_threshold()[0] > 9",
    ),
    (
        "the switch interval",
        "import sys; sys.setswitchinterval(0.5)",
        "import sys; assert sys.getswitchinterval() < 0.5",
    ),
    (
        "the clock",
        "import time; time.perf_counter = lambda: 7",
        "import time; assert time.perf_counter() != 7",
    ),
]


@pytest.mark.once
@pytest.mark.parametrize("where", ["body", "fixture"])
def test_what_a_row_leaves_changed_is_put_back_and_named(
    pytester: pytest.Pytester, run: Run, where: str
) -> None:
    """By each row alone: the row after it sees nothing of it."""
    suite = "import pytest\n"
    for number, (_, change, check) in enumerate(LEFT):
        fixture, body = (change, "pass") if where == "fixture" else ("pass", change)
        suite += f"""
@pytest.fixture
def changing_{number}():
    {fixture}

def test_{number}_first(changing_{number}, benchmark):
    benchmark(id, 1)
    {body}

def test_{number}_second(benchmark):
    {check}
    benchmark(id, 1)
"""
    pytester.makepyfile(suite)
    result = run()
    result.assert_outcomes(passed=2 * len(LEFT))
    result.stdout.fnmatch_lines(
        [
            f"*test_{number}_first left {name} changed: put back"
            for number, (name, _, _) in enumerate(LEFT)
        ]
    )


@pytest.mark.once
def test_what_fixtures_put_back_or_change_for_several_rows_is_left_to_them(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
import os, sys, time
import pytest

HERE = os.getcwd()

@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    yield os.getcwd()
    os.chdir(HERE)

@pytest.fixture
def later(request):
    return request.getfixturevalue("elsewhere")

def test_patched(monkeypatch, benchmark):
    monkeypatch.setattr(time, "perf_counter_ns", lambda: 0)
    monkeypatch.chdir("/")
    benchmark(id, 1)

def test_dynamic(benchmark, later):
    benchmark(id, 1)

def test_second(benchmark, elsewhere):
    assert os.getcwd() == elsewhere
    benchmark(id, 1)

def test_after(benchmark):
    benchmark(id, 1)
"""
    )
    result = run()
    result.assert_outcomes(passed=4)
    result.stdout.no_fnmatch_line("*put back*")


@pytest.mark.once
def test_a_clock_that_stands_still_ends_its_row_alone(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pybench.target.plugin.rowstate.STILL_MOST_S", 0.01)
    pytester.makepyfile(
        """
import pytest

@pytest.mark.benchmark(timer=lambda: 7)
def test_still(benchmark):
    benchmark(id, 1)

READINGS = [0.0]
STOPPED = []

def clock():
    if not STOPPED:
        READINGS.append(READINGS[-1] + 0.001)
    return READINGS[-1]

@pytest.mark.benchmark(timer=clock)
def test_stopped(benchmark):
    benchmark(STOPPED.append, 1)

def test_after(benchmark):
    benchmark(id, 1)
"""
    )
    result = run()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            *("*_ test_still _*", "the clock of this row stands still:*"),
            *("*_ test_stopped _*", "the clock of this row stands still:*"),
        ]
    )


# The three ways in which a clock is replaced.
CLOCKS = """
import sys, time
import pytest

NAMES = ("time", "monotonic", "perf_counter", "process_time")
REAL = [getattr(time, f"{name}{end}") for name in NAMES for end in ("", "_ns")]

def frozen():
    return 0

@pytest.fixture
def attributes(monkeypatch):
    for name in NAMES:
        for end in ("", "_ns"):
            monkeypatch.setattr(time, name + end, frozen)

@pytest.fixture
def everywhere(monkeypatch):
    for module in [*sys.modules.values()]:
        if module.__name__ == __name__:
            continue
        for name, value in [*vars(module).items()]:
            if any(value is real for real in REAL):
                monkeypatch.setattr(module, name, frozen)

def test_attributes(benchmark, attributes):
    benchmark(sum, range(50))

def test_everywhere(benchmark, everywhere):
    benchmark(sum, range(50))

def test_pedantic(benchmark, attributes, everywhere):
    benchmark.pedantic(sum, (range(50),), setup=lambda: None, rounds=5)

def test_body(benchmark):
    time.perf_counter_ns = time.process_time_ns = frozen
    benchmark(sum, range(50))
"""


def test_rows_that_replace_the_clock_are_timed_by_the_real_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_clock.py").write_text(CLOCKS)
    names = [
        f"test_clock.py::test_{name}"
        for name in ("attributes", "everywhere", "pedantic", "body")
    ]
    command = [sys.executable, "-m", "pytest", "--benchmark-only", "test_clock.py"]
    with Worker("a", command, environ=os.environ, folder=tmp_path) as worker:
        worker.await_hello()
        worker.choose(names)
        for name in names:
            worker.await_row(name)
            assert worker.size(1e5)["count"] < 1e6
            sample = worker.sample({"count": 50})
            assert sample.wall_ns > 0
            assert sample.cpu_ns > 0
            assert worker.stop_row(name).outcome == "measured"
