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
import os
from collections.abc import Iterable, Sequence
from dataclasses import make_dataclass, replace
from pathlib import Path
from typing import IO, Annotated, Any, Self

from pybench.records.calibration import ArmRecord
from pybench.records.documents import MOST_COUNT, DocumentError, convert, decode
from pybench.records.files import lock_file
from pybench.records.joined_runs import join
from pybench.records.json_lines import JsonLines, split_lines
from pybench.records.outcomes import VOID, Outcome, ReasonKind
from pybench.records.packed_samples import PackedSamples
from pybench.records.run import (
    MOST_PAIRS,
    NAME,
    SCHEMA,
    CountRecord,
    LostRecord,
    PairRecord,
    Record,
    RowRecord,
    Run,
    RunHeader,
    SideRecord,
    SourceRecord,
)
from pybench.records.samples import CPU, WALL
from pybench.records.spent import SpentRecord

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
