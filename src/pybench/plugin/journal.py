"""Each finished row on disk at once, so that a killed run loses one row at most.

A journal is JSON Lines: a header, one line per finished row, and a last line when the
run came to its end. Every line is flushed and synced before the next row starts.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybench.results import (
    Identity,
    JournalHeader,
    JournalRow,
    ResultsError,
    differences,
    header_document,
    parse_header,
    parse_row,
    row_document,
)

NAME = "journal.jsonl"
PREVIOUS = "journal.previous.jsonl"


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

    Raises
    ------
    ResultsError
        If the file cannot be read, or any line but the last is not sound.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"{path}: {error.strerror or error}") from error
    lines = content.split(b"\n")
    torn = lines.pop()
    documents = []
    for number, line in enumerate(lines, start=1):
        try:
            documents.append(json.loads(line))
        except ValueError as error:
            raise ResultsError(f"{path}: line {number} is damaged: {error}") from error
    if not documents:
        raise ResultsError(f"{path}: it has no complete line, so nothing to resume")
    header = parse_header(documents[0], f"{path}: line 1")
    rows: dict[str, JournalRow] = {}
    is_finished = False
    for number, document in enumerate(documents[1:], start=2):
        is_finished = document == {"finished": True}
        if not is_finished:
            row = parse_row(document, f"{path}: line {number}")
            rows.pop(row.fullname, None)
            rows[row.fullname] = row
    return Journal(
        path=path,
        header=header,
        rows=rows,
        is_finished=is_finished,
        torn=f"line {len(lines) + 1} ({len(torn)} bytes)" if torn else "",
        sound_bytes=len(content) - len(torn),
    )


def find_journal(storage: Path, identity: Identity) -> Journal:
    """Find the journal to resume; refuse by name what is not this identity's.

    Raises
    ------
    ResultsError
        If there is none, or it was written under another identity.
    """
    path = storage / identity.folder / NAME
    if not path.exists():
        others = sorted(other.parent.name for other in storage.glob(f"*/{NAME}"))
        message = f"no journal to resume for {identity.folder} in {storage}"
        if others:
            message += f"; there are journals of {', '.join(others)}: a run is "
            message += "resumed by the interpreter, GIL state and CPUs it began with"
        raise ResultsError(message)
    journal = read_journal(path)
    if journal.header.identity != identity:
        unlike = "; ".join(differences(identity, journal.header.identity))
        raise ResultsError(
            f"{path} was written by {journal.header.identity.folder}, "
            f"this is {identity.folder}: {unlike}"
        )
    return journal


class JournalWriter:
    """Append rows, and keep those that the disk does not take.

    Parameters
    ----------
    path : Path
        The journal; made with the first row, so a session without rows leaves none.
    header : JournalHeader
        Its first line.
    resumed : Journal or None
        The journal to go on with; its torn last line is cut off.
    say : callable
        Told when the journal cannot be written; the run goes on.
    """

    def __init__(
        self,
        path: Path,
        header: JournalHeader,
        *,
        resumed: Journal | None,
        say: Callable[[str], None],
    ) -> None:
        self.path = path
        self._pending = [] if resumed else [_line(header_document(header))]
        self._sound_bytes = resumed.sound_bytes if resumed else 0
        self._fd: int | None = None
        self._say = say
        self._is_begun = resumed is not None
        self._has_failed = False

    def append(self, row: JournalRow) -> None:
        """Write one row; it is on disk when this returns, if the disk takes it."""
        try:
            self._pending.append(_line(row_document(row)))
        except (TypeError, ValueError) as error:
            self._say(f"{row.fullname} cannot be put into the journal: {error}")
        else:
            self._write()

    def finish(self) -> None:
        """Mark the run as complete, if it has a journal at all."""
        if self._is_begun:
            self._pending.append(_line({"finished": True}))
            self._write()

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _write(self) -> None:
        try:
            if self._fd is None:
                self._fd = self._open()
            while self._pending:
                rest = memoryview(self._pending[0])
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
                os.fsync(self._fd)
                self._sound_bytes += len(self._pending.pop(0))
        except OSError as error:
            self._cut_off()
            if not self._has_failed:
                self._has_failed = True
                self._say(
                    f"the journal {self.path} cannot be written "
                    f"({error.strerror or error}): the run goes on, and "
                    "--pybench-resume will miss the rows from here on"
                )

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._is_begun and self.path.is_file():
            self._set_aside()
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if self._is_begun:
            os.ftruncate(fd, self._sound_bytes)
        self._is_begun = True
        return fd

    def _set_aside(self) -> None:
        kept = self.path.with_name(PREVIOUS)
        try:
            older = read_journal(self.path)
        except ResultsError:
            older = None
        self.path.replace(kept)
        if older is not None and not older.is_finished:
            self._say(
                f"the journal of the interrupted run of {older.header.started} "
                f"({len(older.rows)} rows) is now {kept}"
            )

    def _cut_off(self) -> None:
        """Take back half a line, so that a later row does not follow on it."""
        if self._fd is not None:
            try:
                os.ftruncate(self._fd, self._sound_bytes)
            except OSError:
                # Not a regular file, or gone: nothing to repair.
                self.close()


def _line(document: Mapping[str, Any]) -> bytes:
    # The stock JSON turns what it cannot express into text as well.
    text = json.dumps(document, default=lambda value: f"UNSERIALIZABLE[{value!r}]")
    return text.encode() + b"\n"
