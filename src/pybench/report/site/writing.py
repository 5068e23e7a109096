"""Writes a site: every file whole, and over nothing that is not its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pybench.records.documents import parse_json
from pybench.records.files import write_file
from pybench.records.texts import encoded

# Lists what pybench wrote into a folder: only that is ever written over.
MANIFEST = "site.json"
SCHEMA = 1


class SiteError(ValueError):
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
    known = _own(folder)
    for name in files:
        _may_write(folder / name, name in known)
    listed = sorted({*known, *files})
    document = {"pybench": "site", "schema": SCHEMA, "files": listed}
    # First: what is written and not listed could never be written again.
    _write(folder / MANIFEST, json.dumps(document, indent=1) + "\n")
    for name in sorted(files, key=lambda name: (name == "index.html", name)):
        _write(folder / name, files[name])


def _own(folder: Path) -> set[str]:
    """Return the names of the files that an earlier site of this folder has."""
    path = folder / MANIFEST
    try:
        document = parse_json(path.read_bytes())
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror or error}") from None
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("pybench") != "site":
        raise SiteError(
            f"{path}: not of a site that pybench wrote: choose another folder with -o"
        )
    if document.get("schema") != SCHEMA:
        raise SiteError(
            f"{path}: schema {document.get('schema')!r}, this pybench writes {SCHEMA}: "
            "choose another folder with -o"
        )
    files = document.get("files")
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise SiteError(
            f"{path}: its 'files' is not a list of names: choose another folder with -o"
        )
    return {*files}


def _may_write(path: Path, is_own: bool) -> None:
    if path.is_dir():
        raise SiteError(f"{path}: a folder is in the way: choose another one with -o")
    if (path.exists() or path.is_symlink()) and not is_own:
        raise SiteError(
            f"{path}: there already, and not of a site that pybench wrote: move it, or "
            "choose another folder with -o"
        )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name of a row may hold half of a pair of surrogates.
        write_file(path, encoded(text), inside=True)
    except OSError as error:
        raise SiteError(
            f"{path}: {error.strerror or error}: free the place, or choose another "
            "folder with -o"
        ) from None
