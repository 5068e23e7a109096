"""The record of a run: one JSON object a line, on the disk as soon as it is known.

`run.jsonl` holds a header, the sides, the rows and then one line per pair. It is only
ever appended to, so a run that was killed is resumed from it, and every verdict can
be computed from it again.

Schema history
--------------
1. Header, side, row, pair, lost. Fields that came later have defaults: `per_turn_ns`,
   `waits`, `rounds`, `file`, `session`, `packages`, `asked`, `warmups`, `blocked`,
   `values`, `refs`, `suite_from`, `ref`, `build`, `native`, `took_s`, `host`, `boot`,
   `content`, `plan`, `shard`, `source`, `metrics`, `events`, counts,
   `neighbours`, and `kind` and `kinds`, which are read from the reasons where a record
   lacks them. Lines of arms and of what was spent came later; a record without them is
   read. A run that was joined from others has, after its header, one section for each:
   a source, and behind it the lines of that run as they were.
"""

from __future__ import annotations

import functools
import gc
import itertools
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, Self

from pybench.records.calibration import ArmRecord
from pybench.records.documents import MOST_COUNT, DocumentError, convert, decode
from pybench.records.files import lock_file
from pybench.records.identity import Identity
from pybench.records.json_lines import JsonLines, split_lines
from pybench.records.outcomes import MEASURED, VOID, Outcome, ReasonKind
from pybench.records.packed_samples import PackedSamples
from pybench.records.refs import GitRef
from pybench.records.samples import CPU, WALL, Sample
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

_FORMS: dict[str, type[Any]] = {
    "source": SourceRecord,
    "side": SideRecord,
    "arm": ArmRecord,
    "row": RowRecord,
    "pair": PairRecord,
    "lost": LostRecord,
    "spent": SpentRecord,
    "count": CountRecord,
}
_NAMES = {form: name for name, form in _FORMS.items()}

# How a pair begins as pybench writes it.
_PAIR = b'{"record":"pair",'
# A line of seven arms has 6 kB.
_READ_BYTES = 1 << 20


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


class RecordWriter:
    """Appends to the record of a run, in a folder that is made if it is not there.

    Without a header it continues the record that is there. Raises `DocumentError` if a
    new one is asked for where one is, or the disk refuses.
    """

    def __init__(self, folder: Path, header: RunHeader | None) -> None:
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.is_symlink() and not self.path.exists():
                raise DocumentError(
                    f"{self.path} is a link to a file that does not exist; pybench "
                    "does not create it: remove the link, or choose another -o"
                )
            if header is not None and self.path.exists():
                raise DocumentError(
                    f"{self.path} is there already: continue it with --resume, or "
                    "choose another folder with -o"
                )
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, 0o666)
            if not lock_file(descriptor):
                os.close(descriptor)
                raise DocumentError(
                    f"{self.path}: another pybench is writing it: wait for its end, or "
                    "choose another folder with -o"
                )
            _cut_torn_line(self.path)
            self._lines = JsonLines(descriptor)
        except OSError as error:
            raise DocumentError(f"{self.path}: {error.strerror or error}") from None
        if header is not None:
            try:
                self._write(header)
            except DocumentError:
                # Else it could neither be begun again nor resumed.
                self._lines.close()
                self.path.unlink(missing_ok=True)
                raise

    def __enter__(self) -> Self:
        """Return it, to be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._lines.close()

    def append(self, record: Record) -> None:
        """Write one record and see to it that it reaches the disk."""
        import msgspec

        if isinstance(record, PairRecord) and not isinstance(record.samples, dict):
            record = replace(record, samples=dict(record.samples))
        document = msgspec.to_builtins(record)
        self._write({"record": _NAMES[type(record)], **document})

    def _write(self, document: object) -> None:
        import msgspec

        try:
            self._lines.append(msgspec.json.encode(document))
            is_deleted = self._lines.is_deleted
        except OSError as error:
            raise DocumentError(
                f"{self.path}: {error.strerror or error}; what was measured before is "
                "in it, and --resume goes on from there"
            ) from None
        if is_deleted:
            raise DocumentError(
                f"{self.path} was deleted while the run went on: nothing is kept, "
                "and what was measured until now is shown once"
            )


def _cut_torn_line(path: Path) -> None:
    """Remove what a kill left of its last line: a record after it would be lost."""
    if not path.is_file():  # a device could be read for ever
        return
    data = path.read_bytes()
    if torn := split_lines(data)[1]:
        os.truncate(path, len(data) - len(torn))


def read_run(folder: Path) -> Run:
    """Read the record of a run, finished or not, joined or not.

    A torn last line is what a kill leaves: it is left out. `DocumentError` if there is
    no record, or it is of another schema or torn in the middle.
    """
    header, sections, is_torn = read_sections(folder)
    run = sections[0][1]
    if run.header is not header:
        try:
            run = join(header, sections)
        except DocumentError as error:
            raise DocumentError(f"{folder}: {error}") from None
    run.torn = is_torn
    return run


def read_sections(folder: Path) -> tuple[RunHeader, list[tuple[str, Run]], bool]:
    """Read a record as it is written, and whether its end is torn.

    A run that was joined has its runs, each under its name; another one itself, whose
    header is the record's.
    """
    path = folder / NAME if folder.is_dir() else folder
    # All that is read is kept: looking for what is not costs a tenth of the time.
    collects = gc.isenabled()
    gc.disable()
    try:
        # Line by line: it may be larger than the memory.
        with path.open("rb", _READ_BYTES) as lines:
            return _sections(path, lines)
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror or error}") from None
    finally:
        if collects:
            gc.enable()


def _sections(
    path: Path, lines: Iterable[bytes]
) -> tuple[RunHeader, list[tuple[str, Run]], bool]:
    rest = iter(lines)
    first = next(rest, b"")
    if not first.endswith(b"\n"):
        raise DocumentError(f"{path}: empty: no run was begun in it")
    whole = run = Run(header=_read_header(first, path))
    sections: list[tuple[str, Run]] = []
    is_torn = False
    for number, line in enumerate(rest, start=2):
        if not line.endswith(b"\n"):
            is_torn = True
            break
        try:
            record = _read_record(line, run)
        except DocumentError as error:
            raise DocumentError(f"{path}, line {number}: {error}") from None
        if isinstance(record, SourceRecord):
            run = Run(header=record.header)
            sections.append((record.name, run))
        elif record is not None:
            run.add(record)
    name = path.parent.name if path.name == NAME else path.stem
    return whole.header, sections or [(name, whole)], is_torn


def _read_header(line: bytes, path: Path) -> RunHeader:
    try:
        document = _object(line)
        if document.get("pybench") == "run" and document.get("schema") == SCHEMA:
            header: RunHeader = convert(document, RunHeader)
            check_header(header)
            return header
    except DocumentError as error:
        raise DocumentError(f"{path}, line 1: {error}") from None
    if document.get("pybench") != "run":
        raise DocumentError(f"{path}: not the record of a run of pybench")
    schema = document.get("schema")
    raise DocumentError(f"{path}: schema {schema!r}, this pybench reads {SCHEMA}")


def _object(line: bytes) -> dict[str, Any]:
    document = decode(line)
    if not isinstance(document, dict):
        raise DocumentError("no JSON object")
    return document


def check_header(header: RunHeader) -> None:
    """Raise `DocumentError` for what no run can ask for."""
    if not 0 < header.margin < 1:
        raise DocumentError(f"margin must lie between 0 and 1, not {header.margin!r}")
    if header.pairs is not None and not 1 <= header.pairs <= MOST_PAIRS:
        raise DocumentError(f"pairs must be from 1 to {MOST_PAIRS}, not {header.pairs}")


def _read_record(line: bytes, run: Run) -> Record | None:
    """Return a record as it can be added to a run, None where it is to be left out.

    A row that says of itself what cannot be is void, under its name, and its pairs are
    left out: the others can be judged all the same.
    """
    if line.startswith(_PAIR):
        pair = _read_pair(line, run)
        if pair is not None:
            return pair
    document = _object(line)
    form = _FORMS.get(str(document.pop("record", None)))
    if form is None:
        raise DocumentError("no record of this schema")
    record: Record = convert(document, form)
    match record:
        case SourceRecord():
            check_header(record.header)
        case SideRecord():
            _check_side(record, run)
        case RowRecord():
            _check_arms(record.outcomes, run)
            return _sound_row(record)
        case PairRecord():
            row = run.rows.get(record.row)
            if row is None:
                raise DocumentError(f"a pair of {record.row!r}, which is no row of it")
            _check_pair(record, run)
            for process in itertools.chain.from_iterable(record.samples.values()):
                if any(min(s.wall_ns, s.cpu_ns, s.waited_ns) < 0 for s in process):
                    of = f"pair {record.pair} of {record.row!r}"
                    raise DocumentError(f"{of} has a time below zero")
            if not row.is_any_measured:
                return None
        case CountRecord():
            _check_count(record, run)
        case LostRecord() if "kind" not in document:
            return replace(record, kind=_kind_of_old(record.reason, ReasonKind.LOST))
    return record


def _read_pair(line: bytes, run: Run) -> PairRecord | None:
    """Read a pair as pybench writes it, if its numbers are all such as are measured.

    None where anything is odd: then it is read with care, which says what it is.
    """
    import msgspec

    try:
        pair: PairRecord = _pair_decoder().decode(line)
        row = run.rows[pair.row]
        _check_pair(pair, run)
        # In the order of the run, so that pairs are alike whichever arm began.
        arms = tuple(arm for arm in run.sides if arm in pair.samples)
        samples = PackedSamples([pair.samples[arm] for arm in arms], arms)
    except (
        msgspec.MsgspecError, UnicodeDecodeError, LookupError, OverflowError,
        DocumentError,
    ):  # fmt: skip
        return None
    numbers = (
        pair.pair, pair.cpu or 0, pair.hash_seed, pair.warmups, pair.took_s,
        pair.neighbours, pair.source, *pair.numbers.values(),
    )  # fmt: skip
    # What is below zero is looked at with care.
    is_usual = all(0 <= number <= MOST_COUNT for number in numbers)
    if not is_usual or not row.is_any_measured:
        return None
    # One text for each name, however many pairs there are.
    names = {name: name for name in run.sides}
    return PairRecord(
        row=row.row,
        pair=pair.pair,
        order=tuple(names.get(arm, arm) for arm in pair.order),
        apart=pair.apart,
        cpu=pair.cpu,
        hash_seed=pair.hash_seed,
        numbers=pair.numbers,
        samples=samples,
        warmups=pair.warmups,
        took_s=pair.took_s,
        neighbours=pair.neighbours,
        source=pair.source,
    )


@functools.cache
def _pair_decoder() -> Any:
    """Return a decoder of pairs whose samples are structs: half the time of classes."""
    import msgspec

    count = Annotated[int, msgspec.Meta(ge=0, le=MOST_COUNT)]
    sample = msgspec.defstruct(
        "Sample",
        [
            ("wall_ns", count),
            ("cpu_ns", count),
            ("waited_ns", count),
            ("blocked", count | None, None),
            ("events", dict[str, int] | None, None),
        ],
        gc=False,
    )
    form = make_dataclass(
        "PairForm",
        [("samples", dict[str, tuple[tuple[sample, ...], ...]])],  # type: ignore[valid-type]
        bases=(PairRecord,), frozen=True, slots=True, kw_only=True,
    )  # fmt: skip
    return msgspec.json.Decoder(form)


def _kind_of_old(reason: str, otherwise: ReasonKind) -> ReasonKind:
    """Read the kind from a reason, for records that have no field of it."""
    if reason == "suspended":
        return ReasonKind.SUSPENDED
    if reason.startswith("void: GIL turned on"):
        return ReasonKind.GIL_TURNED_ON
    return otherwise


def _check_side(side: SideRecord, run: Run) -> None:
    if side.twin_of is not None and side.twin_of not in run.sides:
        raise DocumentError(
            f"{side.name} is a copy of {side.twin_of!r}, which is no side"
        )
    identity = side.identity
    if identity.affinity < 1:
        raise DocumentError(f"{side.name}: affinity is {identity.affinity}")
    if identity.quota is not None and not identity.quota > 0:
        raise DocumentError(f"{side.name}: quota is {identity.quota}")


def _sound_row(record: RowRecord) -> RowRecord:
    if problem := _problem_of_row(record):
        return replace(
            record,
            operations=1, threads=1, margin=None, metric=None, numbers={},
            per_sample_ns=0.0, per_turn_ns=0.0,
            outcomes=dict.fromkeys(record.outcomes, VOID),
            reasons=dict.fromkeys(record.outcomes, f"{VOID}: {problem}"),
            kinds={},
        )  # fmt: skip
    if record.kinds or VOID not in record.outcomes.values():
        return record
    kinds = {
        arm: ReasonKind.GIL_TURNED_ON
        for arm, reason in record.reasons.items()
        if _kind_of_old(reason, ReasonKind.VOID) == ReasonKind.GIL_TURNED_ON
    }
    return replace(record, kinds=kinds)


def _problem_of_row(record: RowRecord) -> str:
    """Say which value of a row cannot be; empty if all can."""
    counts = {"operations": record.operations, "threads": record.threads}
    for name, number in {**counts, **record.numbers}.items():
        if number < 1:
            return f"its {name} is {number}, and one is the least"
    if record.margin is not None and not 0 < record.margin < 1:
        return f"its margin is {record.margin}, which is no share between 0 and 1"
    if record.metric not in (None, CPU, WALL):
        return f"its metric is {record.metric!r}, and not {CPU} or {WALL}"
    for arm, outcome in record.outcomes.items():
        if outcome not in [*Outcome]:
            return f"its outcome on {arm} is {outcome!r}, which is none"
    return ""


def _check_pair(pair: PairRecord, run: Run) -> None:
    of = f"pair {pair.pair} of {pair.row!r}"
    _check_arms(pair.samples, run)
    baseline = run.baseline.name
    if baseline not in pair.samples:
        raise DocumentError(f"{of} has no samples of {baseline}, the baseline")
    if not {*pair.samples} <= {*pair.order}:
        raise DocumentError(f"{of}: its order leaves one of its sides out")
    processes = {len(samples) for samples in pair.samples.values()}
    if len(processes) > 1 or 0 in processes:
        raise DocumentError(f"{of}: its sides have different numbers of processes")
    for name, number in pair.numbers.items():
        if number < 1:
            raise DocumentError(f"{of}: its {name} is {number}, and one is the least")


def _check_count(count: CountRecord, run: Run) -> None:
    of = f"the instructions of {count.row!r}"
    if count.row not in run.rows:
        raise DocumentError(f"{of}, which is no row of it")
    _check_arms([count.side], run)
    if not count.reason and not count.counts:
        raise DocumentError(f"{of} are none, and it does not say why")
    if any(number < 1 for number in (*count.counts, *count.numbers.values())):
        raise DocumentError(f"{of}: one is the least that there can be of anything")


def _check_arms(arms: Iterable[str], run: Run) -> None:
    for arm in arms:
        if arm not in run.sides:
            raise DocumentError(f"{arm!r} is no side of the run")


# Runs that are joined


def join(header: RunHeader, sections: Sequence[tuple[str, Run]]) -> Run:
    """Make one run of several, each with its name; nothing is judged.

    Each pair keeps which of them it is of, and is numbered anew: in the order of the
    runs, as they are given. `DocumentError` names the run that cannot be joined with
    the first one, and why.
    """
    named: Counter[str] = Counter()
    hosts: dict[tuple[str, str], str] = {}
    joined = Run(header=header)
    begun: dict[RunHeader, str] = {}
    rows: dict[str, list[RowRecord]] = {}
    for number, (name, run) in enumerate(sections):
        if not run.sides:
            raise DocumentError(f"{name}: it ended before a side was known")
        if run.header.metrics != (TIME,):
            raise DocumentError(
                f"{name} counted instructions, which are not joined: judge it by itself"
            )
        if run.header in begun:
            raise DocumentError(
                f"{name} and {begun[run.header]} are one run: give it once"
            )
        begun[run.header] = name
        if number:
            _check_joinable(sections[0], (name, run))
        named[name] += 1
        label = f"{name} ({named[name]})" if named[name] > 1 else name
        source = Source(
            name=label,
            host=_host(run.header, label, hosts),
            header=run.header,
            sides=run.sides,
            rows=run.rows,
        )
        joined.sources += (source,)
        for side in run.sides.values():
            joined.sides.setdefault(side.name, side)
        for record in run.rows.values():
            rows.setdefault(record.row, []).append(record)
        for row in run.pairs:
            pairs = joined.pairs.setdefault(row, {})
            for pair in run.pairs_of(row):
                place = len(pairs) + 1
                pairs[place] = replace(pair, pair=place, source=number)
        joined.lost += run.lost
        joined.spent.add_all(run.spent.seconds)
    joined.rows = {row: _joined_row(records) for row, records in rows.items()}
    for row, record in joined.rows.items():
        if MEASURED not in record.outcomes.values():
            joined.pairs.pop(row, None)
    return joined


def _host(header: RunHeader, name: str, hosts: dict[tuple[str, str], str]) -> str:
    """Return a name of a host that no other one has; an unknown one is its run's."""
    key = (header.host, header.boot) if header.host else ("", name)
    if key not in hosts:
        wanted = header.host or name
        like = sum(host == wanted for host, _ in hosts)
        hosts[key] = f"{wanted} ({like + 1})" if like else wanted
    return hosts[key]


def _check_joinable(first: tuple[str, Run], other: tuple[str, Run]) -> None:
    """Refuse a run that asked something else than the first one."""
    for what, mine, theirs in _asked(first[1], other[1]):
        if mine != theirs:
            raise DocumentError(
                f"{other[0]} cannot be joined with {first[0]}: {what} {theirs} there, "
                f"{mine} here; join runs of one suite, on the same builds, by one "
                "version of pybench"
            )


def _asked(first: Run, other: Run) -> Iterator[tuple[str, object, object]]:
    """Yield what has to be alike, its name before both."""
    mine, theirs = first.header, other.header
    if mine.content and theirs.content:
        yield "the content of the suite is", mine.content, theirs.content
    else:
        yield "the suite is", mine.suite, theirs.suite
    yield "pybench is", mine.version, theirs.version
    yield "the margin is", f"{mine.margin:g}", f"{theirs.margin:g}"
    yield "the number of pairs is", mine.pairs or "open", theirs.pairs or "open"
    yield "the packages are", _listed(mine.packages), _listed(theirs.packages)
    arms = [[s.name for s in run.sides.values() if s.twin_of is None]
            for run in (first, other)]  # fmt: skip
    yield "the sides are", _listed(arms[0]), _listed(arms[1])
    for arm in arms[0]:
        yield f"{arm} is", _build_of(first.sides[arm]), _build_of(other.sides[arm])


def _build_of(side: SideRecord) -> str:
    """Return what makes a side the same one on another machine."""
    identity = side.identity
    flags = " ".join(identity.build_flags)
    facts = [identity.interpreter, identity.gil_state, f"JIT {identity.jit}", flags]
    return ", ".join([*filter(None, facts), *([side.ref.content] if side.ref else [])])


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"


def _joined_row(records: Sequence[RowRecord]) -> RowRecord:
    """Return what several runs know of a row; void where it is not one row in all."""
    first = records[0]
    if len(records) == 1:
        return first
    unlike = [
        f"{name} {getattr(first, name)} and {getattr(record, name)}"
        for record in records
        for name in ("operations", "threads", "margin")
        if record.is_any_measured and first.is_any_measured
        if getattr(record, name) != getattr(first, name)
    ]
    measured = [record for record in records if record.is_any_measured] or [first]
    arms = dict.fromkeys(arm for record in records for arm in record.outcomes)
    outcomes, reasons, kinds = {}, {}, {}
    for arm in arms:
        known = [record for record in records if arm in record.outcomes]
        best = next((r for r in known if r.is_measured(arm)), known[0])
        outcomes[arm] = best.outcomes[arm]
        # A GIL that was turned on is a fact of the whole run.
        turned = (r for r in known if r.kinds.get(arm) == ReasonKind.GIL_TURNED_ON)
        told = next(turned, best)
        if arm in told.reasons:
            reasons[arm] = told.reasons[arm]
        if arm in told.kinds:
            kinds[arm] = told.kinds[arm]
    waits = {record.waits for record in measured}
    row = replace(
        measured[0],
        apart=any(record.apart for record in measured),
        pinned=all(record.pinned for record in measured),
        metric=WALL if WALL in {r.metric for r in measured} else measured[0].metric,
        waits=True if True in waits else None if None in waits else False,
        outcomes=outcomes,
        reasons=reasons,
        kinds=kinds,
        values={a: v for r in reversed(records) for a, v in r.values.items()},
    )
    if not unlike:
        return row
    why = f"{VOID}: its runs are not of one row: {unlike[0]}"
    return replace(
        row,
        outcomes=dict.fromkeys(arms, VOID),
        reasons=dict.fromkeys(arms, why),
        kinds={},
    )


def write_joined(
    folder: Path, header: RunHeader, parts: Sequence[tuple[str, Path]]
) -> Path:
    """Write runs into one record, each line as it is; whole or not at all.

    What is given has to be readable, and can be a run that was joined itself: then
    its sections are taken over. Raises `DocumentError` if there is a record already,
    or the disk refuses.
    """
    import msgspec

    path, fresh = folder / NAME, folder / f".{NAME}.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() or path.is_symlink():
            raise DocumentError(f"{path} is there already: choose another -o")
        try:
            with fresh.open("xb") as file:
                file.write(msgspec.json.encode(header) + b"\n")
                for name, source in parts:
                    _write_section(file, name, source)
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror or error}") from None
    return path


def _write_section(file: IO[bytes], name: str, source: Path) -> None:
    import msgspec

    with source.open("rb", _READ_BYTES) as lines:
        first = next(lines)
        line = next(lines, b"")
        if decode(line or b"{}").get("record") != "source":
            record = SourceRecord(name=name, header=_read_header(first, source))
            document = {"record": "source", **msgspec.to_builtins(record)}
            file.write(msgspec.json.encode(document) + b"\n")
        batch = [line]
        while batch:
            # A torn line is the last one.
            file.writelines(line for line in batch if line.endswith(b"\n"))
            batch = lines.readlines(_READ_BYTES)
