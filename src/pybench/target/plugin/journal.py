"""Each finished row on disk at once, so that a killed run loses one row at most.

A journal is JSON Lines: a header, one line per finished row, and a last line when the
run came to its end. Every line is flushed and synced before the next row starts.

A session keeps its journal locked while it runs, so that a second one in the same
folder takes the next name: ``journal.jsonl``, ``journal.2.jsonl`` and so on.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybench.records.documents import DocumentError, parse_json
from pybench.records.files import lock_file
from pybench.records.identity import Identity, differences
from pybench.records.journal import (
    JournalHeader,
    JournalRow,
    header_document,
    parse_header,
    parse_row,
    row_document,
)
from pybench.records.json_lines import JsonLines, split_lines
from pybench.target.plugin.json_values import held

NAME = "journal.jsonl"
_NAMES = re.compile(r"journal(\.\d+)?\.jsonl")
_MOST_SESSIONS = 100
_FINISHED = {"finished": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What a journal holds; of several lines for one row the last one counts."""

    path: Path
    header: JournalHeader
    rows: Mapping[str, JournalRow]
    is_finished: bool
    torn: str
    sound_bytes: int


def read_journal(path: Path) -> Journal:
    """Read a journal; a torn last line is left out and named.

    Raises `DocumentError` if the file cannot be read, or any other line is not sound.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror or error}") from error
    lines, torn = split_lines(content)
    documents = []
    for number, line in enumerate(lines, start=1):
        try:
            documents.append(parse_json(line))
        except ValueError as error:
            raise DocumentError(f"{path}: line {number} is damaged: {error}") from error
    if not documents:
        raise DocumentError(f"{path}: it has no complete line, so nothing to resume")
    header = parse_header(documents[0], f"{path}: line 1")
    rows: dict[str, JournalRow] = {}
    for number, document in enumerate(documents[1:], start=2):
        if document != _FINISHED:
            row = parse_row(document, f"{path}: line {number}")
            rows.pop(row.fullname, None)
            rows[row.fullname] = row
    return Journal(
        path=path,
        header=header,
        rows=rows,
        is_finished=documents[-1] == _FINISHED,
        torn=f"line {len(lines) + 1} ({len(torn)} bytes)" if torn else "",
        sound_bytes=len(content) - len(torn),
    )


def find_journal(storage: Path, identity: Identity) -> Journal:
    """Find the journal to resume: the newest unfinished, else the newest.

    Raises `DocumentError` if there is none below the storage, it is that of a running
    session, or it was written under another identity than this process has.
    """
    paths = _journals(storage / identity.folder)
    if not paths:
        others = sorted({path.parent.name for path in storage.glob("*/journal*.jsonl")})
        message = f"no journal to resume for {identity.folder} in {storage}"
        if others:
            message += f"; there are journals of {', '.join(others)}: a run is "
            message += "resumed by the interpreter, GIL state and CPUs it began with"
        raise DocumentError(message)
    idle = [path for path in paths if not _is_in_use(path)]
    if not idle:
        raise DocumentError(f"{paths[0]} is the journal of a session that is running")
    journal = max(
        map(read_journal, idle),
        key=lambda known: (not known.is_finished, known.header.started),
    )
    if journal.header.identity != identity:
        unlike = "; ".join(differences(identity, journal.header.identity))
        raise DocumentError(
            f"{journal.path} was written by {journal.header.identity.folder}, "
            f"this is {identity.folder}: {unlike}"
        )
    return journal


def _journals(folder: Path) -> list[Path]:
    paths = folder.glob("journal*.jsonl")
    return sorted(path for path in paths if _NAMES.fullmatch(path.name))


def _is_in_use(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False  # reading it will say why
    try:
        return not lock_file(fd, shared=True)
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def _is_new(fd: int, path: Path) -> bool:
    """Tell whether a journal is empty, and was not put aside before it was locked."""
    opened = os.fstat(fd)
    try:
        return opened.st_size == 0 and os.path.samestat(opened, path.stat())
    except FileNotFoundError:
        return False


class JournalWriter:
    """Appends rows, and keeps those that the disk does not take.

    The journal is made in `folder` with the first row, so that a session without rows
    leaves none; `resumed` is one to go on with, whose torn last line is cut off. `say`
    is told when it cannot be written; the run goes on. Raises `DocumentError` if
    another session goes on with the journal already.
    """

    def __init__(
        self,
        folder: Path,
        header: JournalHeader,
        *,
        resumed: Journal | None,
        say: Callable[[str], None],
    ) -> None:
        self.path = resumed.path if resumed else folder / NAME
        self._pending = [] if resumed else [_line(header_document(header))]
        self._resumed = resumed
        self._file: JsonLines | None = None
        self._say = say
        self._has_failed = False
        if resumed is not None:
            # At once: a second session must not begin the same rows meanwhile.
            self._write()

    def append(self, row: JournalRow) -> None:
        """Write one row; it is on disk when this returns, if the disk takes it."""
        self._pending.append(_line(row_document(row)))
        self._write()

    def finish(self) -> None:
        """Mark the run as complete, if it has a journal at all."""
        if self._resumed or self._file:
            self._pending.append(_line(_FINISHED))
            self._write()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self) -> None:
        try:
            if self._file is None:
                go_on = self._begin if self._resumed is None else self._go_on
                self._file = JsonLines(go_on())
            while self._pending:
                self._file.append(self._pending[0])
                del self._pending[0]
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                self._say(
                    f"the journal {self.path} cannot be written "
                    f"({error.strerror or error}): the run goes on, and "
                    "--pybench-resume will miss the rows from here on"
                )

    def _go_on(self) -> int:
        assert self._resumed is not None
        fd = _open(self.path)
        if not lock_file(fd):
            os.close(fd)
            raise DocumentError(f"{self.path} is the journal of a session that runs")
        os.ftruncate(fd, self._resumed.sound_bytes)
        return fd

    def _begin(self) -> int:
        """Put the journals of ended sessions aside and take the first free name."""
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        for path in _journals(folder):
            self._set_aside(path)
        for number in range(1, _MOST_SESSIONS + 1):
            path = folder / (NAME if number == 1 else f"journal.{number}.jsonl")
            fd = _open(path)
            if lock_file(fd) and _is_new(fd, path):
                self.path = path
                return fd
            os.close(fd)
        raise OSError(f"{_MOST_SESSIONS} sessions are running in {folder}")

    def _set_aside(self, path: Path) -> None:
        fd = os.open(path, os.O_RDWR)
        try:
            if not lock_file(fd):
                return
            kept = path.with_suffix(f".previous{path.suffix}")
            try:
                older = read_journal(path)
            except DocumentError:
                older = None
            path.replace(kept)
        finally:
            os.close(fd)
        if older is not None and not older.is_finished:
            self._say(
                f"the journal of the interrupted run of {older.header.started} "
                f"({len(older.rows)} rows) is now {kept}"
            )


def _line(document: Mapping[str, Any]) -> bytes:
    # The stock JSON turns what it cannot express into text as well.
    return json.dumps(held(document), allow_nan=False).encode()
