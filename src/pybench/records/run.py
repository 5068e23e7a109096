"""The record of a run: one JSON object a line, on the disk as soon as it is known.

`run.jsonl` holds a header, the sides, the rows and then one line per pair. It is only
ever appended to, so a run that was killed is resumed from it, and every verdict can
be computed from it again.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from pybench.records.checks import (
    UnsoundError,
    check_header,
    convert,
    decode,
    sound,
)
from pybench.records.results import LostRecord, PairRecord, RowRecord, SideRecord

SCHEMA = 1
NAME = "run.jsonl"

Record = SideRecord | RowRecord | PairRecord | LostRecord

_KINDS: dict[str, type] = {
    "side": SideRecord,
    "row": RowRecord,
    "pair": PairRecord,
    "lost": LostRecord,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class RecordError(ValueError):
    """A record that cannot be read or written; names the file and the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """First line of a run: what was asked for, before anything was measured.

    `options` are those of pytest that select the rows; `packages` are what was to be
    installed, once for all sides or once for each.
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


@dataclass(slots=True, kw_only=True)
class Run:
    """All that is known of a run; grows while it is read or measured."""

    header: RunHeader
    sides: dict[str, SideRecord] = field(default_factory=dict)
    rows: dict[str, RowRecord] = field(default_factory=dict)
    pairs: dict[str, dict[int, PairRecord]] = field(default_factory=dict)
    lost: list[LostRecord] = field(default_factory=list)
    torn: bool = False

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

    @property
    def baseline(self) -> SideRecord:
        """The side that all others are compared with: the first one."""
        return next(iter(self.sides.values()))

    @property
    def contenders(self) -> list[SideRecord]:
        """The other sides, without copies of the baseline."""
        return [s for s in [*self.sides.values()][1:] if s.twin_of is None]

    @property
    def twin(self) -> SideRecord | None:
        """The copy of the baseline, if this run has one."""
        return next((s for s in self.sides.values() if s.twin_of is not None), None)


class RecordWriter:
    """Appends to the record of a run.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    header : RunHeader or None
        None continues the record that is there.

    Raises
    ------
    RecordError
        If the folder has a record already and a new one is asked for, or the disk
        refuses.
    """

    def __init__(self, folder: Path, header: RunHeader | None) -> None:
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.is_symlink() and not self.path.exists():
                raise RecordError(
                    f"{self.path} is a link to a file that does not exist; pybench "
                    "does not create it: remove the link, or choose another -o"
                )
            if header is not None and self.path.exists():
                raise RecordError(
                    f"{self.path} is there already: continue it with --resume, or "
                    "choose another folder with -o"
                )
            _cut_torn_line(self.path)
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise RecordError(f"{self.path}: {error.strerror or error}") from None
        if header is not None:
            try:
                self._write(msgspec.json.encode(header))
            except RecordError:
                # Else it could neither be begun again nor resumed.
                self._file.close()
                self.path.unlink(missing_ok=True)
                raise

    def __enter__(self) -> Self:
        """Return it, to be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def append(self, record: Record) -> None:
        """Write one record and see to it that it reaches the disk."""
        document = {"record": _NAMES[type(record)], **msgspec.to_builtins(record)}
        self._write(msgspec.json.encode(document))

    def _write(self, line: bytes) -> None:
        whole = line + b"\n"
        try:
            # A disk that fills up takes a part first, and says nothing.
            if self._file.write(whole) != len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
            is_deleted = os.fstat(self._file.fileno()).st_nlink == 0
        except OSError as error:
            raise RecordError(
                f"{self.path}: {error.strerror or error}; what was measured before is "
                "in it, and --resume goes on from there"
            ) from None
        if is_deleted:
            raise RecordError(
                f"{self.path} was deleted while the run went on: nothing is kept, "
                "and what was measured until now is shown once"
            )


def read_run(folder: Path) -> Run:
    """Read the record of a run, finished or not.

    Raises
    ------
    RecordError
        If there is none, or it is of another schema or torn in the middle. A torn
        last line is what a kill leaves: it is left out.
    """
    path = folder / NAME if folder.is_dir() else folder
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    torn = lines.pop() != b""
    if not lines:
        raise RecordError(f"{path}: empty: no run was begun in it")
    header = _decode(lines[0], path, 1)
    if header.get("pybench") != "run":
        raise RecordError(f"{path}: not the record of a run of pybench")
    if header.get("schema") != SCHEMA:
        raise RecordError(
            f"{path}: schema {header.get('schema')!r}, this pybench reads {SCHEMA}"
        )
    try:
        known = convert(header, RunHeader)
        check_header(known)
    except UnsoundError as error:
        raise RecordError(f"{path}, line 1: {error}") from None
    run = Run(header=known, torn=torn)
    for number, line in enumerate(lines[1:], start=2):
        document = _decode(line, path, number)
        kind = _KINDS.get(str(document.pop("record", None)))
        if kind is None:
            raise RecordError(f"{path}, line {number}: no record of this schema")
        try:
            record = sound(convert(document, kind), run)
        except UnsoundError as error:
            raise RecordError(f"{path}, line {number}: {error}") from None
        if record is not None:
            run.add(record)
    return run


def _decode(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        document = decode(line)
    except UnsoundError as error:
        raise RecordError(f"{path}, line {number}: {error}") from None
    if not isinstance(document, dict):
        raise RecordError(f"{path}, line {number}: no JSON object")
    return document


def _cut_torn_line(path: Path) -> None:
    """Remove what a kill left of its last line: a record after it would be lost."""
    if not path.is_file():  # a device could be read for ever
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)
