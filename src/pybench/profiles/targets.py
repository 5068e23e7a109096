"""What `pybench profile run` can be pointed at, and how somebody would run it once."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pybench.records.lazy_kinds import ASYNC_GENERATOR, ASYNCHRONOUS
from pybench.records.usage import UsageError

PROGRAMS = Path(__file__).parents[1] / "target" / "programs"

Kind = Literal["script", "module", "function", "row"]


class TargetMissingError(UsageError, ValueError):
    """A target that is not there; the text says what one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is profiled: a program, ``module:function`` or a row of pytest-benchmark.

    A program is a script, by its path, or a module, by its name; it has arguments.
    ``makes`` is what a function makes and does not run.
    """

    kind: Kind
    name: str
    arguments: tuple[str, ...] = ()
    makes: str = ""

    @property
    def is_program(self) -> bool:
        """Whether it is run as ``__main__``, with all that it imports."""
        return self.kind in ("script", "module")

    @property
    def words(self) -> str:
        """How it is written, with its arguments."""
        name = f"-m {self.name}" if self.kind == "module" else self.name
        return " ".join([name, *map(shlex.quote, self.arguments)])

    def command(self) -> list[str]:
        """Return how somebody would run it once: the words after the interpreter."""
        if self.kind == "script":
            return [self.name, *self.arguments]
        if self.kind == "module":
            return ["-m", self.name, *self.arguments]
        if self.kind == "row":
            return [str(PROGRAMS / "suite_row.py"), self.name]
        module, _, function = self.name.rpartition(":")
        load = ""
        if module.endswith(".py"):
            load = f"import sys; sys.path.insert(0, {str(Path(module).parent)!r})\n"
            module = Path(module).stem
        return ["-c", f"{load}import {module} as m\n{self._call(f'm.{function}()')}"]

    def _call(self, call: str) -> str:
        """Return the source of one call, with what it makes run to its end."""
        if not self.makes:
            return call
        if self.makes not in ASYNCHRONOUS:
            return f"for _ in {call}: pass"
        is_generator = self.makes == ASYNC_GENERATOR
        run = f"async for _ in {call}: pass" if is_generator else f"await {call}"
        return f"import asyncio\nasync def main():\n    {run}\nasyncio.run(main())"


def module_target(name: str, arguments: Sequence[str] = ()) -> Target:
    """Return what ``-m`` names; `TargetMissingError` if that is the name of none."""
    if not _is_dotted(name):
        raise TargetMissingError(f"-m {name}: {name!r} is no name of a module")
    return Target(kind="module", name=name, arguments=tuple(arguments))


def parse_target(word: str, arguments: Sequence[str] = ()) -> Target:
    """Tell what a word means: a path of a script, ``module:function``, ``path::row``.

    Raises
    ------
    TargetMissingError
        For a path that is not there, or a word that is none of the three; for arguments
        to what takes none.
    """
    target = Target(kind=_kind_of(word), name=word)
    if arguments and not target.is_program:
        raise TargetMissingError(
            f"{word}: {' '.join(arguments)}: a {target.kind} takes no arguments; a "
            "script or -m MODULE does"
        )
    return replace(target, arguments=tuple(arguments))


def _kind_of(word: str) -> Kind:
    file, colons, test = word.partition("::")
    if colons:
        _check_file(file, word)
        if not test:
            raise TargetMissingError(f"{word}: no row after the colons")
        return "row"
    module, colon, function = word.rpartition(":")
    if colon and module and _is_dotted(function):
        if module.endswith(".py"):
            _check_file(module, word)
        elif not _is_dotted(module):
            raise TargetMissingError(f"{word}: {module!r} is no name of a module")
        return "function"
    if word.isidentifier() and not Path(word).exists():
        raise TargetMissingError(
            f"{word}: no such script; a module is named -m {word}, a function "
            "module:function, a row path::test"
        )
    _check_file(word, word)
    return "script"


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _check_file(path: str, word: str) -> None:
    if not Path(path).exists():
        raise TargetMissingError(f"{word}: {path} does not exist")
    if not Path(path).is_file():
        raise TargetMissingError(f"{word}: {path} is no file")
