"""Install pybench from the action's own files, and the interpreters it compares.

    python prepare.py FOLDER

In an environment in FOLDER: the job's own Python stays as it is.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from github_runner import OK, StepError, run_step
from plan import read_plan

ROOT = Path(__file__).resolve().parents[2]


def commands(
    folder: Path, extras: Sequence[str], versions: Sequence[str]
) -> list[list[str]]:
    """Return the commands, in order."""
    environment = folder / "environment"
    tools = environment / "bin"
    pip = [str(tools / "python"), "-m", "pip", "install", "--quiet"]
    needs = [f"{ROOT}[{','.join(extras)}]", *(["uv"] if versions else [])]
    line = [
        [sys.executable, "-m", "venv", str(environment)],
        [*pip, "--disable-pip-version-check", *needs],
    ]
    if versions:
        line.append([str(tools / "uv"), "python", "install", *versions])
    return line


def prepare(folder: Path) -> int:
    """Run them; the first that fails ends the step."""
    plan = read_plan(folder)
    for command in commands(folder, plan.extras, plan.versions):
        print(shlex.join(command), flush=True)
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise StepError(f"{command[0]}: {error.strerror}") from None
        if done.returncode != 0:
            raise StepError(
                f"exit status {done.returncode} of {shlex.join(command)}: why is above"
            )
    return OK


def main() -> int:
    """Take the folder from the command line."""
    if len(sys.argv) != 2:
        raise StepError("prepare.py takes the folder of a plan")
    return prepare(Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(run_step(main))
