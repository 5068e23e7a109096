"""Find the interpreters of this machine.

Candidates come from PATH, pyenv, uv, findpython where it is installed, and the
list in ``PYBENCH_PYTHONS``.  A name is only a candidate: each is probed, and the
same build reached over several paths counts once.  Nothing is downloaded here.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybench.children import run
from pybench.interpreters.probe import Interpreter, ProbeError, probe
from pybench.records.documents import parse_json

SUPPORTED = ("3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15", "3.15t")

# python, python3, python3.13, python3.13t, python3.14d, but not python3-config.
_NAME = re.compile(r"python(3(\.\d+[a-z]{0,2})?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A candidate that cannot be used, and why."""

    path: Path
    reason: str
    named: bool  # the user listed it: to be told, where a stray file on PATH is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was found, what was turned down, and where was looked."""

    interpreters: tuple[Interpreter, ...]
    unsupported: tuple[Interpreter, ...]
    rejected: tuple[Rejected, ...]
    looked_in: tuple[str, ...]


def find(environ: Mapping[str, str] | None = None) -> Search:
    """Find and probe the interpreters of this machine, or of another `environ`.

    They come oldest kind first and each build once: the one that the user named in
    ``PYBENCH_PYTHONS`` (separated as in PATH) wins, then the first found.
    """
    ours = environ is None
    environ = os.environ if environ is None else environ
    named = tuple(_named(environ))
    places: tuple[tuple[str, Iterable[Path]], ...] = (
        ("PYBENCH_PYTHONS", named),
        # Before PATH, where the same builds appear as shims that are slow to start.
        ("pyenv", _in_pyenv(environ)),
        ("uv", _from_uv(environ)),
        ("PATH", _on_path(environ)),
        # It looks at os.environ, so only where that is meant.
        ("findpython", _from_findpython() if ours else ()),
    )
    found: dict[tuple[str, str, Path], Interpreter] = {}
    rejected: list[Rejected] = []
    seen: set[Path] = set()
    for _place, candidates in places:
        for path in candidates:
            # A shim may be a link to a program that looks at the name it was
            # called by, so only the folder is resolved.
            key = path.parent.resolve() / path.name
            if key in seen:
                continue
            seen.add(key)
            try:
                interpreter = probe(path)
            except ProbeError as error:
                rejected.append(
                    Rejected(path=path, reason=str(error), named=path in named)
                )
                continue
            found.setdefault(interpreter.identity, interpreter)
    ordered = sorted(found.values(), key=_order)
    return Search(
        interpreters=tuple(i for i in ordered if is_supported(i)),
        unsupported=tuple(i for i in ordered if not is_supported(i)),
        rejected=tuple(rejected),
        looked_in=tuple(place for place, _candidates in places),
    )


def is_supported(interpreter: Interpreter) -> bool:
    """Tell whether pybench builds for it."""
    return interpreter.implementation == "CPython" and interpreter.kind in SUPPORTED


def _order(interpreter: Interpreter) -> tuple[object, ...]:
    """Sort by version as numbers, GIL before free-threaded."""
    numbers = tuple(int(n) for n in re.findall(r"\d+", interpreter.version)[:3])
    return (numbers[:2], interpreter.free_threaded, numbers, str(interpreter.prefix))


def _named(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the user's own list."""
    for entry in environ.get("PYBENCH_PYTHONS", "").split(os.pathsep):
        if entry.strip():
            yield Path(entry.strip()).expanduser().absolute()


def _pythons_in(folder: Path) -> Iterator[Path]:
    """Yield a folder's interpreters by name, without links to another of them."""
    try:
        paths = sorted(p for p in folder.iterdir() if _NAME.fullmatch(p.name))
    except OSError:  # PATH often lists folders that are not there
        return
    yield from (path for path in paths if not _stands_for_another(path))


def _stands_for_another(path: Path) -> bool:
    """Tell a link beside its target (python3 -> python3.13), found by itself."""
    target = path.resolve()
    beside = target.parent == path.parent.resolve() and target.name != path.name
    return beside and _NAME.fullmatch(target.name) is not None


def _on_path(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the candidates on PATH, in its order."""
    for folder in environ.get("PATH", "").split(os.pathsep):
        if folder:  # an empty entry is the working directory: not looked at
            yield from _pythons_in(Path(folder).absolute())


def _in_pyenv(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield what pyenv has installed, chosen now or not."""
    home = Path(environ.get("HOME", "~")).expanduser()
    root = Path(environ.get("PYENV_ROOT") or home / ".pyenv")
    for version in sorted(root.glob("versions/*")):
        yield from _pythons_in(version / "bin")


def _from_uv(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield what uv has installed; its own folder too, where uv is not on PATH."""
    uv = shutil.which("uv", path=environ.get("PATH"))
    if uv:
        command = [uv, "python", "list", "--only-installed", "--output-format", "json"]
        listing = run(command, timeout_s=30, env=environ)
        try:
            entries = [] if listing.problem else parse_json(listing.stdout)
        except ValueError:
            entries = []  # an old uv without JSON: the folder below still serves
        for entry in entries:
            if isinstance(entry, dict) and isinstance(entry.get("path"), str):
                path = Path(entry["path"]).absolute()
                if not _stands_for_another(path):
                    yield path
    home = Path(environ.get("HOME", "~")).expanduser()
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    root = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    for version in sorted(root.glob("*-*")):
        yield from _pythons_in(version / "bin")


def _from_findpython() -> Iterator[Path]:
    """Yield what findpython knows besides: asdf, rye, macOS frameworks."""
    try:
        from findpython.providers import ALL_PROVIDERS
    except ImportError:
        return
    for provider_class in ALL_PROVIDERS.values():
        # Its own find_all() would start every interpreter several times.
        provider = provider_class.create()
        for version in provider.find_pythons() if provider else ():
            path = Path(version.executable).absolute()
            if not _stands_for_another(path):
                yield path


def unlike(interpreters: Sequence[Interpreter]) -> list[str]:
    """Say which differences of the builds a comparison would show as well."""
    warnings = []
    for what, value in (("PGO", "pgo"), ("LTO", "lto")):
        with_it = [i.label for i in interpreters if getattr(i, value)]
        without = [i.label for i in interpreters if not getattr(i, value)]
        if with_it and without:
            warnings.append(
                f"{' '.join(with_it)} say that they were built with {what}, "
                f"{' '.join(without)} do not: a comparison between them is also one of "
                "their builds"
            )
    debug = [i.label for i in interpreters if i.debug]
    if debug:
        warnings.append(f"{' '.join(debug)}: debug builds are several times slower")
    return warnings
