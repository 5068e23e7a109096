"""What the steps of one comparison hand on: a file that the first one writes."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from github_runner import StepError, read_object

FILE = "plan.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One comparison."""

    command: tuple[str, ...]  # of pybench, without the folder of the run
    extras: tuple[str, ...]  # of pybench, that are installed
    versions: tuple[str, ...]  # that uv installs
    base: str  # as a reader is told of it
    head: str
    number: int | None  # of the pull request


def write_plan(plan: Plan, folder: Path) -> None:
    """Write it into the folder of the comparison."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dataclasses.asdict(plan), indent=1)
    (folder / FILE).write_text(f"{text}\n", encoding="utf-8")


def read_plan(folder: Path) -> Plan:
    """Read what `write_plan` wrote."""
    document = read_object(folder / FILE, 1 << 20)
    try:
        return Plan(
            command=tuple(document["command"]),
            extras=tuple(document["extras"]),
            versions=tuple(document["versions"]),
            base=document["base"],
            head=document["head"],
            number=document["number"],
        )
    except (KeyError, TypeError) as error:
        raise StepError(f"{FILE} is not what the first step wrote: {error}") from None
