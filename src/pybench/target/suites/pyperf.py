"""Scripts of pyperf as rows of pytest: ``pytest -p pybench.target.suites.pyperf``.

A script is a file that pytest collects: by itself, or by a file with the suffix of
`pybench.records.scripts`, which says how it is to be run. To list its benchmarks it is
run once, as ``__main__`` with its own arguments and with a recorder in place of
``pyperf.Runner``. Each benchmark is a test. When that runs, the script is run again,
and this one benchmark is measured in the middle of it, where its script calls for it:
inside the script's own ``with`` blocks, with its temporary folders there. All other
calls return at once. So rows are independent and may be run in any order.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import io
import os
import site
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from pybench import children
from pybench.records.documents import DocumentError
from pybench.records.scripts import (
    SUFFIX,
    ScriptEntry,
    arm_entry,
    is_script,
    read_entry,
)
from pybench.target.plugin.marking import OWN_PROCESS
from pybench.target.plugin.rowstate import restore_state, take_state
from pybench.target.plugin.self_timed import measure
from pybench.target.process.log_handlers import fresh_logging
from pybench.target.suites import standin
from pybench.target.suites.pyperf_runner import Call, Runner, recording

_MODULE = "pyperf"
_PATH = "PYTHONPATH"

# Of a row's values so many are saved: its times are per operation then.
_DATA_LIMIT = 1000


# What Python by itself does not show.
_UNSEEN = (
    DeprecationWarning,
    PendingDeprecationWarning,
    ImportWarning,
    ResourceWarning,
)


class ScriptEndedError(Exception):
    """A script that ended itself with a status that is a failure."""


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Take scripts, which pytest would import as tests, and files of entries."""
    others = yield
    is_python = file_path.suffix == ".py"
    if file_path.suffix == SUFFIX or (is_python and is_script(file_path)):
        return [Script.from_parent(parent, path=file_path)]
    return others


class Script(pytest.File):
    """A script, run with one set of arguments."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each benchmark."""
        self._entry = ScriptEntry(script=self.path.name)
        try:
            yield from self._rows()
        except self.CollectError as error:
            if self.config.getoption("pybench_list_to") is None:
                raise
            # A list is of what there is, also if a part of it cannot be run here.
            last = children.last_line(str(error)).removeprefix("E").strip()
            yield self._lacking(f"cannot be collected: {last}")

    def _rows(self) -> Iterator[pytest.Item]:
        try:
            self._entry = self._read_entry()
            self._script = (self.path.parent / self._entry.script).absolute()
            if self._entry.unavailable:
                yield self._lacking(self._entry.unavailable)
                return
            if self._entry.own_process and not self._is_alone():
                stands_for_it = self._row(self.path.stem, _want_own_process)
                stands_for_it.stash[OWN_PROCESS] = True
                yield stands_for_it
                return
            self._code = _compiled(self._script)
            names = self._list()
        except (DocumentError, OSError, ValueError, SyntaxError) as error:
            raise self.CollectError(f"{type(error).__name__}: {error}") from None
        for name, number in Counter(names).items():
            row = partial(self._measure, name=name, alike=number)
            for _ in range(number):
                yield self._row(name, row)

    def _read_entry(self) -> ScriptEntry:
        if self.path.suffix == SUFFIX:
            return read_entry(arm_entry(self.path, self.config.rootpath))
        return ScriptEntry(script=self.path.name)

    def _row(self, name: str, run: Callable[..., None]) -> pytest.Item:
        def row(benchmark: Any) -> None:
            try:
                run(benchmark)
            finally:
                # What the script leaves is in circles, and would lie in the way of the
                # collections of the rows after it.
                gc.collect()

        item = pytest.Function.from_parent(self, name=name, callobj=row)
        item.add_marker(pytest.mark.benchmark(group=self._entry.group or self._group()))
        item.add_marker(
            pytest.mark.pybench(data_limit=_DATA_LIMIT, alternate=self._entry.exclusive)
        )
        return item

    def _lacking(self, reason: str) -> pytest.Item:
        """Return a row that stands for all of the script, and is n/a."""
        row = self._row(self.path.stem, lambda benchmark: None)
        row.add_marker(pytest.mark.skip(reason=f"n/a: {reason}"))
        return row

    def _group(self) -> str:
        """Name the script's rows: a benchmark of pyperformance has a folder for it."""
        stem = self.path.stem
        return self.path.parent.name if stem == "run_benchmark" else stem

    def _is_alone(self) -> bool:
        """Tell whether this session collects no other file."""
        folder = self.config.invocation_params.dir
        words = [word.partition("::")[0] for word in self.config.args]
        return all(folder / word == self.path for word in words)

    # Runs of the script

    def _list(self) -> list[str]:
        """Run the script to hear which benchmarks it has."""
        names: list[str] = []
        runner = recording(lambda call: names.append(call.name))
        printed, before, status = io.StringIO(), take_state(), ""
        try:
            with (
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
            ):
                self._run(runner)
        except ScriptEndedError as error:
            status = str(error)
        except Exception as error:
            raise self.CollectError(_told(error, self._script)) from None
        finally:
            restore_state(before)
        if not names and (status or runner.made):
            last = children.last_line(printed.getvalue())
            raise self.CollectError(
                f"{self._script.name} {status or 'ended'} before it named a "
                f"benchmark{last and f': {last}'}"
            )
        return names

    def _measure(self, benchmark: Any, *, name: str, alike: int) -> None:
        """Run the script, and one benchmark in the middle of it."""
        if alike > 1:
            pytest.fail(
                f"the script names {alike} benchmarks {name!r}: give each its own name",
                pytrace=False,
            )
        taken: list[Call] = []
        failures: list[BaseException] = []

        def take(call: Call) -> None:
            if call.name != name or taken:
                return
            taken.append(call)
            try:
                self._take(benchmark, call)
            except BaseException as error:  # a script may catch it
                failures.append(error)
                raise

        try:
            self._run(recording(take))
        except ScriptEndedError as error:
            failures.append(error)
        if failures:
            raise failures[0]
        if not taken:
            pytest.fail(
                f"the script did not run its benchmark {name!r} this time",
                pytrace=False,
            )

    def _take(self, benchmark: Any, call: Call) -> None:
        if call.operations > 1:
            benchmark.extra_info["operations"] = call.operations
        if call.clock is None:
            measure(self.config, benchmark, call.timed)
            return
        with call.clock.put_into(_namespaces(self._script)):
            measure(self.config, benchmark, call.timed)
        if call.clock.lost:
            benchmark.extra_info["cpu_time"] = "not known"
            notes: Any = self.config.pluginmanager.get_plugin("pybench-session")
            notes.say(
                f"{benchmark.fullname}: wall time alone is known, as its time function "
                f"{call.clock.lost}"
            )

    def _run(self, runner: type[Runner]) -> None:
        """Run the script as Python would; `ScriptEndedError` if it fails by itself."""
        with (
            _as_main(self._script, self._entry) as main,
            _in_place(runner),
            _without_pytest(),
        ):
            try:
                exec(self._code, main.__dict__)
            except SystemExit as error:
                if error.code not in (None, 0):
                    raise ScriptEndedError(
                        f"ended by sys.exit({error.code!r})"
                    ) from None


def _want_own_process(benchmark: Any) -> None:
    pytest.skip(
        "n/a: no other script may run in its process: name its file alone, or compare, "
        "which gives it one"
    )


def _compiled(path: Path) -> CodeType:
    return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)


@contextmanager
def _as_main(path: Path, entry: ScriptEntry) -> Iterator[ModuleType]:
    """Make the module of a script, with its arguments, folders and place as main."""
    main = ModuleType("__main__")
    # The module itself: elsewhere than in main it is its dictionary.
    main.__dict__.update(__file__=str(path), __builtins__=builtins)
    kept = sys.modules["__main__"], sys.argv[:], sys.path[:]
    sys.modules["__main__"] = main
    sys.argv[:] = [str(path), *entry.arguments]
    sys.path[:0] = [str(path.parent), *entry.folders]
    sys.path += standin.__path__
    for folder in entry.folders:
        # Packages may come with a hook, as the one that stands in for distutils does.
        site.addsitedir(folder)
    known = {*sys.modules}
    try:
        with _not_imported(entry.anew), _seen_by_children(entry.folders):
            yield main
    finally:
        # Scripts of several folders may have modules of one name.
        for name in {*sys.modules} - known:
            if _lies_beside(sys.modules[name], path):
                del sys.modules[name]
        sys.modules["__main__"], sys.argv[:], sys.path[:] = kept


@contextmanager
def _not_imported(packages: Sequence[str]) -> Iterator[None]:
    """Put away what is imported of packages, and in the end what is then."""

    def take_out() -> dict[str, ModuleType]:
        names = [n for n in sys.modules if n.partition(".")[0] in packages]
        return {name: sys.modules.pop(name) for name in names}

    kept = take_out()
    try:
        yield
    finally:
        take_out()
        sys.modules.update(kept)


@contextmanager
def _seen_by_children(folders: Sequence[str]) -> Iterator[None]:
    """Let children find what is in the folders of an entry."""
    before = os.environ.get(_PATH)
    if folders:
        os.environ[_PATH] = os.pathsep.join([*folders, *filter(None, [before])])
    try:
        yield
    finally:
        if folders:
            del os.environ[_PATH]
            if before is not None:
                os.environ[_PATH] = before


def _lies_beside(module: ModuleType, script: Path) -> bool:
    """Tell whether a module is found by its script's folder alone."""
    name = getattr(module, "__name__", "")  # None stands for a module that is missing
    top = sys.modules.get(name.partition(".")[0], module)
    file = getattr(top, "__file__", None)
    if not isinstance(file, str):
        return False
    path = Path(file)
    is_package = path.stem == "__init__"
    return (path.parent.parent if is_package else path.parent) == script.parent


@contextmanager
def _in_place(runner: type[Runner]) -> Iterator[None]:
    """Put a recorder in the place of pyperf's runner."""
    pyperf: Any = importlib.import_module(_MODULE)
    kept = pyperf.Runner
    pyperf.Runner = runner
    try:
        yield
    finally:
        pyperf.Runner = kept


@contextmanager
def _without_pytest() -> Iterator[None]:
    """Take away what pytest adds to each test: a handler of logs, filters of warnings.

    What a script logs would be kept, and a warning at each call as well, so that what
    newer Pythons deprecate would look slower there.
    """
    with fresh_logging(), warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.resetwarnings()
            for category in _UNSEEN:
                warnings.simplefilter("ignore", category)
            # As Python's own, which shows these to whoever wrote the program.
            warnings.filterwarnings(
                "default", category=DeprecationWarning, module="__main__"
            )
        yield


def _namespaces(script: Path) -> Iterator[dict[str, Any]]:
    """Yield those of the script and of the modules that lie beside it."""
    for name, module in [*sys.modules.items()]:
        if name == "__main__" or _lies_beside(module, script):
            yield module.__dict__


def _told(error: BaseException, script: Path) -> str:
    """Return the traceback of a script from its own first line on; its end last."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != str(script):
        frames = frames.tb_next
    lines = traceback.format_exception(type(error), error, frames)
    before, line_end, last = "".join(lines).rstrip().rpartition("\n")
    return f"{before}{line_end}E   {last}"  # as pytest marks what went wrong
