"""Memory of rows in processes of their own, and of one more of a kind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pybench import children
from pybench.comparison.suites import find_suite
from pybench.interpreters import Interpreter, probe
from pybench.interpreters.prepare import START
from pybench.profiles import memory
from pybench.profiles.child_programs import ChildError
from pybench.profiles.row_process import locate
from pybench.records.memory import RowMemory
from pybench.target.process import memory as process_memory

SIZE = 4_000_000
SUITE = f"""
import pytest

HELD = []

def test_held(benchmark):
    benchmark(lambda: HELD.append(bytearray({SIZE})))

def test_dropped(benchmark):
    benchmark(lambda: len(bytearray({SIZE})))

def test_lacking(benchmark):
    pytest.skip("n/a: too old")

def test_dying(benchmark):
    import os
    os.abort()

@pytest.mark.parametrize("at", ["a::[b//c"])
def test_odd(benchmark, at):
    benchmark(lambda: HELD.append(bytearray({SIZE})))
"""
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="n/a: no smaps_rollup here"
)


@pytest.fixture(scope="module")
def python() -> Interpreter:
    """Return the interpreter that runs this."""
    return probe(sys.executable)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Write a suite."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return folder


def measure(python: Interpreter, suite: Path, name: str) -> RowMemory:
    """Measure one row of the suite."""
    fullname = f"suite/test_suite.py::test_{name}"
    return memory.measure_row(
        python, find_suite(str(suite)), fullname, repeats=1, timeout_s=60
    )


@needs_proc
def test_row_that_keeps_its_memory_has_grown(python: Interpreter, suite: Path) -> None:
    """By about the same in all four views, and the line that did it is named."""
    row = measure(python, suite, "held")

    assert row.problems == ()
    for name in ("rss", "uss", "pss", "traced"):
        assert row.means[f"{name}_grown"].value == pytest.approx(SIZE, rel=0.3)
        peak = row.means[f"{name}_peak"].value
        assert peak >= row.means[f"{name}_grown"].value * 0.99
    assert "blocks_grown" in row.means
    assert (Path(row.lines[0].file).name, row.lines[0].line) == ("test_suite.py", 7)
    assert row.lines[0].bytes == pytest.approx(SIZE, rel=0.01)


@needs_proc
def test_row_that_drops_its_memory_has_a_peak_only(
    python: Interpreter, suite: Path
) -> None:
    row = measure(python, suite, "dropped")

    assert row.means["traced_peak"].value == pytest.approx(SIZE, rel=0.3)
    assert row.means["rss_peak"].value == pytest.approx(SIZE, rel=0.3)
    assert row.means["traced_grown"].value < SIZE / 10
    assert row.means["rss_grown"].value < SIZE / 2
    # The line of the peak, although nothing of it is left.
    assert Path(row.lines[0].file).name == "test_suite.py"
    assert row.lines[0].bytes == pytest.approx(SIZE, rel=0.1)
    # A row that does nothing leaves a tenth of what pytest does.
    assert abs(row.means["blocks_grown"].value) < 60


def test_row_whose_name_looks_like_a_path_is_run(
    python: Interpreter, suite: Path
) -> None:
    name = "suite/test_suite.py::test_odd[a::[b//c]"

    rows, _ = memory.sample_row(python, START, locate(find_suite(str(suite)), name), 60)

    assert [*rows] == [name]


def test_interrupt_ends_the_row(
    python: Interpreter, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while its memory is sampled; the guard ends once the row has ended."""
    guards: list[int] = []

    def interrupt(guard: int) -> None:
        guards.append(guard)
        raise KeyboardInterrupt

    monkeypatch.setattr(memory, "sizes_of", interrupt)
    name = "suite/test_suite.py::test_held"

    with pytest.raises(KeyboardInterrupt):
        memory.sample_row(python, START, locate(find_suite(str(suite)), name), 60)

    (guard,) = guards
    with pytest.raises(ProcessLookupError):
        os.kill(guard, 0)


def test_row_that_dies_has_its_reasons(python: Interpreter, suite: Path) -> None:
    row = measure(python, suite, "dying")

    assert row.means == {}
    assert row.problems == (
        "resident memory: the process was ended by SIGABRT",
        "allocated memory: the process was ended by SIGABRT",
    )


def test_row_that_is_not_there_has_its_reason(python: Interpreter, suite: Path) -> None:
    name = "suite/test_suite.py::test_nowhere"

    with pytest.raises(ChildError, match="exit status 4"):
        memory.sample_row(python, START, locate(find_suite(str(suite)), name), 60)


def test_row_that_does_not_end_is_ended(python: Interpreter, suite: Path) -> None:
    row = memory.measure_row(
        python,
        find_suite(str(suite)),
        "suite/test_suite.py::test_held",
        repeats=1,
        timeout_s=0.01,
    )

    assert "resident memory: no end within 0.01 seconds" in row.problems


@needs_proc
def test_sizes_are_those_of_what_the_guard_runs(tmp_path: Path) -> None:
    program = "import time; held = 'x' * 10_000_000; print(flush=True); time.sleep(600)"
    command = [sys.executable, "-c", program]
    with children.guarded(
        command, tmp_path, stdout=subprocess.PIPE, stderr=None
    ) as (guard, pipe):  # fmt: skip
        assert guard.stdout is not None
        with guard.stdout as output:
            output.readline()
        sizes = memory.sizes_of(guard.pid)
        os.write(pipe, children.INTERRUPT)

    assert sizes is not None
    assert min(sizes) > 10_000_000


def test_system_that_does_not_tell_gives_no_numbers(
    python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_PROC", tmp_path)

    assert memory.sizes_of(1) is None


def test_sizes_that_may_not_be_read_are_no_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of another user's process, or in a container that forbids it."""

    def refuse(path: Path, **options: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)

    assert memory.sizes_of(1) is None
    assert process_memory.own_and_share() == {}


def test_row_without_its_own_and_share_says_why(
    python: Interpreter, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system tells is there all the same."""
    sizes = {"rss_before_bytes": 10, "rss_peak_bytes": 30, "rss_after_bytes": 20}
    name = "suite/test_suite.py::test_held"
    monkeypatch.setattr(memory, "sample_row", lambda *words, **how: ({name: sizes}, []))

    row = memory.measure_row(
        python, find_suite(str(suite)), name, repeats=1, timeout_s=60
    )

    assert {*row.means} == {"rss_peak", "rss_grown"}
    assert row.problems == ("USS and PSS: the system does not tell (no smaps_rollup)",)


def test_samples_outside_of_the_row_do_not_count() -> None:
    row = {"uss_before_bytes": 10, "uss_after_bytes": 20, "pss_before_bytes": 5}

    assert memory.sampled_peaks(row, []) == {"uss_peak_bytes": 20, "pss_peak_bytes": 5}
    assert memory.sampled_peaks(row, [(1, 50, 40), (2, 30, 60)]) == {
        "uss_peak_bytes": 50,
        "pss_peak_bytes": 60,
    }


def test_means_are_over_the_repeats() -> None:
    """What a row that does nothing leaves is pytest's, and is taken off."""
    sizes = {"traced_before_bytes": 10, "traced_after_bytes": 30, "harness_traced": 5}
    found = memory.means_of([sizes, sizes | {"traced_after_bytes": 32}])

    assert found["traced_grown"].value == 16
    assert found["traced_grown"].repeats == 2


def test_means_lack_what_was_not_said() -> None:
    found = memory.means_of([{"rss_before_bytes": 10, "rss_peak_bytes": 30}])

    assert {name: mean.value for name, mean in found.items()} == {"rss_peak": 20}


def test_rows_are_those_that_the_selectors_match(
    python: Interpreter, suite: Path
) -> None:
    names = memory.rows_of(python, find_suite(str(suite)), [])

    assert [name.partition("::test_")[2] for name in names] == [
        "held",
        "dropped",
        "lacking",
        "dying",
        "odd[a::[b//c]",
    ]


def test_suite_without_rows_says_so(python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "test_none.py").write_text("")

    with pytest.raises(ChildError, match="collected nothing"):
        memory.rows_of(python, find_suite(str(tmp_path)), [])


@needs_proc
def test_object_takes_what_it_says(python: Interpreter) -> None:
    (one,) = memory.measure_each(python, ["object"], 2, 60)

    assert one.problem == ""
    assert one.bytes is not None
    assert one.bytes.value == pytest.approx(sys.getsizeof(object()), rel=0.3)
    assert one.bytes.low is not None
    assert one.bytes.high is not None
    assert one.bytes.low <= one.bytes.value <= one.bytes.high


@needs_proc
def test_interpreter_takes_megabytes_or_is_not_there(python: Interpreter) -> None:
    (one,) = memory.measure_each(python, ["interpreter"], 1, 60)

    if sys.version_info < (3, 12):
        assert one.bytes is None
        assert "3.12" in one.problem
    else:
        assert one.bytes is not None
        assert one.bytes.value > 100_000


def test_kind_that_fails_has_its_reason(python: Interpreter) -> None:
    (one,) = memory.measure_each(python, ["nothing"], 1, 60)

    assert one.bytes is None
    assert "KeyError" in one.problem


def test_kinds_are_those_of_the_child() -> None:
    from pybench.target.programs import object_sizes as holdings

    assert tuple(holdings.KINDS) == memory.KINDS


def test_memray_that_is_missing_is_told(
    python: Interpreter, suite: Path, tmp_path: Path
) -> None:
    if memory.has_memray(python):
        page = tmp_path / "page.html"
        name = "suite/test_suite.py::test_held"
        memory.flame_graph(python, find_suite(str(suite)), name, page, 60)
        assert "<html" in page.read_text()
    else:
        with pytest.raises(ChildError, match="memray"):
            memory.flame_graph(
                python, find_suite(str(suite)), "x", tmp_path / "page.html", 60
            )
