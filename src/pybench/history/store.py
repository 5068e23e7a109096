"""A folder of runs that only grows: each under the digest of its record.

`runs/<digest>/` has the files of a run and its entry. It is filled under another name
and then renamed, so a run is there whole or not at all, and of two writers of one run
the second finds it there. `tags.jsonl` is appended to under a lock. `rows/` holds
Parquet that is made of the runs and can be made again (`pybench.history.queries`).
Nothing but JSON and Parquet is ever read; links are not followed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pybench.comparison.contents import read_contents
from pybench.comparison.run_folders import machine_of, machine_of_run
from pybench.records.contents import Contents
from pybench.records.documents import (
    DocumentError,
    convert,
    decode,
    read_document,
)
from pybench.records.files import json_text, lock_file, write_file
from pybench.records.history import NAME, RUN, SAVED, TAGS, Entry, Tag
from pybench.records.json_lines import JsonLines, split_lines
from pybench.records.run import NAME as RUN_NAME
from pybench.records.run_file import read_run
from pybench.records.saved_files import Saved, read_saved
from pybench.records.summary import NAME as SUMMARY_NAME
from pybench.records.summary import write_summary
from pybench.records.texts import moment

STORE = Path(".benchmarks") / "store"
SAVED_NAME = "saved.json"

_DIGEST = re.compile(r"[0-9a-f]{16}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Unfinished folders of writers that were killed are removed after this.
_ABANDONED = timedelta(days=1)


class Store:
    """A store in a folder, which is made when something is added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.rows = folder / "rows"

    def add(self, path: Path, tags: Sequence[str] = ()) -> tuple[Entry, bool]:
        """Store the folder of a run, or a file of pytest-benchmark.

        Returns
        -------
        (Entry, bool)
            The entry, and whether it is new: the same record is stored once.

        Raises
        ------
        DocumentError
            If it is neither, has no row, or the disk refuses.
        """
        for tag in tags:
            check_tag(tag)
        record = path / RUN_NAME if path.is_dir() else path
        if record.name == RUN_NAME:
            run = read_run(record)
            if not run.rows or not run.contenders:
                raise DocumentError(f"{path}: the run has no row that was compared")
            contents = read_contents([record])
            entry = _entry_of_run(record, contents)
        else:
            contents = None
            entry = _entry_of_saved(record, read_saved(record))
        is_new = self._put(entry, record, contents)
        entry = self.entry(entry.run)
        for tag in tags:
            self.tag(tag, entry.run)
        return entry, is_new

    def _put(self, entry: Entry, record: Path, contents: Contents | None) -> bool:
        folder = self.runs / entry.run
        if folder.is_dir():
            return False
        fresh = self.runs / f".{secrets.token_hex(8)}"
        try:
            self._clean()
            fresh.mkdir(parents=True)
            name = SAVED_NAME if contents is None else RUN_NAME
            shutil.copyfile(record, fresh / name)
            if contents is not None and contents.summary is not None:
                write_summary(contents.summary, fresh)
            files = {file.name: digest_of(file) for file in fresh.iterdir()}
            if not files[name].startswith(entry.run):
                raise DocumentError(f"{record}: it changed while it was read: again")
            document = asdict(entry) | {"files": files}
            write_file(fresh / NAME, json_text(document).encode())
            for file in (*fresh.iterdir(), fresh):
                _to_disk(file)
            with contextlib.suppress(OSError):  # another writer was first
                fresh.rename(folder)
                _to_disk(self.runs)
                return True
            if not folder.is_dir():
                raise DocumentError(f"{folder}: cannot be made")
            return False
        except OSError as error:
            raise DocumentError(
                f"{self.folder}: {error.strerror or error}: nothing was stored of "
                f"{record}"
            ) from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _clean(self) -> None:
        """Remove what killed writers left; of a clock that steps nothing is lost."""
        old = (datetime.now(UTC) - _ABANDONED).timestamp()
        for path in self.runs.glob(".*"):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < old:
                    shutil.rmtree(path, ignore_errors=True)

    def digests(self) -> list[str]:
        """Return the runs that are there."""
        try:
            with os.scandir(self.runs) as there:
                return sorted(
                    item.name
                    for item in there
                    if _DIGEST.fullmatch(item.name)
                    and item.is_dir(follow_symlinks=False)
                )
        except OSError:
            return []

    def entry(self, digest: str) -> Entry:
        """Read an entry; `DocumentError` if it is damaged, or of another run."""
        path = self.runs / digest / NAME
        if path.is_symlink():
            raise DocumentError(f"{path}: a link, which a store does not have")
        entry = read_document(path, Entry, remedy="remove its folder and add it again")
        if entry.run != digest or not {*entry.files} <= {
            RUN_NAME, SUMMARY_NAME, SAVED_NAME,
        }:  # fmt: skip
            raise DocumentError(f"{path}: the entry of another run: remove its folder")
        return entry

    def entries(self, problems: list[str] | None = None) -> list[Entry]:
        """Return the entries, the oldest run first; `problems` gets what is damaged.

        Raises `DocumentError` if nothing was ever stored here.
        """
        if not self.runs.is_dir():
            raise DocumentError(
                f"{self.folder}: no store: make one by `pybench store add RUN`, or "
                "name it with --store"
            )
        entries = []
        for digest in self.digests():
            try:
                entries.append(self.entry(digest))
            except DocumentError as error:
                if problems is not None:
                    problems.append(str(error))
        return sorted(entries, key=lambda entry: (entry.moment, entry.run))

    def file(self, entry: Entry, name: str) -> Path:
        """Return a stored file; `DocumentError` if it is not what was stored."""
        path = self.runs / entry.run / name
        if path.is_symlink() or not path.is_file():
            raise DocumentError(f"{path}: not there; it may have been pruned")
        if digest_of(path) != entry.files.get(name):
            raise DocumentError(
                f"{path}: not what was stored: remove its folder and add the run again"
            )
        return path

    def find(self, word: str) -> Entry:
        """Return the run of a digest, or of what it begins with."""
        found = [digest for digest in self.digests() if digest.startswith(word)]
        if len(found) != 1 or not word:
            what = "no run" if not found else f"{len(found)} runs"
            raise DocumentError(f"{word}: {what} of {self.folder} begin so")
        return self.entry(found[0])

    # Tags

    def tag(self, tag: str, digest: str, *, removed: bool = False) -> None:
        """Append a tag of a run, or that it no longer has it."""
        check_tag(tag)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = Tag(tag=tag, run=digest, when=now, removed=removed)
        path = self.folder / TAGS
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(path, flags, 0o666)
            lock_file(descriptor, wait=True)
            size = os.fstat(descriptor).st_size
            # What a killed writer left of its line is ended, so that ours is whole.
            is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            lines = JsonLines(descriptor)
            try:
                text = " ".join(json_text(asdict(line)).split())
                lines.append(b"\n" * is_torn + text.encode())
            finally:
                lines.close()
        except OSError as error:
            raise DocumentError(f"{path}: {error.strerror or error}") from None

    def tags(self, problems: list[str] | None = None) -> Mapping[str, frozenset[str]]:
        """Return the tags of each run; a line that is none is passed by, and said."""
        path = self.folder / TAGS
        try:
            data = b"" if path.is_symlink() else path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise DocumentError(f"{path}: {error.strerror or error}") from None
        lines, torn = split_lines(data)
        found: dict[str, set[str]] = {}
        for number, text in enumerate([*lines, *([torn] if torn else [])], start=1):
            try:
                line: Tag = convert(decode(text), Tag)
            except DocumentError:
                if text and problems is not None:
                    problems.append(f"{path}: line {number} is no tag, and passed by")
                continue
            of_run = found.setdefault(line.run, set())
            (of_run.discard if line.removed else of_run.add)(line.tag)
        return {run: frozenset(tags) for run, tags in found.items() if tags}

    # Retention

    def prune(self, keep: int, older: timedelta | None = None) -> Iterator[Entry]:
        """Remove the records of old runs, and yield their entries.

        What is queried stays. Kept are the newest `keep`, those that are not `older`,
        those with a tag and saved files, which are what a baseline is.
        """
        entries, tags = self.entries(), self.tags()
        now = datetime.now(UTC)
        for entry in entries[: len(entries) - keep]:
            path = self.runs / entry.run / RUN_NAME
            is_young = older is not None and now - entry.moment < older
            if entry.kind == SAVED or entry.run in tags or is_young:
                continue
            if path.is_file():
                path.unlink()
                yield entry


def choose(
    entries: Sequence[Entry],
    tags: Mapping[str, frozenset[str]],
    *,
    name: str = "",
    tag: str = "",
    before: str = "",
    identity: str = "",
) -> Entry | None:
    """Return the newest run that fits all that is said, None for none."""
    latest = moment(before) if before else None
    if before and latest is None:
        raise DocumentError(f"{before!r} is no date: say 2026-11-30, or with a time")
    for entry in reversed(entries):
        if (
            (not name or entry.name == name)
            and (not tag or tag in tags.get(entry.run, ()))
            and (latest is None or entry.moment < latest)
            and (not identity or any(i.startswith(identity) for i in entry.identities))
        ):
            return entry
    return None


def check_tag(tag: str) -> None:
    """Refuse what no file name and no option could hold."""
    if not _TAG.fullmatch(tag):
        raise DocumentError(
            f"{tag!r} is no tag: letters, digits, dots, dashes and underscores, 64 at "
            "most"
        )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _entry_of_run(record: Path, contents: Contents) -> Entry:
    run = contents.run
    assert run is not None  # `read_contents` was given its record
    sides = [run.baseline, *run.contenders]
    return Entry(
        run=digest_of(record)[:16],
        kind=RUN,
        name=record.absolute().parent.name,
        started=run.header.started,
        added=_now(),
        sides=tuple(side.name for side in sides),
        interpreters=tuple(side.identity.interpreter for side in sides),
        identities=tuple(side.identity.fingerprint for side in sides),
        machine=machine_of_run(run),
        files={},
    )


def _entry_of_saved(path: Path, saved: Saved) -> Entry:
    identity = saved.identity
    # What `--benchmark-save` calls its files begins with their number.
    name = re.sub(r"^\d{4}_", "", path.stem)
    return Entry(
        run=digest_of(path)[:16],
        kind=SAVED,
        name=name,
        started=saved.made,
        added=_now(),
        sides=(name,),
        interpreters=(saved.interpreter,),
        identities=(identity.fingerprint,) if identity else (),
        machine=machine_of(identity) if identity else None,
        files={},
    )
