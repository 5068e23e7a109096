"""The record of `pybench profile run`: where the time of a target goes.

Schema history
--------------
1. Estimates, shares, causes, verdict, and what every child answered. A record of
   several targets holds them in ``targets``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pybench.records.profile_run import Failure, Function, Report, SampledFunction

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over fresh processes; without an interval where there was only one.

    ``half_width`` is half the 95 % interval by Student's t, ``deviation`` the standard
    deviation of the processes.
    """

    mean: float
    half_width: float | None
    deviation: float | None
    count: int

    @property
    def low(self) -> float:
        """Lower end; minus infinity without an interval."""
        return self.mean - (math.inf if self.half_width is None else self.half_width)

    @property
    def high(self) -> float:
        """Upper end; infinity without an interval."""
        return self.mean + (math.inf if self.half_width is None else self.half_width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of the time, from 0 to 1, with the ends of its interval."""

    low: float
    value: float
    high: float

    def times(self, other: Share) -> Share:
        """Multiply, ends with ends."""
        return Share(
            low=self.low * other.low,
            value=self.value * other.value,
            high=self.high * other.high,
        )

    def plus(self, other: Share) -> Share:
        """Add, up to the whole."""
        return share(
            self.low + other.low, self.value + other.value, self.high + other.high
        )

    def rest(self) -> Share:
        """Return what is left of the whole."""
        return Share(low=1 - self.high, value=1 - self.value, high=1 - self.low)

    def __str__(self) -> str:
        """Return ``61% [55, 67]``."""
        return f"{self.value:.0%} [{self.low * 100:.0f}, {self.high * 100:.0f}]"


NOTHING = Share(low=0.0, value=0.0, high=0.0)


def share(low: float, value: float, high: float) -> Share:
    """Return a share whose ends lie within 0 and 1."""
    low, value, high = (min(1.0, max(0.0, part)) for part in (low, value, high))
    return Share(low=low, value=value, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One place where time may go, its share, and the evidence."""

    name: str
    share: Share
    evidence: str

    def __str__(self) -> str:
        """Return name, share and evidence."""
        return f"{self.name}: {self.share}; {self.evidence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Where most time goes; ``cause`` is None where that cannot be told.

    ``needed`` then says what would tell. ``advice`` is one sentence on what usually
    helps.
    """

    cause: str | None
    evidence: str
    advice: str = ""
    ruled_out: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    needed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Nanoseconds of a whole process, then of one execution in it.

    ``bare`` is an interpreter that does nothing; ``ready`` is from the start of a
    process to the first execution.
    """

    baseline: Estimate | None = None
    bare: Estimate | None = None
    ready: Estimate | None = None
    first: Estimate | None = None
    steady: Estimate | None = None
    cpu: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """Shares of the threads' lives: on a CPU, at locks, the rest; how many threads.

    ``queued`` is the share that was spent without a CPU and is left out of the others.
    """

    cpu: Share
    lock: Share
    rest: Share
    queued: Estimate | None
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collections:
    """The collector's pauses, and the CPU time left by ways to collect less."""

    pauses_ns: tuple[int, ...] = ()
    pause_count: int | None = None
    pause_share: float | None = None
    full_pause_share: float | None = None
    collectors: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocations:
    """Objects that an execution allocates, and their share of the CPU time.

    ``allocating`` takes the cheapest object for all, ``making`` a string.
    """

    allocations: Estimate | None = None
    allocation_rate: float | None = None
    allocating: Estimate | None = None
    making: Estimate | None = None
    blocks: Estimate | None = None
    traced_peak_bytes: int | None = None
    fresh_ns: Mapping[str, float] = field(default_factory=dict)
    malloc_ratio: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GilWait:
    """Waits of a probe thread for the GIL in nanoseconds; how often it was taken."""

    median: float
    p95: float
    max: float
    probes: float
    probe_idle: float
    held: float
    held_low: float
    held_high: float
    probe_cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that is known of a target; None where something is not, ``na`` says why.

    ``problems`` are failures, ``notes`` what must be known of a run that went well.
    """

    target: str
    kind: str
    version: str = ""
    gil_enabled: bool | None = None
    free_threaded: bool = False
    times: Times = field(default_factory=Times)
    lives: Lives | None = None
    collections: Collections = field(default_factory=Collections)
    allocations: Allocations = field(default_factory=Allocations)
    gil_wait: GilWait | None = None
    threads_ratio: Estimate | None = None
    functions: tuple[Function, ...] = ()
    sampled: tuple[SampledFunction, ...] = ()
    imports_ns: Mapping[str, int] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    verdict: Verdict | None = None
    na: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one child; times are those of the host.

    ``report`` is empty where it wrote none, and ``problem`` says what went wrong.
    ``queued_ns`` is how long its main thread was ready to run without a CPU.
    """

    condition: str
    number: int
    wall_ns: int
    cpu_ns: int
    queued_ns: int = 0
    begun_ns: int
    report: Report = field(default_factory=Report)
    imports_ns: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    kind: Failure | None = None
    left_behind: bool = False


def record_of(
    interpreter: str, findings: Findings, runs: Sequence[Run]
) -> dict[str, Any]:
    """Return what is saved of one target: the fields of its parts, side by side."""
    document = asdict(findings)
    for name in ("times", "collections", "allocations"):
        document |= document.pop(name)
    lives, gil_wait = findings.lives, document.pop("gil_wait")
    del document["lives"]
    return {
        "pybench": "bottleneck",
        "schema": SCHEMA,
        "interpreter": interpreter,
        **document,
        "off_cpu": asdict(lives.cpu.rest()) if lives else None,
        "queued": asdict(lives.queued) if lives and lives.queued else None,
        "threads": lives.threads if lives else None,
        "gil_wait_ns": gil_wait or {},
        "runs": [*map(_run_record, runs)],
    }


def _run_record(run: Run) -> dict[str, Any]:
    record = asdict(run)
    if row := record["report"]["row"]:
        row["with"] = row.pop("parts")  # a keyword, which no field can be called
    return record


def record_of_targets(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is saved of several targets."""
    return {"pybench": "bottleneck", "schema": SCHEMA, "targets": [*records]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is shown of one target beside others."""

    target: str
    causes: tuple[Cause, ...]
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnoses:
    """The targets of a record; the one of `record_of` has a single target."""

    targets: tuple[Diagnosis, ...]
