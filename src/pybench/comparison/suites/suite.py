"""What every kind of suite comes down to; in a file of its own, as all import it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pybench.interpreters.probe import Interpreter
from pybench.records.scripts import SUFFIX as SCRIPT_SUFFIX
from pybench.records.usage import UsageError


class SuiteError(UsageError, ValueError):
    """A suite that is not there or cannot be used; says which and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A suite, ready to be collected.

    Attributes
    ----------
    text : str
        What finds it again: it is recorded, and `find_suite` takes it.
    paths : tuple of str
        What pytest collects.
    options : tuple of str
        Options that each session needs, also one that collects a part of the suite.
    packages : tuple of str
        Requirements of the suite in the environment of each arm.
    environ : callable
        Prepares what it needs for the interpreter of an arm, telling how far it is by
        the function that it is given; returns variables for the arm's sessions.
    version : str
        What says its content, where that is not in files of its paths.
    """

    text: str
    paths: tuple[str, ...]
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    environ: Callable[[Interpreter, Callable[[str], None]], Mapping[str, str]] = (
        lambda interpreter, say: {}
    )
    version: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """What pytest is given to collect the whole suite."""
        return (*self.options, *self.paths)

    def content(self) -> str:
        """Return a digest that is the same for the same suite in another place."""
        digest = hashlib.sha256(self.version.encode())
        for path in () if self.version else map(Path, self.paths):
            root = path if path.is_dir() else path.parent
            for file in sorted(source_files(path) if path.is_dir() else [path]):
                name = file.relative_to(root).as_posix()
                digest.update(repr((name, _content(file))).encode())
        return digest.hexdigest()[:16]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes() if file.is_file() else b""
    except OSError:  # whoever imports it says why
        return b""


def source_files(folder: Path) -> Iterator[Path]:
    """Yield what rows may be made of, without environments and what is hidden."""
    for place, folders, names in os.walk(folder):
        is_environment = "pyvenv.cfg" in names
        folders[:] = [] if is_environment else [f for f in folders if f[0] != "."]
        if not is_environment:
            files = (Path(place, name) for name in names)
            yield from (f for f in files if f.suffix in (".py", SCRIPT_SUFFIX))
