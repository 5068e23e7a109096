"""Instructions of two sides: what is recorded, judged and said of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.children import Callgrind
from pybench.cli import status
from pybench.comparison.counting import (
    THREADS,
    count_rows,
    explained,
    judge_counts,
)
from pybench.comparison.summary import exit_code, summarise
from pybench.records.run import CountRecord, Run
from pybench.records.run_file import read_run
from pybench.records.summary import Summary
from pybench.report.terminal import show

pytestmark = pytest.mark.once

Compare = Callable[..., Any]

# Nothing stands before the sessions' command: they say what they counted themselves.
FAKE = Callgrind(version="valgrind-9.9", command=(), environ={})
FIRST, SECOND = (f"suite/test_rows.py::test_{name}" for name in ("first", "second"))


def counts(run: Run, arm: str, row: str = FIRST) -> Sequence[CountRecord]:
    """Return what is recorded of a row on an arm."""
    return run.counts[row][arm]


def test_two_processes_of_each_side_are_counted(
    compare: Compare, tmp_path: Path
) -> None:
    """Nothing is timed but to try the rows out; the second row is not the same."""
    run, judgement = compare(
        metrics=("instructions",),
        callgrind=FAKE,
        odd="""
            if at == "count":
                hello["counts"] = [4048] * 3
                if row.endswith("second"):
                    hello["counts"] = [4000 + 400 * start] * 3
        """,
    )

    assert not run.pairs
    for arm in ("a", "b"):
        assert [count.process for count in counts(run, arm)] == [1, 2]
        assert {count.counter for count in counts(run, arm)} == {"valgrind-9.9"}
    assert read_run(tmp_path / "out").counts == run.counts
    first, second = (judge_counts(run, row, "b") for row in (FIRST, SECOND))
    assert first is not None
    assert first.verdict is not None
    assert (first.verdict.word, first.verdict.ratio) == ("more", 1.012)
    assert (first.baseline, first.side) == (1000, 1012)
    assert second is not None
    assert second.verdict is None
    assert second.reason.startswith("b: not deterministic: processes differ by")
    summary = summarise(run, judgement)
    assert summary.verdict == ("instructions of b against a: 1 more, 1 without a count")
    assert (summary.metrics, summary.counter) == (("instructions",), "valgrind-9.9")
    assert exit_code(summary, fail_on=None, strict=False) == status.OK
    assert exit_code(summary, fail_on="more", strict=False) == status.OK
    below = replace(summary, margin=0.01)
    assert exit_code(below, fail_on="more", strict=False) == status.CONFIRMED

    # Of threads nobody asks callgrind.
    run.counts.clear()
    run.rows = {row: replace(known, threads=2) for row, known in run.rows.items()}
    for count in count_rows(None, run, FAKE):  # type: ignore[arg-type]
        run.add(count)
    assert {count.reason for count in counts(run, "a")} == {THREADS}


def test_a_row_that_ends_its_session_costs_only_itself(compare: Compare) -> None:
    """The session dies in its first row; another one goes on with the second."""
    run, _ = compare(
        metrics=("instructions",),
        callgrind=FAKE,
        odd="""
            if at == "count" and row.endswith("first"):
                print("vex amd64->IR: unhandled instruction bytes: 0x62 0xF1")
                sys.stdout.flush()
                os.kill(os.getpid(), signal.SIGILL)
        """,
    )

    (count,) = counts(run, "b")
    assert count.reason == (
        "n/a: it has an instruction that valgrind-9.9 does not know (0x62 0xF1)"
    )
    assert [len(counts(run, arm, SECOND)) for arm in ("a", "b")] == [2, 2]
    # What has no count is not counted a second time.
    assert len(counts(run, "a")) == 1


def test_a_row_says_itself_why_it_has_none(compare: Compare) -> None:
    run, judgement = compare(
        metrics=("instructions",),
        callgrind=FAKE,
        odd="""
            if at == "count":
                hello.update(counts=[], reason="it starts processes")
        """,
    )

    cell = judge_counts(run, FIRST, "b")
    assert cell is not None
    assert cell.reason == "b: it starts processes"
    summary = summarise(run, judgement)
    assert exit_code(summary, fail_on=None, strict=False) == status.NO_VERDICT
    assert "it starts processes" in terminal(summary)


def test_counting_ends_with_the_budget_and_goes_on(compare: Compare) -> None:
    """What is counted stays, and the rest of the run is counted later."""
    how = {"metrics": ("instructions",), "callgrind": FAKE, "odd": ""}

    run, judgement = compare(**how, budget_s=0.0)
    assert [*run.counts] == [FIRST]
    assert judge_counts(run, FIRST, "b").reason == "not counted yet"  # type: ignore[union-attr]
    assert "2 without a count" in summarise(run, judgement).verdict

    run, judgement = compare(**how)
    assert {len(counts(run, arm, row)) for arm in "ab" for row in run.rows} == {2}
    assert "2 equal" in summarise(run, judgement).verdict


def terminal(summary: Summary) -> str:
    """Return what the terminal shows."""
    pytest.importorskip("rich", reason="n/a: rich is not installed here")
    from rich.console import Console

    file = io.StringIO()
    show(summary, Console(file=file, width=100))
    return file.getvalue()


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("was ended by SIGKILL:\n    F", "ended under callgrind: was ended by SIGKILL"),
        (
            "was ended by SIGILL:\n    Binary file",
            "n/a: it has an instruction that valgrind-9.9 does not know",
        ),
        (
            "ended with exit status 1:\n    Error: can not open cache output file `x'",
            "ended under callgrind: ended with exit status 1: Error: can not open "
            "cache output file `x'",
        ),
    ],
)
def test_why_a_session_ended_is_one_line(reason: str, said: str) -> None:
    assert explained(reason, "valgrind-9.9") == said
