"""Suites of asv: ``asv:PATH``, a folder of benchmarks or what has an asv.conf.json."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path

from pybench.comparison.suites.suite import Suite, SuiteError
from pybench.interpreters.probe import Interpreter

PREFIX = "asv:"
CONFIGURATIONS = ("asv.conf.json", "asv.conf.jsonc")
PLUGIN = "pybench.target.suites.asv"

# Where the sessions of one arm of one run keep what `setup_cache` made.
CACHE_VARIABLE = "PYBENCH_ASV_CACHE"
_caches: list[tempfile.TemporaryDirectory[str]] = []  # removed when pybench ends

# Imported under test: it finds the benchmarks, and makes one of each.
RUNNER = "asv_runner>=0.2.5"
# What it weighs objects with, where a suite does that.
WEIGHING = "pympler"
_WEIGHS = re.compile(r"^\s*def (mem_|Mem[A-Z_])", re.MULTILINE)

# A string is kept; a comment, or a comma before the end of a list, is none.
_NO_JSON = re.compile(
    r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*+|/\*.*?\*/)*+[\]}])',
    re.DOTALL,
)


def find_asv(text: str) -> Suite:
    """Return the suite that ``asv:PATH`` names.

    PATH is the folder of the benchmarks, one of its files, a folder with an
    asv.conf.json, or that file.

    Raises
    ------
    SuiteError
        If there is no such suite.
    """
    named = text.removeprefix(PREFIX)
    if not named:
        raise SuiteError(f"{text}: say where the suite is: asv:PATH")
    path = Path(named)
    if not path.exists():
        raise SuiteError(f"{text}: there is no {path.absolute()}")
    root, collected = _found(text, path)
    packages = [RUNNER]
    if any(_WEIGHS.search(source) for source in _sources(root)):
        packages.append(WEIGHING)
    return Suite(
        text=text,
        paths=(str(collected),),
        # The settings and conftest.py of its project are those of tests.
        options=(
            *("-p", PLUGIN, "-c", os.devnull, "--noconftest"),
            "--continue-on-collection-errors",
            f"--rootdir={root.parent}",
            f"--pybench-asv-root={root}",
        ),
        packages=tuple(packages),
        environ=_environ,
    )


def _environ(interpreter: Interpreter, say: Callable[[str], None]) -> Mapping[str, str]:
    """Return the variable that names the cache of an arm."""
    cache = tempfile.TemporaryDirectory(prefix="pybench-asv-")
    _caches.append(cache)
    return {CACHE_VARIABLE: cache.name}


def _found(text: str, path: Path) -> tuple[Path, Path]:
    """Return the folder of the benchmarks, and what of it is to be collected."""
    path = path.absolute()
    if path.suffix == ".py":
        packages = [*takewhile(_is_package, path.parents)]
        if not packages:
            raise SuiteError(f"{text}: {path.parent} has no __init__.py, as asv needs")
        return packages[-1], path
    configurations = [path]
    if path.is_dir():
        configurations = [path / name for name in CONFIGURATIONS]
    for configuration in configurations:
        if configuration.is_file():
            root = configuration.parent / _benchmark_dir(configuration)
            if not _is_package(root):
                raise SuiteError(
                    f"{configuration}: benchmark_dir is {root}, which is no folder "
                    "with an __init__.py, as asv needs"
                )
            root = Path(os.path.normpath(root))
            return root, root
    if not _is_package(path):
        raise SuiteError(
            f"{text}: {path} has neither an asv.conf.json nor, as benchmarks of asv "
            "need, an __init__.py"
        )
    return path, path


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


def _benchmark_dir(path: Path) -> str:
    """Read where the benchmarks are; asv's files are JSON with comments."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(_NO_JSON.sub(lambda match: match[1] or "", text))
    except (OSError, ValueError) as error:
        raise SuiteError(f"{path}: {error}") from None
    known = document.get("benchmark_dir") if isinstance(document, dict) else document
    if known is None:
        return "benchmarks"
    if not isinstance(known, str):
        raise SuiteError(f"{path}: benchmark_dir is {known!r}, and must be a folder")
    return known


def _sources(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.py")):
        try:
            yield path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # whoever imports it says why
