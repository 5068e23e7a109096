"""``--suite pyperformance``: the applications of its manifest, each with its own pins.

``pyperformance`` is the default group of its manifest; ``pyperformance:regex`` a group
or a tag, ``pyperformance:quick`` twelve of it, ``pyperformance:nbody,json_loads`` two,
``pyperformance:-sphinx`` all but one. A word with a slash is another manifest:
``pyperformance:path/MANIFEST,mine``.

Each benchmark of it is a script of pyperf with arguments, so it becomes an entry that
`pybench.target.suites.pyperf` runs. What an entry needs differs from arm to arm, as
packages are installed for a build: each arm has a folder of entries, which stand in for
those of the suite.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from packaging.version import Version

from pybench.comparison.suites.pyperformance_manifest import Application, Manifest
from pybench.comparison.suites.suite import Suite, SuiteError
from pybench.interpreters.making import PrepareError, cache_folder
from pybench.interpreters.package_folders import (
    build_name,
    packages_folder,
    short_reason,
)
from pybench.interpreters.probe import Interpreter
from pybench.records.files import write_file
from pybench.records.scripts import ARM_ENTRIES, ScriptEntry, write_entry

NAME = "pyperformance"

# What two processes cannot do at once, and why.
EXCLUSIVE = {
    "asyncio_tcp": "its server is at port 8882",
    "asyncio_tcp_ssl": "its server is at port 8882",
    "asyncio_websockets": "its server is at port 8001",
    "sphinx": "it builds in a folder beside its script, and empties that",
}
# What leaves something behind in its process, or measures what others have left. One
# with packages of its own has its own process anyway.
OWN_PROCESS = {
    "concurrent_imap": "its children import its script as their main module",
    "coverage": "it traces all calls of its process",
    "dask": "its scheduler and its workers leave threads",
    "fastapi": "its server is a thread that never ends",
    "gc_collect": "a collection walks through all that others have left",
    "gc_traversal": "a collection walks through all that others have left",
    "sphinx": "it replaces open() and os.replace()",
    "sympy": "it turns the collector off and leaves it so",
    "tornado_http": "it leaves its event loop",
}
# What a script needs beside its pins and has in an environment of pyperformance: some
# packages import distutils, and children of one script import pyperf.
MORE_PACKAGES = {
    "concurrent_imap": ("pyperf",),
    "django_template": ("setuptools",),
    "sympy": ("setuptools",),
}
# What a script must be the first to import: to have it without its part in C, and to
# configure it, which it takes once.
ANEW = {
    "django_template": ("django",),
    "pickle_pure_python": ("pickle", "_pickle"),
    "unpickle_pure_python": ("pickle", "_pickle"),
}
# Folders of packages beside a script, and since which Python it needs them. The script
# would install this one where it runs.
BESIDE = {"2to3": ("vendor/src", "3.13")}

# The category of what has no tag.
UNTAGGED = "other"


def pyperformance_suite(text: str) -> Suite:
    """Return the suite that ``pyperformance`` or ``pyperformance:words`` names.

    Raises
    ------
    SuiteError
        If pyperformance is not installed, its manifest cannot be read, or a word is no
        benchmark, group or tag of it.
    """
    words = [word.strip() for word in text.partition(":")[2].split(",")]
    paths = [word for word in words if "/" in word]
    if len(paths) > 1:
        raise SuiteError(f"{text}: two manifests, {' and '.join(paths)}: name one")
    manifest = Manifest(paths[0] if paths else None)
    chosen = manifest.choose([word for word in words if word and word not in paths])
    entries = {_place(one): _entry(one) for one in manifest.applications.values()}
    name = f"{NAME}-{_digest(entries)}"
    folder = cache_folder() / "suites" / name
    try:
        _write(folder / "entries", entries)
        # Rows are named from there on, and no settings of a folder above are theirs.
        write_file(folder / "entries" / "pytest.ini", b"[pytest]\n")
    except OSError as error:
        raise SuiteError(
            f"{error.filename or folder}: {error.strerror or error}: its entries are "
            "kept in the cache, so let XDG_CACHE_HOME name a folder that can be written"
        ) from None
    paths = [str(folder / "entries" / f"{_place(one)}.pyperf") for one in chosen]
    if len(chosen) == len(entries):
        paths = [str(folder / "entries")]

    installed: dict[str, set[str]] = {}  # what the first arm that has them got

    def prepare(
        interpreter: Interpreter, say: Callable[[str], None]
    ) -> Mapping[str, str]:
        arm = _Arm(interpreter, say)
        own = {_place(one): arm.entry(one) for one in chosen}
        for place, entry in own.items():
            versions = {name for each in entry.folders for name in _versions(each)}
            if versions and (
                others := versions - installed.setdefault(place, versions)
            ):
                say(f"{place} has other versions here: {', '.join(sorted(others))}")
        into = folder / build_name(interpreter)
        _write(into, own)
        return {ARM_ENTRIES: str(into)}

    return Suite(
        text=text,
        paths=tuple(paths),
        options=("-p", "pybench.target.suites.pyperf", "-p", "no:cacheprovider"),
        environ=prepare,
        version=f"{text} of {version('pyperformance')}",
    )


def _versions(folder: str) -> Iterator[str]:
    """Yield the names, each with its version, of what is installed in a folder.

    Only the first pins are the suite's; what those need may differ between arms.
    """
    for path in Path(folder).glob("*.dist-info"):
        yield path.stem.replace("-", " ")


def _place(application: Application) -> str:
    """Return where its entry is: the tag is the category of its rows."""
    return f"{application.tag or UNTAGGED}/{application.name}"


def _entry(application: Application) -> ScriptEntry:
    """Return how it is run where no arm says more."""
    packages = application.packages
    lacks = f"needs {', '.join(packages)}: pybench compare and run install it"
    return ScriptEntry(
        script=str(application.script),
        arguments=application.arguments,
        group=application.tag or UNTAGGED,
        exclusive=application.name in EXCLUSIVE,
        own_process=bool(packages) or application.name in OWN_PROCESS,
        anew=ANEW.get(application.name, ()),
        unavailable=application.problem or lacks * bool(packages),
    )


def _digest(entries: Mapping[str, ScriptEntry]) -> str:
    return hashlib.sha256(repr(sorted(entries.items())).encode()).hexdigest()[:12]


def _write(folder: Path, entries: Mapping[str, ScriptEntry]) -> None:
    for place, entry in entries.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        write_entry(folder, place, entry)


# One arm


class _Arm:
    """Prepares the entries of an arm; `say` is given lines of how far it is."""

    def __init__(self, interpreter: Interpreter, say: Callable[[str], None]) -> None:
        self._interpreter = interpreter
        self._say = say
        # Several applications have the same pins, which fail once.
        self._failed: dict[Sequence[str], str] = {}
        match = re.match(r"[0-9.]+", interpreter.version)
        self._version = Version(match[0].strip(".") if match else "0")

    def entry(self, application: Application) -> ScriptEntry:
        """Return how it is run on this arm; its packages are then installed."""
        entry = _entry(application)
        if application.problem:
            return entry
        if not application.python.contains(self._version):
            return replace(entry, unavailable=f"needs Python {application.python}")
        folders: list[Path] = []
        words = (*application.packages, *MORE_PACKAGES.get(application.name, ()))
        if words:
            if words not in self._failed:
                self._install(application.name, words, folders)
            if reason := self._failed.get(words):
                return replace(entry, unavailable=reason)
        beside, since = BESIDE.get(application.name, ("", "0"))
        if beside and self._version >= Version(since):
            folders.append(application.script.parent / beside)
        return replace(entry, folders=tuple(map(str, folders)), unavailable="")

    def _install(self, name: str, words: Sequence[str], folders: list[Path]) -> None:
        try:
            folders.append(
                packages_folder(
                    self._interpreter,
                    words,
                    on_install=lambda: self._say(f"installing packages of {name}"),
                )
            )
        except PrepareError as error:
            self._failed[words] = (
                f"its packages cannot be installed: {short_reason(error)}"
            )
