"""What a comparison leaves behind: summary, comment, page; or why there is none."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import write
from compare import LAST_WORDS, pybench
from plan import Plan, write_plan

if TYPE_CHECKING:
    from tests.scripts.action.conftest import Runner

pytestmark = pytest.mark.once
# Prints its options, and makes the page.
PYBENCH = """
import pathlib
words = sys.argv[1:]
if words[0] == "report":
    pathlib.Path(words[words.index("-o") + 1]).write_text("page")
else:
    print("**1 slower**", words[-1])
    sys.exit(1)
"""


def folder_with(
    tmp_path: Path, program: str = PYBENCH, *, number: int | None = 5
) -> Path:
    """Return the folder of a comparison with a run."""
    folder = tmp_path / "comparison"
    plan = Plan(
        command=(), extras=(), versions=(), base="0123abc", head="feed", number=number
    )
    write_plan(plan, folder)
    path = pybench(folder)
    path.parent.mkdir(parents=True)
    path.write_text(f"#!{sys.executable} -S\nimport sys\n{program}\n")
    path.chmod(0o755)
    (folder / "run").mkdir()
    (folder / "run" / write.RUN).touch()
    return folder


def test_everything_is_written(runner: "Runner", tmp_path: Path) -> None:
    folder = folder_with(tmp_path)

    assert write.write(folder, 1) == 0

    assert runner.summary() == (
        "### pybench: `feed` against `0123abc`\n\n"
        "Exit status 1: confirmed: a row changed by the margin or more as `fail-on` "
        "names it.\n\n"
        "**1 slower** --max-chars=300000\n"
    )
    assert (folder / "summary.md").read_text() == runner.summary()
    comment = (folder / "comment" / "comment.md").read_text()
    assert comment.endswith("**1 slower** --max-chars=60000\n")
    number = json.loads((folder / "comment" / "pull-request.json").read_text())
    assert number == {"number": 5}
    assert (folder / "report.html").read_text() == "page"


def test_each_interpreter_has_its_run(runner: "Runner", tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    (folder / "run" / write.RUN).unlink()
    for name in ("3.14", "3.14t"):
        (folder / "run" / name).mkdir()
        (folder / "run" / name / write.RUN).touch()

    write.write(folder, 1)

    comment = (folder / "comment" / "comment.md").read_text()
    assert "#### 3.14\n\n**1 slower** --max-chars=30000\n" in comment
    assert "\n#### 3.14t\n" in comment
    pages = sorted(path.name for path in folder.glob("report*.html"))
    assert pages == ["report-3.14.html", "report-3.14t.html"]


def test_run_has_the_name_that_the_package_gives_it() -> None:
    run = pytest.importorskip("pybench.records.run")

    assert run.NAME == write.RUN


def test_no_comment_without_a_pull_request(runner: "Runner", tmp_path: Path) -> None:
    folder = folder_with(tmp_path, number=None)

    write.write(folder, 0)

    assert not (folder / "comment").exists()
    assert "Exit status 0: nothing confirmed" in runner.summary()


def test_comparison_without_a_run_shows_its_last_words(
    runner: "Runner", tmp_path: Path
) -> None:
    folder = folder_with(tmp_path)
    (folder / "run" / write.RUN).unlink()
    (folder / LAST_WORDS).write_text("error: ```no such suite```\n")

    write.write(folder, 2)

    assert "Exit status 2: no comparison: an input is wrong." in runner.summary()
    assert "````text\nerror: ```no such suite```\n````\n" in runner.summary()
    assert not (folder / "report.html").exists()


def test_comparison_that_did_not_begin(runner: "Runner", tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    (folder / "run" / write.RUN).unlink()

    write.write(folder, None)

    assert "The comparison did not begin." in runner.summary()


@pytest.mark.parametrize(
    "program", ["sys.exit(2)", "import os; os.abort()", "os.nothing"]
)
def test_run_that_cannot_be_read_shows_the_last_words(
    program: str,
    runner: "Runner",
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = folder_with(tmp_path, program)
    (folder / LAST_WORDS).write_text("it ended early\n")

    write.write(folder, 4)

    assert "it ended early" in runner.summary()
    assert "::warning title=pybench::compare" in capsys.readouterr().out


def test_summary_longer_than_github_takes_is_cut(
    runner: "Runner", tmp_path: Path
) -> None:
    """By whole lines, in bytes: a sign of a table has three."""
    folder = folder_with(tmp_path, "print(('▲' * 99 + '\\n') * 5000)")

    write.write(folder, 1)

    content = runner.summary().encode()
    assert len(content) <= 1024 << 10
    assert "▲\n\nThe rest does not fit here" in runner.summary()


def test_meanings_are_those_of_the_command() -> None:
    status = pytest.importorskip("pybench.cli.status")

    assert set(write.MEANING) == {
        status.OK,
        status.CONFIRMED,
        status.USAGE,
        status.NO_VERDICT,
        status.FAILED,
        status.INTERRUPTED,
    }
