"""Writes a site: every file whole, and over nothing that is not its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pybench.records.documents import DocumentError, read_document
from pybench.records.files import write_file
from pybench.records.site import Manifest
from pybench.records.texts import encoded
from pybench.records.usage import UsageError

MANIFEST = "site.json"
_ELSEWHERE = "choose another folder with -o"


class SiteError(UsageError, ValueError):
    """A site that cannot be written; names the file and the way out."""


def write_site(files: Mapping[str, str], folder: Path) -> None:
    """Write the files of a site into a folder, which is made if it is not there.

    All are looked at before the first is written. Each is replaced as a whole, and
    ``index.html`` comes last, so that it never names a page that is not there. Pages of
    runs that are gone stay.

    Raises
    ------
    SiteError
        If a file of that name is not of a site, or cannot be written.
    """
    known = _own(folder / MANIFEST)
    for name in files:
        path = folder / name
        if path.is_dir():
            raise SiteError(f"{path}: a folder is in the way: {_ELSEWHERE}")
        if (path.exists() or path.is_symlink()) and name not in known:
            raise SiteError(
                f"{path}: there already, and not of a site that pybench wrote: move "
                f"it, or {_ELSEWHERE}"
            )
    manifest = Manifest(files=tuple(sorted({*known, *files})))
    # First: what is written and not listed could never be written again.
    _write(folder / MANIFEST, json.dumps(asdict(manifest), indent=1) + "\n")
    for name in sorted(files, key=lambda name: (name == "index.html", name)):
        _write(folder / name, files[name])


def _own(path: Path) -> set[str]:
    """Return the names of the files that an earlier site of this folder has."""
    if not path.exists():
        return set()
    try:
        return {*read_document(path, Manifest, remedy=_ELSEWHERE).files}
    except DocumentError as error:
        raise SiteError(f"{error}: {_ELSEWHERE}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name of a row may hold half of a pair of surrogates.
        write_file(path, encoded(text), inside=True)
    except OSError as error:
        raise SiteError(
            f"{path}: {error.strerror or error}: free the place, or {_ELSEWHERE}"
        ) from None
