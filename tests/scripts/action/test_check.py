"""The first step: which two commits are compared, and what ends the job before it."""

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import check
import github_runner
import pytest
from plan import read_plan

if TYPE_CHECKING:
    from tests.scripts.action.conftest import Runner

pytestmark = pytest.mark.once
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@localhost")
Output = pytest.CaptureFixture[str]


def git(folder: Path, *words: str) -> str:
    """Run git in a folder; return what it answers."""
    return subprocess.run(
        ["git", *IDENTITY, *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def commit(folder: Path, name: str) -> str:
    """Commit one more file; return the commit."""
    (folder / name).touch()
    git(folder, "add", name)
    git(folder, "commit", "-qm", name)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with a pull request that is merged into its base."""
    folder = tmp_path_factory.mktemp("origin")
    git(folder, "init", "-qb", "main")
    commit(folder, "first")
    git(folder, "checkout", "-qb", "change")
    commit(folder, "change")
    git(folder, "checkout", "-q", "main")
    commit(folder, "second")
    git(folder, "checkout", "-qb", "merge")
    git(folder, "merge", "-qm", "merge", "change")
    git(folder, "checkout", "-q", "main")
    commit(folder, "third")
    return folder


def clone(origin: Path, folder: Path, branch: str, *words: str) -> Path:
    """Check a branch out in a clone."""
    git(folder.parent, "clone", "-qb", branch, *words, origin.as_uri(), str(folder))
    return folder


def pull_request(origin: Path) -> dict[str, Any]:
    """Return the event of the pull request."""
    head = {"sha": git(origin, "rev-parse", "change")}
    return {"pull_request": {"number": 5, "head": head, "base": {"ref": "main"}}}


def checked(runner: "Runner") -> Any:
    """Run the step; return the plan that it wrote."""
    assert github_runner.run_step(check.check) == 0
    return read_plan(Path(runner.outputs()["folder"]))


@pytest.mark.parametrize("branch", ["merge", "change"])
def test_base_of_a_pull_request_is_what_it_is_merged_into(
    branch: str,
    origin: Path,
    runner: "Runner",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The merge that is checked out, or the head alone; not what main has become."""
    monkeypatch.chdir(clone(origin, tmp_path / "clone", branch))
    runner.started_by("pull_request", pull_request(origin))

    plan = checked(runner)

    wanted = "main~1" if branch == "merge" else "main~2"
    base = git(origin, "rev-parse", wanted)
    assert plan.command[2:4] == (f"--ref=base={base}", "--ref=head=HEAD")
    assert plan.number == 5
    assert git(origin, "rev-parse", "change").startswith(plan.head)
    assert runner.outputs()["name"] == "pybench"


def test_merge_of_depth_two_is_enough(
    origin: Path, runner: "Runner", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone(origin, tmp_path / "clone", "merge", "--depth=2"))
    runner.started_by("pull_request", pull_request(origin))

    assert checked(runner).base == git(origin, "rev-parse", "main~1")[:10]


@pytest.mark.parametrize("base", ["", "origin/main", "v1.0"])
def test_shallow_clone_is_told_what_to_fetch(
    base: str,
    origin: Path,
    runner: "Runner",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    monkeypatch.chdir(clone(origin, tmp_path / "clone", "merge", "--depth=1"))
    monkeypatch.setenv("INPUT_BASE", base)
    runner.started_by("pull_request", pull_request(origin))

    assert github_runner.run_step(check.check) == 2
    said = capsys.readouterr().out
    assert (base or "origin/main") in said
    assert "fetch-depth: 0" in said


def test_base_that_exists_nowhere_is_named(
    origin: Path,
    runner: "Runner",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    monkeypatch.chdir(clone(origin, tmp_path / "clone", "main"))
    monkeypatch.setenv("INPUT_BASE", "change")
    runner.started_by("workflow_dispatch", {})

    assert github_runner.run_step(check.check) == 2
    assert "change is no branch, tag or commit of this clone" in capsys.readouterr().out


def test_push_is_compared_with_what_it_replaced(
    origin: Path, runner: "Runner", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(origin)
    before = git(origin, "rev-parse", "main~2")
    runner.started_by("push", {"before": before})
    assert checked(runner).command[2] == f"--ref=base={before}"

    runner.started_by("push", {"before": "0" * 40})
    plan = checked(runner)
    assert plan.command[2] == f"--ref=base={git(origin, 'rev-parse', 'main~1')}"
    assert plan.number is None


def test_commit_is_compared_with_itself_after_a_notice(
    origin: Path,
    runner: "Runner",
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    monkeypatch.chdir(origin)
    monkeypatch.setenv("INPUT_BASE", "main")
    runner.started_by("schedule", {})

    checked(runner)
    assert "base and head are one commit" in capsys.readouterr().out


def test_event_without_a_base_asks_for_one(
    origin: Path,
    runner: "Runner",
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    monkeypatch.chdir(origin)
    runner.started_by("schedule", {})

    assert github_runner.run_step(check.check) == 2
    assert "input base: schedule has no base of its own" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["pull_request_target", "workflow_run"])
def test_code_of_a_pull_request_is_not_run_with_rights_to_write(
    kind: str, runner: "Runner", capsys: Output
) -> None:
    runner.started_by(kind, {})

    assert github_runner.run_step(check.check) == 2
    assert f"{kind} would run the code of a pull request" in capsys.readouterr().out


def test_no_repository(
    runner: "Runner", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("INPUT_BASE", "main")
    runner.started_by("push", {})

    assert github_runner.run_step(check.check) == 2
    assert "actions/checkout before this action" in capsys.readouterr().out


@pytest.mark.parametrize("event", ["", "[]", "{", json.dumps("x")])
def test_event_that_is_none_is_an_error(
    event: str, runner: "Runner", capsys: Output
) -> None:
    runner.started_by("push", event)

    assert github_runner.run_step(check.check) == 4
    assert "::error title=pybench::event.json" in capsys.readouterr().out


def test_step_outside_a_workflow_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.delenv("GITHUB_EVENT_NAME", raising=False)

    assert github_runner.run_step(check.check) == 2
    assert "GITHUB_EVENT_NAME is not set" in capsys.readouterr().out


def test_message_is_one_line_for_the_runner(capsys: Output) -> None:
    """Or its second line would be a command of its own."""
    github_runner.annotate("error", "50%\n::warning::x\r")

    assert capsys.readouterr().out == (
        "::error title=pybench::50%25%0A::warning::x%0D\n"
    )


def test_output_of_several_lines_sets_one_output(runner: "Runner") -> None:
    github_runner.set_output("a", "1\nb=2\nEOF")

    assert runner.outputs() == {"a": "1\nb=2\nEOF"}
