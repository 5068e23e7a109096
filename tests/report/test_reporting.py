"""`pybench report`: pages, Markdown and sites, and what it refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")

from pybench.cli import main
from pybench.cli import report as reporting
from pybench.cli.status import FAILED, OK, USAGE
from pybench.report.charts import drawing
from pybench.report.charts.drawing import MISSING

Run = Callable[[Sequence[object]], int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs `pybench report` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(words: Sequence[object]) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["report", *map(str, words)])
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return call


@pytest.fixture
def folder(recorded: Callable[..., Any], tmp_path: Path) -> Path:
    """Return the folder of a run."""
    path = tmp_path / "run"
    recorded(folder=path)
    return path


def test_page_of_a_run_with_its_profiles(run: Run, folder: Path) -> None:
    profiles = folder / "profiles"
    profiles.mkdir()
    doctor = {
        "pybench": "doctor", "schema": 1, "fit": True, "facts": {}, "findings": [],
    }  # fmt: skip
    (profiles / "doctor.json").write_text(json.dumps(doctor))

    status = run([folder, "--title", "a <title>"])

    text = Path("report.html").read_text("utf-8")
    assert status == OK
    assert "<h1>a &lt;title&gt;</h1>" in text
    assert "Is the machine fit: yes" in text


@pytest.mark.once
@pytest.mark.parametrize(("is_here", "said"), [(True, []), (False, [MISSING])])
def test_a_page_without_charts_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, is_here: bool, said: list[str]
) -> None:
    """As on free-threaded builds, for which vl-convert has no wheel."""
    monkeypatch.setattr(drawing, "is_here", lambda: is_here)

    lines = reporting._without_charts()
    assert [line.partition(";")[0] for line in lines] == said
    assert "pybench-native[charts]" in MISSING


def test_markdown_is_that_of_compare(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run([folder, "--format", "md", "--max-chars", 2000])

    text = capsys.readouterr().out
    assert status == OK
    assert text.startswith("**3.14t against 3.13: ")
    assert len(text) <= 2000


def test_a_run_that_is_still_being_written_is_a_page(run: Run, folder: Path) -> None:
    record = folder / "run.jsonl"
    text = record.read_text()
    record.write_text(text[: len(text) * 2 // 3])

    assert run([folder]) == OK
    assert "cut off" in Path("report.html").read_text("utf-8")


def test_site_of_a_folder_names_what_it_could_not_read(
    run: Run,
    recorded: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorded(folder=tmp_path / "runs" / "one")
    torn = tmp_path / "runs" / "torn"
    torn.mkdir()
    (torn / "run.jsonl").write_text("{")

    status = run(["--index", "runs", "-o", "site"])

    assert status == FAILED
    assert "torn" in capsys.readouterr().err
    assert "3.14t against 3.13" in Path("site/index.html").read_text("utf-8")
    assert len([*Path("site/runs").glob("*.html")]) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "nothing to report on"),
        (["gone.json"], "gone.json: No such file"),
        (["--index", "gone"], "gone"),
        (["--index", ".", "x.json"], "give one or the other"),
        (["--index", ".", "--format", "md"], "leave out --format md"),
        (["run", "--max-chars", "2000"], "--max-chars is of --format md"),
        (["run", "--format", "md", "--max-chars", "20"], "1000 or more"),
        (["run", "-o", "no/such/folder.html"], "no folder"),
        (["run", "run"], "2 runs in one report"),
        (["empty.json"], "empty.json"),
        (["newer.json"], "schema 99"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_written(
    run: Run,
    folder: Path,
    words: list[str],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("empty.json").write_text("")
    Path("newer.json").write_text('{"pybench": "summary", "schema": 99}')
    before = sorted(Path().rglob("*"))

    assert run(words) == USAGE
    assert reason in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before
    assert folder.is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="n/a: root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    locked = folder.parent / "locked"
    locked.mkdir(mode=0o500)

    assert run([folder, "-o", locked / "page.html"]) == USAGE
    assert "nothing can be written" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing_half_written(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(Path().iterdir())

    assert run([folder, "-o", "/dev/full/x.html"]) == USAGE
    assert "x.html" in capsys.readouterr().err
    assert sorted(Path().iterdir()) == before
