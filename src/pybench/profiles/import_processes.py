"""The processes that import a module, or nothing: how each kind is started and timed.

All ``.pyc`` files are in a folder of this profile: none is written beside a module, and
the user's own are not read.
"""

from __future__ import annotations

import ast
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Event, Timer

from pybench.children import describe_end, last_line, start
from pybench.interpreters import Interpreter
from pybench.profiles.importtime import Tree, parse
from pybench.records.imports import Evaluated, ImportReport

# Wall and CPU time in nanoseconds; CPU time is that of all that was waited for.
Clocks = tuple[int, int]

# These would change what is measured, or what the processes print.
_DROPPED = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONINSPECT",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONPYCACHEPREFIX",
    "PYTHONVERBOSE",
)
_PROGRAM = Path(__file__).parents[1] / "target" / "programs" / "import_module.py"


class Kind(StrEnum):
    """Kinds of processes; from WARM on the program runs, which knows these words."""

    INTERPRETER = "interpreter"
    SITE = "site"
    BARE = "bare"
    WHOLE = "whole"
    WARM = "warm"
    COLD = "cold"
    WARM_TREE = "warm tree"
    COLD_TREE = "cold tree"
    LAZY = "lazy"


# Switches of those without the program, and what they run.
_PLAIN = {
    Kind.INTERPRETER: (("-I", "-S"), "pass"),
    Kind.SITE: (("-I",), "pass"),
    Kind.BARE: ((), "pass"),
    Kind.WHOLE: ((), "import {module}"),
}


class ImportsError(Exception):
    """The import could not be measured; the text names the module and says why."""


class NoSuchModuleError(ImportsError):
    """What was given names no module of this interpreter; the text says what would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One process as a whole, and what the program says of the import alone."""

    process: Clocks
    alone: Clocks = (0, 0)
    loaded: int = 0
    annotations: Evaluated | None = None
    tree: Tree | None = None


class Processes:
    """Starts the processes of each kind, in a folder for what they write."""

    def __init__(
        self, interpreter: Interpreter, module: str, folder: Path, timeout_s: float
    ) -> None:
        self._python = interpreter
        self._module = module
        self._timeout_s = timeout_s
        self._pyc = folder / "warm", folder / "cold"
        self._report, self._log, self._trace = (
            folder / name for name in ("report", "log", "trace")
        )
        for path in self._pyc:
            path.mkdir()
        self._environ = {k: v for k, v in os.environ.items() if k not in _DROPPED}

    def prepare(self) -> ImportReport:
        """Import once, and leave the .pyc files of it and of all starts."""
        self._time(self._switches(Kind.WARM), ["-c", "pass"], write=True)
        return self._import(Kind.WARM, write=True)[1]

    def has_pyc(self) -> bool:
        """Tell whether the import left compiled files."""
        return any(self._pyc[0].rglob("*.pyc"))

    def run(self, kind: Kind) -> Imported:
        """Run one process; `ImportsError` if it failed."""
        if kind not in _PLAIN:
            return self._import(kind)[0]
        alone, program = _PLAIN[kind]
        program = program.format(module=self._module)
        status, clocks = self._time([*alone, *self._switches(kind)], ["-c", program])
        if status != 0:
            command = " ".join(["python", *alone, "-c", f"'{program}'"])
            raise ImportsError(f"{command}: it {self._end(status)}{self._last_line()}")
        return Imported(process=clocks)

    def _switches(self, kind: Kind) -> list[str]:
        switches = ["-X", f"pycache_prefix={self._pyc[kind.startswith('cold')]}"]
        return switches + ["-X", "importtime"] * kind.endswith("tree")

    def _import(
        self, kind: Kind, *, write: bool = False
    ) -> tuple[Imported, ImportReport]:
        mark = f"pybench-{secrets.token_hex(8)}"
        self._report.unlink(missing_ok=True)
        words = [_PROGRAM, self._report, self._log, mark, self._module, kind]
        status, clocks = self._time(
            self._switches(kind), [*map(str, words)], write=write
        )
        report = self._read_report()
        end = self._end(status)
        if report is None:
            what = f"ended the process during the import: it {end}{self._last_line()}"
            if status is None:
                what = f"never returned from the import{self._last_line()} ({end})"
            raise ImportsError(f"{self._module!r} {what}")
        if report.error is not None:
            raise self._failure(*report.error)
        if status is None:
            raise ImportsError(
                f"{self._module!r} is imported in {report.ns / 1e9:.3g} s, but the "
                f"process did not end: a thread or exit handler of it goes on ({end})"
            )
        imported = Imported(
            process=clocks,
            alone=(report.ns, report.cpu_ns),
            loaded=report.loaded,
            annotations=report.annotations,
            tree=self._read_tree(mark, report),
        )
        return imported, report

    def _time(
        self, switches: Sequence[str], words: Sequence[str], *, write: bool = False
    ) -> tuple[int | None, Clocks]:
        """Run one process; return its status, None at the time-out, and its times.

        Only with `write` it leaves .pyc files.
        """
        command = [str(self._python.path), *["-B"] * (not write), *switches, *words]
        with self._log.open("wb") as log, self._trace.open("wb") as trace:
            errors = trace if "importtime" in switches else log
            start_ns = time.perf_counter_ns()
            child = start(command, env=self._environ, stdout=log, stderr=errors)
            late = Event()

            def end() -> None:
                late.set()
                child.end_group()

            # Not wait(timeout): that looks every 50 ms, and so would the times.
            timer = Timer(self._timeout_s, end)
            timer.daemon = True
            timer.start()
            reaped = None
            try:
                # As long as its status is not taken its number belongs to it, and what
                # it left behind in its group can be ended by it.
                if hasattr(os, "waitid"):
                    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
                else:
                    reaped = child.reap()
                wall_ns = time.perf_counter_ns() - start_ns
            finally:
                timer.cancel()
                child.end_group()
                status, cpu_ns = reaped or child.reap() or (0, 0)
        return None if late.is_set() else status, (wall_ns, cpu_ns)

    def _read_report(self) -> ImportReport | None:
        try:
            facts = ast.literal_eval(self._report.read_text(encoding="utf-8"))
            if facts["annotations"] is not None:
                facts["annotations"] = Evaluated(**facts["annotations"])
            return ImportReport(**facts)
        except (OSError, ValueError, SyntaxError, TypeError, KeyError):
            return None

    def _read_tree(self, mark: str, report: ImportReport) -> Tree | None:
        """Return the tree; None if the marks around it are not both there."""
        text = self._trace.read_text(encoding="utf-8", errors="replace")
        _, begin, rest = text.partition(f"\n{mark} begin\n")
        lines, end, _ = rest.partition(f"\n{mark} end\n")
        return parse(lines, report.imported) if begin and end else None

    def _failure(self, kind: str, text: str, missing: str) -> ImportsError:
        if missing and f"{self._module}.".startswith(f"{missing}."):
            return NoSuchModuleError(
                f"{self._python.label} at {self._python.path} has no module "
                f"{missing!r}: start this in the folder that has it, set PYTHONPATH, "
                "or name the Python that has it installed: --python PATH"
            )
        text = f": {text}" if text else ""
        if kind == "SystemExit":
            return ImportsError(
                f"{self._module!r} exits when it is imported (SystemExit{text}): it is "
                "a script; put what it runs under `if __name__ == '__main__'`"
            )
        return ImportsError(f"{self._module!r} cannot be imported: {kind}{text}")

    def _end(self, status: int | None) -> str:
        if status is None:
            return f"ended after {self._timeout_s:g} s; --timeout allows more"
        return describe_end(status)

    def _last_line(self) -> str:
        line = last_line(self._log.read_text(encoding="utf-8", errors="replace"))
        return f": {line}" if line else ""
