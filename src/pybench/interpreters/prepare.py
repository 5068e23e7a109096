"""An environment for each interpreter: pybench, pytest and what is to be compared.

An interpreter that was asked for by its version gets an environment of its own, made
from it. One that was asked for by its path, a virtual environment for example, is run
as it is, with the packages that it has: pybench is put beside it, with what it lacks,
and nothing is written into it.

What is made is kept in the user's cache and named after what is in it, so the second
comparison starts at once. `wheels` has where the wheel of pybench comes from.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from pybench import children
from pybench.interpreters.making import (
    READY,
    Found,
    Making,
    PrepareError,
    cache_folder,
    digest,
    is_ready,
    locked,
    sweep,
)
from pybench.interpreters.packages import read_packages
from pybench.interpreters.probe import Interpreter
from pybench.interpreters.wheels import DISTRIBUTION, builder, find_wheel

__all__ = ["Environment", "PrepareError", "cache_folder", "prepare", "refuse_to_run"]

# Of an interpreter that says what it has; a cold disk with hundreds of packages.
_ANSWER_S = 60.0

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


def packages_beside(start: Sequence[str]) -> str:
    """Return the folder of packages that a session is started with, "" for none."""
    return "" if start[-1] == START[-1] else start[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A Python in which the rows can be run.

    `start` is what follows `python` where a session is started, its switches first.
    `asked` are the packages that the caller named, `beside` those that the interpreter
    lacks and that were put beside it, by name and version. `lacks` says why there is no
    extension, "" if there is one.
    """

    python: Path
    made: bool  # now, rather than found ready
    start: tuple[str, ...] = START
    asked: tuple[str, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)
    lacks: str = ""

    @property
    def folder(self) -> Path:
        """The folder that what was asked for is installed in, at some depth."""
        return Path(packages_beside(self.start) or self.python.parent.parent)


def prepare(
    interpreter: Interpreter,
    *,
    packages: Sequence[str] = (),
    as_it_is: bool = False,
    find_links: Sequence[Path] = (),
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
    find_links : sequence of Path
        Folders of wheels, where packages and pybench itself are looked for.
    cache : Path, optional
        In place of `cache_folder`.

    Raises
    ------
    PrepareError
        Names the interpreter and the step, and ends with what the tool said.
    """
    cache = cache or cache_folder()
    asked = read_packages(packages)
    has = _packages_of(interpreter) if as_it_is else {}
    own = _is_virtual(interpreter) or bool({*has} - _ALWAYS_THERE)
    if as_it_is and own:
        _refuse_unsupported(interpreter, has)
    else:
        has = {}
    for links in find_links:
        if not links.is_dir():
            raise PrepareError(f"--find-links {links}: no such folder")
    wheel = find_wheel(interpreter, cache, find_links)
    key = digest(wheel.key, asked.words, asked.content, has)
    folder = cache / "environments" / f"{interpreter.build}-{_short(interpreter)}-{key}"
    beside = as_it_is and own
    python = interpreter.path if beside else folder / "bin" / "python"
    made = False
    if not is_ready(folder, python):
        with locked(folder, find_links=find_links) as making:
            if not is_ready(folder, python):
                sweep(folder.parent, READY)
                fill = _put_beside if beside else _fill
                try:
                    facts = fill(
                        making, interpreter, cache, wheel.path, asked.words, has
                    )
                except BaseException:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
                (folder / READY).write_text(json.dumps(facts))
                made = True
    facts = json.loads((folder / READY).read_text())
    start: tuple[str, ...] = START
    if beside:
        program = folder / "ours/pybench/target/programs/start_pytest.py"
        start = ("-P", str(program), "--packages", str(folder))
    return Environment(
        python=python,
        made=made,
        start=(*interpreter.switches, *start),
        asked=tuple(facts["asked"]),
        beside=facts["beside"],
        lacks=wheel.lacks,
    )


# What every interpreter and every virtual environment may have from the start.
_ALWAYS_THERE = {"pip", "setuptools", "wheel"}


# An environment of its own


def _fill(
    making: Making,
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
    install = making.installer(python)
    making.run(
        [*install, f"{DISTRIBUTION} @ {wheel.as_uri()}", *words],
        f"{interpreter.label}: installing pybench"
        + (f" and {', '.join(words)}" if words else ""),
    )
    asked = {canonicalize_name(name) for name in _requested(folder)} - {DISTRIBUTION}
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
    making: Making,
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
    pip = [str(builder(interpreter, cache, making.find_links)), "-I", "-m", "pip"]
    asked = making.resolve(
        pip, interpreter, words, f"{label}: finding {', '.join(words)}"
    )
    asked += _other_builds(words, asked)
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


def _other_builds(words: Sequence[str], found: Sequence[Found]) -> Iterator[Found]:
    """Yield the wheels that pip leaves out, since their version is there already.

    Who names a file means that build of it.
    """
    names = {canonicalize_name(package.name) for package in found}
    for word in words:
        if word.endswith(".whl") and Path(word).is_file():
            name, version, *_ = parse_wheel_filename(Path(word).name)
            if name not in names:
                yield Found(
                    name=name, version=str(version), word=word, is_requested=True
                )


def _is_version(text: str) -> bool:
    """Tell a version that pip takes as a constraint; a list with others it refuses."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _short(interpreter: Interpreter) -> str:
    return digest(str(interpreter.path), interpreter.version, interpreter.soabi)[:6]
