"""What a report is read from, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison.contents import read_contents
from pybench.comparison.judging import judge
from pybench.comparison.summary import summarise
from pybench.records.documents import DocumentError
from pybench.records.summary import write_summary
from pybench.report.page import page


def test_a_run_comes_with_its_verdicts_and_what_is_behind_them(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    run = recorded(folder=tmp_path)

    contents = read_contents([tmp_path])

    summary = contents.summary
    assert summary is not None
    assert summary == summarise(run, judge(run))
    words = {row.row.rpartition("_")[2]: row.verdict for row in summary.rows}
    assert words == {
        "slower": "slower",
        "faster": "faster",
        "same": "equivalent",
        "noisy": "inconclusive",
        "missing": "none",
    }
    details = {(one.row, one.side): one for one in contents.details}
    for row in summary.rows:
        if row.ratio is not None:
            detail = details[row.row, row.side]
            assert len(detail.pairs) == 20
            assert row.low is not None
            assert row.high is not None
            inside = [row.low <= pair.ratio <= row.high for pair in detail.pairs]
            assert any(inside)
            assert detail.warm_up.baseline[0] > 1.1
    assert {one.side for one in contents.details if one.is_twin} == {"3.13 again"}


def test_a_page_says_which_rows_it_has_no_room_for(
    recorded: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(folder=tmp_path)
    monkeypatch.setattr("pybench.comparison.contents.MOST_ROWS", 2)

    contents = read_contents([tmp_path])

    assert contents.shown is not None
    kept = {row.rpartition("_")[2] for row in contents.shown}
    assert kept == {"slower", "faster"}
    assert {one.row for one in contents.details} == contents.shown
    assert "2 of 5 rows are on this page" in contents.notes[-1]
    text = page(contents)
    assert text.count('<tr class="line"><th') == 2
    assert "2 of 5 rows are on this page" in text
    assert "2 rows are in the table below" in text
    # Markdown has a limit of its own.
    assert read_contents([tmp_path], has_details=False).shown is None


def test_a_summary_alone_has_no_details(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    run = recorded()
    path = write_summary(summarise(run, judge(run)), tmp_path)

    contents = read_contents([path])

    assert contents.summary == summarise(run, judge(run))
    assert contents.run is None
    assert contents.details == ()


def test_a_run_that_is_still_being_written_is_read(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    recorded(folder=tmp_path)
    with (tmp_path / "run.jsonl").open("ab") as file:
        file.write(b'{"record": "pair", "row": "be')

    contents = read_contents([tmp_path])

    assert contents.summary is not None
    assert any("cut off" in note for note in contents.notes)


def test_profiles_beside_a_run_belong_to_it(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    recorded(folder=tmp_path)
    (tmp_path / "profiles").mkdir()
    document = {
        "pybench": "profile-gc",
        "schema": 1,
        "interpreter": {"label": "3.14"},
        "collector": {"kind": "generational", "meaning": "three of them"},
        "cells": [],
    }
    (tmp_path / "profiles" / "gc.json").write_text(json.dumps(document))

    contents = read_contents([tmp_path])

    assert [(one.kind, one.name) for one in contents.profiles] == [("profile-gc", "gc")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("{", "truncated"),
        ("[]", "another tool"),
        ('{"pybench": "summary", "schema": 99}', "schema 99"),
        ('{"pybench": "summary", "schema": 1}', "missing required field"),
        ('{"pybench": "scenario", "schema": 0}', "schema 0"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "given.json"
    path.write_text(text)

    with pytest.raises(DocumentError, match=said) as caught:
        read_contents([path])

    assert str(path) in str(caught.value)


def test_nothing_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="nothing to report on"):
        read_contents([])
    with pytest.raises(DocumentError, match=r"run\.jsonl"):
        read_contents([tmp_path])


def test_two_runs_are_two_pages(recorded: Callable[..., Any], tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        recorded(folder=folder)

    with pytest.raises(DocumentError, match="--index"):
        read_contents(folders)
