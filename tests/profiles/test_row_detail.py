"""The three runs of a row in detail, each in a process of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pybench.comparison.suites import find_suite
from pybench.interpreters import Interpreter, probe
from pybench.profiles import row_detail as detailed
from pybench.profiles.row_detail import profile_row
from pybench.profiles.row_process import locate

SUITE = """
def inner():
    return sum(range(20_000))

def outer():
    return inner()

def test_row(benchmark):
    benchmark(outer)

def test_failing(benchmark):
    benchmark(outer)
    raise ValueError("it broke")

def test_dying(benchmark):
    import os
    os.abort()
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Write a suite with a root above it."""
    folder = tmp_path / "root" / "suite"
    folder.mkdir(parents=True)
    (folder / "test_suite.py").write_text(SUITE)
    (tmp_path / "root" / "pytest.ini").write_text("[pytest]\n")
    return folder


@pytest.fixture(scope="module")
def python() -> Interpreter:
    """Return the interpreter that runs this."""
    return probe(sys.executable)


def test_row_has_its_functions_and_sizes(
    python: Interpreter, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The functions by their own time, without the profiler's.

    The journal of the user's own runs stays as it is.
    """
    monkeypatch.chdir(suite)
    row = profile_row(
        python, find_suite(str(suite)), "suite/test_suite.py::test_row", is_native=False
    )

    names = [function.name for function in row.functions]
    assert row.problems == ()
    assert {"sum", "inner", "outer"} <= {
        word for word in ("sum", "inner", "outer") for name in names if word in name
    }
    assert not [name for name in names if "_lsprof" in name]
    own_s = [function.own_s for function in row.functions]
    assert own_s == sorted(own_s, reverse=True)
    assert row.rss_peak_bytes is not None
    assert row.traced_peak_bytes is not None
    assert row.traced_before_bytes is not None
    assert row.traced_peak_bytes >= row.traced_before_bytes
    assert not (suite / ".benchmarks").exists()


@pytest.mark.parametrize(
    ("row", "reason", "runs"),
    [
        ("failing", "ended with exit status 1", 3),
        ("dying", "ended by SIGABRT", 2),
    ],
)
def test_row_that_fails_has_its_reasons(
    python: Interpreter, suite: Path, row: str, reason: str, runs: int
) -> None:
    """One per run, and no value."""
    name = f"suite/test_suite.py::test_{row}"

    found = profile_row(python, find_suite(str(suite)), name, is_native=runs == 2)

    assert len(found.problems) == runs
    assert all(reason in problem for problem in found.problems)
    assert found.functions == ()
    assert found.rss_peak_bytes is None


def test_run_that_does_not_end_is_ended(
    python: Interpreter, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detailed, "_TIMEOUT_S", 0.01)

    row = profile_row(
        python, find_suite(str(suite)), "suite/test_suite.py::test_row", is_native=True
    )

    assert row.problems == (
        "resident memory: no end within 0.01 seconds",
        "allocated memory: no end within 0.01 seconds",
    )


ODD = """
import pytest

def list_of_one(at):
    return [at]

@pytest.mark.parametrize("at", ["http://a//b", "x/./y", "a::b", "[z"])
def test_odd(benchmark, at):
    benchmark(list_of_one, at)
"""


@pytest.mark.parametrize("at", ["http://a//b", "x/./y", "a::b", "[z"])
def test_words_of_a_row_have_its_name_in_an_option_alone(suite: Path, at: str) -> None:
    name = f"suite/test_suite.py::test_odd[{at}]"

    file, root, row = locate(find_suite(str(suite)), name)

    assert file == str(suite / "test_suite.py")
    assert root == f"--rootdir={suite.parent}"
    assert row == f"--pybench-row={name}"


@pytest.mark.parametrize("folder", ["a[b", "a::b"])
def test_file_that_pytest_would_cut_is_left_to_the_suite(
    suite: Path, folder: str
) -> None:
    (suite / folder).mkdir()
    (suite / folder / "test_it.py").touch()
    name = f"suite/{folder}/test_it.py::test_it"

    assert locate(find_suite(str(suite)), name) == (str(suite), f"--pybench-row={name}")


def test_rows_whose_names_look_like_paths_are_profiled(
    python: Interpreter, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder that pytest would take for its root, were it not told."""
    below = suite / "below"
    below.mkdir()
    (below / "test_odd.py").write_text(ODD)
    (suite.parent / "pytest.ini").unlink()
    monkeypatch.chdir(Path("/"))
    name = "below/test_odd.py::test_odd[http://a//b]"

    row = profile_row(python, find_suite(str(suite)), name, is_native=False)

    assert row.problems == ()
    assert any("list_of_one" in function.name for function in row.functions)
    assert row.traced_peak_bytes is not None


@pytest.mark.once
def test_row_ends_and_its_folder_goes_when_pybench_is_killed(
    suite: Path, tmp_path: Path
) -> None:
    """By the guard: whoever reads the FIFO sees the last process go."""
    gone, scratch, ready = (tmp_path / name for name in ("gone", "scratch", "ready"))
    os.mkfifo(gone)
    scratch.mkdir()
    (suite / "test_stuck.py").write_text(
        "import pathlib, time\n"
        "def test_stuck(benchmark):\n"
        f"    held = open({str(gone)!r}, 'w')\n"
        f"    pathlib.Path({str(ready)!r}).touch()\n"
        "    time.sleep(600)\n"
    )
    program = (
        "import sys;"
        "from pybench.comparison.suites import find_suite;"
        "from pybench.profiles.row_detail import profile_row;"
        "from pybench.interpreters import probe;"
        f"profile_row(probe(sys.executable), find_suite({str(suite)!r}),"
        " 'suite/test_stuck.py::test_stuck', is_native=True)"
    )
    environ = os.environ | {"TMPDIR": str(scratch)}
    with (
        subprocess.Popen([sys.executable, "-c", program], env=environ) as pybench,
        # Without waiting for a writer: the row may fail, and would never open it.
        os.fdopen(os.open(gone, os.O_RDONLY | os.O_NONBLOCK)) as last,
    ):
        while not ready.exists():
            assert pybench.poll() is None
            time.sleep(0.01)
        os.set_blocking(last.fileno(), True)
        assert [*scratch.glob("pybench-profile-*")] != []
        pybench.kill()
        assert last.read() == ""
    while [*scratch.glob("pybench-profile-*")]:
        time.sleep(0.01)  # the guard is removing it
