"""Check the inputs of the action and find the two commits; write the plan.

The first step: a wrong input or a missing commit ends the job before anything is
installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from github_runner import (
    OK,
    USAGE,
    StepError,
    annotate,
    event,
    field,
    run_step,
    set_output,
    variable,
)
from inputs import Inputs, command, extras, read_inputs, versions
from plan import Plan, write_plan

# They run with rights to write, and code of a pull request would have them.
PRIVILEGED = ("pull_request_target", "workflow_run")
DEEPER = "give actions/checkout `fetch-depth: 0`"


def git(*words: str) -> str | None:
    """Return what git answers, None if it refuses."""
    try:
        done = subprocess.run(
            ["git", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
    except OSError as error:
        raise StepError(f"git cannot be run: {error.strerror}") from None
    return done.stdout.strip() if done.returncode == 0 else None


def commit_of(ref: str) -> str | None:
    """Return the commit that a ref means in this clone."""
    return git(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
    )


def missing(what: str, ref: str) -> StepError:
    """Return the error of a commit that this clone lacks."""
    if git("rev-parse", "--is-inside-work-tree") is None:
        return StepError(
            "no git repository here: put actions/checkout before this action", USAGE
        )
    if git("rev-parse", "--is-shallow-repository") == "true":
        return StepError(
            f"{what} {ref} is not in this clone, which is shallow: {DEEPER}", USAGE
        )
    return StepError(
        f"{what} {ref} is no branch, tag or commit of this clone: another branch of "
        f"the repository is origin/NAME, and {DEEPER}",
        USAGE,
    )


def base_of(kind: str, started: dict[str, Any], inputs: Inputs) -> str:
    """Return the commit that the baseline is built from."""
    if inputs.base:
        base = commit_of(inputs.base)
        if base is None:
            raise missing("base", inputs.base)
        return base
    if kind == "pull_request":
        return base_of_pull_request(started)
    if kind == "push":
        before = str(field(started, "before") or "")
        # Of a new branch it is zeros.
        ref = before if before.strip("0") else "HEAD^"
    elif kind == "merge_group":
        ref = str(field(started, "merge_group", "base_sha"))
    else:
        raise StepError(f"input base: {kind} has no base of its own: name one", USAGE)
    base = commit_of(ref)
    if base is None:
        raise missing("base", ref)
    return base


def base_of_pull_request(started: dict[str, Any]) -> str:
    """Return the commit of the target branch that the pull request is merged into."""
    head = field(started, "pull_request", "head", "sha")
    # What actions/checkout checks out: the merge of the head into its base.
    if head is not None and commit_of("HEAD^2") == head:
        base = commit_of("HEAD^1")
    else:
        branch = f"origin/{field(started, 'pull_request', 'base', 'ref')}"
        if commit_of(branch) is None:
            raise missing("the base of the pull request,", branch)
        base = git("merge-base", "--end-of-options", branch, "HEAD")
    if base is None:
        raise StepError(
            f"HEAD and the base of the pull request have no commit in common here: "
            f"{DEEPER}, or name another base",
            USAGE,
        )
    return base


def check() -> int:
    """Check, and write the plan."""
    kind = variable("GITHUB_EVENT_NAME")
    if kind in PRIVILEGED:
        raise StepError(
            f"{kind} would run the code of a pull request with rights to write: "
            "compare after pull_request, and post the comment from a second workflow",
            USAGE,
        )
    inputs, started = read_inputs(os.environ), event()
    base = base_of(kind, started, inputs)
    if commit_of(inputs.head) is None and inputs.head != "WORKTREE":
        raise missing("head", inputs.head)
    if base == commit_of(inputs.head):
        annotate("notice", f"base and head are one commit, {base}: nothing changed")
    number = field(started, "pull_request", "number")
    # HEAD is a merge that is on no branch; the pull request shows its own commit.
    head = field(started, "pull_request", "head", "sha")
    is_merge = head is not None and inputs.head == "HEAD"
    folder = Path(variable("RUNNER_TEMP"), f"pybench-{inputs.name}".replace(" ", "-"))
    write_plan(
        Plan(
            command=tuple(command(inputs, base)),
            extras=tuple(extras(inputs)),
            versions=tuple(versions(inputs)),
            base=base[:10],
            head=head[:10] if is_merge else inputs.head,
            number=number if isinstance(number, int) else None,
        ),
        folder,
    )
    set_output("folder", folder)
    set_output("name", inputs.name)
    return OK


if __name__ == "__main__":
    sys.exit(run_step(check))
