"""Hands shards out and takes in what comes of them, whatever carries both.

What a worker measures arrives while it measures. It is kept in a folder of its shard,
which is whole or thrown away: a shard that another worker repeats begins anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pybench import __version__
from pybench.fleet.handout import Handout
from pybench.records.documents import DocumentError
from pybench.records.fleet import DONE, FAILED, REFUSED, Answer, WorkerFacts
from pybench.records.joined_runs import join
from pybench.records.run import NAME, Run
from pybench.records.run_file import read_run
from pybench.records.shard_plan import ShardPlan
from pybench.records.usage import UsageError

SHARDS = "shards"
_PART = ".part"

# So long there may be no worker before the comparison ends; it can be resumed.
PATIENCE_S = 600.0
# A worker that fails with so many shards in a row gets no more.
_FAILED_MOST = 2


class FleetError(UsageError):
    """Nothing more can be measured; the text says why and what can be done."""


@dataclass(frozen=True, slots=True)
class Came:
    """A worker is there."""

    worker: str
    facts: WorkerFacts


@dataclass(frozen=True, slots=True)
class Gone:
    """A worker is there no more; `why` is empty where that is not its fault."""

    worker: str
    why: str


@dataclass(frozen=True, slots=True)
class Text:
    """A worker has written more of its record."""

    worker: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker has measured its shard, and all of its record was there before."""

    worker: str
    answer: Answer


Event = Came | Gone | Text | Ended


class Link(Protocol):
    """What carries shards to workers, and events back."""

    def wait(self) -> Iterable[Event]:
        """Return what has happened, at the latest after some seconds."""

    def send(self, worker: str, shard: int, budget_s: float | None) -> None:
        """Let a worker measure a shard."""


class Records:
    """The records of a plan's shards, each in a folder of its number."""

    def __init__(self, folder: Path, plan: ShardPlan) -> None:
        self._folder = folder
        self._plan = plan
        self._digests: dict[int, hashlib._Hash] = {}
        self._sizes: Counter[int] = Counter()
        self._first: tuple[str, Run] | None = None
        self.lines = 0

    def done(self) -> dict[int, Path]:
        """Return the folders of the shards that are whole, by their numbers."""
        folders = {
            int(path.name): path
            for path in self._folder.glob("*")
            if path.name.isdecimal() and (path / NAME).is_file()
        }
        return dict(sorted(folders.items()))

    def add(self, shard: int, data: bytes) -> None:
        """Keep more of the record of a shard that is being measured."""
        path = self._part(shard) / NAME
        if shard not in self._digests:
            self.drop(shard)
            path.parent.mkdir(parents=True)
            self._digests[shard] = hashlib.sha256()
        with path.open("ab") as file:
            file.write(data)
        self._digests[shard].update(data)
        self._sizes[shard] += len(data)
        self.lines += data.count(b"\n")

    def drop(self, shard: int) -> None:
        """Throw away what there is of a shard that is to be repeated."""
        self._digests.pop(shard, None)
        self._sizes.pop(shard, None)
        shutil.rmtree(self._part(shard), ignore_errors=True)

    def keep(self, shard: int, answer: Answer, worker: str) -> str:
        """Take a shard as done; say why not where its record is not what it has to be.

        It has to be the one that was sent, of this plan, on the builds of the others.
        """
        digest = self._digests.get(shard)
        if digest is None:
            return "it has no record"
        if (self._sizes[shard], digest.hexdigest()) != (answer.size, answer.digest):
            return "its record did not arrive as it was sent"
        part = self._part(shard)
        try:
            self._check(shard, read_run(part), worker)
        except DocumentError as error:
            return str(error)
        with (part / NAME).open("rb") as file:
            os.fsync(file.fileno())
        part.rename(self._folder / str(shard))
        self._digests.pop(shard)
        self._sizes.pop(shard)
        return ""

    def _check(self, shard: int, run: Run, worker: str) -> None:
        header = run.header
        wanted = (self._plan.digest, f"{shard}/{len(self._plan.shards)}")
        if (header.plan, header.shard) != wanted:
            raise DocumentError(f"it is shard {header.shard!r} of {header.plan!r}")
        if not run.rows:
            raise DocumentError("it has no row")
        bare = replace(run, pairs={}, lost=[])
        if self._first is None:
            done = self.done()
            first = next(iter(done.values()), None)
            self._first = (str(first), read_run(first)) if first else (worker, bare)
        if self._first[1].header != header:
            join(self._plan.header, [self._first, (worker, bare)])

    def _part(self, shard: int) -> Path:
        return self._folder / f"{shard}{_PART}"


@dataclass(slots=True, kw_only=True)
class _Workers:
    """Who may measure, who is left out and why."""

    note: Callable[[str], None]
    fit: dict[str, WorkerFacts]
    left_out: dict[str, str]
    failures: Counter[str]
    crowded: dict[str, int]

    def came(self, worker: str, facts: WorkerFacts) -> None:
        self.left_out.pop(worker, None)
        self.fit[worker] = facts
        if why := _unfit(facts):
            self.leave_out(worker, why)
            return
        hosts = Counter((of.host, of.boot) for of in self.fit.values())
        most = hosts[facts.host, facts.boot]
        if most > 1:
            self.crowded[facts.host] = max(most, self.crowded.get(facts.host, 0))

    def leave_out(self, worker: str, why: str) -> None:
        self.left_out[worker] = f"{_named(worker, self.fit.pop(worker))}: {why}"
        self.note(f"left out: {self.left_out[worker]}")


def _named(worker: str, facts: WorkerFacts) -> str:
    return f"{facts.host} ({worker})" if facts.host else worker


def _unfit(facts: WorkerFacts) -> str:
    """Say why a worker cannot measure, "" if it can."""
    if facts.problem:
        return facts.problem
    if facts.version != __version__:
        return f"it has pybench {facts.version}, and this is {__version__}"
    if facts.slots != 1:
        return "it has no slot of its own: start it with pybench fleet worker"
    return ""


def measure_shards(
    plan: ShardPlan,
    handout: Handout,
    records: Records,
    link: Link,
    *,
    note: Callable[[str], None],
    on_progress: Callable[[int], None] = lambda workers: None,
    budget_s: float | None = None,
    patience_s: float = PATIENCE_S,
) -> list[str]:
    """Hand out shards until each is done or given up; return what to tell of that.

    Parameters
    ----------
    note : callable
        Given what happens to workers.
    on_progress : callable
        Given how many workers measure, whenever something has happened.
    budget_s : float or None
        Dealt out to the shards by what they cost.

    Raises
    ------
    FleetError
        If there is no worker that can measure, for `patience_s` or because all of them
        are left out.
    """
    costs = _costs_of(plan)
    workers = _Workers(note=note, fit={}, left_out={}, failures=Counter(), crowded={})
    alone_since = time.monotonic()
    while not handout.is_over:
        for event in link.wait():
            _take(event, handout, records, workers)
        idle = handout.are_waiting and [w for w in workers.fit if w not in handout.at]
        for worker in idle or ():
            shard = handout.give(worker, is_alone=len(workers.fit) == 1)
            if shard is not None:
                each = costs[shard - 1] / sum(costs) * len(workers.fit)
                link.send(worker, shard, budget_s and max(1.0, budget_s * each))
        on_progress(len(handout.at))
        if workers.fit:
            alone_since = time.monotonic()
        elif workers.left_out or time.monotonic() - alone_since > patience_s:
            reasons = [*workers.left_out.values()] or [
                f"none came within {patience_s:g} s: start some with pybench fleet "
                "worker"
            ]
            raise FleetError(f"no worker can measure: {'; '.join(reasons[:5])}")
    return [
        *(f"shard {n}: {why}" for n, why in handout.given_up.items()),
        *(
            f"up to {most} workers measured on the host {host} at once, and disturbed "
            "each other"
            for host, most in workers.crowded.items()
        ),
    ]


def _costs_of(plan: ShardPlan) -> Sequence[float]:
    return plan.costs_s or [1.0] * len(plan.shards)


def new_handout(plan: ShardPlan, records: Records) -> Handout:
    """Return what hands out the shards that have no record yet."""
    return Handout(_costs_of(plan), records.done())


def _take(event: Event, handout: Handout, records: Records, workers: _Workers) -> None:
    worker = event.worker
    match event:
        case Came():
            workers.came(worker, event.facts)
        case Gone():
            workers.left_out.pop(worker, None)
            facts = workers.fit.pop(worker, WorkerFacts())
            shard = handout.take_back(worker, event.why, is_vanished=True)
            if shard is not None:
                records.drop(shard)
                why = event.why or "the scheduler is gone"
                workers.note(
                    f"{_named(worker, facts)}: {why}; shard {shard} is repeated"
                )
        case Text() if worker in handout.at:
            records.add(handout.at[worker], event.data)
        case Ended() if worker in handout.at:
            _end(worker, event.answer, handout, records, workers)


def _end(
    worker: str,
    answer: Answer,
    handout: Handout,
    records: Records,
    workers: _Workers,
) -> None:
    """Take a shard that has ended as done, or see to it that it is repeated."""
    shard, name = handout.at[worker], _named(worker, workers.fit[worker])
    why = answer.error
    if answer.status not in (DONE, FAILED):
        why = why or f"it ended with exit status {answer.status}"
    # Of a shard that fails wherever it is tried, what was measured is kept.
    is_last = answer.status == FAILED and handout.is_last_try(shard)
    if not why or is_last:
        problem = records.keep(shard, answer, name)
        if not problem:
            handout.finish(worker)
            if why:
                handout.given_up[shard] = why
            else:
                workers.failures.pop(worker, None)
            return
        why = why or problem
    records.drop(shard)
    workers.note(f"{name}: shard {shard}: {why}")
    if answer.status == REFUSED:
        handout.take_back(worker, is_vanished=False)
        workers.leave_out(worker, why)
        return
    handout.take_back(worker, why, is_vanished=False)
    workers.failures[worker] += 1
    if workers.failures[worker] >= _FAILED_MOST:
        workers.leave_out(worker, f"{_FAILED_MOST} shards in a row failed there")
