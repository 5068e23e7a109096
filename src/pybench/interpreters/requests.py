"""What the user calls an interpreter, and which one that is.

A request is a kind (``3.14``, ``3.14t``, ``3.14+gil``, a full version such as
``3.13.1``), a name on PATH (``python3.13``), a path, or ``name=`` and one of those.
``+gil`` after one of a free-threaded build starts it with the GIL. A name proves
nothing: what was found is probed, and a request that turns out to be another build is
an error that says how to spell it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pybench.interpreters.find import SUPPORTED, Search, find, is_supported
from pybench.interpreters.probe import GIL_ON, Interpreter, ProbeError, probe
from pybench.records.usage import UsageError

_KIND = re.compile(
    r"(?P<version>3\.\d+(\.\d+)?((a|b|rc)\d+)?)(?P<letter>t?)(?P<gil>\+gil)?"
)
_COMMAND = re.compile(r"python3?|python(?P<kind>3\.\d+t?)")
# A name ends up in file names and table heads.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,30}")


class RequestError(UsageError, ValueError):
    """A request that names no interpreter; the text says what would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """An interpreter under the name it has in this comparison.

    `by_path` says that a path or a name on PATH was given: this very installation is
    meant, with the packages that it has. A version means the build alone.
    """

    name: str
    interpreter: Interpreter
    by_path: bool = False


def resolve(
    requests: Sequence[str], environ: Mapping[str, str] | None = None
) -> list[Requested]:
    """Find the interpreters that were asked for.

    Parameters
    ----------
    requests : sequence of str
        See above; the first is the baseline.
    environ : mapping of str to str, optional
        Stands in for ``os.environ`` in the search.

    Raises
    ------
    RequestError
        If one names nothing, another build than it says, or a name twice.
    """
    search: Search | None = None
    found: list[Requested] = []
    for request in requests:
        name, target = _split(request)
        target, is_with_gil = _without_gil(target)
        on_path = _on_path(target, environ)
        if on_path is not None:
            interpreter = on_path
        elif _is_path(target):
            interpreter = _at(target)
        else:
            search = search or find(environ)
            interpreter = _among(target, search)
        if not is_supported(interpreter):
            raise RequestError(f"{request}: {_unsupported(interpreter)}")
        if is_with_gil:
            interpreter = _with_gil(interpreter, request)
        by_path = on_path is not None or _is_path(target)
        requested = Requested(name=name, interpreter=interpreter, by_path=by_path)
        found.append(requested)
    return _named(found)


def is_kind(word: str) -> bool:
    """Tell whether a word is a kind or a command, which mean an interpreter always.

    A folder may be called so as well; ``./3.14`` means that.
    """
    return bool(_KIND.fullmatch(word) or _COMMAND.fullmatch(word))


def _split(request: str) -> tuple[str, str]:
    name, equals, target = request.partition("=")
    if not equals:
        return "", request.strip()
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"{request!r}: {name!r} is no name: letters, digits, and . _ + - , at most "
            "31 of them"
        )
    if name.endswith("+gil") and target in ("0", "1"):
        raise RequestError(
            f"{request!r}: +gil takes no value: {name} has the GIL, "
            f"{name.removesuffix('+gil')} is started as it is"
        )
    if not target.strip():
        raise RequestError(f"{request!r}: nothing after the equals sign")
    return name, target.strip()


def _without_gil(target: str) -> tuple[str, bool]:
    """Take +gil off what is to be started with the GIL.

    ``3.14+gil`` is a kind of its own, and a file may be called so.
    """
    plain = target.removesuffix("+gil")
    match = _KIND.fullmatch(plain)
    if plain == target or (match and not match["letter"]) or Path(target).exists():
        return target, False
    return plain, True


def _with_gil(interpreter: Interpreter, request: str) -> Interpreter:
    """Probe a free-threaded build again, started with the GIL."""
    if not interpreter.free_threaded:
        raise RequestError(
            f"{request}: {interpreter.path} is {interpreter.label}, which always has "
            "the GIL: leave +gil out"
        )
    try:
        return probe(interpreter.path, switches=GIL_ON)
    except ProbeError as error:
        raise RequestError(f"{request}: {error}") from None


def _is_path(target: str) -> bool:
    """Tell a path from a version: ``venv`` is a folder if there is one."""
    if os.sep in target or target.startswith((".", "~")):
        return True
    return not _KIND.fullmatch(target) and Path(target).exists()


def _on_path(word: str, environ: Mapping[str, str] | None) -> Interpreter | None:
    """Probe a name on PATH such as python3.14, which a build without GIL has too."""
    match = _COMMAND.fullmatch(word)
    folders = (os.environ if environ is None else environ).get("PATH")
    path = shutil.which(word, path=folders) if match else None
    if match is None or path is None:
        return None
    interpreter = _at(path)
    if match["kind"] and match["kind"] != interpreter.kind:
        raise RequestError(
            f"{word} on PATH is {interpreter.path}, which is {interpreter.label}: "
            f"say {interpreter.kind} if that is meant, else the path of the other"
        )
    return interpreter


def _at(target: str) -> Interpreter:
    # Path.expanduser raises where there is no such user; this leaves the text.
    path = Path(os.path.expanduser(target))  # noqa: PTH111
    if path.is_dir():
        # A virtual environment, or the prefix of an installation.
        for name in ("bin/python", "bin/python3"):
            if (path / name).exists():
                path = path / name
                break
        else:
            raise RequestError(f"{target}: a folder without bin/python in it")
    try:
        return probe(path)
    except ProbeError as error:
        raise RequestError(str(error)) from None


def _among(target: str, search: Search) -> Interpreter:
    """Choose among what was found, by kind or full version."""
    match = _KIND.fullmatch(target)
    if match is None:
        known = " ".join(dict.fromkeys(i.kind for i in search.interpreters))
        raise RequestError(
            f"{target!r} is no interpreter: give a version (found here: "
            f"{known or 'none'}), a path, or name=path"
        )
    version = match["version"]
    same_version = [
        i for i in search.interpreters if version in (i.version, _minor(i.version))
    ]
    wanted = [i for i in same_version if i.free_threaded == bool(match["letter"])]
    if not wanted:
        raise RequestError(_no_such(target, version, same_version, search))
    # The newest of its kind without debugging; the search's own order for the rest.
    return max(wanted, key=lambda i: (not i.debug, _numbers(i.version)))


def _no_such(
    target: str, version: str, others: Sequence[Interpreter], search: Search
) -> str:
    if others:
        spelled = _minor(version) if version.count(".") == 1 else version
        suffix = "t" if others[0].free_threaded else "+gil"
        kind = "free-threaded" if others[0].free_threaded else "with the GIL"
        return (
            f"{target}: the only {spelled} found here is {kind} ({others[0].path}); "
            f"ask for {spelled}{suffix} if that is meant"
        )
    # There, but none that can be measured: "not found" would send people installing.
    known = [i for i in search.unsupported if version in (i.version, _minor(i.version))]
    if known:
        return f"{target}: {'; '.join(_unsupported(i) for i in known)}"
    there = ", ".join(f"{i.label} ({i.path})" for i in search.interpreters) or "none"
    places = ", ".join(search.looked_in)
    return (
        f"{target}: not found (looked in {places}). Found: {there}. Install it, for "
        f"example with `uv python install {target}`, or give its path"
    )


def _unsupported(interpreter: Interpreter) -> str:
    return (
        f"{interpreter.path} is {interpreter.implementation} {interpreter.label}; "
        f"pybench measures CPython {SUPPORTED[0]} to {SUPPORTED[-1]}"
    )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _named(found: Sequence[Requested]) -> list[Requested]:
    """Give each a name of its own: the kind, or more of it where two share one."""
    ways: tuple[Callable[[Interpreter], str], ...] = (
        lambda i: i.kind,
        lambda i: i.label,
        lambda i: f"{i.label}-{i.prefix.name}",
    )
    for describe in ways:
        names = [one.name or describe(one.interpreter) for one in found]
        if len({*names}) == len(names):
            return [
                replace(one, name=name) for name, one in zip(names, found, strict=True)
            ]
    given = [one.name for one in found if one.name]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise RequestError(f"two interpreters are called {', '.join(twice)}")
    # The same build on both sides: a comparison of nothing, which is a fine test.
    return [
        replace(one, name=one.name or f"{one.interpreter.label}#{index}")
        for index, one in enumerate(found, start=1)
    ]
