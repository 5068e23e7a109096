"""Scripts of pyperf: which files are some, and a file that says how one is to be run.

A script that needs nothing is its own entry of a suite. One that needs arguments, more
packages or a name of its own has a file with the suffix `SUFFIX`; its rows are
``<file>::<benchmark>``. The host writes it, or somebody by hand; the session reads it.

Schema history
--------------
1. The script, its arguments, the group of its rows, more folders, what it needs alone,
   what it imports anew, why it is n/a.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pybench.records.documents import (
    DocumentError,
    as_mapping,
    check_schema,
    parse,
    parse_json,
)
from pybench.records.files import write_file

SUFFIX = ".pyperf"
# What an arm needs may be its own, such as packages for its build. This variable of its
# sessions names a folder of entries that stand in for those of the suite.
ARM_ENTRIES = "PYBENCH_ARM_ENTRIES"
SCHEMA = 1
_KIND = "pyperf script"

_MODULE = "pyperf"
_RUNNER = "Runner"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptEntry:
    """How a script is run.

    Attributes
    ----------
    script : str
        Its path; a relative one begins in the folder of the entry's file.
    arguments : tuple of str
        What is in its ``sys.argv`` besides its path.
    group : str or None
        Of its rows; None for the name of the entry.
    folders : tuple of str
        Where it finds more modules, behind its own folder: entries of ``sys.path``.
    exclusive : bool
        Whether no two processes may run it at once, as with a port of its own.
    own_process : bool
        Whether no other script may run in its process, before or after it.
    anew : tuple of str
        Packages that it finds as if nobody had imported them, in each of its runs.
    unavailable : str
        Why its rows are n/a, "" if they are not.
    """

    script: str
    arguments: tuple[str, ...] = ()
    group: str | None = None
    folders: tuple[str, ...] = ()
    exclusive: bool = False
    own_process: bool = False
    anew: tuple[str, ...] = ()
    unavailable: str = ""


def write_entry(folder: Path, name: str, entry: ScriptEntry) -> Path:
    """Write an entry into a folder; returns its file, which bears the name."""
    path = folder / f"{name}{SUFFIX}"
    document = {"pybench": _KIND, "schema": SCHEMA, **asdict(entry)}
    write_file(path, json.dumps(document, indent=1).encode())
    return path


def read_entry(path: Path) -> ScriptEntry:
    """Read an entry; `DocumentError` says what is wrong with the file."""
    try:
        document = as_mapping(parse_json(path.read_bytes()), path.name)
    except (OSError, ValueError) as error:
        raise DocumentError(f"{path}: {error}") from None
    if document.get("pybench") != _KIND:
        raise DocumentError(f"{path}: not a document of the kind {_KIND!r}")
    check_schema(document, SCHEMA, str(path))
    return parse(ScriptEntry, document, str(path))


def arm_entry(path: Path, root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the entry to be read for this arm: its own, at the same place, or this."""
    if own := environ.get(ARM_ENTRIES):
        with contextlib.suppress(ValueError):  # it is not below the root
            stand_in = Path(own) / path.relative_to(root)
            return stand_in if stand_in.is_file() else path
    return path


def is_script(path: Path) -> bool:
    """Tell whether a file of Python makes a ``pyperf.Runner``, by its text alone.

    One that imports pyperf for something else, such as reading results, is none: it
    must not be run. A file that is no Python is none either.
    """
    try:
        source = path.read_bytes()
        # Most files say neither, and need not be parsed.
        if _MODULE.encode() not in source or _RUNNER.encode() not in source:
            return False
        tree = ast.parse(source)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    names = {*_names(tree)}
    return _MODULE in names and _RUNNER in names


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield the packages that are imported, and `Runner` wherever it is named."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level and node.module:
                yield node.module.partition(".")[0]
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield node.attr
