"""The package of this repository at several refs: a wheel of each, for an arm each.

All are built by the same interpreter with the same variables and the same compiler,
and what was built is kept under all of these. The suite comes from one ref, from a
checkout without the package: there no arm can import it but its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from pybench import children
from pybench.interpreters import git
from pybench.interpreters.git import RefError, Repository
from pybench.interpreters.making import (
    PrepareError,
    cache_folder,
    digest,
    locked,
    sweep,
)
from pybench.interpreters.probe import Interpreter
from pybench.interpreters.wheels import builder
from pybench.records.files import lock_file
from pybench.records.refs import GitRef

# What builds read. Those that are set are recorded, and tell builds apart.
_VARIABLES = re.compile(
    r"CC|CXX|CPP|AR|LD|LDSHARED|(C|CXX|CPP|LD|F|FC|OBJC)FLAGS|ARCHFLAGS|"
    r"(CMAKE|SKBUILD|MESON|CARGO|RUST|CYTHON|SETUPTOOLS|HATCH|PDM_BUILD|NPY|"
    r"PYO3|MATURIN|DISTUTILS)_?\w*|RUSTFLAGS|MACOSX_DEPLOYMENT_TARGET|"
    r"SOURCE_DATE_EPOCH|PIP_CONFIG_SETTINGS|PIP_NO_BUILD_ISOLATION"
)
_ANSWER_S = 30.0
# Of a large package with extensions, on few CPUs.
_BUILD_S = 2 * 3600.0
# Where packages lie in a tree, relative to the folder of pyproject.toml.
_LAYOUTS = ("", "src", "lib", "python")
# The folder of the suite's checkout; no repository is called so.
_SUITE = ".suite"
# Fixtures of a suite that lies in the package.
_KEPT = "conftest.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A wheel; `package` is its normal name, `modules` are its top-level names.

    `compiled` is the day on which it was, "" if nothing was.
    """

    wheel: Path
    package: str
    modules: frozenset[str]
    compiled: str = ""


def build_settings(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what all builds have in common: variables that are set, the compiler."""
    environ = os.environ if environ is None else environ
    settings = {
        name: value
        for name, value in sorted(environ.items())
        if value and _VARIABLES.fullmatch(name)
    }
    compiler = (environ.get("CC", "").split() or ["cc"])[0]
    answer = children.run([compiler, "--version"], timeout_s=_ANSWER_S)
    lines = [] if answer.problem else answer.stdout.splitlines()
    return settings | ({"compiler": lines[0]} if lines else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Builds:
    """Builds refs of a repository, each for any interpreter.

    `folder` is one of ours that all checkouts are made in, and `without` are folders in
    the tree that are no part of it. `find_links` are folders of wheels.
    """

    repository: Repository
    settings: Mapping[str, str]
    folder: Path
    cache: Path
    without: tuple[Path, ...] = ()
    find_links: tuple[Path, ...] = ()

    def build(self, ref: GitRef, interpreter: Interpreter) -> Built:
        """Build a ref, or find it built.

        Raises
        ------
        RefError
            With the name of the ref and what the compiler said, or pip.
        """
        own, package = self.repository.own, self.repository.package
        of = (str(own), str(package), ref.content, sorted(self.settings.items()))
        try:
            wheel = build_wheel(
                interpreter,
                self._source(ref),
                *of,
                cache=self.cache,
                find_links=self.find_links,
            )
        except PrepareError as error:
            raise RefError(f"{ref.name} ({ref.short}): {error}") from None
        name = canonicalize_name(wheel.name.partition("-")[0])
        return Built(
            wheel=wheel,
            package=name,
            modules=_modules_of(wheel),
            compiled=_compiled(wheel),
        )

    @contextlib.contextmanager
    def _source(self, ref: GitRef) -> Iterator[Path]:
        """Check out what is built."""
        # Its name counts where a version is made from the folder's.
        folder = self.folder / self.repository.top.name
        with self._checked_out(ref, folder) as checkout:
            source = checkout / self.repository.package
            files = ("pyproject.toml", "setup.py")
            if not any((source / name).is_file() for name in files):
                place = f"{self.repository.package}/".removeprefix("./")
                raise RefError(
                    f"{ref.name} ({ref.short}) has neither {place}pyproject.toml nor "
                    f"{place}setup.py: there is nothing to build"
                )
            yield source

    def package_in(self, here: Path) -> Path:
        """Return the folder of the package in a checkout, by its current folder."""
        return here / os.path.relpath(self.repository.package, self.repository.here)

    def _checked_out(
        self, ref: GitRef, folder: Path
    ) -> contextlib.AbstractContextManager[Path]:
        return git.checked_out(self.repository, ref, folder, without=self.without)

    @contextlib.contextmanager
    def suite_checkout(self, ref: GitRef) -> Iterator[Path]:
        """Check out the ref that the suite comes from; yield the current folder there.

        The package is still in it: see `take_away`.
        """
        with self._checked_out(ref, self.folder / _SUITE) as checkout:
            here = checkout / self.repository.here
            if not here.is_dir():
                raise RefError(f"{ref.name} has no folder {self.repository.here}")
            yield here


@contextlib.contextmanager
def builds_for(
    repository: Repository,
    run: Path,
    *,
    find_links: Sequence[Path] = (),
    cache: Path | None = None,
) -> Iterator[Builds]:
    """Have a folder for the checkouts of one run, the same one when it is resumed.

    What killed runs have left in theirs is removed.
    """
    cache = cache or cache_folder()
    parent = cache / "checkouts"
    name = digest(str(repository.own), str(run.resolve()))
    with contextlib.ExitStack() as stack:
        for left in _left_behind(parent, name):
            if _held(stack, left):
                for checkout in left.glob("*"):
                    git.remove(checkout)
                shutil.rmtree(left, ignore_errors=True)
        folder = parent / name
        if not _held(stack, folder):
            raise RefError(f"another process measures into {run}: choose another -o")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Builds(
            repository=repository,
            settings=build_settings(),
            folder=folder,
            cache=cache,
            without=(run.resolve(),),
            find_links=tuple(find_links),
        )


def _left_behind(parent: Path, name: str) -> list[Path]:
    return [p for p in parent.glob("*") if p.is_dir() and p.name != name]


def _held(stack: contextlib.ExitStack, folder: Path) -> bool:
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = stack.enter_context(folder.with_name(f"{folder.name}.lock").open("w"))
    return lock_file(file.fileno())


def build_wheel(
    interpreter: Interpreter,
    checkout: contextlib.AbstractContextManager[Path],
    *of: object,
    cache: Path,
    find_links: Sequence[Path] = (),
) -> Path:
    """Build the wheel of a package, or return the one that is there.

    Parameters
    ----------
    checkout : context manager
        Makes the folder with a pyproject.toml or setup.py, in which a build may leave
        files; entered only if there is no wheel yet.
    of : object
        What tells this build from others: two with the same are one.

    Raises
    ------
    PrepareError
        With what the compiler said, or pip.
    """
    key = digest(*of, *map(str, interpreter.identity))
    folder = cache / "built" / f"{interpreter.build}-{key}"
    with locked(folder, find_links=find_links) as making:
        built = sorted(folder.glob("*.whl"))
        if built:
            return built[0]
        sweep(folder.parent, "*.whl")
        python = builder(interpreter, cache, find_links)
        with checkout as source:
            replace(making, timeout_s=_BUILD_S).run(
                [
                    str(python), "-I", "-m", "pip", "wheel", "-q", "--no-deps",
                    "--disable-pip-version-check", *making.links, "-w", str(folder),
                    str(source),
                ],
                f"{interpreter.label}: building it",
            )  # fmt: skip
        return next(iter(folder.glob("*.whl")))


def _entries(wheel: Path) -> Iterator[PurePosixPath]:
    """Yield what a wheel puts into site-packages."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = PurePosixPath(name)
            first, *rest = path.parts
            if first.endswith(".data"):
                if rest[:1] in (["purelib"], ["platlib"]) and rest[1:]:
                    yield PurePosixPath(*rest[1:])
            elif not first.endswith(".dist-info"):
                yield path


def _modules_of(wheel: Path) -> frozenset[str]:
    """Return the top-level names that a wheel's files are imported by."""
    names = {
        path.parts[0].partition(".")[0]
        for path in _entries(wheel)
        if path.suffix in (".py", ".so", ".pyd")
    }
    return frozenset(name for name in names if name.isidentifier())


def _compiled(wheel: Path) -> str:
    if not any(path.suffix in (".so", ".pyd") for path in _entries(wheel)):
        return ""
    return datetime.fromtimestamp(wheel.stat().st_mtime, UTC).date().isoformat()


def take_away(
    package: Path, modules: Sequence[str], suite: Sequence[Path]
) -> list[str]:
    """Remove a package's modules from the checkout that its suite is run from.

    Returns those that sessions must import from where they are installed: all, but for
    a suite that is installed itself.

    Parameters
    ----------
    package : Path
        The folder with its pyproject.toml.
    modules : sequence of str
        Top-level names.
    suite : sequence of Path
        What is kept of it.
    """
    kept = [path.resolve() for path in suite]
    for layout in _LAYOUTS:
        folder = package / layout
        for module in modules:
            _remove(folder / module, kept)
            for file in folder.glob(f"{module}.*"):
                if file.suffix in (".py", ".so", ".pyd", ".pyi"):
                    _remove(file, kept)
    return [m for m in modules if not any(_is_of(m, keep) for keep in kept)]


def _is_of(module: str, suite: Path) -> bool:
    return suite.name.partition(".")[0] == module


def _remove(path: Path, kept: Sequence[Path]) -> None:
    """Remove a file or folder, but not what is kept of it."""
    here = path.resolve()
    if here in kept:
        return
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    elif not any(here in keep.parents for keep in kept):
        shutil.rmtree(path)
    else:
        for child in [*path.iterdir()]:
            if child.name != _KEPT:
                _remove(child, kept)
