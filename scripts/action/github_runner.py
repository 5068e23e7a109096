"""What a step of the action reads from GitHub's runner, and what it gives back.

Standard library alone, for the Python that a runner has: nothing is installed when the
first step runs, and nothing is installed where a step may write.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The exit statuses of `pybench compare`.
OK = 0
USAGE = 2
FAILED = 4
INTERRUPTED = 130
EVENT_BYTES = 32 << 20  # GitHub sends at most 25 MB


class StepError(Exception):
    """Ends a step; the text says why and what to do."""

    def __init__(self, text: str, status: int = FAILED) -> None:
        super().__init__(text)
        self.status = status


def variable(name: str) -> str:
    """Return a variable of the environment that the runner or action.yml sets."""
    value = os.environ.get(name, "")
    if not value:
        raise StepError(f"{name} is not set: this runs as a step of a workflow", USAGE)
    return value


def event() -> dict[str, Any]:
    """Return what started the workflow, as GitHub describes it."""
    return read_object(Path(variable("GITHUB_EVENT_PATH")), EVENT_BYTES)


def read_object(path: Path, most_bytes: int) -> dict[str, Any]:
    """Read a JSON object of at most so many bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise StepError(f"{path.name} has more than {most_bytes} bytes")
        document = json.loads(content)
    except OSError as error:
        raise StepError(f"{path.name} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise StepError(f"{path.name} is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise StepError(f"{path.name} holds no object")
    return document


def field(document: Any, *names: str) -> Any:
    """Return a field of nested objects, None where one of them is missing or null."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def set_output(name: str, value: object) -> None:
    """Set an output of the step."""
    # A line end in the value would set another output.
    end = secrets.token_hex(16)
    with Path(variable("GITHUB_OUTPUT")).open("a", encoding="utf-8") as file:
        file.write(f"{name}<<{end}\n{value}\n{end}\n")


def annotate(kind: str, text: str) -> None:
    """Show a notice, a warning or an error above the log."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{kind} title=pybench::{escaped}", flush=True)


def run_step(step: Callable[[], int]) -> int:
    """Run a step; return its exit status."""
    # Not every runner's locale is UTF-8, and messages contain names of others.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        return step()
    except StepError as error:
        annotate("error", str(error))
        return error.status
