"""The manifest of pyperformance, or another one of its form: what is in it, and chosen.

It is read by pyperformance itself, which must be installed where this runs: its files,
groups, tags and inherited settings mean what they mean there.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from pybench.comparison.suites.suite import SuiteError

# The group that is compared in minutes: one benchmark of each kind of work.
QUICK = "quick"
_QUICK = (
    "async_tree", "deltablue", "float", "json_dumps", "json_loads", "logging", "mako",
    "nbody", "pickle", "python_startup", "regex_compile", "richards",
)  # fmt: skip

# What its modules raise of a file that they cannot use, the bare class among it.
_PROBLEMS = (Exception,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One benchmark of a manifest.

    `tag` is its first one, "" if it has none; `packages` are its pins, `python` the
    versions that it runs on. `problem` says why it runs nowhere, "" if it does.
    """

    name: str
    script: Path = Path()
    arguments: tuple[str, ...] = ()
    tag: str = ""
    packages: tuple[str, ...] = ()
    python: SpecifierSet = field(default_factory=SpecifierSet)
    problem: str = ""


class Manifest:
    """A manifest; without a path, pyperformance's own.

    `applications` are all of its benchmarks, in its order, by name. Raises `SuiteError`
    if it cannot be read. A benchmark that cannot be read is one with a problem.
    """

    def __init__(self, path: str | None = None) -> None:
        try:
            reader = importlib.import_module("pyperformance._manifest")
        except ImportError as error:
            raise SuiteError(
                f"pyperformance cannot be imported here ({error}): install it beside "
                "pybench: pip install 'pybench-native[pyperformance]'"
            ) from None
        where = path or "the manifest of pyperformance"
        try:
            self._manifest: Any = reader.load_manifest(
                path and str(Path(path).resolve())
            )
            self._benchmarks = {one.name: one for one in self._manifest.benchmarks}
        except OSError as error:
            raise SuiteError(f"{where}: {error.strerror or error}") from None
        except _PROBLEMS as error:
            raise SuiteError(f"{where} cannot be read: {_text(error)}") from None
        if not self._benchmarks:
            raise SuiteError(f"{where} has no benchmarks")
        self.applications = {
            name: _application(name, one) for name, one in self._benchmarks.items()
        }
        self._groups = self._read_groups()

    def choose(self, words: Sequence[str]) -> list[Application]:
        """Return the benchmarks of names, groups and tags; a minus takes some out.

        Without any word, or with such a minus alone, all of the default group.
        Raises `SuiteError` for a word that is none of these, with those like it.
        """
        chosen: dict[str, None] = {}
        if all(word.startswith("-") for word in words):
            chosen.update(dict.fromkeys(self._groups["default"]))
        for word in words:
            for name in self._names(word.removeprefix("-")):
                if word.startswith("-"):
                    chosen.pop(name, None)
                else:
                    chosen[name] = None
        if not chosen:
            raise SuiteError(f"{','.join(words)}: nothing is left of pyperformance")
        return [one for name, one in self.applications.items() if name in chosen]

    def _names(self, word: str) -> Sequence[str]:
        if word in self.applications:
            return [word]
        if word in self._groups:
            return self._groups[word]
        known = [*self.applications, *self._groups]
        near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
        # What begins alike is meant as often as what is spelled alike.
        near += [name for name in known if word and name.startswith(word)][:3]
        if word and Path(word).is_file():
            near.insert(0, f"./{word}")  # a manifest, which a slash tells from names
        is_near = f": {', '.join(dict.fromkeys(near))}?" if near else ""
        groups = ", ".join(sorted(self._groups))
        raise SuiteError(
            f"{word}: no benchmark, group or tag of pyperformance{is_near} "
            f"(groups and tags: {groups})"
        )

    def _read_groups(self) -> dict[str, list[str]]:
        """Return the names of each group and tag."""
        for name, one in self.applications.items():
            if one.problem:  # its tags cannot be read, which all groups would ask for
                self._benchmarks[name]._metadata = {}
        groups = {}
        for group in sorted({*self._manifest.groups, *self._manifest.tags}):
            with contextlib.suppress(KeyError):  # one without a benchmark
                members = {one.name for one in self._manifest.resolve_group(group)}
                groups[group] = [name for name in self.applications if name in members]
        quick = [name for name in self.applications if name in _QUICK]
        return {QUICK: quick, **groups} if quick else groups


def _application(name: str, benchmark: Any) -> Application:
    try:
        # What is missing in a file is printed by it as well.
        with contextlib.redirect_stdout(io.StringIO()):
            script = benchmark.runscript
            if not script:
                raise FileNotFoundError("it has no run_benchmark.py")
            return Application(
                name=name,
                script=Path(script),
                arguments=tuple(benchmark.extra_opts),
                tag=next(iter(benchmark.tags), ""),
                packages=(*_pins(Path(benchmark.requirements_lockfile)),),
                python=benchmark.python,
            )
    except _PROBLEMS as error:
        return Application(name=name, problem=f"the manifest: {_text(error)}")


def _pins(path: Path) -> Iterator[str]:
    """Yield the lines of a requirement file as pyperformance reads them."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        if requirement := line.partition("#")[0].strip():
            beside = path.parent / requirement
            yield str(beside) if beside.exists() else requirement


def _text(error: Exception) -> str:
    text = str(error).strip() or "no message"
    return (
        text
        if isinstance(error, OSError | ValueError)
        else (f"{type(error).__name__}: {text}")
    )
