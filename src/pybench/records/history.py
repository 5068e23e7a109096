"""What a store of runs holds beside them: an entry each, and tags that are appended.

Schema history
--------------
1. Entry and tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pybench.records.site import Machine
from pybench.records.texts import moment

SCHEMA = 1
NAME = "entry.json"
TAGS = "tags.jsonl"

# What an entry is of: a comparison that took turns, or a file of pytest-benchmark.
RUN = "run"
SAVED = "saved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One stored run.

    `run` is a digest of its record, `name` what its folder or file was called. `files`
    has the SHA-256 of each file that was stored. `identities` are the fingerprints of
    its sides, `interpreters` the same in words.
    """

    pybench: str = "history"
    schema: int = SCHEMA
    run: str
    kind: str
    name: str
    started: str
    added: str
    sides: tuple[str, ...]
    interpreters: tuple[str, ...]
    identities: tuple[str, ...]
    machine: Machine | None
    files: Mapping[str, str]

    @property
    def moment(self) -> datetime:
        """When it began; when it was added, if it says a later time than that."""
        added = moment(self.added) or datetime.min.replace(tzinfo=UTC)
        started = moment(self.started)
        return added if started is None or self.clock_was_ahead else started

    @property
    def clock_was_ahead(self) -> bool:
        """Whether it began after it was added, as the clocks of the two say."""
        added, started = moment(self.added), moment(self.started)
        return bool(added and started and started > added + timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A line of the tags: the last one of a run and a tag holds."""

    tag: str
    run: str
    when: str
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One row in one run."""

    run: str
    name: str
    started: str
    verdict: str
    ratio: float | None
    low: float | None
    high: float | None
    baseline_ns: float | None
    side_ns: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """From this run on the ratio is another one: by how much, with its interval."""

    run: str
    started: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowHistory:
    """A row of one pair of builds on one machine, the oldest run first.

    `searched` says why there are no change points where nobody looked, "" where
    somebody did. `smallest_step` is the smallest change that would be told nine times
    in ten with a quarter of the runs on one side, as a share.
    """

    row: str
    baseline: str
    side: str
    machine: str
    margin: float
    points: tuple[Point, ...]
    changes: tuple[ChangePoint, ...]
    searched: str = field(default="")
    smallest_step: float | None = None
