"""Instructions in every format: a column beside times, a table where there are none."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

import msgspec
from rich.console import Console

from pybench.comparison.judging import judge
from pybench.comparison.summary import summarise
from pybench.records.contents import Contents
from pybench.records.documents import DocumentError
from pybench.records.run import NAME, CountRecord, Run
from pybench.records.run_file import RecordWriter, read_run
from pybench.records.summary import Summary
from pybench.report.exports.frames import row_records
from pybench.report.exports.github_action import github_action_json
from pybench.report.markdown import markdown
from pybench.report.terminal import show

pytestmark = pytest.mark.once


def terminal(summary: Summary) -> str:
    """Return what the terminal shows."""
    file = io.StringIO()
    show(summary, Console(file=file, width=100))
    return file.getvalue()


def with_counts(run: Run, row: str, ours: float, theirs: float) -> Run:
    """Add what two processes of each side of a recorded run have counted."""
    for side, count in (("3.13", theirs), ("3.14t", ours)):
        for process in (1, 2):
            run.add(
                CountRecord(
                    row=row,
                    side=side,
                    process=process,
                    counter="valgrind-9.9",
                    numbers={"count": 2},
                    counts=(round(2 * count),) * 3,
                )
            )
    return run


@pytest.fixture
def both(recorded: Callable[..., Run]) -> Run:
    """Return a run of times and counts: a row that does more, and one that is equal."""
    rows = {f"b/c/f.py::test_{name}": 1.0 for name in ("more", "same")}
    run = recorded(rows, metrics=("time", "instructions"))
    with_counts(run, "b/c/f.py::test_more", 1031, 1000)
    return with_counts(run, "b/c/f.py::test_same", 500, 500)


def test_counts_are_a_column_beside_the_times(both: Run) -> None:
    summary = summarise(both, judge(both))

    text = terminal(summary)
    assert "does 3.1% more" in text
    assert "slower" not in text
    assert "instructions counted by valgrind-9.9" in text
    assert "instructions of 3.14t against 3.13: 1 more, 1 equal" in summary.verdict
    table = markdown(summary)
    assert "| instructions |" in table
    assert "does 3.1% more" in table


def test_counts_are_a_column_of_the_page(both: Run) -> None:
    pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")
    from pybench.report.page import page

    summary = summarise(both, judge(both))

    text = page(Contents(title="x", summary=summary, run=both))
    assert '<th scope="col">instructions</th>' in text
    assert "<td>does 3.1% more</td>" in text

    alone = replace(summary, metrics=("instructions",))
    text = page(Contents(title="x", summary=alone, run=both))
    assert "<td>1,031, does 3.1% more</td>" in text


def test_counts_alone_are_a_table_of_their_own(both: Run) -> None:
    alone = replace(summarise(both, judge(both)), metrics=("instructions",))

    assert "1,031, does 3.1% more" in terminal(alone)
    assert "time ratio" not in terminal(alone)
    assert "same" not in terminal(alone)
    assert "| `more` | 1,000 | 1,031, does 3.1% more |" in markdown(alone)
    assert "same" not in markdown(alone)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"row": "b/c/f.py::test_other"}, "which is no row of it"),
        ({"side": "2.7"}, "'2.7' is no side"),
        ({"counts": []}, "are none, and it does not say why"),
        ({"counts": [0]}, "one is the least"),
    ],
)
def test_a_count_that_cannot_be_is_refused(
    both: Run, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with RecordWriter(tmp_path, both.header) as writer:
        for side in both.sides.values():
            writer.append(side)
        for row in both.rows.values():
            writer.append(row)
    count = both.counts["b/c/f.py::test_more"]["3.13"][0]
    line = {"record": "count", **msgspec.to_builtins(count), **change}
    with (tmp_path / NAME).open("a") as file:
        file.write(json.dumps(line) + "\n")

    with pytest.raises(DocumentError, match=said):
        read_run(tmp_path)


def test_counts_are_columns_of_frames(both: Run) -> None:
    more, same = row_records(summarise(both, judge(both)))

    assert more["instructions_verdict"] == "more"
    assert more["instructions_baseline"] == 1000
    assert more["instructions_side"] == 1031
    assert more["instructions_ratio"] == pytest.approx(1.031)
    assert more["ratio"] is not None
    assert same["instructions_verdict"] == "equal"


def test_the_action_draws_instructions_by_themselves(both: Run) -> None:
    """A row has a line of its time too, if there was one."""
    text, _ = github_action_json(summarise(both, judge(both)))
    entries = {entry["name"]: entry for entry in json.loads(text)}

    row = "b/c/f.py::test_more (3.14t)"
    assert {row, f"{row}, instructions"} <= {*entries}
    entry = entries[f"{row}, instructions"]
    assert entry["unit"] == "instructions / 3.13"
    assert entry["value"] == pytest.approx(1.031)
    assert entry["extra"] == "does 3.1% more"


def test_the_action_draws_a_run_of_instructions_alone(
    recorded: Callable[..., Run],
) -> None:
    run = recorded({"b/c/f.py::test_more": 1.0}, metrics=("instructions",))
    with_counts(run, "b/c/f.py::test_more", 1031, 1000)
    text, left_out = github_action_json(summarise(run, judge(run)))

    (entry,) = json.loads(text)
    assert entry["name"] == "b/c/f.py::test_more (3.14t), instructions"
    assert not left_out
