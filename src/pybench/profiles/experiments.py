"""One target under many conditions, each in a fresh process, taking turns.

What is compared is measured ``repeat`` times, in shuffled order; what is only looked at
(pauses, functions, the wait for the GIL) once, so that watching never changes a time
that counts.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from pybench.children import Child, describe_end, group_runs, last_line, start
from pybench.interpreters import Interpreter
from pybench.profiles.importtime import parse
from pybench.profiles.targets import PROGRAMS, Target
from pybench.records import profile_run as under
from pybench.records.bottleneck import Run
from pybench.records.documents import DocumentError, convert, decode
from pybench.records.proc import run_queue_ns
from pybench.records.profile_run import Failure, Order, Report

# How long what a process left in its session may take to end by itself: the resource
# tracker and the fork server do when the pipe to their parent closes.
GRACE_S = 2.0

# Steady executions of one process take about so long, once there is more than one.
BUDGET_S = 0.2


# Under these a target is looked at once; it is compared under the others.
ONCE = (under.PAUSES, under.FUNCTIONS, under.IMPORTS)


def conditions_of(
    interpreter: Interpreter, target: Target, *, takes_threads: bool = False
) -> list[str]:
    """Name the conditions under which a target runs on this interpreter.

    The swap of the allocator is left out on a free-threaded build, which has one, and
    the probe where there is no GIL to wait for.
    """
    names = [
        under.WHOLE, under.BARE, under.PLAIN, under.GC_OFF, under.GC_FROZEN,
        under.GC_RAISED, under.TRACED, under.WAITS, under.PAUSES, under.FUNCTIONS,
        under.NATIVE,
    ]  # fmt: skip
    if not interpreter.free_threaded:
        names.append(under.MALLOC)
    if interpreter.gil_enabled:
        names.append(under.PROBE)
    if target.is_program:
        names.append(under.IMPORTS)
    if takes_threads:
        names += [under.ONE_THREAD, under.MANY_THREADS]
    return names


def environ_of(interpreter: Interpreter, condition: str) -> dict[str, str]:
    """Return the variables that are set under a condition."""
    if condition == under.MALLOC:
        return {"PYTHONMALLOC": "malloc"}
    # From 3.12 a cProfile sees all threads, and without the GIL two of them at once
    # tear its tree of functions apart: of runs of four threads a third never ended.
    if condition == under.FUNCTIONS and interpreter.free_threaded:
        return {"PYTHON_GIL": "1"}
    return {}


def process_count(conditions: Sequence[str], repeat: int) -> int:
    """Return how many processes `run_all` starts for these conditions."""
    return sum(1 if condition in ONCE else repeat for condition in conditions)


def run_all(
    interpreter: Interpreter,
    target: Target,
    *,
    repeat: int,
    timeout_s: float,
    only: Container[str] | None = None,
    extension: Path | None = None,
) -> Iterator[Run]:
    """Run a target under all conditions; yield each child as it ends.

    It ends early after a first child that failed: the others would as well. Repeats
    take turns, each in an order of its own. ``only`` names the conditions beside the
    plain one. Without the file of `_pybench` nobody can tell C code from bytecode.
    """
    yield (first := run(interpreter, target, under.PLAIN, 0, timeout_s))
    if first.problem:
        return
    target = replace(target, makes=first.report.makes)
    takes_threads = first.report.takes_threads and only is None
    names = [
        name
        for name in conditions_of(interpreter, target, takes_threads=takes_threads)
        if only is None or name in only or name == under.PLAIN
    ]
    order = random.Random(1)
    for number in range(repeat):
        done = ONCE if number else (under.PLAIN,)
        due = [name for name in names if name not in done]
        order.shuffle(due)
        for name in due:
            yield run(interpreter, target, name, number, timeout_s, extension)


def run(
    interpreter: Interpreter,
    target: Target,
    condition: str,
    number: int,
    timeout_s: float,
    extension: Path | None = None,
) -> Run:
    """Run one child to its end, or kill it; nothing of it is left running."""
    has_affinity = hasattr(os, "sched_getaffinity")
    cpus = len(os.sched_getaffinity(0)) if has_affinity else 2
    threads = {under.ONE_THREAD: 1, under.MANY_THREADS: max(2, cpus)}
    with tempfile.TemporaryDirectory(prefix="pybench-profile-") as name:
        path, log = Path(name) / "report.json", Path(name) / "log"
        order = Order(
            kind=target.kind,
            target=target.name,
            arguments=target.arguments,
            condition=condition,
            extension=str(extension) if extension else None,
            threads=threads.get(condition),
            budget_ns=int(BUDGET_S * 1e9),
            # Before the host's ends, so that it can be read where it hung.
            patience_s=timeout_s * 0.7,
            report=str(path),
        )
        begun_ns = time.monotonic_ns()
        with log.open("wb") as errors:
            process = start(
                [str(interpreter.path), *_words(target, order)],
                env=os.environ | environ_of(interpreter, condition),
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        try:
            status, cpu_ns, queued_ns = _wait(process, timeout_s)
            wall_ns = time.monotonic_ns() - begun_ns
        finally:
            left = _end(process)
        text = log.read_text(encoding="utf-8", errors="replace")
        report = Report()  # of a child that left none, or where the target wrote
        with suppress(OSError, DocumentError):
            report = read_report(decode(path.read_bytes()), condition)
    is_ours = condition not in (under.WHOLE, under.BARE, under.IMPORTS)
    kind, problem = _problem(status, report, text, timeout_s, is_ours=is_ours)
    return Run(
        condition=condition,
        number=number,
        wall_ns=wall_ns,
        cpu_ns=cpu_ns,
        queued_ns=queued_ns,
        begun_ns=begun_ns,
        report=report,
        imports_ns=parse_imports(text) if condition == under.IMPORTS else {},
        problem=problem,
        kind=kind,
        left_behind=left and status is not None,
    )


def _words(target: Target, order: Order) -> Sequence[str]:
    """Return what the interpreter is started with."""
    if order.condition == under.BARE:
        return ["-c", "pass"]
    if order.condition == under.WHOLE:
        return target.command()
    if order.condition == under.IMPORTS:
        return ["-X", "importtime", *target.command()]
    # -P: the folder of the program is no place to import from.
    start_program = ["-P", str(PROGRAMS / "start_program.py")]
    return [*start_program, "profile_target", json.dumps(asdict(order))]


def _wait(process: Child, timeout_s: float) -> tuple[int | None, int, int]:
    """Wait for the end; return its status, its CPU time, and how long it had no CPU.

    The status is None after too long. What its main thread waited for a CPU can be
    read between its end and its burial, where the system has it at all.
    """
    deadline = time.monotonic() + timeout_s
    schedstat = Path(f"/proc/{process.pid}/schedstat")
    queued_ns, pause_s = 0, 0.0005
    while time.monotonic() < deadline:
        has_ended = True
        if hasattr(os, "waitid"):  # macOS has it from 3.13 on, and no schedstat
            looking = os.WEXITED | os.WNOWAIT | os.WNOHANG
            has_ended = os.waitid(os.P_PID, process.pid, looking) is not None
        if has_ended:
            with suppress(OSError):
                queued_ns = run_queue_ns(schedstat.read_text()) or 0
            if reaped := process.reap(os.WNOHANG):
                return *reaped, queued_ns
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 0.002)
    return None, 0, 0


def _end(process: Child) -> bool:
    """End the child and its session; return whether there was something to end.

    What it left gets a moment to end by itself.
    """
    if process.returncode is None:
        process.end_group()
        with suppress(ChildProcessError):
            process.wait()
        return True
    deadline = time.monotonic() + GRACE_S
    while is_left := group_runs(process.pid):
        if time.monotonic() > deadline:
            break
        time.sleep(0.002)
    return is_left and process.end_group()


def read_report(document: Mapping[str, object], condition: str) -> Report:
    """Return what a child answered; `DocumentError` names a field that is wrong."""
    report: Report = convert(document, Report)
    if report.observed is None:
        return report
    return replace(report, observed=convert(report.observed, under.SEEN[condition]))


def _problem(
    status: int | None, report: Report, text: str, timeout_s: float, *, is_ours: bool
) -> tuple[Failure | None, str]:
    """Say what went wrong; empty if nothing did."""
    last = last_line(text)
    if status is None:
        message = f"it did not end within {timeout_s:g} s{_where(text)}"
        return Failure.ENDLESS, message
    if report.error:
        # What it said of it: a usage message, the reason in its own words.
        own = f": {last}" if report.error.kind == Failure.EXITED and last else ""
        return report.error.kind, f"{report.error.message}{own}"
    if status < 0:
        return Failure.KILLED, f"its process {describe_end(status)}"
    if is_ours and (report.first is None or status):
        end = f": {last}" if last else " (os._exit?)"
        message = f"its process ended with exit {status} in the middle{end}"
        return Failure.EXITED, message
    if status:
        message = f"it ended with exit {status}: {last or 'no message'}"
        return Failure.EXITED, message
    return None, ""


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
    imports: dict[str, int] = {}
    for root in parse(text).roots:
        if root.name == "site":
            imports.clear()
        else:
            imports[root.name] = imports.get(root.name, 0) + root.total_us * 1000
    return imports
