"""What workers of a fleet say to who hands out the shards; both as JSON."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """Who a worker is; `problem` says why it cannot be asked."""

    host: str = ""
    boot: str = ""
    version: str = ""
    slots: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a shard ended: its exit status, its record, its first error."""

    status: int
    size: int
    digest: str
    error: str = ""
