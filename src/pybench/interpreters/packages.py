"""What ``--with`` names, and what that holds now: its words for pip and their content.

The key of an environment is what it was made from. A folder's content is what its git
says that it consists of; without git every file counts that no tool has made. A
requirement file counts with the files and folders that it names.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from pybench.children import run
from pybench.interpreters.making import PrepareError

# Options of pip with a file of requirements, with a folder; long and short.
_FILES = ("-r", "--requirement", "-c", "--constraint")
_FOLDERS = ("-e", "--editable")
# Variables that name files of constraints.
_VARIABLES = ("PIP_CONSTRAINT", "PIP_REQUIREMENT", "UV_CONSTRAINT")

# Made by tools, never read by a build: folders of any depth, by name.
_NO_SOURCES = {
    "__pycache__", ".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", ".hypothesis", ".benchmarks",
}  # fmt: skip
# What setuptools leaves at the top of a folder that it builds.
_BUILT = re.compile(r"build/(lib|lib\..+|temp\..+|bdist\..+)|(src/)?[^/]+\.egg-info")
_EXTRAS = re.compile(r"(?P<path>.+?)\s*(?P<extras>\[[^\]/\\]*\])")


class PackagesError(PrepareError):
    """A word of ``--with`` that names nothing; the text names the word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """Words for pip with absolute paths, and a digest of what those paths hold."""

    words: tuple[str, ...]
    content: str


def read_packages(
    words: Sequence[str], environ: Mapping[str, str] | None = None
) -> Packages:
    """Read what is named as it is now.

    Parameters
    ----------
    words : sequence of str
        As for ``pip install``: requirements, paths, ``-r file``, ``-e folder``.
    environ : mapping of str to str, optional
        Stands in for ``os.environ``, whose constraints count where words are given.

    Raises
    ------
    PackagesError
        If a path is not there or cannot be read.
    """
    found = _Content()
    done: list[str] = []
    option = ""
    for word in words:
        name, value = _option(word) if not option else (option, word)
        if name and not value:
            option = name
            continue
        option = ""
        if name in _FILES:
            path = _path(value).absolute()
            found.add_requirements(path)
            done += [name, str(path)]
        elif word.startswith("-") and not name:
            done.append(word)
        else:
            package = _absolute(value if name else word)
            found.add_package(package)
            done += [name, package] if name else [package]
    if option:
        raise PackagesError(f"{option}: nothing after it")
    environ = os.environ if environ is None else environ
    for variable in _VARIABLES if words else ():
        for file in environ.get(variable, "").split():
            if "://" not in file:
                found.add_requirements(_path(file).absolute())
    return Packages(words=tuple(done), content=found.digest())


def is_made(name: str) -> bool:
    """Tell whether tools have made a file, by its path in the folder of a package."""
    path = PurePosixPath(name)
    return bool(_NO_SOURCES & {*path.parts}) or any(
        _BUILT.fullmatch(str(parent)) for parent in path.parents
    )


def _path(text: str) -> Path:
    # Path.expanduser raises where there is no such user; this leaves the text.
    return Path(os.path.expanduser(text))  # noqa: PTH111


def _option(word: str) -> tuple[str, str]:
    """Split ``-rfile`` and ``--requirement=file``; ("", "") is no such option."""
    for name in (*_FILES, *_FOLDERS):
        if word == name:
            return name, ""
        if name.startswith("--") and word.startswith(f"{name}="):
            return name, word[len(name) + 1 :]
        if not name.startswith("--") and word.startswith(name):
            return name, word[len(name) :]
    return "", ""


def _absolute(package: str) -> str:
    """Return a requirement as it is, a path as an absolute one, with its extras."""
    match = _EXTRAS.fullmatch(package)
    bare, extras = (match["path"], match["extras"]) if match else (package, "")
    is_path = bare.startswith((".", "~")) or os.sep in bare
    if not is_path or "://" in package or re.search(r"\s@\s", package):
        return package
    path = _path(bare)
    if not path.exists():
        raise PackagesError(f"{package}: no such file or folder to install")
    return f"{path.resolve()}{extras}"


class _Content:
    """Takes in files, once each, with what they name."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._seen: set[Path] = set()

    def digest(self) -> str:
        return self._hash.hexdigest()[:16]

    def _note(self, *facts: object) -> None:
        self._hash.update(repr(facts).encode())

    def add_requirements(self, path: Path) -> None:
        """Take in a file of requirements or constraints, and what its lines name."""
        if path.resolve() in self._seen:
            return
        self._seen.add(path.resolve())
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise PackagesError(f"{path}: {error.strerror or error}") from None
        self._note("requirements", path.name, text)
        for line in text.replace("\\\n", " ").splitlines():
            words = _words(line)
            if not words:
                continue
            name, value = _option(words[0])
            value = value or (words[1] if name and len(words) > 1 else "")
            if name in _FILES and value and "://" not in value:
                # Relative to the file that names it, as pip reads it.
                self.add_requirements(path.parent / _path(value))
            elif name or not words[0].startswith("-"):
                self.add_package(value if name else " ".join(words))

    def add_package(self, package: str) -> None:
        """Take in what a requirement's path holds; one without a path holds nothing."""
        path = _local(package)
        if path is None:
            return
        try:
            if path.is_dir():
                self._add_folder(path)
            elif path.is_file():
                self._add_file(path, path.name)
        except OSError as error:
            named = error.filename or path
            raise PackagesError(f"{named}: {error.strerror or error}") from None

    def _add_folder(self, folder: Path) -> None:
        if folder.resolve() in self._seen:
            return
        self._seen.add(folder.resolve())
        names = _names_by_git(folder)
        if names is None:
            names = [*_names_by_walk(folder)]
        else:
            # Versions are made from it.
            commit = _git(folder, "describe", "--tags", "--always", "--long") or ""
            self._note("commit", commit.strip())
        self._note("folder", len(names))
        for name in names:
            path = folder / name
            if path.is_dir():  # a submodule, another repository, a link to a folder
                self._note("in", name)
                self._add_folder(path)
            elif path.is_file():
                self._add_file(path, name)
            else:
                self._note("gone", name)

    def _add_file(self, path: Path, name: str) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._note(name, digest, os.access(path, os.X_OK))


def _words(line: str) -> list[str]:
    """Split a line of a requirement file; a comment begins with a # of its own."""
    text = re.sub(r"(^|\s)#.*", "", line).strip()
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _local(package: str) -> Path | None:
    """Return the path of ``./p``, ``p[x]``, ``file:///p`` and ``name @ file:///p``."""
    text = package.split(";")[0].strip()
    _, at, url = text.partition("@")
    if at and url.strip().startswith("file:"):
        text = url.strip()
    if text.startswith("file:"):
        return Path(unquote(urlsplit(text).path))
    if "://" in text:
        return None
    for candidate in (text, *(m["path"] for m in [_EXTRAS.fullmatch(text)] if m)):
        path = _path(candidate)
        if (os.sep in candidate or candidate.startswith(".")) and path.exists():
            return path.absolute()
    return None


def _names_by_git(folder: Path) -> list[str] | None:
    """Return what git has of a folder, ignored files left out; None without git.

    A folder that is itself ignored is nothing to git, and so is one that git refuses to
    look at.
    """
    names = _git(folder, "ls-files", "-z", "-co", "--exclude-standard")
    return sorted({name for name in names.split("\0") if name}) if names else None


def _git(folder: Path, *words: str) -> str | None:
    # Variables such as GIT_DIR, which a hook has set, would mean another repository.
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", "-C", str(folder), *words]
    done = run(command, env=environ, errors="surrogateescape")
    return None if done.problem else done.stdout


def _names_by_walk(folder: Path) -> Iterator[str]:
    """Yield every file's name but for those that tools have surely made."""
    for at, folders, files in os.walk(folder):
        here = Path(at).relative_to(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in _NO_SOURCES and not _BUILT.fullmatch(str(here / name))
        )
        links = [name for name in folders if (Path(at) / name).is_symlink()]
        for name in sorted([*files, *links]):
            if not name.endswith((".pyc", ".pyo")):
                yield str(here / name)
