"""Post a comparison as one comment of its pull request, or update the one there is.

    python comment.py FOLDER

FOLDER holds ``comment.md`` and ``pull-request.json`` of a comparison. After
``pull_request`` they were made in this job. After ``workflow_run`` they are another
run's artifact: whoever opened the pull request may have written them. The pull request
is then looked up by the run's commit, which the event says, and the text is made
harmless.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from github_api import Api, ApiError
from github_runner import (
    FAILED,
    OK,
    StepError,
    annotate,
    event,
    field,
    read_object,
    run_step,
    variable,
)
from inputs import name_of

# GitHub refuses a longer one.
MOST_CHARACTERS = 65_536
# The text of a comment in UTF-8, twice what fits.
FILE_BYTES = 4 * 2 * MOST_CHARACTERS
# Whose comments are updated: those of the token that a workflow is given.
AUTHOR = "github-actions[bot]"
CUT = "The rest does not fit into a comment: it is in the run's artifact."
# Places where a zero-width space takes a meaning away: mentions and references to
# issues, links, tags other than those of a folded table.
MEANINGS = re.compile(
    r"(?<=[@#])(?=\w)|(?<=\])(?=[(\[:])|(?<=:)(?=//)|(?<=www)(?=\.)"
    r"|(?<=<)(?!/?(?:details|summary)>)(?=[a-z/!?])",
    re.IGNORECASE,
)
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Return Markdown that mentions nobody, links nowhere and holds no HTML."""
    return MEANINGS.sub("\u200b", UNSEEN.sub("", text))


def fitted(head: str, body: str, foot: str) -> str:
    """Join the parts of a comment; cut the body, by whole lines, where it is long."""
    whole = f"{head}\n{body.strip()}\n\n{foot}\n"
    if len(whole) <= MOST_CHARACTERS:
        return whole
    end = f"\n</details>\n\n{CUT}\n\n{foot}\n"
    kept = body.strip()[: MOST_CHARACTERS - len(f"{head}\n") - len(end)]
    kept = kept.rpartition("\n")[0] or kept
    if kept.count("<details>") <= kept.count("</details>"):
        end = end.replace("\n</details>\n", "", 1)
    return f"{head}\n{kept}{end}"


def is_of_fork(pull_request: Any, repository: str) -> bool:
    """Tell whether it comes from another repository, or from one that is gone."""
    return bool(field(pull_request, "head", "repo", "full_name") != repository)


def of_pull_request(api: Api, repository: str, started: dict[str, Any]) -> int | None:
    """Return the number of the pull request that started this job.

    None, after a notice, if no comment can or should be posted.
    """
    pull_request = started.get("pull_request")
    number = field(pull_request, "number")
    if not isinstance(number, int):
        raise StepError("the event pull_request has no number")
    if is_of_fork(pull_request, repository):
        annotate(
            "notice",
            "no comment from here: the token of a pull request from a fork may only "
            "read. A second workflow can post it: docs/how-to/gate-a-pull-request.md",
        )
        return None
    head = field(pull_request, "head", "sha")
    if field(api.get(f"repos/{repository}/pulls/{number}"), "head", "sha") != head:
        annotate("notice", f"no comment: #{number} has newer commits than {head}")
        return None
    return number


def of_workflow_run(
    api: Api, repository: str, started: dict[str, Any], folder: Path
) -> int | None:
    """Return the pull request that the artifact names, if the run is of its commit.

    None, after a notice, if no comment can or should be posted.
    """
    run = started.get("workflow_run")
    if field(run, "event") != "pull_request":
        annotate("notice", "no comment: the run was not of a pull request")
        return None
    if not (folder / "pull-request.json").is_file():
        annotate("notice", "no comment: the run left no text for one")
        return None
    named = read_object(folder / "pull-request.json", 1024).get("number")
    if type(named) is not int or not 0 < named < 1 << 53:
        raise StepError(f"pull-request.json names no pull request: {named!r}")
    owner = field(run, "head_repository", "owner", "login")
    origin = field(run, "head_repository", "full_name")
    commit, branch = field(run, "head_sha"), field(run, "head_branch")
    if not (owner and origin and commit and branch):
        annotate("notice", "no comment: the repository of the pull request is gone")
        return None
    pulls = api.pages(
        f"repos/{repository}/pulls", state="open", head=f"{owner}:{branch}"
    )
    numbers = [
        field(pull, "number")
        for pull in pulls
        if field(pull, "head", "sha") == commit
        and field(pull, "head", "repo", "full_name") == origin
    ]
    if named in numbers:
        return named
    if numbers:
        others = ", ".join(f"#{number}" for number in numbers)
        raise StepError(
            f"nothing is posted: the artifact names pull request #{named}, and the "
            f"run's commit {commit} is the head of {others}"
        )
    annotate(
        "notice",
        f"no comment: {commit} is the head of no open pull request: it was closed, "
        "has newer commits, or is another one",
    )
    return None


def post(api: Api, repository: str, number: int, marker: str, text: str) -> str:
    """Update the comment that begins with the marker, or make it; say where it is."""
    comments = f"repos/{repository}/issues/{number}/comments"
    for comment in api.pages(comments):
        is_ours = field(comment, "user", "login") == AUTHOR
        if is_ours and str(field(comment, "body")).startswith(marker):
            path = f"repos/{repository}/issues/comments/{field(comment, 'id')}"
            return str(field(api.patch(path, {"body": text}), "html_url"))
    return str(field(api.post(comments, {"body": text}), "html_url"))


def read_text(path: Path) -> str:
    """Return the text of a comment, cut if it is far too long."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES).decode(errors="replace")
    except OSError as error:
        raise StepError(f"{path.name} cannot be read: {error.strerror}") from None


def comment(folder: Path) -> int:
    """Post, update, or say why there is no comment."""
    name = name_of(os.environ)
    repository = variable("GITHUB_REPOSITORY")
    kind, started = variable("GITHUB_EVENT_NAME"), event()
    if kind not in ("pull_request", "workflow_run"):
        annotate("notice", f"no comment: {kind} is not of a pull request")
        return OK
    try:
        api = Api(variable("GITHUB_API_URL"), variable("GITHUB_TOKEN"))
        if kind == "pull_request":
            number = of_pull_request(api, repository, started)
            run_id: object = variable("GITHUB_RUN_ID")
        else:
            number = of_workflow_run(api, repository, started, folder)
            run_id = field(started, "workflow_run", "id")
        if number is None:
            return OK
        run = f"{variable('GITHUB_SERVER_URL')}/{repository}/actions/runs/{run_id}"
        foot = f"The page and every pair are in the artifacts of [the run]({run})."
        marker = f"<!-- pybench: {name} -->"
        text = fitted(marker, harmless(read_text(folder / "comment.md")), foot)
        print(post(api, repository, number, marker, text))
    except ApiError as error:
        # Where the comparison ran, its result is in the summary, and decides the job.
        if kind == "pull_request":
            annotate("warning", f"no comment, see the job's summary: {error}")
            return OK
        raise StepError(str(error), FAILED) from None
    return OK


if __name__ == "__main__":
    sys.exit(run_step(lambda: comment(Path(sys.argv[1]))))
