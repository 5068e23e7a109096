"""An option of `pybench compare` or `report` is followed, or refused by its name."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli import main, status
from pybench.cli.compare import add_compare, compare, resumed
from pybench.cli.compare_options import (
    FORMS,
    LIVE,
    OPTIONS,
    RECORDED,
    REFUSED,
    RESUMED,
    SAME,
    SAVED,
    USED,
)
from pybench.records.run_file import RecordWriter
from tests.runs import arm_records, header_record, row_record

pytestmark = pytest.mark.once

# Something that each option can be given; those that are switches take nothing.
VALUES = {
    "--with": "numpy", "--suite": "elsewhere", "--benchmarks": "memory", "-k": "word",
    "--margin": "10%", "--budget": "5s", "--jobs": "1", "--pairs": "7",
    "--seed": "0", "-o": "out",
    "--find-links": "wheels", "--ref": "main", "--suite-from": "main",
    "--plan": "plan.json", "--shard": "1/2",
    "--metric": "instructions", "--scheduler": "tcp://lab", "--tls-ca": "ca.pem",
    "--tls-cert": "cert.pem", "--tls-key": "key.pem",
}  # fmt: skip
HEADER = header_record(
    seed=11, margin=0.05, pairs=12, options=("--pybench-quick",), packages=("attrs",)
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command alone."""
    whole = argparse.ArgumentParser()
    add_compare(whole.add_subparsers())
    return whole


def parsed(*words: str) -> argparse.Namespace:
    """Return the options of such a command."""
    return parser().parse_args(["compare", *words])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Write a run of one row that was never measured."""
    folder = tmp_path / "run"
    with RecordWriter(folder, HEADER) as writer:
        for arm in arm_records("a", "b"):
            writer.append(arm)
        writer.append(row_record("test_a.py::test_a"))
    return folder


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what such a command is refused with."""
    with pytest.raises(SystemExit) as ended:
        main([*words])
    assert ended.value.code == status.USAGE
    return capsys.readouterr().err


def test_every_option_of_the_command_is_in_the_table() -> None:
    subcommand = parser()._subparsers
    assert subcommand is not None
    (group,) = subcommand._group_actions
    assert isinstance(group.choices, dict)
    known = {
        action.dest
        for action in group.choices["compare"]._actions
        if action.option_strings and action.dest != "help"
    }

    assert {one.place for one in OPTIONS} == known
    assert {one.in_form(form) for one in OPTIONS for form in FORMS} == {
        USED, SAME, REFUSED,
    }  # fmt: skip
    assert all(one.in_form(LIVE) == USED for one in OPTIONS)


@pytest.mark.parametrize(
    ("form", "one"),
    [
        pytest.param(form, one, id=f"{form}-{one.flag}")
        for form, one in itertools.product((RECORDED, SAVED), OPTIONS)
        if one.in_form(form) == REFUSED and one.flag != "--python"
    ],
)
def test_what_does_not_apply_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], run: Path, form: str, one: Any
) -> None:
    word = str(run) if form == RECORDED else "old.json"
    value = [VALUES[one.flag]] if one.flag in VALUES else []

    said = refused(capsys, "compare", word, one.flag, *value)

    assert f"{one.flag}" in said
    assert "nothing is measured" in said


def test_all_that_do_not_apply_are_named(
    capsys: pytest.CaptureFixture[str], run: Path
) -> None:
    said = refused(
        capsys, "compare", str(run), "--margin", "10%", "--suite", "x", "--seed", "0"
    )

    assert "--suite, --margin, --seed: a recorded run" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--margin", "10%"], "--margin: the run was begun with 0.05.* 0.1:"),
        (["--pairs", "20"], "--pairs: the run was begun with 12.* 20:"),
        (["--seed", "0"], "--seed: the run was begun with 11.* 0:"),
        (["--suite", "other"], "--suite: the run was begun with benchmarks.* other:"),
        (["--with", "attrs==1"], "--with: the run was begun with attrs,.* attrs==1:"),
        (["--ref", "main"], "--ref: the run was begun with none, .* main:"),
        (["--suite-from", "main"], "--suite-from: the run was begun with none,"),
        (["--metric", "instructions"], "--metric: the run was begun with time,"),
        (["-k", "word"], "-k: the run was begun with --pybench-quick,.*-k=word"),
        (["--benchmarks", "gil"], "--benchmarks: .*--pybench-select=gil"),
    ],
)
def test_a_run_is_resumed_as_it_was_begun(words: list[str], said: str) -> None:
    options = parsed("a", "b", "-o", "run", "--resume", *words)

    with pytest.raises(status.UsageError, match=rf"(?s){said}.*leave .* out"):
        resumed(options, HEADER)


def test_what_is_left_out_is_taken_from_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.chdir(tmp_path)
    bare = parsed("a", "b", "-o", "run", "--resume")
    same = parsed(
        "a", "b", "-o", "run", "--resume", "--margin", "5%", "--pairs", "12", "--seed",
        "11", "--suite", "./benchmarks", "--with", "attrs", "--quick",
    )  # fmt: skip

    for options in (bare, same):
        suite, selecting = resumed(options, HEADER)
        assert (suite.text, selecting) == ("benchmarks", ("--pybench-quick",))
        assert options.packages == ["attrs"]


def test_a_suite_that_is_gone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(status.UsageError, match="no benchmarks at"):
        resumed(parsed("a", "b", "-o", "run", "--resume"), HEADER)


def test_resuming_says_which_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert "-o DIR" in refused(capsys, "compare", "a=x", "b=x", "--resume")


def test_margin_of_saved_files_can_be_given() -> None:
    assert parsed("a.json").margin is None
    assert parsed("a.json", "--margin", "9%").margin == 0.09
    assert [one.in_form(RESUMED) for one in OPTIONS].count(SAME) == 11


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--margin", "9%"], "--margin 0.09: of a comparison of saved files"),
        (["--format", "md", "--title", "x"], "--title is of a page"),
        (["--format", "md", "--open"], "--open shows a file"),
        (["-o", "-", "--open"], "--open shows a file"),
        (["--max-chars", "5000"], "--max-chars is of --format md"),
    ],
)
def test_a_report_refuses_what_it_would_ignore(
    capsys: pytest.CaptureFixture[str], run: Path, words: list[str], said: str
) -> None:
    assert said in refused(capsys, "report", str(run), *words)


@pytest.mark.parametrize("words", [["--title", "x"], ["--margin", "9%"]])
def test_a_site_refuses_what_it_would_ignore(
    capsys: pytest.CaptureFixture[str], run: Path, words: list[str]
) -> None:
    said = refused(capsys, "report", "--index", str(run.parent), *words)

    assert words[0] in said


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "²", ""])
def test_jobs_are_a_number_or_auto(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed("3.14", "--jobs", text)

    assert f"{text!r} is no number of batches: say 1, 2 or more" in (
        capsys.readouterr().err
    )
    assert parsed("3.14", "--jobs", "auto").jobs == "auto"


def test_more_jobs_than_cores_are_refused_before_anything_is_prepared() -> None:
    with pytest.raises(status.UsageError, match=r"--jobs 9999: .* at most \d+ can run"):
        compare(parsed("3.14", "--jobs", "9999"))
