"""Run the comparison of a plan.

    python compare.py FOLDER

Sets the output ``status``: the exit status of `pybench compare`, with which the action
ends after it has shown what there is.
"""

from __future__ import annotations

import collections
import secrets
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from github_runner import FAILED, INTERRUPTED, OK, StepError, run_step, set_output
from plan import read_plan

# What is shown of a comparison that left no run.
LAST_LINES = 40
LAST_WORDS = "last-words.txt"


def pybench(folder: Path) -> Path:
    """Return the command that the step before installed."""
    return folder / "environment" / "bin" / "pybench"


def run(command: Sequence[str]) -> tuple[int, list[str]]:
    """Run a command in view of the log; return its status and its last lines."""
    last: collections.deque[str] = collections.deque(maxlen=LAST_LINES)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        return FAILED, [f"{command[0]}: {error.strerror}\n"]
    assert process.stderr is not None
    with process:
        status = None
        while status is None:
            try:
                for line in process.stderr:
                    last.append(line)
                    sys.stderr.write(line)
                    sys.stderr.flush()
                status = process.wait()
            except KeyboardInterrupt:
                # A cancelled job: the command saves what it has, and says so.
                process.send_signal(signal.SIGINT)
    if status < 0:
        last.append(f"pybench was ended by signal {-status}\n")
        status = INTERRUPTED if status == -signal.SIGINT else FAILED
    return status, [*last]


def compare(folder: Path) -> int:
    """Compare, and leave the status and the last words."""
    plan = read_plan(folder)
    command = [str(pybench(folder)), *plan.command, "-o", str(folder / "run")]
    print(shlex.join(command), flush=True)
    # No line of the suite or of a build is a command to the runner.
    end = secrets.token_hex(16)
    print(f"::stop-commands::{end}", flush=True)
    try:
        status, last = run(command)
    finally:
        print(f"\n::{end}::", flush=True)
    (folder / LAST_WORDS).write_text("".join(last), encoding="utf-8")
    set_output("status", status)
    return OK


def main() -> int:
    """Take the folder from the command line."""
    if len(sys.argv) != 2:
        raise StepError("compare.py takes the folder of a plan")
    return compare(Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(run_step(main))
