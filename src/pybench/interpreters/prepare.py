"""An environment for each interpreter: pybench, pytest and what is to be compared.

An interpreter that was asked for by its version gets an environment of its own, made
from it. One that was asked for by its path, a virtual environment for example, is run
as it is, with the packages that it has: pybench is put beside it, with what it lacks,
and nothing is written into it.

What is made is kept in the user's cache and named after what is in it, so the second
comparison starts at once. The wheel of pybench is built once per ABI, from the
checkout this runs from or from the same version's source package.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pybench import children
from pybench.interpreters.packages import PackagesError, read_packages
from pybench.interpreters.probe import Interpreter

if sys.platform != "win32":
    import fcntl

TIMEOUT_S = 900.0
# Of an interpreter that says what it has; a cold disk with hundreds of packages.
_ANSWER_S = 60.0
_BUILD_NEEDS = ("setuptools>=77", "wheel")
_DISTRIBUTION = "pybench-native"

# What a session is started with, where the interpreter has pybench. Without -P the
# current folder would come first, and a file of its own could stand in for a package.
START = ("-P", "-m", "pybench.target.programs.start_pytest")


# What interpreters with packages of their own may have. Measured with the least and the
# newest of pytest and pytest-benchmark, on 3.11 and 3.14t; of pluggy, 1.2 is the first
# with the kind of hooks that the plugin has.
SUPPORTED_PACKAGES = (
    Requirement("pytest>=7.4,<10"),
    Requirement("pytest-benchmark>=4.0,<6"),
    Requirement("pluggy>=1.2,<2"),
)
# What `pybench run` needs: its table is pytest-benchmark's own, with options that older
# ones lack. Measured with the least of both.
MEASURED_PACKAGES = (
    Requirement("pytest>=8.1,<10"),
    Requirement("pytest-benchmark>=5.3.1,<6"),
)


def holds(requirement: Requirement, version: str) -> bool:
    """Tell whether a version will do; one of another form than PEP 440's does not.

    A pre-release counts as its release: a checkout of 9.0 calls itself 9.0.0.dev3.
    """
    try:
        return Version(version).base_version in requirement.specifier
    except InvalidVersion:
        return False


class PrepareError(Exception):
    """An environment that could not be made; with what the tool said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A Python in which the rows can be run.

    `start` is what follows `python` where a session is started. `asked` are the
    packages that the caller named, `beside` those that the interpreter lacks and that
    were put beside it, by name and version.
    """

    python: Path
    made: bool  # now, rather than found ready
    start: tuple[str, ...] = START
    asked: tuple[str, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)


def cache_folder() -> Path:
    """Return where environments and wheels are kept."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The convention says that a relative one is to be ignored.
    if not Path(base).is_absolute():
        base = os.path.expanduser("~/.cache")  # noqa: PTH111 - never raises
    return Path(base) / "pybench"


def source_folder() -> Path | None:
    """Return the checkout that this is run from, None if it is installed."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "src" / "_pybench" / "module.c").is_file() else None


def prepare(
    interpreter: Interpreter,
    *,
    packages: Sequence[str] = (),
    as_it_is: bool = False,
    cache: Path | None = None,
) -> Environment:
    """Make an environment ready, or find it ready.

    Parameters
    ----------
    interpreter : Interpreter
        Its base.
    packages : sequence of str
        Requirements, paths and requirement files of what the suite needs besides.
    as_it_is : bool
        Run this interpreter with the packages that it has, and add to them only what
        it lacks. One that has none, and is no virtual environment, is a base alone.
    cache : Path, optional
        In place of `cache_folder`.

    Raises
    ------
    PrepareError
        Names the interpreter and the step, and ends with what the tool said.
    """
    cache = cache or cache_folder()
    try:
        asked = read_packages(packages)
    except PackagesError as error:
        raise PrepareError(str(error)) from None
    has = _packages_of(interpreter) if as_it_is else {}
    own = _is_virtual(interpreter) or bool({*has} - _ALWAYS_THERE)
    if as_it_is and own:
        _refuse_unsupported(interpreter, has)
    else:
        has = {}
    wheel = _wheel(interpreter, cache)
    key = _digest(wheel.name, wheel.parent.name, asked.words, asked.content, has)
    folder = cache / "environments" / f"{interpreter.label}-{_short(interpreter)}-{key}"
    beside = as_it_is and own
    python = interpreter.path if beside else folder / "bin" / "python"
    made = False
    if not _is_ready(folder, python):
        with _lock(folder) as making:
            if not _is_ready(folder, python):
                _sweep(folder.parent, _READY)
                fill = _put_beside if beside else _fill
                try:
                    facts = fill(making, interpreter, cache, wheel, asked.words, has)
                except BaseException:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
                (folder / _READY).write_text(json.dumps(facts))
                made = True
    facts = json.loads((folder / _READY).read_text())
    start: tuple[str, ...] = START
    if beside:
        program = folder / "ours/pybench/target/programs/start_pytest.py"
        start = ("-P", str(program), "--packages", str(folder))
    return Environment(
        python=python,
        made=made,
        start=start,
        asked=tuple(facts["asked"]),
        beside=facts["beside"],
    )


_READY = "ready"
# What every interpreter and every virtual environment may have from the start.
_ALWAYS_THERE = {"pip", "setuptools", "wheel"}


def _is_ready(folder: Path, python: Path) -> bool:
    return (folder / _READY).exists() and python.exists()


# An environment of its own


def _fill(
    making: _Making,
    interpreter: Interpreter,
    cache: Path,
    wheel: Path,
    words: Sequence[str],
    has: Mapping[str, str],
) -> dict[str, Any]:
    """Make a virtual environment with pybench and the packages in it."""
    del cache, has
    folder = making.folder
    python = folder / "bin" / "python"
    making.create(interpreter)
    install = _installer(python)
    making.run(
        [*install, f"{_DISTRIBUTION} @ {wheel.as_uri()}", *words],
        f"{interpreter.label}: installing pybench"
        + (f" and {', '.join(words)}" if words else ""),
    )
    asked = {canonicalize_name(name) for name in _requested(folder)} - {_DISTRIBUTION}
    # Used where there is a wheel, compiled nowhere.
    with contextlib.suppress(PrepareError):
        making.run([*install, "--only-binary", ":all:", "psutil>=6"], "psutil")
    return {"asked": sorted(asked) if words else [], "beside": {}}


def _requested(folder: Path) -> Iterator[str]:
    """Yield the names of what was asked for; installers note that in a file."""
    for note in folder.glob("lib/python*/site-packages/*.dist-info/REQUESTED"):
        yield note.parent.name.removesuffix(".dist-info").rpartition("-")[0]


# An interpreter as it is

_WHAT_IT_HAS = r"""
import json, re
from importlib import metadata
found = {}
for one in metadata.distributions():
    try:
        name, version = one.metadata["Name"], one.version
    except Exception:
        continue
    if isinstance(name, str) and isinstance(version, str):
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
print("\npybench-packages " + json.dumps(found))
"""
_MARK = "pybench-packages "


def _packages_of(interpreter: Interpreter) -> dict[str, str]:
    """Ask an interpreter for its packages: the version of each by its normal name."""
    # As its sessions see them: with the user's own folder where that is in use.
    line = [str(interpreter.path), "-E", "-P", "-c", _WHAT_IT_HAS]
    child = children.run(line, timeout_s=_ANSWER_S)
    for text in child.stdout.splitlines():
        if text.startswith(_MARK):
            found: dict[str, str] = json.loads(text.removeprefix(_MARK))
            return found
    reason = child.problem if child.status is None else child.last_line
    raise PrepareError(f"{interpreter.path}: its packages cannot be listed: {reason}")


def _is_virtual(interpreter: Interpreter) -> bool:
    return (interpreter.path.parent.parent / "pyvenv.cfg").is_file()


def _refuse_unsupported(interpreter: Interpreter, has: Mapping[str, str]) -> None:
    """Raise `PrepareError` where it has a pytest that sessions do not run with."""
    if all(holds(r, has[r.name]) for r in SUPPORTED_PACKAGES if r.name in has):
        return
    there, wanted = _versions(has, SUPPORTED_PACKAGES)
    raise PrepareError(
        f"{interpreter.path} has {there}; pybench measures with {wanted}: install such "
        "versions there, or uninstall them, and pybench puts its own beside"
    )


def refuse_to_run(interpreter: Interpreter, beside: Mapping[str, str]) -> None:
    """Refuse for `pybench run` what `compare` alone can work with.

    Parameters
    ----------
    interpreter : Interpreter
        Whose packages are looked at.
    beside : mapping of str to str
        The versions of what was put beside those.

    Raises
    ------
    PrepareError
        With the versions there and those that are needed.
    """
    has = {**beside, **_packages_of(interpreter)}
    if all(holds(r, has.get(r.name, "")) for r in MEASURED_PACKAGES):
        return
    there, wanted = _versions(has, MEASURED_PACKAGES)
    raise PrepareError(
        f"{interpreter.path} has {there}; pybench run measures with {wanted}: install "
        "such versions there, or use pybench compare, which works with older ones"
    )


def _versions(has: Mapping[str, str], needed: Sequence[Requirement]) -> tuple[str, str]:
    """Return which versions there are, and which are wanted, in words."""
    there = ", ".join(
        f"{r.name} {has[r.name]}" if r.name in has else f"no {r.name}" for r in needed
    )
    return there, " ".join(f"'{r}'" for r in needed)


def _put_beside(
    making: _Making,
    interpreter: Interpreter,
    cache: Path,
    wheel: Path,
    words: Sequence[str],
    has: Mapping[str, str],
) -> dict[str, Any]:
    """Put pybench, the packages and what an interpreter lacks into folders beside it.

    pip is asked what it would install for that interpreter; only that is installed,
    into a folder of ours. So what the interpreter has is never touched.
    """
    folder, label = making.folder, interpreter.label
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pip = [str(_builder(interpreter, cache)), "-I", "-m", "pip"]
    asked = making.resolve(
        pip, interpreter, words, f"{label}: finding {', '.join(words)}"
    )
    making.install(pip, interpreter, asked, "with", f"{label}: installing")
    seen: dict[str, str] = {
        **has,
        **{canonicalize_name(p.name): p.version for p in asked},
    }
    constraints = folder / "constraints.txt"
    # Whatever it has is kept: pip finds what fits to it, or says what does not.
    constraints.write_text(
        "".join(
            f"{name}=={version}\n"
            for name, version in sorted(seen.items())
            if _is_version(version)
        )
    )
    needs = [str(r) for r in SUPPORTED_PACKAGES]
    line = ["-c", str(constraints), *needs]
    step = f"{label}: finding the pytest that goes with what it has"
    try:
        # psutil is used where there is a wheel, compiled nowhere.
        wheels = [*line, "--only-binary", ":all:", "psutil>=6"]
        lacks = making.resolve(pip, interpreter, wheels, step)
    except PrepareError:
        lacks = making.resolve(pip, interpreter, line, step)
    making.install(pip, interpreter, lacks, "beside", f"{label}: installing")
    shutil.unpack_archive(wheel, folder / "ours", "zip")
    return {
        "asked": sorted(
            canonicalize_name(one.name) for one in asked if one.is_requested
        ),
        "beside": {
            canonicalize_name(package.name): package.version for package in lacks
        },
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What pip would install: `word` names it to pip."""

    name: str
    version: str
    word: str
    is_requested: bool
    is_editable: bool = False


def _found(report: Mapping[str, Any]) -> list[_Found]:
    """Read pip's report of an installation that it did not do."""
    found = []
    for entry in report["install"]:
        facts, origin = entry["metadata"], entry["download_info"]
        name, version = facts["name"], facts["version"]
        is_direct = entry["is_direct"]
        found.append(
            _Found(
                name=name,
                version=version,
                word=_direct(name, origin) if is_direct else f"{name}=={version}",
                is_requested=entry["requested"],
                is_editable=bool(origin.get("dir_info", {}).get("editable")),
            )
        )
    return found


def _direct(name: str, origin: Mapping[str, Any]) -> str:
    """Write where a package comes from that is from no index."""
    url, vcs = origin["url"], origin.get("vcs_info")
    if vcs:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if sub := origin.get("subdirectory"):
        url += f"#subdirectory={sub}"
    return url if origin.get("dir_info", {}).get("editable") else f"{name} @ {url}"


# The wheel of pybench


def _wheel(interpreter: Interpreter, cache: Path) -> Path:
    """Build the wheel of pybench for an ABI, or return the one that is there."""
    source = source_folder()
    if source is None:
        wanted = f"{_DISTRIBUTION}=={metadata.version(_DISTRIBUTION)}"
        key = _digest(wanted)
    else:
        wanted = str(source)
        key = _digest(
            [(p.name, p.read_bytes()) for p in _sources(source)],
            os.environ.get("CC"), os.environ.get("CFLAGS"),
        )  # fmt: skip
    folder = cache / "wheels" / f"{interpreter.soabi or interpreter.kind}-{key}"
    with _lock(folder) as making:
        built = sorted(folder.glob("*.whl"))
        if built:
            return built[0]
        _sweep(folder.parent, "*.whl")
        python = _builder(interpreter, cache)
        if source is not None:
            wanted = str(_copy(source, folder / "source"))
        try:
            making.run(
                [
                    str(python), "-I", "-m", "pip", "wheel", "-q", "--no-deps",
                    "--no-build-isolation", "-w", str(folder), wanted,
                ],
                f"{interpreter.label}: building the extension",
            )  # fmt: skip
        finally:
            shutil.rmtree(folder / "source", ignore_errors=True)
        return next(iter(folder.glob("*.whl")))


def _builder(interpreter: Interpreter, cache: Path) -> Path:
    """Return a Python of this build that has pip and what builds wheels."""
    # All environments of one build share it.
    name = f"{interpreter.label}-{_digest(*map(str, interpreter.identity))[:6]}"
    folder = cache / "builders" / name
    python = folder / "bin" / "python"
    with _lock(folder) as making:
        if not _is_ready(folder, python):
            _sweep(folder.parent, _READY)
            making.create(interpreter)
            needs = [*_BUILD_NEEDS] if _has_pip(python) else [*_BUILD_NEEDS, "pip"]
            line = [*_installer(python), *needs]
            making.run(line, f"{interpreter.label}: installing what builds wheels")
            (folder / _READY).touch()
    return python


def _sources(root: Path) -> list[Path]:
    files = [root / name for name in ("pyproject.toml", "setup.py")]
    for pattern in ("src/_pybench/*.[ch]", "src/pybench/**/*.py", "src/*.pyi"):
        files += sorted(root.glob(pattern))
    return files


def _copy(root: Path, to: Path) -> Path:
    """Copy what a build reads: building in the checkout would leave things in it."""
    shutil.rmtree(to, ignore_errors=True)
    names = ("README.md", "LICENSE", "src/pybench/py.typed")
    for file in [*_sources(root), *(root / name for name in names)]:
        target = to / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    return to


# Tools


def _installer(python: Path) -> list[str]:
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "-q", "--python", str(python)]
    # -I: no file of the current folder stands in for pip.
    return [
        str(python), "-I", "-m", "pip", "install", "-q",
        "--disable-pip-version-check",
    ]  # fmt: skip


def _has_pip(python: Path) -> bool:
    return not children.run([python, "-I", "-c", "import pip"]).problem


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """A folder that is being made: whoever holds its lock runs the tools that fill it.

    The tools inherit the lock: should this process be killed, the next one waits until
    they have ended. What they leave of temporary files lies in the folder.
    """

    folder: Path
    lock: int

    def create(self, interpreter: Interpreter) -> None:
        """Make an empty virtual environment."""
        shutil.rmtree(self.folder, ignore_errors=True)
        base = str(interpreter.path)
        uv = shutil.which("uv")
        if uv:
            line = [
                uv, "venv", "-q", "--no-project", "--python", base, str(self.folder)
            ]  # fmt: skip
        else:
            line = [base, "-I", "-m", "venv", str(self.folder)]
        self.run(line, f"{interpreter.label}: making an environment")

    def resolve(
        self,
        pip: Sequence[str],
        interpreter: Interpreter,
        words: Sequence[str],
        step: str,
    ) -> list[_Found]:
        """Return what pip would install for an interpreter, which has the rest."""
        if not words:
            return []
        report = self.folder / "report.json"
        line = [
            *pip, "--python", str(interpreter.path), "--disable-pip-version-check",
            "install", "-q", "--dry-run", "--report", str(report), *words,
        ]  # fmt: skip
        # What is asked for counts as had.
        self.run(line, step, PYTHONPATH=str(self.folder / "with"))
        return _found(json.loads(report.read_text(encoding="utf-8")))

    def install(
        self,
        pip: Sequence[str],
        interpreter: Interpreter,
        found: Sequence[_Found],
        to: str,
        step: str,
    ) -> None:
        """Install exactly that into a folder."""
        if not found:
            return
        words = [["-e", one.word] if one.is_editable else [one.word] for one in found]
        line = [
            *pip, "--python", str(interpreter.path), "--disable-pip-version-check",
            "install", "-q", "--no-deps", "--target", str(self.folder / to),
            *(word for both in words for word in both),
        ]  # fmt: skip
        self.run(line, f"{step} {', '.join(one.name for one in found)}")

    def run(self, command: Sequence[str], step: str, **variables: str) -> None:
        """Run a tool to its end; `PrepareError` has what it said."""
        scratch = self.folder.with_name(f"{self.folder.name}.tmp")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        # The user's own settings of pip that contradict a folder.
        settings = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
        try:
            tool = children.run(
                command,
                merged=True,
                timeout_s=TIMEOUT_S,
                env=os.environ | settings | {"TMPDIR": str(scratch)} | variables,
                pass_fds=[self.lock],
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if tool.status is None:
            raise PrepareError(f"{step}: {command[0]} {tool.problem}")
        if tool.problem:
            raise PrepareError(f"{step} failed:\n{_reasons(tool.stdout)}")


def _reasons(output: str) -> str:
    """Return the lines that say why: the compiler's errors, else the last ones."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\b(error|ERROR)\b", line)]
    shown = (errors or lines)[:15] if errors else lines[-15:]
    return "\n".join(f"    {line[:200]}" for line in shown)


def _is_version(text: str) -> bool:
    """Tell a version that pip takes as a constraint; a list with others it refuses."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _short(interpreter: Interpreter) -> str:
    return _digest(str(interpreter.path), interpreter.version, interpreter.soabi)[:6]


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@contextlib.contextmanager
def _lock(folder: Path, *, wait: bool = True) -> Iterator[_Making]:
    """Keep two runs from making one folder at once; `BlockingIOError` if not to wait.

    Whatever a run that was killed has left of temporary files is removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield _Making(folder=folder, lock=file.fileno())


def _sweep(parent: Path, done: str) -> None:
    """Remove what runs that were killed have left half made: without a file `done`."""
    for left in [path for path in parent.iterdir() if path.is_dir()]:
        folder = left.with_name(left.name.removesuffix(".tmp"))
        # Whoever holds its lock is making it now.
        with contextlib.suppress(BlockingIOError), _lock(folder, wait=False):
            if left != folder or not any(left.glob(done)):
                shutil.rmtree(left, ignore_errors=True)
