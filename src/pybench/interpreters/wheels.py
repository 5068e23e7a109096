"""The wheel of pybench that an interpreter's environment is made from.

A matching one is taken where there is one: for this build, of the same sources. Else
one is compiled from those sources, which are in a checkout and in an installed pybench.
Else one without the extension is made, whose native rows say why they are n/a.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pybench import children
from pybench.interpreters.making import (
    READY,
    Making,
    PrepareError,
    digest,
    has_pip,
    is_ready,
    locked,
    sweep,
)
from pybench.interpreters.probe import Interpreter

DISTRIBUTION = "pybench-native"
_BUILD_NEEDS = ("setuptools>=77", "wheel")
# The names of a C compiler where CC says none.
_COMPILERS = ("cc", "gcc", "clang")

_PACKAGE = Path(__file__).resolve().parents[1]
# In an installed package, what is built from; laid out as in a checkout.
_CARRIED = "_sources"
# Read by setup.py, which writes the file; the plugin reads that.
_WITHOUT = "PYBENCH_WITHOUT_EXTENSION"
_WITHOUT_FILE = "pybench/without_extension.txt"

# Where valgrind's header lies that the extension asks for.
_CALLGRIND_HEADERS = [
    Path(f"/{place}/include/valgrind/callgrind.h") for place in ("usr", "usr/local")
]

_ASK_S = 60.0
_ASK = """import json, os, sysconfig
header = os.path.join(sysconfig.get_path("include"), "Python.h")
print(json.dumps([header, os.path.isfile(header), sysconfig.get_config_var("CC")]))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel, and why it has no extension: "" if it has one."""

    path: Path
    lacks: str = ""

    @property
    def key(self) -> str:
        """What tells it from wheels that were made from something else."""
        return f"{self.path.parent.name}/{self.path.name}"


def source_folder() -> Path | None:
    """Return the checkout that this is run from, or the sources that are installed.

    None if it was installed without them.
    """
    for root in (_PACKAGE.parents[1], _PACKAGE / _CARRIED):
        if (root / "src" / "_pybench" / "module.c").is_file():
            return root
    return None


def is_installed() -> bool:
    """Tell whether this is run from an installed pybench, not from a checkout."""
    return source_folder() != _PACKAGE.parents[1]


def find_wheel(
    interpreter: Interpreter, cache: Path, find_links: Sequence[Path] = ()
) -> Wheel:
    """Return the wheel for an interpreter that is kept, or get one.

    `find_links` are folders of wheels. Raises `PrepareError` if there is none and none
    can be made.
    """
    files = _contents()
    key = digest(
        [(name, path.read_bytes()) for name, path in sorted(files.items())],
        os.environ.get("CC"), os.environ.get("CFLAGS"), _offered(find_links),
        # Whoever installs valgrind wants an extension that can count.
        any(header.is_file() for header in _CALLGRIND_HEADERS),
    )  # fmt: skip
    folder = cache / "wheels" / f"{interpreter.soabi or interpreter.kind}-{key}"
    with locked(folder, find_links=find_links) as making:
        built = sorted(folder.glob("*.whl"))
        if built:
            return Wheel(path=built[0])
        sweep(folder.parent, "*.whl")
        python = builder(interpreter, cache, find_links)
        matching = _matching(making, python, interpreter, files)
        if matching is not None:
            return Wheel(path=matching)
        lacks = _cannot_compile(interpreter)
        if not lacks:
            try:
                return Wheel(path=_build(making, python, interpreter, files))
            except PrepareError as error:
                if not is_installed():
                    raise
                lacks = _first_error(error)
    return _without_extension(interpreter, cache, python, files, lacks)


def builder(
    interpreter: Interpreter, cache: Path, find_links: Sequence[Path] = ()
) -> Path:
    """Return a Python of this build that has pip and what builds wheels."""
    # All environments of one build share it.
    name = f"{interpreter.build}-{digest(*map(str, interpreter.identity))[:6]}"
    folder = cache / "builders" / name
    python = folder / "bin" / "python"
    with locked(folder, find_links=find_links) as making:
        if not is_ready(folder, python):
            sweep(folder.parent, READY)
            making.create(interpreter)
            needs = [*_BUILD_NEEDS] if has_pip(python) else [*_BUILD_NEEDS, "pip"]
            line = [*making.installer(python), *needs]
            making.run(line, f"{interpreter.label}: installing what builds wheels")
            (folder / READY).touch()
    return python


def _contents() -> dict[str, Path]:
    """Return the files that a wheel is built from, by their names in a checkout."""
    root = source_folder()
    if root is None:
        return {}
    names = ("pyproject.toml", "setup.py", "src/_pybench/*.[ch]")
    files = {str(p.relative_to(root)): p for name in names for p in root.glob(name)}
    for path in _PACKAGE.rglob("*.py"):
        inside = path.relative_to(_PACKAGE)
        if inside.parts[0] != _CARRIED:
            files[f"src/pybench/{inside}"] = path
    return files


# One that is there


def _offered(find_links: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Return which wheels of pybench the folders have."""
    pattern = f"{DISTRIBUTION.replace('-', '_')}-*.whl"
    found = [path for folder in find_links for path in sorted(folder.glob(pattern))]
    return [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in found]


def _matching(
    making: Making,
    python: Path,
    interpreter: Interpreter,
    files: Mapping[str, Path],
) -> Path | None:
    """Take a wheel for this build from the folders or the index, if it is the same."""
    # An index has no wheel of a checkout's sources.
    places = [["--no-index", *making.links]] if making.links else []
    places += [[]] if is_installed() else []
    fetched = making.folder / "fetched"
    for place in places:
        line = [
            str(python), "-I", "-m", "pip", "download", "-q", "--no-deps",
            "--disable-pip-version-check", "--retries", "1", "--timeout", "10",
            "--only-binary", ":all:", "-d", str(fetched), *place,
            f"{DISTRIBUTION}=={metadata.version(DISTRIBUTION)}",
        ]  # fmt: skip
        try:
            making.run(line, f"{interpreter.label}: looking for a wheel of pybench")
            for wheel in fetched.glob("*.whl"):
                if _is_same(wheel, files):
                    return wheel.replace(making.folder / wheel.name)
        except PrepareError:
            continue  # there is none
        finally:
            shutil.rmtree(fetched, ignore_errors=True)
    return None


def _is_same(wheel: Path, files: Mapping[str, Path]) -> bool:
    """Tell whether a wheel has the extension, and was built from the same sources.

    One of the same version need not be: another commit, or a package of this name that
    is somebody else's.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = {*archive.namelist()}
            if _WITHOUT_FILE in names:
                return False
            for name, path in files.items():
                if name == "pyproject.toml":  # it has the settings of tools too
                    continue
                inside = f"pybench/{_CARRIED}/{name}"
                if name.startswith("src/pybench/"):
                    inside = name.removeprefix("src/")
                if inside not in names or archive.read(inside) != path.read_bytes():
                    return False
    except (OSError, zipfile.BadZipFile):
        return False
    return bool(files)


# One that is built


def _cannot_compile(interpreter: Interpreter) -> str:
    """Say what a build would lack, "" if it lacks nothing."""
    answer = children.run([interpreter.path, "-I", "-c", _ASK], timeout_s=_ASK_S)
    try:
        header, has_header, own = json.loads(answer.stdout)
        compilers = shlex.split(os.environ.get("CC", ""))[:1]
        compilers = compilers or [*_COMPILERS, *shlex.split(own or "")[:1]]
    except ValueError as error:
        return f"{answer.problem or error}"
    if not any(map(shutil.which, compilers)):
        looked = ", ".join(dict.fromkeys(compilers))
        return f"there is no C compiler on PATH ({looked})"
    return "" if has_header else f"its C headers are missing ({header})"


def _build(
    making: Making,
    python: Path,
    interpreter: Interpreter,
    files: Mapping[str, Path],
    **variables: str,
) -> Path:
    """Build a wheel into a folder, from a copy: a build leaves things beside it."""
    if not files:
        raise PrepareError(
            f"{interpreter.label}: no wheel of {DISTRIBUTION} for this build, and the "
            f"pybench at {_PACKAGE} was installed without its sources: reinstall it"
        )
    source = making.folder / "source"
    try:
        for name, file in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, source / name)
        for name in ("README.md", "LICENSE", "src/pybench/py.typed"):
            (source / name).touch()
        making.run(
            [
                str(python), "-I", "-m", "pip", "wheel", "-q", "--no-deps",
                "--no-build-isolation", "-w", str(making.folder), str(source),
            ],
            f"{interpreter.label}: building the extension",
            **variables,
        )  # fmt: skip
    finally:
        shutil.rmtree(source, ignore_errors=True)
    return next(iter(making.folder.glob("*.whl")))


def _first_error(error: PrepareError) -> str:
    """Return the first line of what a tool said."""
    lines = [line.strip() for line in str(error).splitlines()]
    return f"it does not compile: {[*lines[1:], *lines][0]}"


def _without_extension(
    interpreter: Interpreter,
    cache: Path,
    python: Path,
    files: Mapping[str, Path],
    lacks: str,
) -> Wheel:
    """Return a wheel of the package alone, which says what the extension lacks."""
    reason = (
        f"no extension for {interpreter.label}: {lacks}; add that, or a wheel by "
        "--find-links"
    )
    key = digest([(name, path.read_bytes()) for name, path in files.items()], reason)
    folder = cache / "wheels" / f"none-{key}"
    with locked(folder) as making:
        built = sorted(folder.glob("*.whl"))
        if built:
            return Wheel(path=built[0], lacks=reason)
        path = _build(making, python, interpreter, files, **{_WITHOUT: reason})
    return Wheel(path=path, lacks=reason)
