"""The session says once what was measured, in words and for a machine."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pybench.records.journal import JournalRow, SessionCounts
from pybench.target.plugin.command_line import said_value
from pybench.target.plugin.outcomes import (
    count_rows,
    na_reason,
    row_flag,
    row_statuses,
    summary_lines,
)
from pybench.target.process.identity import read_identity

Run = Callable[..., pytest.RunResult]

IDENTITY = read_identity()
SUITE = """
import pytest

def test_row(benchmark):
    benchmark(sum, (1, 2))

def test_crowded(benchmark):
    benchmark.extra_info["oversubscribed"] = True
    benchmark(sum, (1, 2))

@pytest.mark.skip(reason="n/a: too old")
def test_marked(benchmark):
    pass

def test_lacking(benchmark):
    pytest.skip("n/a: no such thing")

def test_skipped(benchmark):
    pytest.skip("not today")

def test_failing():
    assert False

def test_plain():
    pass
"""


def count(*rows: JournalRow, outcomes: Mapping[str, str] = {}) -> SessionCounts:
    """Count these rows."""
    known: dict[str, Any] = {
        "interpreter": IDENTITY.interpreter,
        "free_threaded": IDENTITY.free_threaded,
        "gil_enabled": False,
        "rows_resumed": 0,
        "void_modules": (),
        "rows_unmeasured": 0,
    }
    by_name = {row.fullname: row for row in rows}
    statuses = row_statuses(["y", *by_name, "z"], by_name, {"y": "not today"})
    return count_rows(rows, statuses, outcomes, **known)


def measured(name: str, **record: object) -> JournalRow:
    """Make a measured kernel row with this record."""
    return JournalRow(fullname=name, outcome="measured", extra_info={"pybench": record})


@pytest.mark.once
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Skipped: n/a: too old", "too old"),
        ("n/a: a: b", "a: b"),
        ("Skipped: not today", None),
    ],
)
def test_tells_not_available_from_skipped(text: str, reason: str | None) -> None:
    assert na_reason(text) == reason


@pytest.mark.once
def test_reads_flags_of_kernel_rows_and_plain_rows() -> None:
    assert row_flag({"pybench": {"oversubscribed": True}}, "oversubscribed")
    assert row_flag({"oversubscribed": True}, "oversubscribed")
    assert not row_flag({"oversubscribed": "yes", "pybench": 3}, "oversubscribed")
    assert not row_flag({}, "disturbed")


@pytest.mark.once
def test_counts_each_row_once() -> None:
    counts = count(
        measured("a"),
        measured("b", disturbed=True, rounds_dropped=3),
        measured("c", oversubscribed=True, rounds_dropped=4, floor_above_tenth=True),
        JournalRow(fullname="d", outcome="n/a", reason="old"),
        JournalRow(fullname="e", outcome="n/a", reason="old"),
        JournalRow(fullname="f", outcome="void", reason="module 'x'"),
        JournalRow(fullname="g", outcome="error", reason="ValueError"),
        outcomes={"a": "passed", "f": "failed", "g": "skipped"},
    )

    assert counts.rows_measured == 3
    assert counts.rows_na == {"old": 2}
    assert (counts.rows_void, counts.rows_error) == (1, 1)
    assert (counts.rows_skipped, counts.rows_not_run) == (1, 1)
    assert (counts.rows_disturbed, counts.rows_oversubscribed) == (1, 1)
    assert counts.rounds_dropped == 7
    assert counts.rows_near_floor == 1
    assert (counts.tests_passed, counts.tests_failed, counts.tests_skipped) == (1, 1, 1)


@pytest.mark.once
def test_line_names_the_interpreter_and_its_gil() -> None:
    counts = count(measured("a"))
    free_threaded = replace(
        counts,
        interpreter="CPython 3.13.15 free-threaded",
        rows_skipped=0,
        rows_not_run=0,
    )

    (line,) = summary_lines(free_threaded)

    assert line == (
        "pybench: 1 rows measured, 0 n/a, 0 void, 0 disturbed, 0 oversubscribed "
        "on CPython 3.13.15 free-threaded (GIL off)"
    )


@pytest.mark.once
def test_line_has_what_went_wrong_only_where_it_did() -> None:
    one = count(JournalRow(fullname="a", outcome="error", reason="ValueError"))
    two = replace(one, rows_error=2, rows_not_run=0)

    (line_one,) = summary_lines(one)
    (line_two,) = summary_lines(two)

    assert " 1 error, 1 skipped, 1 not run on " in line_one
    assert " 2 errors, 1 skipped on " in line_two


@pytest.mark.once
@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--benchmark-warmup=off"], "off"),
        (["--benchmark-warmup", "off"], "off"),
        (["--benchmark-warmup=on", "--benchmark-warmup=off"], "off"),
        (["--benchmark-warmup"], ""),
        (["--benchmark-warmup", "--benchmark-only"], ""),
        (["--benchmark-warmup-iterations=3"], None),
        ([], None),
    ],
)
def test_finds_what_the_user_said(words: list[str], value: str | None) -> None:
    assert said_value(words, "--benchmark-warmup") == value


def test_summary_has_one_section_and_groups_reasons(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)

    result = run("--pybench-counts=counts.json")

    sections = [
        line for line in result.outlines if " pybench " in line and "==" in line
    ]
    assert len(sections) == 1
    result.stdout.fnmatch_lines(
        [
            "*2 tests*",
            "=* pybench =*",
            "pybench: 2 rows measured, 2 n/a, 0 void, 0 disturbed, 1 oversubscribed, "
            f"1 skipped on {IDENTITY.interpreter} ({IDENTITY.gil_state})",
            "*n/a: no such thing (1 row)",
            "*n/a: too old (1 row)",
            "=* short test summary info =*",
        ]
    )
    counts = json.loads((pytester.path / "counts.json").read_text())
    assert counts == {
        "interpreter": IDENTITY.interpreter,
        "free_threaded": IDENTITY.free_threaded,
        "gil_enabled": IDENTITY.gil_enabled,
        "rows_measured": 2,
        "rows_unmeasured": 0,
        "rows_na": {"no such thing": 1, "too old": 1},
        "rows_void": 0,
        "rows_error": 0,
        "rows_skipped": 1,
        "rows_not_run": 0,
        "void_modules": [],
        "rows_disturbed": 0,
        "rounds_dropped": 0,
        "rows_oversubscribed": 1,
        "rows_near_floor": 0,
        "rows_resumed": 0,
        "tests_passed": 3,
        "tests_failed": 1,
        "tests_skipped": 3,
        "rows_value": 0,
    }


@pytest.mark.once
def test_counts_work_without_pytest_benchmark(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one():\n    pass\n")

    pytester.runpytest_inprocess("-p", "no:benchmark", "--pybench-counts=c.json")

    counts = json.loads((pytester.path / "c.json").read_text())
    assert (counts["tests_passed"], counts["rows_measured"]) == (1, 0)


@pytest.mark.once
def test_a_file_that_cannot_be_collected_is_a_failure(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("import no_such_module")

    run("--pybench-counts=c.json")

    assert json.loads((pytester.path / "c.json").read_text())["tests_failed"] == 1


@pytest.mark.once
def test_counts_that_cannot_be_written_fail_the_session(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("def test_one():\n    pass\n")

    result = run("--pybench-counts=no/such/folder/c.json")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*note: --pybench-counts=no/such/folder/c.json: No s*"]
    )
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


@pytest.mark.once
@pytest.mark.parametrize("odd", ["many", None, [1], 0.5, {}, True])
def test_a_record_that_a_row_made_up_ends_no_session(odd: object) -> None:
    """`extra_info["pybench"]` is where kernels put theirs, and anybody can."""
    row = measured("x", rounds_dropped=odd, disturbed=True, disturbances=odd)
    counts = count(row)

    assert counts.rows_measured == counts.rows_disturbed == 1
    assert counts.rounds_dropped == 0
    [status] = row_statuses(["x"], {"x": row}, {})
    assert status.reason == "the row says so"
