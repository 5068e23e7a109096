"""What a run of a comparison is: its arms, rows and pairs, and what was asked for.

Each of these is one line of its record, which `pybench.records.run_file` has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pybench.records.calibration import ArmRecord
from pybench.records.identity import Identity
from pybench.records.outcomes import MEASURED, ReasonKind
from pybench.records.refs import GitRef
from pybench.records.samples import CPU, Sample
from pybench.records.spent import ALL, Spent, SpentRecord
from pybench.records.values import RowValue

SCHEMA = 1
NAME = "run.jsonl"
# Where runs are kept unless somebody says where; beside pytest-benchmark's own.
RUNS = Path(".benchmarks") / "runs"

MOST_PAIRS = 100_000
# What can be compared.
TIME = "time"
INSTRUCTIONS = "instructions"
METRICS = (TIME, INSTRUCTIONS)
# Changes below it count as equal, unless something else is asked for.
MARGIN = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """First line of a run: what was asked for, before anything was measured.

    `options` are those of pytest that select the rows; `packages` are what was to be
    installed, once for all sides or once for each. `refs` are those that the sides were
    built from, and `suite_from` the name of the one that has the suite. `content` is a
    digest of the suite. `host` is where it is measured and `boot` tells two hosts of
    one name apart, "" where that is not known. `shard` is such as "3/8", and `plan` the
    digest of the plan that this is a shard of. `metrics`
    are what is compared.
    """

    pybench: str = "run"
    schema: int = SCHEMA
    version: str
    started: str
    command: tuple[str, ...]
    seed: int
    margin: float
    pairs: int | None
    suite: str
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    refs: tuple[GitRef, ...] = ()
    suite_from: str = ""
    content: str = ""
    host: str = ""
    boot: str = ""
    plan: str = ""
    shard: str = ""
    metrics: tuple[str, ...] = (TIME,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """What begins a section of a run that was joined: which run its lines are of."""

    name: str
    header: RunHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A run that others were joined with.

    `host` is unlike that of each source from elsewhere. `sides` are its own, as who
    measured them; `rows` its own, by which its pairs were taken.
    """

    name: str
    host: str
    header: RunHeader
    sides: Mapping[str, SideRecord]
    rows: Mapping[str, RowRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class SideRecord:
    """One arm of a comparison: an interpreter under a name.

    `packages` has the version of each distribution that its sessions have imported, by
    normal name; empty where that was not recorded. `asked` are those of them by which
    this arm was asked to differ. `ref` is what its package was built from, and `build`
    what that was built with: the compiler, and variables that are set. `events` are
    what samples count beside the time: "" for one that they do, else why not. The last
    record of an arm is the one that holds.
    """

    name: str
    python: str
    identity: Identity
    twin_of: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    ref: GitRef | None = None
    build: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRecord:
    """What is known of a row before its first pair.

    `apart` marks an exclusive row, which is never alive twice at once; `pinned` ones
    are interleaved on one CPU. `outcomes` has an `Outcome` per arm; `reasons` has those
    that are not "measured", and `kinds` the `ReasonKind` of a reason that is more than
    its outcome. A row is compared where both arms measured it. `per_sample_ns` is what
    a sample times on the baseline, `per_turn_ns` what it takes on the slowest arm with
    all that is prepared for it; 0 where no version looked. `waits` says whether it
    gives the CPU up of itself on any arm, None where that is not known. `rounds` is the
    most that a process may do of it, as the row says itself, None for no limit. `file`
    is where it was found, "" if that is not known. Rows with different numbers of
    `session` have files that no process can import together, such as two of one name;
    with `own_process` the file wants a process that has no other. `values` has per arm
    what a row came to that is no time: it is compared with nothing. `native` is a
    kernel in C.
    """

    row: str
    group: str | None
    apart: bool
    pinned: bool
    margin: float | None
    metric: str | None
    operations: int
    threads: int
    numbers: Mapping[str, int]
    per_sample_ns: float
    outcomes: Mapping[str, str]
    reasons: Mapping[str, str]
    per_turn_ns: float = 0.0
    waits: bool | None = None
    rounds: int | None = None
    file: str = ""
    session: int = 0
    own_process: bool = False
    kinds: Mapping[str, ReasonKind] = field(default_factory=dict)
    values: Mapping[str, RowValue] = field(default_factory=dict)
    native: bool = False

    @property
    def is_any_measured(self) -> bool:
        """Tell whether any arm can run it."""
        return MEASURED in self.outcomes.values()

    @property
    def clock(self) -> str:
        """The clock that it is judged by."""
        return self.metric or CPU

    def is_measured(self, *arms: str) -> bool:
        """Tell whether all of these arms can run it."""
        return all(self.outcomes.get(arm) == MEASURED for arm in arms)

    def is_value(self, *arms: str) -> bool:
        """Tell whether it came to a value that is no time on all of these arms."""
        return all(arm in self.values for arm in arms)

    def reason_kind(self, arm: str) -> ReasonKind:
        """Return the kind of the reason that it has for an arm."""
        of_outcome = (kind for kind in ReasonKind if kind == self.outcomes.get(arm))
        return self.kinds.get(arm) or next(of_outcome, ReasonKind.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRecord:
    """One pair of one row: a fresh process of each arm, and what its samples took.

    `samples` has per arm its processes (two of an exclusive row), each with its samples
    in order, `warmups` warm-ups first: one, or none in a row that a process can run
    once only. `took_s` is what all of it took, without what rows of a process share. So
    many `neighbours`, pairs of other batches, were measured at the same time.
    """

    row: str
    pair: int  # counted from 1, per row
    order: tuple[str, ...]  # of the first samples of the arms
    apart: bool  # exclusive: one process after the other
    cpu: int | None  # None where they were left to the system
    hash_seed: int  # PYTHONHASHSEED of all of them
    numbers: Mapping[str, int]  # "count" of calls, and a kernel's "iterations"
    samples: Mapping[str, tuple[tuple[Sample, ...], ...]]
    warmups: int = 1
    took_s: float = 0.0
    neighbours: int = 0
    source: int = 0  # which of the sources of the run, where it was joined

    def timed(self, arm: str) -> tuple[tuple[Sample, ...], ...]:
        """Return the samples of an arm that count, process by process."""
        return tuple(process[self.warmups :] for process in self.samples.get(arm, ()))

    def operations(self, row: RowRecord) -> int:
        """Return how many operations one sample is on the baseline."""
        calls = self.numbers.get("count", 1) * self.numbers.get("iterations", 1)
        return row.operations * calls


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRecord:
    """A pair that came to nothing, and why."""

    row: str
    pair: int
    side: str
    reason: str
    kind: ReasonKind = ReasonKind.LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRecord:
    """The instructions of one row in one process of an arm, or why there are none.

    `counts` are those of its windows, each of so many calls as `numbers` say. Without
    any, `reason` says why. `counter` is what counted, with its version.
    """

    row: str
    side: str
    process: int  # counted from 1, per arm
    counter: str
    numbers: Mapping[str, int] = field(default_factory=dict)
    counts: tuple[int, ...] = ()
    reason: str = ""

    def per_iteration(self, row: RowRecord) -> tuple[float, ...]:
        """Return the instructions of one operation in each window."""
        each = row.operations * math.prod(self.numbers.values())
        return tuple(count / each for count in self.counts)


Record = (
    SideRecord
    | ArmRecord
    | RowRecord
    | PairRecord
    | LostRecord
    | SpentRecord
    | SourceRecord
    | CountRecord
)


@dataclass(slots=True, kw_only=True)
class Run:
    """All that is known of a run; grows while it is read or measured."""

    header: RunHeader
    sides: dict[str, SideRecord] = field(default_factory=dict)
    rows: dict[str, RowRecord] = field(default_factory=dict)
    pairs: dict[str, dict[int, PairRecord]] = field(default_factory=dict)
    lost: list[LostRecord] = field(default_factory=list)
    arms: dict[str, ArmRecord] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    counts: dict[str, dict[str, list[CountRecord]]] = field(default_factory=dict)
    batches: int = 0  # of which it is known what they took
    torn: bool = False
    sources: tuple[Source, ...] = ()

    def add(self, record: Record) -> None:
        """Take one record in; the last one of a row and pair holds."""
        match record:
            case SideRecord():
                self.sides[record.name] = record
            case RowRecord():
                self.rows[record.row] = record
            case PairRecord():
                self.pairs.setdefault(record.row, {})[record.pair] = record
            case LostRecord():
                self.lost.append(record)
            case ArmRecord():
                self.arms[record.arm] = record
            case SpentRecord():
                self.spent.add_all(record.seconds)
                self.batches += bool({*record.seconds} - {ALL})
            case SourceRecord():  # the reader begins a section with it
                pass
            case CountRecord():
                of_row = self.counts.setdefault(record.row, {})
                of_row.setdefault(record.side, []).append(record)

    @property
    def baseline(self) -> SideRecord:
        """The arm that all others are compared with: the first one."""
        return next(iter(self.sides.values()))

    @property
    def contenders(self) -> list[SideRecord]:
        """The other arms, without the A/A control."""
        return [s for s in [*self.sides.values()][1:] if s.twin_of is None]

    @property
    def twin(self) -> SideRecord | None:
        """The A/A control, a second copy of the baseline, if this run has one."""
        return next((s for s in self.sides.values() if s.twin_of is not None), None)

    def pairs_of(self, row: str) -> list[PairRecord]:
        """Return the pairs of a row in their order."""
        return [pair for _, pair in sorted(self.pairs.get(row, {}).items())]

    def usable_cpus(self, row: str) -> int:
        """Return how many CPUs can run at once, where a row had fewest of them."""
        baseline = self.baseline
        taken_by = {pair.source for pair in self.pairs.get(row, {}).values()}
        identities = [
            source.sides[baseline.name].identity
            for number, source in enumerate(self.sources)
            if number in taken_by
        ]
        return min(i.usable_cpus for i in identities or [baseline.identity])

    def comparable(self, arm: str) -> Iterator[RowRecord]:
        """Yield the rows that an arm and the baseline can both run."""
        measured_as = self.sides[arm].twin_of or arm
        for record in self.rows.values():
            if record.is_measured(self.baseline.name, measured_as):
                yield record


def now() -> str:
    """Return when a run begins that begins now."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_folder() -> Path:
    """Return the folder of a run that begins now."""
    return RUNS / datetime.now().strftime("%Y%m%d-%H%M%S")
