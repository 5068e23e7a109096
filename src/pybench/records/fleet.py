"""What workers of a fleet say to who hands out the shards; both as JSON."""

from __future__ import annotations

from dataclasses import dataclass

# How the process of a shard exits: done; refused, as what was asked for cannot be done
# there; some rows or arms failed.
DONE, REFUSED, FAILED = 0, 2, 4


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
