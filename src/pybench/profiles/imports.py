"""What an import costs: each number from fresh processes that take turns.

A repeat runs one process of each kind, in shuffled order: the interpreter alone, with
``site``, as started by anybody, with the module, and the import by itself with warm
``.pyc`` files and with none. The tree comes from two more under ``-X importtime``,
which slows what it observes; times of the whole come from those without it.

Warm and cold are of ``.pyc`` files only: the files are in the system's cache both
times. Neither writes into the user's folders: all ``.pyc`` files are in a folder of
this profile.
"""

from __future__ import annotations

import ast
import os
import random
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pybench.children import Child, start
from pybench.interpreters.probe import Interpreter
from pybench.profiles.importtime import Tree, merge, parse
from pybench.profiles.means import estimate
from pybench.records.imports import (
    KIND,
    SCHEMA,
    Estimate,
    ImportsProfile,
    Saving,
    Times,
)

# Student's interval of fewer is too wide to say anything.
REPEATS_LEAST = 2

# Kinds of processes, by the words of the record.
INTERPRETER = "interpreter"
SITE = "site"
BARE = "bare"
WHOLE = "whole"
WARM = "warm"
COLD = "cold"
WARM_TREE = "warm tree"
COLD_TREE = "cold tree"
LAZY = "lazy"

# These would change what is measured, or what the processes print.
_DROPPED = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONINSPECT",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONPYCACHEPREFIX",
    "PYTHONVERBOSE",
)

# Runs in the interpreter under test, 3.11 to 3.15. CPython writes the lines of
# importtime to descriptor 2, so Python's own standard error goes elsewhere, and so
# does that of whatever the module forks.
_CHILD = r"""
import sys, os, time
report, said, mark, name, kind = sys.argv[1:6]
del sys.argv[1:]
me, getpid, write = os.getpid(), os.getpid, os.write
clock, cpu_clock = time.perf_counter_ns, time.process_time_ns
said = os.open(said, os.O_WRONLY | os.O_APPEND)
sys.stderr = open(said, "w", 1, encoding="utf-8", errors="backslashreplace")
forks = []
if hasattr(os, "register_at_fork"):
    dup2 = os.dup2
    os.register_at_fork(
        before=lambda: forks.append(1), after_in_child=lambda: dup2(said, 2)
    )

def mark_at(where):
    if traced:
        try:
            write(2, ("\n%s %s\n" % (mark, where)).encode())
        except OSError:
            pass  # closed by the module: the parent sees that the mark is missing

imported = {}
traced = "tree" in kind
if traced:
    def note(event, arguments):
        if event == "import":
            imported[arguments[0]] = imported.get(arguments[0], 0) + 1
    sys.addaudithook(note)
before = set(sys.modules)
if kind == "lazy":
    sys.set_lazy_imports("all")
error = None
mark_at("begin")
cpu_start, start = cpu_clock(), clock()
try:
    __import__(name)
except BaseException as caught:
    stop, cpu_stop = clock(), cpu_clock()
    error = {
        "kind": type(caught).__name__,
        "text": str(caught)[:500],
        "missing": getattr(caught, "name", None)
        if isinstance(caught, ModuleNotFoundError) else None,
    }
else:
    stop, cpu_stop = clock(), cpu_clock()
if getpid() != me:
    os._exit(0)
mark_at("end")
if kind == "lazy":
    sys.set_lazy_imports("normal")
fresh = [module for module in list(sys.modules) if module not in before]
facts = {
    "ns": stop - start,
    "cpu_ns": cpu_stop - cpu_start,
    "error": error,
    "was_loaded": name in before,
    "forks": len(forks),
    "loaded": len(fresh),
    "imported": {str(key): value for key, value in imported.items()},
    "can_lazy": hasattr(sys, "set_lazy_imports"),
    "annotations": None,
}

def deferred(modules):
    # What the import left unevaluated, as far as names lead to it.
    function, seen, found = type(deferred), set(), []

    def look(thing, home):
        if isinstance(thing, (staticmethod, classmethod)):
            thing = thing.__func__
        if isinstance(thing, property):
            for part in (thing.fget, thing.fset, thing.fdel):
                look(part, home)
            return
        if not isinstance(thing, (type, function)) or id(thing) in seen:
            return
        seen.add(id(thing))
        if thing.__module__ != home:
            return
        inside = {}
        if isinstance(thing, type):
            inside = type.__dict__["__dict__"].__get__(thing)
        # A decorator such as dataclass has evaluated them already.
        if "__annotations_cache__" not in inside:
            take(thing)
        for part in list(inside.values()):
            look(part, home)

    def take(thing):
        try:
            annotate = thing.__annotate__
        except Exception:
            return
        if isinstance(annotate, function):
            found.append(annotate)

    for home in modules:
        module = sys.modules.get(home)
        if type(module) is type(sys):
            take(module)
            for thing in list(vars(module).values()):
                try:
                    look(thing, home)
                except Exception:
                    pass
    return found

if kind == "warm" and error is None and hasattr(deferred, "__annotate__"):
    found, failed = deferred(fresh), 0
    cpu_start, start = cpu_clock(), clock()
    for annotate in found:
        try:
            annotate(1)
        except BaseException:
            failed += 1
    stop, cpu_stop = clock(), cpu_clock()
    facts["annotations"] = {
        "ns": stop - start,
        "cpu_ns": cpu_stop - cpu_start,
        "count": len(found),
        "failed": failed,
    }

with open(report, "w", encoding="utf-8", errors="backslashreplace") as file:
    file.write(repr(facts))
"""


class ImportsError(Exception):
    """The import could not be measured; the text names the module and says why."""


class NoSuchModuleError(ImportsError):
    """What was given names no module of this interpreter; the text says what would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ran:
    """One process: its own report, and what its parent saw."""

    wall_ns: int
    cpu_ns: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    tree: Tree | None = None


def check_name(name: str) -> None:
    """Raise `NoSuchModuleError` unless the text can be the name of a module."""
    separators = {os.sep, os.altsep or os.sep}
    if any(separator in name for separator in separators) or (
        name.endswith((".py", ".pyc")) and Path(name).exists()
    ):
        path = Path(name)
        stem = path.stem if path.suffix in (".py", ".pyc") else path.name
        raise NoSuchModuleError(
            f"{name!r} is a path, and an import needs the name of a module: "
            f"cd {path.parent} and give {stem!r}, or add that folder to PYTHONPATH"
        )
    if name.startswith("."):
        raise NoSuchModuleError(
            f"{name!r} is relative, and nothing is imported from here: give the full "
            f"name, package.{name.lstrip('.') or 'module'}"
        )
    if not all(part.isidentifier() for part in name.split(".")):
        raise NoSuchModuleError(
            f"{name!r} is no name of a module: give what stands after `import`, such "
            "as json or xml.dom (a distribution may be called otherwise)"
        )


class ImportsMeasurement:
    """The repeats of one import, as many as were done.

    Parameters
    ----------
    interpreter : Interpreter
        What imports.
    module : str
        The module's name.
    timeout_s : float
        Seconds after which a process is ended.

    Raises
    ------
    NoSuchModuleError
        For what is no module's name.
    """

    def __init__(
        self, interpreter: Interpreter, module: str, *, timeout_s: float = 60.0
    ) -> None:
        check_name(module)
        self._interpreter = interpreter
        self._module = module
        self._timeout_s = timeout_s
        self._repeats: list[dict[str, _Ran]] = []
        self._notes: list[str] = []
        self._lazy_reason = ""

    @property
    def repeats(self) -> int:
        """How many are whole."""
        return len(self._repeats)

    def measure(
        self, repeats: int, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Run the repeats; an interruption leaves those that are whole.

        Parameters
        ----------
        repeats : int
            How many, two at least.
        progress : callable, optional
            Is told how many of how many are done, between processes.

        Raises
        ------
        NoSuchModuleError
            If the interpreter finds no such module.
        ImportsError
            If the import fails, ends the process or does not return.
        """
        if repeats < REPEATS_LEAST:
            raise ValueError(f"{repeats} repeats: {REPEATS_LEAST} are the least")
        order = random.Random(len(self._module))
        # Ctrl-C may come while a child starts, and that one may still write into it.
        with tempfile.TemporaryDirectory(
            prefix="pybench-imports-", ignore_cleanup_errors=True
        ) as name:
            processes = _Processes(
                self._interpreter, self._module, Path(name), self._timeout_s
            )
            kinds = self._prepare(processes)
            for number in range(repeats):
                order.shuffle(kinds)
                # Whole or not at all: differences are taken within a repeat.
                self._repeats.append({kind: processes.run(kind) for kind in kinds})
                if progress is not None:
                    progress(number + 1, repeats)

    def _prepare(self, processes: _Processes) -> list[str]:
        """Write the .pyc files, see that the import works, and choose the kinds."""
        first = processes.prepare()
        if first.facts["was_loaded"]:
            self._notes.append(
                f"{self._module!r} is imported at every start: it is part of the "
                "start-up, and importing it again is a look-up"
            )
        if first.facts["forks"]:
            self._notes.append(
                f"{self._module!r} forks while it is imported: the imports of those "
                "processes are not in the tree, and they are ended with it"
            )
        if not processes.has_pyc():
            self._notes.append(
                "no .pyc was written: nothing that was imported has source to compile, "
                "so warm and cold are the same"
            )
        kinds = [INTERPRETER, SITE, BARE, WHOLE, WARM, COLD, WARM_TREE, COLD_TREE]
        if not first.facts["can_lazy"]:
            self._lazy_reason = (
                f"{self._interpreter.label} has no lazy imports (3.15 has)"
            )
            return kinds
        try:
            processes.run(LAZY)
        except ImportsError as error:
            self._lazy_reason = f"it does not work with all imports lazy: {error}"
            return kinds
        return [*kinds, LAZY]

    def profile(self) -> ImportsProfile:
        """Estimate from the repeats there are.

        Raises
        ------
        ImportsError
            If no repeat is whole.
        """
        if not self._repeats:
            raise ImportsError(f"{self._module}: no repeat was done")
        trees = {
            kind: [ran.tree for ran in self._of(kind) if ran.tree is not None]
            for kind in (WARM_TREE, COLD_TREE)
        }
        return ImportsProfile(
            module=self._module,
            python=f"{self._interpreter.label} ({self._interpreter.path})",
            repeats=len(self._repeats),
            startup=self._startup(),
            warm=self._import(WARM),
            cold=self._import(COLD),
            compiling=self._import(COLD, less=WARM),
            modules=self._of(WARM)[0].facts["loaded"],
            observed=self._import(WARM_TREE, less=WARM),
            tree=merge(
                [tree.roots for tree in trees[WARM_TREE]],
                [tree.roots for tree in trees[COLD_TREE]],
            ),
            lazy=self._lazy(),
            annotations=self._annotations(),
            notes=(*self._notes, *self._cut(), *_doubts(trees)),
        )

    def _of(self, kind: str) -> list[_Ran]:
        return [repeat[kind] for repeat in self._repeats]

    def _cut(self) -> list[str]:
        """Say of how many processes the tree is missing."""
        traced = [*self._of(WARM_TREE), *self._of(COLD_TREE)]
        missing = sum(ran.tree is None for ran in traced)
        if not missing:
            return []
        return [
            f"no tree of {missing} of {len(traced)} processes: {self._module!r} closed "
            "or redirected descriptor 2, where -X importtime writes"
        ]

    def _import(self, kind: str, *, less: str | None = None) -> Times:
        """Estimate what one kind of process saw of the import itself."""
        return Times(
            wall=self._estimate(lambda ran: ran.facts["ns"], kind, less),
            cpu=self._estimate(lambda ran: ran.facts["cpu_ns"], kind, less),
        )

    def _process(self, kind: str, *, less: str | None = None) -> Times:
        """Estimate one kind of process as a whole."""
        return Times(
            wall=self._estimate(lambda ran: ran.wall_ns, kind, less),
            cpu=self._estimate(lambda ran: ran.cpu_ns, kind, less),
        )

    def _estimate(
        self, value: Callable[[_Ran], int], kind: str, less: str | None
    ) -> Estimate:
        """Estimate a kind, or the mean difference of two within a repeat."""
        if less is None:
            return estimate([value(ran) for ran in self._of(kind)])
        return estimate(
            [value(repeat[kind]) - value(repeat[less]) for repeat in self._repeats]
        )

    def _startup(self) -> dict[str, Times]:
        return {
            INTERPRETER: self._process(INTERPRETER),
            SITE: self._process(SITE, less=INTERPRETER),
            "environment": self._process(BARE, less=SITE),
            "imports": self._process(WHOLE, less=BARE),
            "whole process": self._process(WHOLE),
        }

    def _lazy(self) -> Saving:
        if self._lazy_reason:
            return Saving(reason=self._lazy_reason)
        now, then = self._of(WARM)[0].facts["loaded"], self._of(LAZY)[0].facts["loaded"]
        return Saving(
            times=self._import(WARM, less=LAZY),
            says=f"what -X lazy_imports=all takes off the warm import, {then} modules "
            f"loaded instead of {now}; what is used later is paid for then",
        )

    def _annotations(self) -> Saving:
        found = [ran.facts["annotations"] for ran in self._of(WARM)]
        if found[0] is None:
            return Saving(
                reason=f"{self._interpreter.label} evaluates annotations at import "
                "(3.14 and later defer it): what is not deferred cannot be told apart"
            )
        count, failed = found[0]["count"], found[0]["failed"]
        if not count:
            return Saving(reason="no annotations were left to evaluate")
        says = (
            f"what evaluating those of {count} functions, classes and modules would "
            "add to the import; saved already, unless something asks for them"
        )
        if failed:
            says += f"; {failed} of them cannot be evaluated and count up to there"
        times = Times(
            wall=estimate([one["ns"] for one in found]),
            cpu=estimate([one["cpu_ns"] for one in found]),
        )
        return Saving(times=times, says=says)


def imports_document(profile: ImportsProfile) -> dict[str, Any]:
    """Return the record: times in nanoseconds, intervals of 95 %."""
    return {"pybench": KIND, "schema": SCHEMA, **asdict(profile)}


def _doubts(by_kind: Mapping[str, Sequence[Tree]]) -> list[str]:
    notes = []
    trees = [tree for kind in by_kind.values() for tree in kind]
    foreign = sum(tree.foreign for tree in trees)
    if foreign:
        notes.append(
            f"{foreign} lines that look like -X importtime's name nothing that was "
            "imported then: printed by a program, and left out"
        )
    doubtful = dict.fromkeys(name for tree in trees for name in tree.doubtful)
    if doubtful:
        shown = ", ".join([*doubtful][:5]) + (", ..." if len(doubtful) > 5 else "")
        notes.append(
            f"the tree does not add up at {shown}: threads import there, or a program "
            "prints lines like -X importtime's"
        )
    return notes


class _Processes:
    """Starts the processes of each kind, in a folder for what they write."""

    def __init__(
        self, interpreter: Interpreter, module: str, folder: Path, timeout_s: float
    ) -> None:
        self._python = str(interpreter.path)
        self._label = interpreter.label
        self._module = module
        self._timeout_s = timeout_s
        self._warm = folder / "warm"
        self._cold = folder / "cold"
        self._report = folder / "report"
        self._said = folder / "said"
        self._trace = folder / "trace"
        self._warm.mkdir()
        self._cold.mkdir()
        self._environ = {k: v for k, v in os.environ.items() if k not in _DROPPED}

    def prepare(self) -> _Ran:
        """Import once and leave the .pyc files of it and of all starts."""
        self._run(self._switches(WARM), ["-c", "pass"], write=True)
        return self._import(WARM, write=True)

    def has_pyc(self) -> bool:
        """Tell whether the import left compiled files."""
        return any(self._warm.rglob("*.pyc"))

    def run(self, kind: str) -> _Ran:
        """Run one process; `ImportsError` if it failed."""
        if kind in (INTERPRETER, SITE, BARE, WHOLE):
            alone = {INTERPRETER: ["-I", "-S"], SITE: ["-I"]}.get(kind, [])
            program = f"import {self._module}" if kind == WHOLE else "pass"
            switches = [*alone, *self._switches(WARM)]
            status, wall_ns, cpu_ns = self._run(switches, ["-c", program])
            if status != 0:
                command = f"python {' '.join([*alone, '-c'])} '{program}'"
                raise ImportsError(f"{command}: {self._how(status)}{self._last_said()}")
            return _Ran(wall_ns=wall_ns, cpu_ns=cpu_ns)
        return self._import(kind)

    def _switches(self, kind: str) -> list[str]:
        folder = self._cold if kind in (COLD, COLD_TREE) else self._warm
        switches = ["-X", f"pycache_prefix={folder}"]
        return switches + ["-X", "importtime"] * (kind in (WARM_TREE, COLD_TREE))

    def _import(self, kind: str, *, write: bool = False) -> _Ran:
        mark = f"pybench-{secrets.token_hex(8)}"
        words = [str(self._report), str(self._said), mark, self._module, kind]
        self._report.unlink(missing_ok=True)
        status, wall_ns, cpu_ns = self._run(
            self._switches(kind), ["-c", _CHILD, *words], write=write
        )
        facts = self._read_report()
        if facts is None:
            what = (
                "never returned from the import"
                if status is None
                else (f"ended the process during the import ({self._how(status)})")
            )
            raise ImportsError(
                f"{self._module!r} {what}{self._last_said()}{self._more_time(status)}"
            )
        if facts["error"] is not None:
            raise self._failure(facts["error"])
        if status is None:
            raise ImportsError(
                f"{self._module!r} is imported in {facts['ns'] / 1e9:.3g} s, but the "
                f"process did not end: a thread or exit handler of it goes on"
                f"{self._more_time(status)}"
            )
        tree = None
        if kind in (WARM_TREE, COLD_TREE):
            tree = self._read_tree(mark, facts["imported"])
        return _Ran(wall_ns=wall_ns, cpu_ns=cpu_ns, facts=facts, tree=tree)

    def _run(
        self, switches: Sequence[str], words: Sequence[str], *, write: bool = False
    ) -> tuple[int | None, int, int]:
        """Run one process; return its status, None if it took too long, wall, CPU ns.

        CPU time is that of the process and of those it waited for.
        """
        ends = [] if write else ["-B"]
        command = [self._python, *ends, *switches, *words]
        with self._said.open("wb") as said, self._trace.open("wb") as trace:
            is_traced = "importtime" in switches
            start_ns = time.perf_counter_ns()
            child = start(
                command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=trace if is_traced else said,
            )
            late = threading.Event()

            def end() -> None:
                late.set()
                child.end_group()

            # Not wait(timeout): that looks every 50 ms, and so would the times.
            timer = threading.Timer(self._timeout_s, end)
            timer.daemon = True
            timer.start()
            reaped: tuple[int, int] | None = None
            try:
                reaped = _await_end(child)
                wall_ns = time.perf_counter_ns() - start_ns
            finally:
                timer.cancel()
                child.end_group()
                status, cpu_ns = reaped or child.reap() or (0, 0)
        return (None if late.is_set() else status), wall_ns, cpu_ns

    def _read_report(self) -> dict[str, Any] | None:
        try:
            facts = ast.literal_eval(self._report.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError):
            return None
        return facts if isinstance(facts, dict) else None

    def _read_tree(self, mark: str, imported: Mapping[str, int]) -> Tree | None:
        """Return the tree; None if the marks around it are not both there."""
        text = self._trace.read_text(encoding="utf-8", errors="replace")
        _, begin, rest = text.partition(f"\n{mark} begin\n")
        inside, end, _ = rest.partition(f"\n{mark} end\n")
        if not begin or not end:
            return None
        return parse(inside, Counter(imported))

    def _failure(self, error: Mapping[str, Any]) -> ImportsError:
        missing = error["missing"]
        if missing and (
            self._module == missing or self._module.startswith(f"{missing}.")
        ):
            return NoSuchModuleError(
                f"{self._label} at {self._python} has no module {missing!r}: start "
                "this in the folder that has it, set PYTHONPATH, or name the Python "
                "that has it installed: --python PATH"
            )
        text = f": {error['text']}" if error["text"] else ""
        if error["kind"] == "SystemExit":
            return ImportsError(
                f"{self._module!r} exits when it is imported (SystemExit{text}): it is "
                "a script; put what it runs under `if __name__ == '__main__'`"
            )
        return ImportsError(
            f"{self._module!r} cannot be imported: {error['kind']}{text}"
        )

    def _how(self, status: int | None) -> str:
        if status is None:
            return f"no end within {self._timeout_s:g} s"
        if status >= 0:
            return f"exit {status}"
        try:
            return f"signal {signal.Signals(-status).name}"
        except ValueError:
            return f"signal {-status}"

    def _more_time(self, status: int | None) -> str:
        if status is not None:
            return ""
        return f" (ended after {self._timeout_s:g} s; --timeout allows more)"

    def _last_said(self) -> str:
        text = self._said.read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f": {lines[-1][:200]}" if lines else ""


def _await_end(child: Child) -> tuple[int, int] | None:
    """Wait until it ends, without taking its status where the system can do that.

    As long as that is not taken its number belongs to it, and what it left behind in
    its group can be ended by it.
    """
    if not hasattr(os, "waitid"):
        return child.reap()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return None
