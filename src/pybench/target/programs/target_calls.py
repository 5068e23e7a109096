"""The target of a profile as a call: a script, a module, a function, a row of a suite.

`profile_target` measures the calls that these functions return.
"""

import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pybench.records.profile_run import Failure, RowRounds
from pybench.target.process.pedantic import Pedantic, noting_rounds
from pybench.target.programs.suite_row import GivenRow, run_row

Call = Callable[[], object]

# Not empty in a process that the target forked.
FORKED: list[bool] = []


class TargetError(Exception):
    """A target that was not measured, and which kind of failure that is."""

    def __init__(self, kind: Failure, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def missing(message: str) -> TargetError:
    """Return the error for a target that is not there."""
    return TargetError(Failure.MISSING, message)


def script(path: str, arguments: tuple[str, ...]) -> Call:
    """Return what runs a script once, as ``__main__`` and with nothing left over."""
    # As Python does: the folder of what a link points to, the path as it was given.
    sys.path.insert(0, str(Path(path).resolve().parent))
    sys.argv = [path, *arguments]
    full = str(Path(path).absolute())
    code = compile(Path(path).read_bytes(), full, "exec", dont_inherit=True)
    loader = importlib.machinery.SourceFileLoader("__main__", full)
    return main_program(code, __file__=full, __cached__=None, __loader__=loader)


def module(name: str, arguments: tuple[str, ...]) -> Call:
    """Return what runs a module once, as ``python -m`` does."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        raise missing(f"-m {name}: {error}") from None
    loader: Any = spec and spec.loader
    if spec is None or not hasattr(loader, "get_code"):
        raise missing(f"-m {name}: there is no such module")
    code = loader.get_code(spec.name)
    if code is None:
        raise missing(f"-m {name}: it is not written in Python")
    sys.argv = [spec.origin or name, *arguments]
    return main_program(
        code,
        __file__=spec.origin,
        __cached__=spec.cached,
        __loader__=loader,
        __package__=spec.parent,
        __spec__=spec,
    )


def main_program(code: types.CodeType, **names: object) -> Call:
    """Return what runs code as ``__main__``, each time in a module of its own."""
    arguments = list(sys.argv)
    # The last module is kept until the next has begun: threads may still read it.
    kept: list[types.ModuleType] = []

    def run() -> None:
        main = types.ModuleType("__main__")
        main.__dict__.update(names)
        kept[:] = [main]
        sys.modules["__main__"] = main
        sys.argv[:] = arguments
        try:
            exec(code, main.__dict__)
        except SystemExit as end:
            if FORKED:
                raise
            if status := exit_status(end):
                message = f"it ended with exit {status}"
                raise TargetError(Failure.EXITED, message) from None
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()

    return run


def exit_status(end: SystemExit) -> int:
    """Return the status of an exit; a text is printed and means 1."""
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


def function(name: str, threads: int | None) -> tuple[Call, bool]:
    """Return what calls ``module:function``, and whether it takes ``threads``."""
    module_name, _, path = name.rpartition(":")
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = [module_name]
    # Processes that are spawned import the main module again: this file is none.
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        called: Any = imported(module_name)
    except ModuleNotFoundError as error:
        raise missing(f"{module_name}: {error}") from None
    for word in path.split("."):
        try:
            called = getattr(called, word)
        except AttributeError:
            names = [n for n, v in vars(called).items() if inspect.isfunction(v)]
            has = ", ".join(names) or "none"
            raise missing(
                f"{module_name} has no {path!r}; its functions: {has}"
            ) from None
    if not callable(called):
        raise missing(f"{name} is {type(called).__name__}, not callable")
    try:
        parameters = inspect.signature(called).parameters
    except (TypeError, ValueError):
        parameters = types.MappingProxyType({})
    needs = [
        p.name
        for p in parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    takes = "threads" in parameters
    if threads is None and "threads" in needs:
        threads = 2
    if needs := [parameter for parameter in needs if parameter != "threads"]:
        raise missing(
            f"{name} needs {', '.join(needs)}: name a function without arguments"
        )
    if takes and threads is not None:
        return lambda: called(threads=threads), True
    # Python that calls it: a C function called by C is hidden from cProfile.
    return lambda: called(), takes


def imported(name: str) -> types.ModuleType:
    """Import a module by its name, or by the path of its file."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    if not Path(name).is_file():
        raise missing(f"{name}: no such file")
    sys.path.insert(0, str(Path(name).absolute().parent))
    stem = Path(name).stem
    spec = importlib.util.spec_from_file_location(stem, name)
    if spec is None or spec.loader is None:
        raise missing(f"{name}: cannot be imported")
    module = sys.modules[stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Rounds(Pedantic):
    """What a row says in ``benchmark.pedantic``: an execution is one of its rounds.

    A round is made as pytest-benchmark makes it: the set-up, so many iterations, the
    teardown.
    """

    _result: Any = None

    @property
    def facts(self) -> RowRounds:
        """What a report says of the rounds."""
        has = {"setup": bool(self.setup), "teardown": bool(self.teardown)}
        return RowRounds(
            rounds=self.most_rounds,
            iterations=self.iterations,
            parts=tuple(part for part, is_there in has.items() if is_there),
        )

    def warm(self) -> None:
        """Do the warm-up rounds."""
        for _ in range(self.warmup_rounds):
            self.call()

    def call(self) -> Any:
        """Do one round; return what its last iteration returned."""
        self._result = None  # so that no round holds what the one before has made
        self._result = self.round(self.iterations)
        return self._result

    def result(self) -> Any:
        """Return what the row gets: of several iterations, that of one more call."""
        return self._result if self.iterations == 1 else self.round(1)


def need_pytest() -> None:
    """Raise `TargetError` unless this interpreter has what runs rows."""
    try:
        import pytest  # noqa: F401
        import pytest_benchmark  # noqa: F401
    except ImportError as error:
        raise missing(
            f"a row needs pytest and pytest-benchmark in {sys.executable}: {error}"
        ) from None


def run_given_row(node: str, measure: Callable[[Call, RowRounds | None], None]) -> None:
    """Run a row under pytest, and measure the call that it gives to ``benchmark``."""
    sys.path.insert(0, str(Path.cwd()))
    need_pytest()
    from pytest_benchmark.fixture import BenchmarkFixture

    stock: Any = BenchmarkFixture
    problems: list[TargetError] = []
    reached: list[bool] = []
    says_rounds: list[bool] = []

    def take(call: Call, rounds: RowRounds | None = None) -> None:
        reached.append(True)
        try:
            measure(call, rounds)
        except TargetError as error:
            problems.append(error)
            raise

    def raw(_self: Any, target: Any, /, *args: Any, **kwargs: Any) -> Any:
        def call() -> Any:
            return target(*args, **kwargs)

        take(call)
        return call()

    def raw_pedantic(_self: Any, target: Any, **how: Any) -> Any:
        reached.append(True)
        try:
            rounds = Rounds(target=target, says_rounds=says_rounds[-1], **how)
            if getattr(target, "__module__", "") == "pybench.target.plugin.kernel":
                raise TargetError(
                    Failure.NATIVE,
                    f"{node} is a native kernel, timed in C: there is no Python to "
                    "profile; pybench run --profile detailed names its C function",
                )
            rounds.warm()
        except Exception as error:
            what = f"it raised {type(error).__name__}: {error}"
            problems.append(
                error
                if isinstance(error, TargetError)
                else TargetError(Failure.RAISED, what)
            )
            raise
        take(rounds.call, rounds.facts)
        return rounds.result()

    stock._raw, stock._raw_pedantic = raw, raw_pedantic
    stock.pedantic = noting_rounds(stock.pedantic, says_rounds.append)
    given = GivenRow(node)
    status = run_row(given)
    if given.problem:
        raise missing(given.problem)
    if problems:
        raise problems[0]
    if not reached:
        raise TargetError(
            Failure.MISSING if status in (4, 5) else Failure.RAISED,
            f"pytest ended with status {int(status)} before {node} called benchmark",
        )
