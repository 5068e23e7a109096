"""Suites of asv: its benchmarks as rows, a row for each set of parameters.

    pytest -p pybench.target.suites.asv path/to/benchmarks --benchmark-only

Benchmarks are found as asv finds them, by the package ``asv_runner``, which is imported
when the first file is collected. What runs a benchmark there for its times is replaced:

- ``time_`` rows are calls in this process, with `setup` again before each sample;
- ``timeraw_`` rows are statements, timed by the child processes that they run in;
- ``mem_``, ``peakmem_`` and ``track_`` rows are values, made by asv_runner in a child.

As under asv, `setup_cache` runs once, in a child of its own, each benchmark gets a copy
of what it returned, and the current folder is the one in which it ran.
"""

import importlib
import importlib.util
import inspect
import itertools
import re
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pybench.target.plugin.outcomes import in_words
from pybench.target.process.log_handlers import without_kept_logs
from pybench.target.suites.asv_caches import CACHES, Caches
from pybench.target.suites.asv_rows import (
    CHILD_CLOCK,
    RAW,
    Source,
    run_row,
)

_ROOT = "pybench_asv_root"
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_MEM = re.compile(r"Mem[A-Z_].|mem_.")
# Raw values that a saved file has of a row.
_DATA_LIMIT = 1000
# The suites whose modules can be imported.
_IMPORTED = pytest.StashKey[set[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the package of the benchmarks."""
    parser.getgroup("pybench").addoption(
        "--pybench-asv-root",
        dest=_ROOT,
        metavar="FOLDER",
        type=Path,
        help="The folder that asv's configuration calls benchmark_dir, if that is "
        "inside another package; else the outermost package is taken.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the folders that benchmarks run in."""
    if importlib.util.find_spec("asv_runner") is None:
        raise pytest.UsageError(
            "the benchmarks of asv need the package asv_runner, which this Python does "
            "not have: pip install 'pybench-native[asv]'"
        )
    caches = config.stash[CACHES] = Caches()
    config.add_cleanup(caches.close)


# Collection


@pytest.hookimpl(optionalhook=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector:
    """Take a package for a folder: pytest would import it under another name."""
    folder: pytest.Collector = pytest.Dir.from_parent(parent, path=path)
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, Any, Any]:
    """Collect the modules of a suite in place of all other plugins."""
    others = yield
    root = _root_of(file_path, parent.config.getoption(_ROOT))
    if root is None:
        return others
    return [AsvFile.from_parent(parent, path=file_path, root=root)]


def _root_of(path: Path, known: Path | None) -> Path | None:
    """Return the suite that a file is a module of, None if it is none."""
    packages = itertools.takewhile(
        lambda folder: (folder / "__init__.py").is_file(), path.parents
    )
    roots = [*packages] if path.suffix == ".py" else []
    if known is None:
        return roots[-1] if roots else None
    return next((folder for folder in roots if folder == known.absolute()), None)


class AsvFile(pytest.File):
    """A module of a suite."""

    def __init__(self, *, root: Path, **more: Any) -> None:
        super().__init__(**more)
        self.root = root

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Import the module as asv does; yield its functions and its classes."""
        module = self._import()
        for name, value in [*vars(module).items()]:
            if name.startswith("_"):
                continue
            if inspect.isclass(value) and not inspect.isabstract(value):
                yield AsvClass.from_parent(self, name=name, module=module, owner=value)
            elif inspect.isfunction(value):
                source = Source(self.root, module, None, name, value)
                yield from _rows_of(self, source)

    def _import(self) -> ModuleType:
        from asv_runner._aux import update_sys_path

        known = self.config.stash.setdefault(_IMPORTED, set())
        if self.root not in known:
            known.add(self.root)
            update_sys_path(str(self.root))
        parts = self.path.relative_to(self.root.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        try:
            return importlib.import_module(name)
        except (Exception, SystemExit) as error:
            raise self.CollectError(in_words(error)) from error


class AsvClass(pytest.Collector):
    """A class of a suite."""

    def __init__(self, *, module: ModuleType, owner: type, **more: Any) -> None:
        super().__init__(**more)
        self._module = module
        self._owner = owner

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the rows of its methods."""
        root = self.getparent(AsvFile).root  # type: ignore[union-attr]
        for name, value in inspect.getmembers(self._owner):
            if inspect.isfunction(value) or inspect.ismethod(value):
                source = Source(root, self._module, self._owner, name, value)
                yield from _rows_of(self, source)


def _rows_of(parent: pytest.Collector, source: Source) -> Iterator[pytest.Item]:
    """Yield a row for each set of parameters of a benchmark, or one that fails."""
    try:
        benchmark = source.benchmark()
    except Exception as error:  # of its class, or for what it says of itself
        yield _row(parent, source, "", 0, source.name, problem=in_words(error))
        return
    if benchmark is None:
        lacks = "asv weighs objects by pympler, which is not installed"
        if _MEM.match(source.name) and "pympler" not in sys.modules:
            yield _row(parent, source, "", 0, source.name, lacks=lacks)
        return
    seen: Counter[str] = Counter()
    for index, texts in enumerate(itertools.product(*benchmark.params)):
        identity = ", ".join(" ".join(_ADDRESS.sub("", t).split()) for t in texts)
        name = f"{source.name}[{identity}]" if texts else source.name
        seen[name] += 1
        if seen[name] > 1:
            name = f"{source.name}[{identity} ({seen[name]})]"
        yield _row(parent, source, type(benchmark).__name__, index, name)


def _row(
    parent: pytest.Collector,
    source: Source,
    kind: str,
    index: int,
    name: str,
    *,
    lacks: str = "",
    problem: str = "",
) -> pytest.Item:
    """Make a row: a test function that has the fixture `benchmark`.

    One that `lacks` something is n/a, and one that has a `problem` fails.
    """

    def run(benchmark: Any, request: pytest.FixtureRequest) -> None:
        __tracebackhide__ = True
        if problem:
            pytest.fail(problem, pytrace=False)
        with without_kept_logs():
            run_row(kind, source, index, benchmark, request)

    run.__doc__ = source.function.__doc__
    row: pytest.Item = AsvRow.from_parent(parent, name=name, callobj=run)
    row.add_marker(pytest.mark.pybench(data_limit=_DATA_LIMIT))
    if lacks:
        row.add_marker(pytest.mark.skip(reason=f"n/a: {lacks}"))
    if kind == RAW:
        row.add_marker(pytest.mark.benchmark(timer=CHILD_CLOCK.read))
    return row


class AsvRow(pytest.Function):
    """One benchmark under one set of parameters."""

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where it is: the function of pytest's is one for all."""
        return self.path, None, self.name
