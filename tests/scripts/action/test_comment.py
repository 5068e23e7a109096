"""The comment: one per pull request, on the right one, and of harmless text."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import comment
import github_runner
import pytest

if TYPE_CHECKING:
    from tests.scripts.action.conftest import GitHub, Runner

pytestmark = pytest.mark.once
Output = pytest.CaptureFixture[str]
COMMIT, OTHER = "a" * 40, "b" * 40
MARKER = "<!-- pybench: pybench -->"


def pull(
    number: int = 5, commit: str = COMMIT, origin: str | None = "owner/package"
) -> dict[str, Any]:
    """Return a pull request as GitHub describes it."""
    repo = None if origin is None else {"full_name": origin}
    return {"number": number, "head": {"sha": commit, "repo": repo}}


def workflow_run(
    origin: str | None = "stranger/package", kind: str = "pull_request"
) -> dict[str, Any]:
    """Return the event after a run of another workflow."""
    repository = None
    if origin is not None:
        repository = {
            "full_name": origin,
            "owner": {"login": origin.partition("/")[0]},
        }
    return {
        "workflow_run": {
            "id": 99,
            "event": kind,
            "head_sha": COMMIT,
            "head_branch": "a branch&state=all",
            "head_repository": repository,
        }
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return what a comparison of pull request 5 left."""
    folder = tmp_path / "comment"
    folder.mkdir()
    (folder / "comment.md").write_text("**1 slower**\n")
    (folder / "pull-request.json").write_text('{"number": 5}')
    return folder


@pytest.fixture
def post(
    runner: "Runner",
    github: "GitHub",
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Return a function that runs the step after an event."""
    monkeypatch.setenv("GITHUB_API_URL", github.address)

    def run(kind: str, event: Any) -> int:
        runner.started_by(kind, event)
        return github_runner.run_step(lambda: comment.comment(folder))

    return run


# In the job of the comparison


def test_comment_is_made_and_then_updated(
    post: Any, github: "GitHub", folder: Path, capsys: Output
) -> None:
    github.pulls = [pull()]
    event = {"pull_request": pull()}

    assert post("pull_request", event) == 0
    (folder / "comment.md").write_text("**2 slower**\n")
    assert post("pull_request", event) == 0

    assert [made["body"] for made in github.comments] == [
        f"{MARKER}\n**2 slower**\n\n"
        "The page and every pair are in the artifacts of [the run]"
        "(https://example.invalid/owner/package/actions/runs/77).\n"
    ]
    assert "https://example.invalid/comments/1" in capsys.readouterr().out
    assert github.tokens == {"Bearer secret"}


def test_comment_is_found_behind_a_hundred_others(post: Any, github: "GitHub") -> None:
    from tests.scripts.action.conftest import made

    github.pulls = [pull()]
    github.comments = [made(n, "hello", "someone") for n in range(1, 231)]
    github.comments.append(made(231, f"{MARKER}\nold"))

    assert post("pull_request", {"pull_request": pull()}) == 0
    assert len(github.comments) == 231
    assert "**1 slower**" in github.comments[-1]["body"]


def test_comments_of_others_and_of_other_names_stay(
    post: Any, github: "GitHub", monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.scripts.action.conftest import made

    github.pulls = [pull()]
    github.comments = [
        made(1, f"{MARKER}\nforged", "someone"),
        made(2, "<!-- pybench: slow rows -->\n"),
        made(3, f"I quote {MARKER}"),
    ]

    post("pull_request", {"pull_request": pull()})

    assert [made["id"] for made in github.comments] == [1, 2, 3, 4]
    assert github.comments[0]["body"] == f"{MARKER}\nforged"


def test_no_pull_request_no_comment(
    post: Any, github: "GitHub", capsys: Output
) -> None:
    assert post("push", {"before": COMMIT}) == 0
    assert "push is not of a pull request" in capsys.readouterr().out
    assert github.asked == []


@pytest.mark.parametrize("origin", ["stranger/package", None])
def test_fork_is_left_to_the_second_workflow(
    origin: str | None, post: Any, github: "GitHub", capsys: Output
) -> None:
    assert post("pull_request", {"pull_request": pull(origin=origin)}) == 0
    assert "A second workflow can post it" in capsys.readouterr().out
    assert github.asked == []


def test_older_run_leaves_the_newer_comment(
    post: Any, github: "GitHub", capsys: Output
) -> None:
    github.pulls = [pull(commit=OTHER)]

    assert post("pull_request", {"pull_request": pull()}) == 0
    assert "#5 has newer commits" in capsys.readouterr().out
    assert github.comments == []


@pytest.mark.parametrize(
    ("status", "message", "headers", "said"),
    [
        (
            403,
            "Resource not accessible by integration",
            {"x-accepted-github-permissions": "issues=write; pull_requests=write"},
            "(GitHub accepts issues=write; pull_requests=write): give the job "
            "`permissions: pull-requests: write`",
        ),
        (404, "Not Found", {}, "`permissions: pull-requests: write`"),
        (401, "Bad credentials", {}, "the token is not valid, or has expired"),
        (403, "API rate limit exceeded", {"x-ratelimit-remaining": "0"}, "again later"),
        (429, "Slow down", {"retry-after": "60"}, "run the job again later"),
        (422, "Body is too long", {}, "422: Body is too long"),
        (502, "Bad Gateway", {}, "502: Bad Gateway"),
    ],
)
def test_refused_comment_is_a_warning_where_the_summary_is(
    status: int,
    message: str,
    headers: dict[str, str],
    said: str,
    post: Any,
    github: "GitHub",
    capsys: Output,
) -> None:
    """The job then ends with the status of the comparison."""
    github.pulls = [pull()]
    github.refuses["POST"] = (status, message, headers)

    assert post("pull_request", {"pull_request": pull()}) == 0
    output = capsys.readouterr().out
    assert "::warning title=pybench::no comment, see the job's summary: POST" in output
    assert said in output


def test_refused_comment_fails_the_workflow_that_has_to_post_it(
    post: Any, github: "GitHub", capsys: Output
) -> None:
    github.pulls = [pull(origin="stranger/package")]
    github.refuses["POST"] = (403, "Resource not accessible by integration", {})

    assert post("workflow_run", workflow_run()) == 4
    assert "::error title=pybench::POST" in capsys.readouterr().out


# After the run of another workflow


def test_artifact_of_a_fork_is_posted(post: Any, github: "GitHub") -> None:
    github.pulls = [pull(4, OTHER), pull(origin="stranger/package")]

    assert post("workflow_run", workflow_run()) == 0

    assert "actions/runs/99)" in github.comments[0]["body"]
    asked = [path for method, path in github.asked if method == "GET"]
    # The branch's name is a value of the query, whatever it is.
    assert "head=stranger%3Aa+branch%26state%3Dall&per_page" in asked[0]
    assert "issues/5/comments" in asked[1]


def test_forged_number_posts_nothing(
    post: Any, github: "GitHub", folder: Path, capsys: Output
) -> None:
    """The artifact names a pull request that the run's commit does not belong to."""
    github.pulls = [pull(4, OTHER), pull(5, origin="stranger/package")]
    (folder / "pull-request.json").write_text('{"number": 4}')

    assert post("workflow_run", workflow_run()) == 4
    said = capsys.readouterr().out
    assert "the artifact names pull request #4" in said
    assert "is the head of #5" in said
    assert github.comments == []


def test_same_commit_of_another_repository_does_not_count(
    post: Any, github: "GitHub", capsys: Output
) -> None:
    github.pulls = [pull(5, origin="owner/package")]

    assert post("workflow_run", workflow_run()) == 0
    assert "is the head of no open pull request" in capsys.readouterr().out
    assert github.comments == []


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"number": "5"}',
        '{"number": true}',
        '{"number": -1}',
        '{"number": 5.0}',
        '{"number": 1e999}',
        '{"a": "' + "x" * 2000,
        "[5]",
        "[" * 2000,
        "x",
    ],
)
def test_number_that_is_none_is_an_error(
    text: str, post: Any, github: "GitHub", folder: Path, capsys: Output
) -> None:
    github.pulls = [pull(origin="stranger/package")]
    (folder / "pull-request.json").write_text(text)

    assert post("workflow_run", workflow_run()) == 4
    assert "::error title=pybench::pull-request.json" in capsys.readouterr().out
    assert github.comments == []


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (workflow_run(kind="push"), "the run was not of a pull request"),
        (workflow_run(origin=None), "the repository of the pull request is gone"),
        ({}, "the run was not of a pull request"),
    ],
)
def test_other_runs_have_no_comment(
    event: dict[str, Any], said: str, post: Any, github: "GitHub", capsys: Output
) -> None:
    assert post("workflow_run", event) == 0
    assert said in capsys.readouterr().out
    assert github.asked == []


def test_run_without_a_comment(post: Any, folder: Path, capsys: Output) -> None:
    (folder / "pull-request.json").unlink()

    assert post("workflow_run", workflow_run()) == 0
    assert "the run left no text for one" in capsys.readouterr().out


def test_answer_that_is_no_list_is_an_error(
    post: Any, github: "GitHub", capsys: Output
) -> None:
    for raw, said in (
        (b"{}", "the answer is no list"),
        (b"<html>", "the answer is no JSON"),
    ):
        github.raw = raw
        assert post("workflow_run", workflow_run()) == 4
        assert said in capsys.readouterr().out


def test_server_that_is_not_there(
    post: Any, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    # Port 0 is no server's.
    for address, said in (
        ("http://127.0.0.1:0", "no answer"),
        ("file:///etc", "begins with https"),
    ):
        monkeypatch.setenv("GITHUB_API_URL", address)
        assert post("workflow_run", workflow_run()) == 4
        assert said in capsys.readouterr().out


# The text


def test_comment_longer_than_github_takes_is_cut() -> None:
    """By whole lines; a table that was folded is closed."""
    body = "<details><summary>many</summary>\n" + "| row |\n" * 20_000

    text = comment.fitted(MARKER, body, "foot")

    assert len(text) <= comment.MOST_CHARACTERS
    assert text.startswith(f"{MARKER}\n<details>")
    assert text.endswith(f"| row |\n</details>\n\n{comment.CUT}\n\nfoot\n")
    short = comment.fitted(MARKER, "| row |\n" * 20_000, "foot")
    assert "</details>" not in short
    line = comment.fitted(MARKER, "x" * 10**6, "foot")
    assert 65_000 < len(line) <= comment.MOST_CHARACTERS


def test_text_that_grows_by_being_made_harmless_still_fits(
    post: Any, github: "GitHub", folder: Path
) -> None:
    github.pulls = [pull(origin="stranger/package")]
    (folder / "comment.md").write_text("@everyone\n" * 10**6)

    assert post("workflow_run", workflow_run()) == 0
    assert len(github.comments[0]["body"]) <= comment.MOST_CHARACTERS


@pytest.mark.parametrize(
    "text",
    [
        "@everyone",
        "#12",
        "owner/package#12",
        "[here](https://example.invalid)",
        "[here](//example.invalid)",
        "[here][x]",
        "[x]: //example.invalid",
        "https://example.invalid",
        "www.example.invalid",
        "WWW.example.invalid",
        "<img src=//example.invalid>",
        "<A href=x>",
        "<!-- pybench: other -->",
        "</table>",
        "<details open>",
    ],
)
def test_meanings_are_taken_away(text: str) -> None:
    assert comment.harmless(text) != text
    assert comment.harmless(text).replace("\u200b", "") == text


@pytest.mark.parametrize(
    "text",
    [
        "| memory_refcount_shared[2] | 0.616 ns | ▲ 44.707 [35.570, 55.851] |",
        "<details><summary>5 equivalent</summary>\n\n</details>",
        "### pybench: `feed` against `0123abc`",
        "a < b and `x`: 3 % # no",
    ],
)
def test_our_own_text_stays(text: str) -> None:
    assert comment.harmless(text) == text


def test_signs_that_are_not_seen_are_left_out() -> None:
    assert comment.harmless("a\x1b[2J\u202eb\tc\n") == "a[2Jb\tc\n"


def test_redirection_does_not_carry_the_token(github: "GitHub", post: Any) -> None:
    elsewhere = f"{github.address}/elsewhere"
    github.refuses["GET"] = (302, "Found", {"Location": elsewhere})
    github.tokens.clear()

    assert post("workflow_run", workflow_run()) == 4
    assert github.tokens == {"Bearer secret", None}
    assert json.dumps(github.comments) == "[]"
