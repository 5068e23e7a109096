"""Every collected row is in the saved file, with what became of it and why."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pybench.records.journal import JournalRow, RowStatus
from pybench.target.plugin.outcomes import row_statuses
from pybench.target.process.identity import read_identity

Run = Callable[..., pytest.RunResult]

SUITE = """
import pytest

@pytest.fixture
def broken():
    raise OSError("no such disk")

@pytest.fixture
def leaking():
    yield
    raise RuntimeError("it would not close")

def test_measured(benchmark):
    benchmark(int)

def test_disturbed(benchmark):
    benchmark.extra_info["disturbed"] = True
    benchmark(int)

def test_lacking(benchmark):
    pytest.skip("n/a: too old")

def test_skipped(benchmark):
    pytest.skip("not today")

@pytest.mark.xfail(reason="known")
def test_expected(benchmark):
    benchmark(int)
    assert False

def test_raising(benchmark):
    benchmark(lambda: 1 / 0)

def test_wrong(benchmark):
    benchmark(int)
    assert 1 == 2, "lost\\nupdates"

def test_failing(benchmark):
    benchmark(int)
    pytest.fail("out of order")

def test_unprepared(benchmark, broken):
    benchmark(int)

def test_untidy(benchmark, leaking):
    benchmark(int)

def test_plain():
    pass
"""
STATUSES = {
    "measured": ("measured", ""),
    "disturbed": ("disturbed", "the row says so"),
    "lacking": ("n/a", "too old"),
    "skipped": ("skipped", "not today"),
    "expected": ("skipped", "expected to fail: known"),
    "raising": ("error", "ZeroDivisionError: division by zero"),
    "wrong": ("error", "AssertionError: lost"),
    "failing": ("error", "Failed: out of order"),
    "unprepared": ("error", "setup: OSError: no such disk"),
    "untidy": ("error", "teardown: RuntimeError: it would not close"),
}


def saved(pytester: pytest.Pytester, pattern: str = "out.json") -> dict[str, Any]:
    """Return the one saved document."""
    (path,) = pytester.path.glob(pattern)
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def statuses(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return status and reason by the short name of the row."""
    return {
        row["fullname"].partition("::test_")[2]: (row["status"], row["reason"])
        for row in document["pybench"]["rows"]
    }


def measured(document: dict[str, Any]) -> list[str]:
    """Return the short names of the rows with a value."""
    return [row["name"].removeprefix("test_") for row in document["benchmarks"]]


def test_every_row_has_its_status(pytester: pytest.Pytester, run: Run) -> None:
    """In both kinds of files; the others went on, and the exit code tells."""
    pytester.makepyfile(SUITE)

    result = run("--benchmark-json=out.json", "--benchmark-save=mine")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    for pattern in ("out.json", ".benchmarks/*/0001_mine.json"):
        document = saved(pytester, pattern)
        assert statuses(document) == STATUSES
        assert measured(document) == ["measured", "disturbed"]
    result.stdout.fnmatch_lines(
        [
            "*2 tests*",
            "pybench: 2 rows measured, 1 n/a, 0 void, *, 5 errors, 2 skipped on *",
        ]
    )


@pytest.mark.once
def test_errors_are_counted(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(SUITE)

    run("--pybench-counts=counts.json")

    counts = json.loads((pytester.path / "counts.json").read_text())
    assert (counts["rows_measured"], counts["rows_error"]) == (2, 5)
    assert (counts["rows_skipped"], counts["rows_not_run"]) == (2, 0)


@pytest.mark.once
def test_resume_runs_failed_rows_again_and_names_all(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)
    run()

    result = run("--pybench-resume", "--benchmark-json=out.json")

    result.stdout.fnmatch_lines(["pybench: resuming*: 3 rows are in *, 7 are missing"])
    assert statuses(saved(pytester)) == STATUSES


@pytest.mark.once
def test_resumed_row_has_the_status_of_its_last_end(
    pytester: pytest.Pytester, run: Run
) -> None:
    """What failed in the journal and was not run again is not an error any more."""
    pytester.makepyfile(SUITE)
    run()

    run("--pybench-resume", "-x", "--benchmark-json=out.json")

    found = statuses(saved(pytester))
    assert found["raising"] == STATUSES["raising"]
    assert found["wrong"] == ("not run", "the session ended before it did")


@pytest.mark.once
def test_rows_after_the_end_are_not_run(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(SUITE)

    run("-x", "--benchmark-json=out.json")

    found = statuses(saved(pytester))
    assert list(found) == list(STATUSES)
    assert found["raising"] == STATUSES["raising"]
    for name in ("wrong", "failing", "unprepared", "untidy"):
        assert found[name] == ("not run", "the session ended before it did")


def test_row_that_is_interrupted_is_not_run(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    pytester.makepyfile(
        """
        def test_first(benchmark):
            benchmark(int)

        def test_interrupted(benchmark):
            raise KeyboardInterrupt
        """
    )

    result = run_process("--benchmark-json=out.json")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert statuses(saved(pytester))["interrupted"][0] == "not run"


@pytest.mark.once
def test_rows_left_out_by_the_user_are_not_listed(
    pytester: pytest.Pytester, run: Run
) -> None:
    """Who asks for one row gets a file of one row."""
    pytester.makepyfile(SUITE)

    run("-k", "measured or raising", "--benchmark-json=out.json")

    assert list(statuses(saved(pytester))) == ["measured", "raising"]


@pytest.mark.once
def test_file_is_written_though_nothing_was_measured(
    pytester: pytest.Pytester, run: Run
) -> None:
    """That a build lacks all that was asked for is a result."""
    pytester.makepyfile(SUITE)

    result = run(
        "-k", "lacking", "--benchmark-json=out.json", "--benchmark-save=mine", "-Werror"
    )

    assert result.ret == pytest.ExitCode.OK
    document = saved(pytester)
    assert document["benchmarks"] == []
    assert statuses(document) == {"lacking": ("n/a", "too old")}
    assert not list(pytester.path.glob(".benchmarks/*/0001*"))


@pytest.mark.once
def test_error_of_usage_is_not_followed_by_a_remark_about_files(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)

    result = run("--pybench-quick", "--benchmark-json=out.json", "-Werror")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Not saving" not in result.stdout.str() + result.stderr.str()
    assert not (pytester.path / "out.json").exists()


@pytest.mark.once
@pytest.mark.usefixtures("native")
def test_disturbed_kernel_row_says_by_what() -> None:
    record = {"disturbed": True, "disturbances": ["little overlap", "a lost CPU"]}
    row = JournalRow(fullname="a", outcome="measured", extra_info={"pybench": record})

    assert row_statuses(["a"], {"a": row}, {}) == [
        RowStatus(fullname="a", status="disturbed", reason="little overlap; a lost CPU")
    ]


@pytest.mark.once
def test_rows_of_the_journal_come_with_their_order() -> None:
    """Where they are collected; those that are not follow."""
    rows = {
        name: JournalRow(fullname=name, outcome="n/a", reason="old") for name in "dba"
    }

    found = row_statuses(["a", "b", "c"], rows, {"c": "not today"})

    assert [status.fullname for status in found] == ["a", "b", "c", "d"]
    assert [status.status for status in found] == ["n/a", "n/a", "skipped", "n/a"]


@pytest.mark.once
def test_identity_and_statuses_are_both_in_the_file(
    pytester: pytest.Pytester, run: Run
) -> None:
    """The one under machine_info, the other at the top level."""
    pytester.makepyfile(SUITE)

    run("--benchmark-json=out.json")

    document = saved(pytester)
    assert (
        document["pybench"]["schema"] == document["machine_info"]["pybench"]["schema"]
    )
    assert document["machine_info"]["pybench"]["version"] == read_identity().version
