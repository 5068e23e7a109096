"""One target under many conditions, each in a fresh process, taking turns.

What is compared is measured ``repeat`` times, in shuffled order; what is only looked at
(pauses, functions, the wait for the GIL) once, so that watching never changes a time
that counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import subprocess
import tempfile
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pybench.children import Child, group_runs, start
from pybench.interpreters import Interpreter
from pybench.records.documents import parse_json
from pybench.target.programs.profile_target import unfinished

ASYNCHRONOUS: tuple[str, ...] = unfinished.ASYNCHRONOUS
ASYNC_GENERATOR: str = unfinished.ASYNC_GENERATOR

Kind = Literal["script", "module", "function", "row"]

SUBJECT = Path(__file__).parents[1] / "target" / "programs" / "profile_target.py"
GIVEN_ROW = Path(__file__).parents[1] / "target" / "programs" / "suite_row.py"

# How long what a process left in its session may take to end by itself: the resource
# tracker and the fork server do when the pipe to their parent closes.
GRACE_S = 2.0

# Steady executions of one process take about so long, once there is more than one.
BUDGET_S = 0.2

# The names of the conditions, which records hold as well.
WHOLE = "whole"
BARE = "bare"
PLAIN = "plain"
GC_OFF = "gc off"
GC_FROZEN = "gc frozen"
GC_RAISED = "gc thresholds raised"
MALLOC = "malloc"
TRACED = "allocations traced"
WAITS = "waits"
ONE_THREAD = "one thread"
MANY_THREADS = "many threads"
PAUSES = "pauses"
PROBE = "probe"
FUNCTIONS = "functions"
NATIVE = "native"
IMPORTS = "imports"


class TargetMissingError(ValueError):
    """A target that is not there; the text says what one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is profiled: a program, ``module:function`` or a row of pytest-benchmark.

    Parameters
    ----------
    kind : str
        A program is a "script", by its path, or a "module", by its name.
    name : str
        As it was given.
    arguments : tuple of str
        Those of a program.
    makes : str
        What a function makes and does not run; "" for a result.
    """

    kind: Kind
    name: str
    arguments: tuple[str, ...] = ()
    makes: str = ""

    @property
    def is_program(self) -> bool:
        """Whether it is run as ``__main__``, with all that it imports."""
        return self.kind in ("script", "module")

    @property
    def words(self) -> str:
        """How it is written, with its arguments."""
        name = f"-m {self.name}" if self.kind == "module" else self.name
        return " ".join([name, *map(shlex.quote, self.arguments)])

    def command(self) -> list[str]:
        """Return how somebody would run it once: the words after the interpreter."""
        if self.kind == "script":
            return [self.name, *self.arguments]
        if self.kind == "module":
            return ["-m", self.name, *self.arguments]
        if self.kind == "row":
            return [str(GIVEN_ROW), self.name]
        module, _, function = self.name.rpartition(":")
        load = ""
        if module.endswith(".py"):
            path = Path(module)
            load = f"import sys; sys.path.insert(0, {str(path.parent)!r})\n"
            module = path.stem
        return ["-c", f"{load}import {module} as m\n{self._call(f'm.{function}()')}"]

    def _call(self, call: str) -> str:
        """Return the source of one call, with what it makes run to its end."""
        if not self.makes:
            return call
        if self.makes not in ASYNCHRONOUS:
            return f"for _ in {call}: pass"
        run = f"await {call}"
        if self.makes == ASYNC_GENERATOR:
            run = f"async for _ in {call}: pass"
        return f"import asyncio\nasync def main():\n    {run}\nasyncio.run(main())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How one child is run; the program `profile_target` does what the words say.

    A treatment takes turns with none in the same process, which cancels what the
    machine does meanwhile.
    """

    name: str
    repeated: bool = True
    collector: str = "on"
    observe: str | None = None
    treatment: str | None = None
    threads: int | None = None
    switches: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of one child.

    ``report`` is empty where it wrote none, ``problem`` what went wrong, ``kind`` of
    it one word. Times are those of the host: from before the start to the end of the
    process, its CPU time, and how long it was ready to run without a CPU.
    """

    condition: str
    number: int
    wall_ns: int
    cpu_ns: int
    queued_ns: int = 0
    begun_ns: int
    report: Mapping[str, Any] = field(default_factory=dict)
    imports_ns: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    kind: str = ""
    left_behind: bool = False


def parse_target(word: str, arguments: Sequence[str] = ()) -> Target:
    """Tell what a word means.

    Parameters
    ----------
    word : str
        A path of a script, ``module:function``, ``path::row``.
    arguments : sequence of str
        Those of the script.

    Raises
    ------
    TargetMissingError
        For a path that is not there, or a word that is none of the three; for arguments
        to what takes none.
    """
    target = _parsed(word)
    if arguments and not target.is_program:
        raise TargetMissingError(
            f"{word}: {' '.join(arguments)}: a {target.kind} takes no arguments; a "
            "script or -m MODULE does"
        )
    return replace(target, arguments=tuple(arguments))


def module_target(name: str, arguments: Sequence[str] = ()) -> Target:
    """Return what ``-m`` names.

    Raises
    ------
    TargetMissingError
        If it can be the name of no module.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetMissingError(f"-m {name}: {name!r} is no name of a module")
    return Target(kind="module", name=name, arguments=tuple(arguments))


def _parsed(word: str) -> Target:
    file, colons, test = word.partition("::")
    if colons:
        _check_file(file, word)
        if not test:
            raise TargetMissingError(f"{word}: no row after the colons")
        return Target(kind="row", name=word)
    module, colon, function = word.rpartition(":")
    if colon and module and all(part.isidentifier() for part in function.split(".")):
        if module.endswith(".py"):
            _check_file(module, word)
        elif not all(part.isidentifier() for part in module.split(".")):
            raise TargetMissingError(f"{word}: {module!r} is no name of a module")
        return Target(kind="function", name=word)
    if word.isidentifier() and not Path(word).exists():
        raise TargetMissingError(
            f"{word}: no such script; a module is named -m {word}, a function "
            "module:function, a row path::test"
        )
    _check_file(word, word)
    return Target(kind="script", name=word)


def _check_file(path: str, word: str) -> None:
    if not Path(path).exists():
        raise TargetMissingError(f"{word}: {path} does not exist")
    if not Path(path).is_file():
        raise TargetMissingError(f"{word}: {path} is no file")


def conditions(
    interpreter: Interpreter, target: Target, *, takes_threads: bool = False
) -> list[Condition]:
    """List what is done with a target on this interpreter.

    The swap of the allocator is left out on a free-threaded build, which has one, and
    the probe where there is no GIL to wait for.

    Parameters
    ----------
    takes_threads : bool
        Whether it can be told how many threads to start, as its first process says.
    """
    # From 3.12 a cProfile sees all threads, and without the GIL two of them at once
    # tear its tree of functions apart: of runs of four threads a third never ended.
    under_gil = {"PYTHON_GIL": "1"} if interpreter.free_threaded else {}
    listed = [
        Condition(name=WHOLE),
        Condition(name=BARE),
        Condition(name=PLAIN),
        Condition(name=GC_OFF, treatment="off"),
        Condition(name=GC_FROZEN, treatment="frozen"),
        Condition(name=GC_RAISED, treatment="raised"),
        Condition(name=TRACED, treatment="traced"),
        Condition(name=WAITS, observe="waits"),
        Condition(name=PAUSES, observe="pauses", repeated=False),
        Condition(
            name=FUNCTIONS, observe="functions", environ=under_gil, repeated=False
        ),
        # Without the collector, whose time would fall on whoever sets it off.
        Condition(name=NATIVE, observe="native", collector="off"),
    ]
    if not interpreter.free_threaded:
        listed.append(Condition(name=MALLOC, environ={"PYTHONMALLOC": "malloc"}))
    if interpreter.gil_enabled:
        listed.append(Condition(name=PROBE, observe="probe"))
    if target.is_program:
        listed.append(
            Condition(name=IMPORTS, switches=("-X", "importtime"), repeated=False)
        )
    if takes_threads:
        many = max(2, len(os.sched_getaffinity(0)) if _has_affinity() else 2)
        listed += [
            Condition(name=ONE_THREAD, threads=1),
            Condition(name=MANY_THREADS, threads=many),
        ]
    return listed


def process_count(listed: Sequence[Condition], repeat: int) -> int:
    """Return how many processes `run_all` starts for these conditions."""
    return sum(repeat if one.repeated else 1 for one in listed)


def run_all(
    interpreter: Interpreter,
    target: Target,
    *,
    repeat: int,
    timeout_s: float,
    only: Container[str] | None = None,
    extension: Path | None = None,
    seed: int = 1,
) -> Iterator[Ran]:
    """Run a target under all conditions; yield each child as it ends.

    It ends early after a first child that failed: the others would as well. Repeats
    take turns, each in an order of its own.

    Parameters
    ----------
    repeat : int
        Fresh processes of each condition that is compared.
    timeout_s : float
        Seconds after which a child that has not ended is killed.
    only : container of str, optional
        The names of the conditions to run beside the plain one; all by default.
    extension : Path, optional
        The file of `_pybench` for this interpreter, which samples; without it nobody
        can tell C code from bytecode.
    seed : int
        Of the order.
    """
    listed = [
        one
        for one in conditions(interpreter, target)
        if only is None or one.name in only or one.name == PLAIN
    ]
    plain = next(one for one in listed if one.name == PLAIN)
    yield (first := run(interpreter, target, plain, 0, timeout_s))
    if first.problem:
        return
    target = replace(target, makes=first.report.get("makes", ""))
    if first.report.get("takes_threads") and only is None:
        listed = conditions(interpreter, target, takes_threads=True)
    order = random.Random(seed)
    for number in range(repeat):
        turn = [one for one in listed if one.repeated or number == 0]
        if number == 0:
            turn = [one for one in turn if one.name != PLAIN]
        order.shuffle(turn)
        for condition in turn:
            yield run(interpreter, target, condition, number, timeout_s, extension)


def _has_affinity() -> bool:
    return hasattr(os, "sched_getaffinity")


def run(
    interpreter: Interpreter,
    target: Target,
    condition: Condition,
    number: int,
    timeout_s: float,
    extension: Path | None = None,
) -> Ran:
    """Run one child to its end, or kill it; nothing of it is left running."""
    with tempfile.TemporaryDirectory(prefix="pybench-subject-") as name:
        report, log = Path(name) / "report.json", Path(name) / "log"
        words = _words(target, condition, report, timeout_s, extension)
        begun_ns = time.monotonic_ns()
        with log.open("wb") as said:
            child = start(
                [str(interpreter.path), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=os.environ | dict(condition.environ),
            )
        try:
            status, cpu_ns, queued_ns = _wait(child, timeout_s)
            wall_ns = time.monotonic_ns() - begun_ns
        finally:
            left = _end(child)
        document = _read(report)
        text = log.read_text(encoding="utf-8", errors="replace")
    kind, problem = _problem(status, document, text, timeout_s, condition)
    return Ran(
        condition=condition.name,
        number=number,
        wall_ns=wall_ns,
        cpu_ns=cpu_ns,
        queued_ns=queued_ns,
        begun_ns=begun_ns,
        report=document,
        imports_ns=parse_imports(text) if condition.name == IMPORTS else {},
        problem=problem,
        kind=kind,
        left_behind=left and status is not None,
    )


def _words(
    target: Target,
    condition: Condition,
    report: Path,
    timeout_s: float,
    extension: Path | None,
) -> Sequence[str]:
    if condition.name == BARE:
        return ["-c", "pass"]
    if condition.name == WHOLE:
        return target.command()
    if condition.name == IMPORTS:
        return [*condition.switches, *target.command()]
    settings = {
        "kind": target.kind,
        "target": target.name,
        "arguments": target.arguments,
        "collector": condition.collector,
        "observe": condition.observe,
        "extension": extension and str(extension),
        "treatment": condition.treatment,
        "threads": condition.threads,
        "budget_ns": int(BUDGET_S * 1e9),
        # Before the patience of the host ends, so that it can be read where it hung.
        "patience_s": timeout_s * 0.7,
        "report": str(report),
    }
    # -P: the folder of the subject is no place to import from.
    return [*condition.switches, "-P", str(SUBJECT), json.dumps(settings)]


def _wait(child: Child, timeout_s: float) -> tuple[int | None, int, int]:
    """Wait for the end; return its status, its CPU time, and how long it had no CPU.

    The status is None after too long. What its main thread waited for a CPU can be
    read between its end and its burial, where the system has it at all.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = 0.0005
    while (ended := _burial(child)) is None:
        if time.monotonic() > deadline:
            return None, 0, 0
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 0.002)
    return ended


def _burial(child: Child) -> tuple[int, int, int] | None:
    queued_ns = 0
    if hasattr(os, "waitid"):  # macOS has it from 3.13 on, and no schedstat
        looking = os.WEXITED | os.WNOWAIT | os.WNOHANG
        if os.waitid(os.P_PID, child.pid, looking) is None:
            return None
        queued_ns = _queued_ns(child.pid)
    reaped = child.reap(os.WNOHANG)
    return None if reaped is None else (*reaped, queued_ns)


def _queued_ns(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _end(child: Child) -> bool:
    """End the child and its session; return whether there was something to end.

    What it left gets a moment to end by itself.
    """
    if child.returncode is None:
        child.end_group()
        with contextlib.suppress(ChildProcessError):
            child.wait()
        return True
    deadline = time.monotonic() + GRACE_S
    while group_runs(child.pid) and time.monotonic() < deadline:
        time.sleep(0.002)
    if not group_runs(child.pid):
        return False
    return child.end_group()


def _read(path: Path) -> dict[str, Any]:
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _problem(
    status: int | None,
    document: Mapping[str, Any],
    text: str,
    timeout_s: float,
    condition: Condition,
) -> tuple[str, str]:
    """Say in words what went wrong: one word, and all of it; empty if nothing did."""
    last = ([""] + [line.strip() for line in text.splitlines() if line.strip()])[-1]
    if status is None:
        return "endless", f"it did not end within {timeout_s:g} s{_where(text)}"
    if "error" in document:
        kind, message = document["error"]["kind"], document["error"]["message"]
        # What it said of it: a usage message, the reason in its own words.
        if kind == "exited" and last:
            message = f"{message}: {last[:200]}"
        return kind, message
    if status < 0:
        return "killed", f"its process was ended by signal {-status}"
    ours = condition.name not in (WHOLE, BARE, IMPORTS)
    if ours and (document.get("first") is None or status):
        how = f"its process ended with exit {status} in the middle"
        return "exited", f"{how} (os._exit?)" if not last else f"{how}: {last[:200]}"
    if status:
        return "exited", f"it ended with exit {status}: {last[:200] or 'no message'}"
    return "", ""


def _where(text: str) -> str:
    """Read out of faulthandler's stack where a thread is: the innermost of the main."""
    blocks = text.split("hread 0x")
    lines = [line for line in blocks[-1].splitlines() if "File" in line]
    return f"; it was at {lines[0].strip()}" if lines else ""


def parse_imports(text: str) -> dict[str, int]:
    """Read ``-X importtime``: what each module imported by the target took, in ns.

    The outermost modules alone, with all that they import, and after ``site``, which
    every interpreter imports before it comes to the target.
    """
    found: dict[str, int] = {}
    for line in text.splitlines():
        words = line.removeprefix("import time:").split("|")
        if not line.startswith("import time:") or len(words) != 3:
            continue
        name = words[2].removeprefix(" ").rstrip()
        total = words[1].strip()
        if not total.removeprefix("-").isdecimal():
            continue
        if name == "site":
            found.clear()
        elif not name.startswith(" "):
            found[name] = found.get(name, 0) + max(0, int(total)) * 1000
    return found
