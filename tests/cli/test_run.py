"""`pybench run` as somebody types it: what is written, said, and the exit status."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pybench import interpreters
from pybench.cli import run as running
from pybench.cli import status
from pybench.comparison import single_run
from pybench.comparison.single_run import Measured, NotReadyError
from pybench.comparison.suites import Suite
from pybench.interpreters import Interpreter, Requested, prepare, probe
from pybench.records.row_detail import DetailedRow, Function
from pybench.report.row_detail import detail_lines, short_name

ROOT = Path(__file__).parents[2]
SUITE = Suite(text="benchmarks", paths=("benchmarks",))
LABEL = probe(sys.executable).label

CONFTEST = """
def pytest_benchmark_generate_machine_info():
    return {"node": "here", "release": "1", "python_compiler": "cc", "cpu": {}}
"""
ROW = "def test_benchmark_{0}_{1}(benchmark): benchmark({2})\n"

Pybench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a checkout with a small suite."""
    suite = tmp_path / "benchmarks"
    for category, area in (("gil", "gil"), ("memory", "churn")):
        (suite / category).mkdir(parents=True)
        (suite / category / f"test_{area}.py").write_text(
            ROW.format(category, "first", "int") + ROW.format(category, "second", "int")
        )
    (suite / "conftest.py").write_text(CONFTEST)
    return tmp_path


@pytest.fixture
def pybench(
    folder: Path, monkeypatch: pytest.MonkeyPatch, pybench_and_children: Pybench
) -> Pybench:
    """Return what runs the command in that checkout."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--benchmark-max-time=0.01")
    return pybench_and_children


def test_command_is_installed_under_its_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["scripts"] == {"pybench": "pybench.cli:main"}


def test_run_measures_this_python(pybench: Pybench, folder: Path) -> None:
    """And writes nothing unasked, save the journal."""
    done = pybench("run")

    assert done.returncode == status.OK, done.stdout + done.stderr
    assert f"{LABEL:<12} 4 rows measured" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == [
        ".benchmarks",
        ".pytest_cache",
        "benchmarks",
    ]


def test_run_measures_several_and_says_where_it_wrote(
    pybench: Pybench, folder: Path
) -> None:
    """The same interpreter twice is two files."""
    python = sys.executable

    done = pybench("run", python, python, "--benchmarks", "gil", "*/churn/se*", "-oout")

    assert done.returncode == status.OK, done.stdout + done.stderr
    for name in (LABEL, f"{LABEL}-2"):
        path = Path("out") / f"{name}.json"
        assert f"{name:<12} 3 rows measured -> {path}" in done.stdout
        document = json.loads((folder / path).read_text())
        assert [row["name"] for row in document["benchmarks"]] == [
            "test_benchmark_gil_first",
            "test_benchmark_gil_second",
            "test_benchmark_memory_second",
        ]
    assert len(list((folder / "out").iterdir())) == 2


def test_run_profiles_in_detail(pybench: Pybench, folder: Path) -> None:
    """A table, and a file beside the other; the timed run knows nothing of it."""
    done = pybench(
        *("run", "--benchmarks", "gil/gil/first", "-o", "out", "--profile", "detailed")
    )

    assert done.returncode == status.OK, done.stdout + done.stderr
    assert "most time in" in done.stdout
    path = folder / "out" / f"profile-{LABEL}.json"
    (row,) = json.loads(path.read_text())["rows"]
    assert row["fullname"].endswith("test_benchmark_gil_first")
    assert row["traced_peak_bytes"] > 0
    document = json.loads((folder / "out" / f"{LABEL}.json").read_text())
    assert "cprofile" not in document["benchmarks"][0]


def test_failing_row_is_told_by_the_exit_status(pybench: Pybench, folder: Path) -> None:
    """The others are saved."""
    path = folder / "benchmarks" / "gil" / "test_broken.py"
    path.write_text(ROW.format("gil", "broken", "lambda: 1 / 0"))

    done = pybench("run", "-o", "out")

    assert done.returncode == status.FAILED
    assert f"{LABEL:<12} FAILED: 4 rows measured, 1 errors -> " in done.stdout
    document = json.loads((folder / "out" / f"{LABEL}.json").read_text())
    assert len(document["benchmarks"]) == 4


def test_dying_interpreter_does_not_stop_the_next(
    pybench: Pybench, folder: Path
) -> None:
    path = folder / "benchmarks" / "gil" / "test_dying.py"
    path.write_text("import os\ndef test_dying(benchmark): os.kill(os.getpid(), 9)\n")

    done = pybench("run", sys.executable, sys.executable, "-o", "out")

    assert done.returncode == status.FAILED
    assert done.stdout.count("FAILED: pytest was ended by SIGKILL") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--suite", "nowhere"), "no benchmarks at "),
        (("run", "/no/python"), "/no/python: no such file"),
        (("run", "-o", "benchmarks/conftest.py"), "File exists"),
        (("run", "--benchmarks", "gill"), "no benchmark matches 'gill'; near: gil"),
        (("run", "--quick"), "none of the 4 tests collected here is marked quick"),
        (("run", "--profile", "rough"), "invalid choice: 'rough'"),
        ((), "the following arguments are required"),
    ],
)
def test_usage_errors(pybench: Pybench, words: tuple[str, ...], message: str) -> None:
    """Each says what is wrong, without a traceback, before anything is measured."""
    done = pybench(*words)

    assert done.returncode == status.USAGE, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, True)],
    ids=["terminal", "kill", "end of a job"],
)
def test_interrupted_run_saves_what_it_has(
    folder: Path, number: signal.Signals, whole_group: bool
) -> None:
    """Whether a signal reaches all processes or us alone."""
    path = folder / "benchmarks" / "memory" / "test_stuck.py"
    path.write_text(
        "import pathlib, time\n"
        "def test_stuck(benchmark):\n"
        "    pathlib.Path('stuck').touch()\n"
        "    time.sleep(600)\n"
    )
    words = [sys.executable, "-m", "pybench", "run", "-o", "out"]
    with subprocess.Popen(
        words,
        cwd=folder,
        env=os.environ | {"PYTEST_ADDOPTS": "--benchmark-max-time=0.01"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as child:
        while not (folder / "stuck").exists():
            assert child.poll() is None
            time.sleep(0.05)
        if whole_group:
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)
        output, _ = child.communicate(timeout=300)

    assert child.returncode == status.INTERRUPTED, output
    assert f"{LABEL:<12} INTERRUPTED: 4 rows measured, 1 not run -> " in output
    assert "--pybench-resume" in output
    assert f"--benchmark-json=out/{LABEL}.json" in output
    document = json.loads((folder / "out" / f"{LABEL}.json").read_text())
    assert len(document["benchmarks"]) == 4


def test_runner_at_the_root_is_the_same_command(tmp_path: Path) -> None:
    """From any working directory, and the selector unquoted as a shell leaves it."""
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "benchmark_runner.py")),
            *("--benchmarks", "memory/refcount/*owned", "-o", str(tmp_path)),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTEST_ADDOPTS": "--benchmark-max-time=0.01"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == status.OK, done.stdout + done.stderr
    assert "1 rows measured -> " in done.stdout


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (Measured(status=-11), "FAILED: pytest was ended by SIGSEGV"),
        (
            Measured(status=3),
            "FAILED: pytest ended with exit status 3 and left no counts",
        ),
        (Measured(status=4), "FAILED: see the error of pytest above"),
    ],
)
def test_outcome_without_counts_says_so(measured: Measured, words: str) -> None:
    assert running.outcome(measured) == words


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<statement: first / second>:3(operation)", "first / second"),
        ("<statement: if x:; y(1)>:12(work)", "if x:; y(1)"),
        (
            "<statement: [a for b in c for a in b]>:1(<lambda>)",
            "[a for b in c for a in b]",
        ),
        ("<string>:2(__init__)", "<string>:2(__init__)"),
    ],
)
def test_generated_code_is_shown_by_its_statement(name: str, shown: str) -> None:
    """And what others generate by what the profiler knows of it."""
    assert short_name(name) == shown


@pytest.mark.once
def test_native_rows_show_kernel_and_loop() -> None:
    row = DetailedRow(
        fullname="t.py::test_a",
        is_native=True,
        kernel="refcount_pair",
        loop="refcount_chained_loop",
    )

    *_, line, more = detail_lines([row])

    assert line.endswith("  C: refcount_chained_loop")
    assert more == "  kernel refcount_pair, C function refcount_chained_loop"


@pytest.mark.once
@pytest.mark.parametrize(
    ("taken_s", "done", "whole", "said"),
    [
        (0.0, 0, 5, ""),
        (10.0, 2, 4, ", about 0:10 left"),
        (60.0, 1, 3, ", about 2:00 left"),
    ],
)
def test_time_left_of_a_profile(
    taken_s: float, done: int, whole: int, said: str
) -> None:
    assert running.time_left(taken_s, done, whole) == said


def test_profile_table_fits_and_shortens_names() -> None:
    """Names of C functions lose their brackets, those of Python their folders."""
    long = Function(name="/a/b/" + "c" * 80 + ".py:1(f)", calls="1", own_s=1, total_s=1)
    method = "~:0(<method 'acquire' of '_thread.lock' objects>)"
    rows = [
        DetailedRow(
            fullname=f"t.py::test_{'x' * 47}", is_native=False, functions=(long,)
        ),
        DetailedRow(fullname="t.py::test_a", is_native=True, rss_peak_bytes=2048),
    ]

    lines = detail_lines(rows)

    assert max(map(len, lines)) <= 110
    assert lines[-1].split() == ["a", "2", "-", "-", "native", "kernel"]
    assert short_name(method) == "_thread.lock.acquire"
    assert short_name("~:0(<built-in method posix.wait4>)") == "posix.wait4"
    assert short_name("/lib/asyncio/tasks.py:658(gather)") == "tasks.py:658(gather)"


# What a run does before it measures


@pytest.mark.once
def test_folder_that_another_run_writes_to_is_refused(tmp_path: Path) -> None:
    with running.alone_in(tmp_path):
        refused = pytest.raises(status.UsageError, match="another pybench run")
        with refused, running.alone_in(tmp_path):
            pass
    with running.alone_in(tmp_path) as lock:
        assert lock
    assert [*tmp_path.iterdir()] == []


@pytest.mark.once
def test_result_that_is_about_to_be_replaced_is_named(tmp_path: Path) -> None:
    assert running.replaced(tmp_path, "3.14.0") == ""
    (tmp_path / "3.14.0.json").write_text("{}")
    os.utime(tmp_path / "3.14.0.json", (0, 86400 * 365))

    said = running.replaced(tmp_path, "3.14.0")
    assert said.startswith(f"pybench: {tmp_path}/3.14.0.json, of 19")
    assert "replaced" in said


@pytest.mark.once
def test_interpreters_without_pybench_are_made_ready(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the way of compare; one of which that fails does not stop the others."""
    here = probe(sys.executable)
    asked = [
        Requested(name="", interpreter=here, by_path=True),
        Requested(name="", interpreter=replace(here, version="3.90.0")),
        Requested(name="", interpreter=replace(here, version="3.91.0")),
    ]

    asked_for: list[list[str]] = []

    def check(interpreter: Interpreter) -> None:
        if interpreter != here:
            raise NotReadyError("it lacks pybench")

    def make(
        interpreter: Interpreter, *, packages: Sequence[str], as_it_is: bool
    ) -> prepare.Environment:
        assert (interpreter == here) == as_it_is
        asked_for.append([*packages])
        if interpreter.version == "3.91.0":
            raise prepare.PrepareError("there is no such wheel")
        # What is put beside packages that are there is started by their Python.
        python = Path(sys.executable if as_it_is else "made")
        return prepare.Environment(python=python, made=True, start=("-P", "x"))

    monkeypatch.setattr(interpreters, "resolve", lambda words: asked)
    monkeypatch.setattr(single_run, "check_ready", check)
    monkeypatch.setattr(prepare, "prepare", make)
    ready, problems = running.interpreters(["here", "3.90", "3.91"])

    found = [(str(one.interpreter.path), one.start) for one in ready.values()]
    assert found == [(sys.executable, prepare.START), ("made", ("-P", "x"))]
    letters = asked[2].interpreter.label
    assert problems == [f"{letters:<12} FAILED: it could not be prepared"]
    assert "there is no such wheel" in capsys.readouterr().err
    monkeypatch.setattr(interpreters, "resolve", lambda words: asked[2:])
    with pytest.raises(status.UsageError, match="no interpreter is left"):
        running.interpreters(["3.91"])
    # What a suite needs is put beside pybench that is there as well.
    assert asked_for == [[], [], []]
    monkeypatch.setattr(interpreters, "resolve", lambda words: asked[:1])
    needing = replace(SUITE, packages=("one>=1",), environ=lambda of, say: {"A": "b"})
    ready, _ = running.interpreters(["here"], to_run=needing)
    assert [dict(one.environ) for one in ready.values()] == [{"A": "b"}]
    assert asked_for[3:] == [["one>=1"]]


@pytest.mark.once
@pytest.mark.parametrize(
    ("has", "beside", "there"),
    [
        (
            {"pytest": "9.0.1", "pytest-benchmark": "4.0.0"},
            {},
            "pytest-benchmark 4.0.0",
        ),
        (
            {"pytest": "9.0.1", "pytest-benchmark": "5.3.0"},
            {},
            "pytest-benchmark 5.3.0",
        ),
        ({"pytest": "9.0.1", "pytest-benchmark": "6.0"}, {}, "pytest-benchmark 6.0"),
        ({"pytest": "7.4.4"}, {"pytest-benchmark": "5.3.1"}, "pytest 7.4.4"),
        ({"pytest": "8.0.0"}, {"pytest-benchmark": "4.0.0"}, "pytest 8.0.0"),
        ({"pytest": "8.1.1", "pytest-benchmark": "5.3.1"}, {}, ""),
        ({"pytest": "9.0.1"}, {"pytest-benchmark": "5.3.1"}, ""),
        ({}, {"pytest": "9.0.1", "pytest-benchmark": "5.4"}, ""),
    ],
)
def test_versions_that_give_no_table_are_refused_before_measuring(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    has: dict[str, str],
    beside: dict[str, str],
    there: str,
) -> None:
    """With both versions, those there and those needed."""
    here = probe(sys.executable)
    asked = [Requested(name="", interpreter=here, by_path=True)]
    ready = running.Ready(interpreter=here, start=("-P", "x"), beside=beside)

    def check(interpreter: Interpreter) -> None:
        raise NotReadyError("it lacks pybench")

    monkeypatch.setattr(interpreters, "resolve", lambda words: asked)
    monkeypatch.setattr(single_run, "check_ready", check)
    monkeypatch.setattr(running, "made_ready", lambda name, one: ready)
    monkeypatch.setattr(prepare, "_packages_of", lambda interpreter: has)

    if not there:
        found, problems = running.interpreters(["here"], to_run=SUITE)
        assert ([*found.values()], problems) == ([ready], [])
        return
    with pytest.raises(status.UsageError, match="no interpreter is left"):
        running.interpreters(["here"], to_run=SUITE)
    said = capsys.readouterr().err
    for version in ({**beside, **has}[name] for name in ("pytest", "pytest-benchmark")):
        assert f" {version}" in said
    assert f"{there}" in said
    assert "'pytest-benchmark<6,>=5.3.1'" in said
    assert "use pybench compare" in said
    # What compares works with them.
    assert [*running.interpreters(["here"])[0].values()] == [ready]
