"""The closing lines of `make test`: what passes, what fails, and what is said."""

import dataclasses
import importlib.util
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pybench.interpreters import Interpreter, Rejected, Search

ROOT = Path(__file__).parents[1]


def load_script() -> ModuleType:
    """Import the script, which is no module of the package."""
    path = ROOT / "scripts" / "test_matrix.py"
    spec = importlib.util.spec_from_file_location("pybench_matrix_script", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


matrix = load_script()


def interpreter(
    version: str,
    *,
    soabi: str = "cpython",
    free_threaded: bool = False,
    path: Path = Path("/opt/python"),
) -> Interpreter:
    """Describe an interpreter that is nowhere."""
    return Interpreter(
        path=path,
        implementation="CPython",
        version=version,
        soabi=soabi,
        prefix=Path("/opt"),
        free_threaded=free_threaded,
        gil_enabled=not free_threaded,
        jit=None,
        pgo=False,
        lto=False,
        debug=False,
    )


def counts(*, gil_enabled: bool, rows: int = 70, failed: int = 0) -> dict[str, Any]:
    """Return counts as the plugin writes them."""
    return {
        "gil_enabled": gil_enabled,
        "rows_measured": rows,
        "rows_unmeasured": 0,
        "rows_na": {"needs 3.14": 2},
        "rows_void": 0,
        "tests_passed": 10,
        "tests_failed": failed,
        "tests_skipped": 1,
    }


def search(**changes: Any) -> Search:
    """Return a search that found nothing more."""
    empty = {"interpreters": (), "unsupported": (), "rejected": ()}
    return Search(**(empty | {"looked_in": ("PATH", "pyenv")} | changes))


def outcome(version: str = "3.13.2", *, t: bool = False, **changes: Any) -> Any:
    """Return the outcome of an interpreter on which all went well."""
    usual = {
        "interpreter": interpreter(version, free_threaded=t),
        "tests": counts(gil_enabled=not t),
        "rows": counts(gil_enabled=not t),
    }
    return matrix.Outcome(**(usual | changes))


def test_reads_required_kinds_with_spaces_or_commas() -> None:
    """Both separators are understood, and nothing at all."""
    assert matrix.required_kinds(" 3.13t  3.14,3.15 ") == ("3.13t", "3.14", "3.15")
    assert matrix.required_kinds("") == ()


def test_unknown_required_kind_stops_the_run() -> None:
    """A misspelt requirement must not pass for one that is met."""
    with pytest.raises(SystemExit, match=r"PYBENCH_REQUIRE names 3\.9t, nogil"):
        matrix.required_kinds("3.9t nogil 3.14")


def test_required_free_threaded_build_with_the_gil_off_passes() -> None:
    """Nothing is added to an outcome without fault."""
    judged = matrix.judge(outcome(t=True), ["3.13t"], 70)

    assert judged.problems == ()


@pytest.mark.parametrize("run", ["tests", "rows"])
def test_required_free_threaded_build_with_the_gil_on_fails(run: str) -> None:
    """In either of the two runs."""
    there = dataclasses.replace(outcome(t=True), **{run: counts(gil_enabled=True)})

    judged = matrix.judge(there, ["3.13t"], 70)

    assert judged.problems == (f"the {run} ran with the GIL on",)


def test_unrequired_free_threaded_build_may_run_with_the_gil_on() -> None:
    """It is said in its line, and that is all."""
    on = counts(gil_enabled=True)

    judged = matrix.judge(outcome(t=True, tests=on, rows=on), [], 70)

    assert judged.problems == ()
    assert "GIL ON" in matrix.describe(judged)


def test_fewer_rows_than_recorded_fail_a_required_kind() -> None:
    """Rows that silently stopped to run are found."""
    judged = matrix.judge(outcome(), ["3.13"], 71)

    assert judged.problems == ("70 rows ran, 71 are recorded",)


def test_rows_that_ran_without_measuring_count_as_recorded() -> None:
    rows = counts(gil_enabled=True, rows=0) | {"rows_unmeasured": 70}
    there = outcome(rows=rows)

    assert matrix.judge(there, ["3.13"], 70).problems == ()
    assert matrix.rows_by_kind([there]) == {"3.13": 70}
    assert "0 rows measured, 70 run without measuring" in matrix.describe(there)


def test_required_kind_that_cannot_be_used_fails() -> None:
    """A reason excuses only what nobody asked for."""
    unusable = outcome(not_run="no C headers", tests={}, rows={})

    assert matrix.judge(unusable, [], 0).problems == ()
    assert matrix.judge(unusable, ["3.13"], 0).problems == (
        "required, but not run: no C headers",
    )


def test_records_the_rows_that_every_build_of_a_kind_measures() -> None:
    """The least of them, and nothing from a run that failed."""
    fewer = outcome("3.13.0", rows=counts(gil_enabled=True, rows=68))
    broken = outcome("3.12.0", problems=("pytest: exit 1",))

    assert matrix.rows_by_kind([outcome(), fewer, broken]) == {"3.13": 68}


def test_line_says_what_ran() -> None:
    """Label, build, tests, rows and the state of the GIL."""
    line = matrix.describe(outcome(t=True))

    assert line.split()[:2] == ["3.13.2t", "free-threaded"]
    assert "10 tests passed, 1 skipped, 70 rows measured, 2 n/a, GIL off" in line


def test_every_supported_kind_has_a_line() -> None:
    """Those that are not there say where was looked."""
    lines, well = matrix.closing_lines([outcome()], search(), [], {})

    assert well
    for kind in matrix.SUPPORTED:
        assert any(line.startswith(kind) for line in lines)
    assert sum("not found (looked in PATH, pyenv)" in line for line in lines) == 7


def test_absence_of_free_threaded_builds_is_said_plainly() -> None:
    """With what to do about it; and not where one was tested."""
    without, _well = matrix.closing_lines([outcome()], search(), [], {})
    with_one, _well = matrix.closing_lines([outcome(t=True)], search(), [], {})

    assert matrix.NO_FREE_THREADED in without
    assert matrix.NO_FREE_THREADED not in with_one


def test_missing_required_kind_fails() -> None:
    """Not found is a failure where it was asked for."""
    lines, well = matrix.closing_lines([outcome()], search(), ["3.14t"], {})

    assert not well
    assert any("3.14t" in line and "FAILED: required" in line for line in lines)
    assert lines[-1] == "10 passed, 1 failed, 1 skipped"


def test_kind_that_uv_could_not_fetch_says_why() -> None:
    """The line holds the reason in place of where was looked."""
    reasons = {"3.15t": "uv took more than 300 s"}

    lines, _well = matrix.closing_lines([outcome()], search(), [], reasons)

    assert any("not found (uv took more than 300 s)" in line for line in lines)


def test_listed_path_that_is_no_interpreter_fails() -> None:
    """A slip in PYBENCH_PYTHONS is not passed over."""
    slip = Rejected(path=Path("/x"), reason="/x: no such file", named=True)
    stray = Rejected(path=Path("/y"), reason="/y: exit 1: nothing", named=False)

    lines, well = matrix.closing_lines(
        [outcome()], search(rejected=(slip, stray)), [], {}
    )

    assert not well
    assert any("FAILED: /x: no such file" in line for line in lines)
    assert not any("/y" in line for line in lines)


def test_last_line_adds_up_all_interpreters() -> None:
    """It is the plain closing line that programs read."""
    broken = outcome(
        "3.12.1", tests=counts(gil_enabled=True, failed=3), problems=("pytest: exit 1",)
    )

    lines, well = matrix.closing_lines([outcome(), broken], search(), [], {})

    assert not well
    assert lines[-1] == "20 passed, 3 failed, 2 skipped"


def test_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """Its status is that of timeout(1)."""
    status = matrix.Children().run(["sleep", "60"], 0.2, tmp_path / "log")

    assert status == 124


def test_commands_of_all_threads_are_ended_together(tmp_path: Path) -> None:
    """And none is started after that."""
    children = matrix.Children()
    with ThreadPoolExecutor() as threads:
        running = threads.submit(children.run, ["sleep", "60"], 60, tmp_path / "log")
        while not children._running:
            assert not running.done()
            time.sleep(0.01)
        children.end()

        assert running.result() == -signal.SIGKILL
    with pytest.raises(KeyboardInterrupt):
        children.run(["true"], 60, tmp_path / "log")


def test_what_commands_say_is_kept_in_order(tmp_path: Path) -> None:
    """One log for several, errors included."""
    children = matrix.Children()
    for word in ("one", "two"):
        children.run(["sh", "-c", f"echo {word} >&2"], 60, tmp_path / "log")

    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_a_second_build_of_a_kind_is_run_where_it_is_named() -> None:
    default = interpreter("3.11.7")
    second = interpreter("3.11.2", path=Path("/opt/3.11.2/python"))
    others = [second, interpreter("3.13.0"), interpreter("3.13.1")]

    chosen = matrix.one_of_each_kind(default, others, [])
    named = matrix.one_of_each_kind(default, others, [second.path])

    assert [one.label for one in chosen] == ["3.13.0"]
    assert [one.label for one in named] == ["3.11.2", "3.13.0"]


def test_interpreters_of_one_abi_take_turns() -> None:
    """They share a file; the default's group comes first."""
    default = interpreter("3.11.7", soabi="cpython-311")
    others = [
        interpreter("3.11.2", soabi="cpython-311"),
        interpreter("3.13.0", soabi="cpython-313"),
        interpreter("3.13.0", soabi="cpython-313t", free_threaded=True),
    ]

    groups = matrix.groups_by_abi((default, *others))

    assert [[one.label for one in group] for group in groups] == [
        ["3.11.7", "3.11.2"],
        ["3.13.0"],
        ["3.13.0t"],
    ]


def test_what_an_interpreter_says_is_printed_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its set-up, its tests and its line, though another one runs beside it."""
    both_run = threading.Barrier(2)

    def run_one(leg: Any, *_: object) -> tuple[Any, str]:
        it = leg.interpreter
        both_run.wait(60)
        said = "".join(f"{it.label} line {number}\n" for number in range(100))
        return outcome(it.version), said

    monkeypatch.setattr(matrix, "run_one", run_one)
    monkeypatch.setattr(matrix, "prepare", lambda it: matrix.Environment())
    default = interpreter("3.11.7")
    run = matrix.Matrix(
        default=default, with_plugin=(), options=(), required=(), least_rows={}
    )
    with ThreadPoolExecutor(max_workers=2) as slots:
        legs = (
            matrix.Leg(interpreter=one, where=("tests",))
            for one in (default, interpreter("3.14.0"))
        )
        list(slots.map(run.run_group, [[leg] for leg in legs]))

    lines = capsys.readouterr().out.splitlines()
    for label in ("3.11.7", "3.14.0"):
        first = lines.index(f"{label} line 0")
        assert lines[first - 1] == f"matrix: {label} at /opt/python"
        assert lines[first + 99] == f"{label} line 99"
        assert lines[first + 100].startswith(f"matrix: {label} ")


def matrix_of(default: Interpreter, **changes: Any) -> Any:
    """Return what all interpreters have in common where nothing is asked for."""
    nothing: dict[str, Any] = dict.fromkeys(("with_plugin", "options", "required"), ())
    return matrix.Matrix(default=default, **(nothing | {"least_rows": {}} | changes))


def test_the_default_runs_everything_in_four_legs_that_measure_once() -> None:
    default, other = interpreter("3.11.7"), interpreter("3.14.0", soabi="cpython-314")

    groups = matrix_of(default).groups([other])

    [build], [commands], [comparisons], [rest], [another] = groups
    elsewhere = (*build.where, *commands.where, *comparisons.where)
    assert {f"--ignore={folder}" for folder in elsewhere} == {*rest.where[1:]}
    assert rest.where[0] == "tests"
    assert {leg.rows for leg in (rest, commands, comparisons)} == {None}
    assert (build.rows, another.rows) == (matrix.SMALL_BUDGET, matrix.UNMEASURED)
    free_threaded = interpreter("3.14.0", soabi="cpython-314t", free_threaded=True)
    with_plugin = {"with_plugin": (free_threaded,)}
    [threaded] = matrix_of(default, **with_plugin).groups([free_threaded])[4]
    assert threaded.rows == matrix.SMALL_BUDGET
    assert {*matrix.PLUGIN_WITHOUT_GIL} < {*threaded.where}
    assert matrix.PLUGIN[0] not in threaded.where
    assert all(
        (ROOT / path).exists() for path in (*elsewhere, *matrix.PLUGIN_WITHOUT_GIL)
    )


def test_legs_of_the_default_take_turns_beside_another_build_of_its_abi() -> None:
    default, other = interpreter("3.11.7"), interpreter("3.11.2")

    [group] = matrix_of(default).groups([other])

    assert [leg.interpreter for leg in group] == [default] * 4 + [other]


def test_legs_of_one_interpreter_are_added_up_and_judged_together() -> None:
    default = interpreter("3.11.7")
    parts = [
        outcome(interpreter=default, rows={}, seconds=7.0),
        outcome(interpreter=default, problems=("pytest tests: exit 1",), seconds=9.0),
        outcome("3.14.0"),
    ]

    found = matrix_of(default, required=("3.11",), least_rows={"3.11": 99}).judged(
        default, parts
    )

    assert found.tests["tests_passed"] == 20
    assert found.tests["gil_enabled"] is True
    assert found.rows["rows_measured"] == 70
    assert found.seconds == 9.0
    assert found.problems == (
        "pytest tests: exit 1",
        "70 rows ran, 99 are recorded",
    )


def test_fetching_without_uv_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """PYBENCH_FETCH=1 needs uv."""
    monkeypatch.setenv("PATH", "")

    failures = matrix.fetch(["3.14t"])

    assert failures == {"3.14t": "PYBENCH_FETCH=1 needs uv, which is not on PATH"}


def test_newest_build_and_those_without_the_gil_run_the_plugin_s_tests() -> None:
    old, middle, new = map(interpreter, ("3.12.1", "3.14.8", "3.15.0"))
    threaded = interpreter("3.13.5", free_threaded=True)

    assert matrix.with_plugin([old, threaded, new, middle]) == [threaded, new]
    assert matrix.with_plugin([]) == []


def test_builds_between_the_oldest_and_the_newest_count_no_instructions() -> None:
    default = interpreter("3.11.7")
    old = interpreter("3.12.1", soabi="cpython-312")
    new = interpreter("3.15.0", soabi="cpython-315")

    groups = matrix_of(default, with_plugin=(new,)).groups([old, new])

    # The longest leg comes first.
    [newest], [between] = groups[4:]
    assert matrix.NOT_COUNTED in between.where
    assert matrix.NOT_COUNTED not in newest.where
    assert (ROOT / matrix.NOT_COUNTED.removeprefix("--ignore=")).is_file()
