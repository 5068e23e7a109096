"""``pybench run``: interpreters one after the other, each in its own table."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.children import describe_end
from pybench.cli.options import add_suite, as_it_is, find_interpreters, find_suite
from pybench.cli.output import print_error, print_lines, print_note
from pybench.cli.status import FAILED, INTERRUPTED, OK, USAGE, UsageError
from pybench.progress import clock
from pybench.records.files import json_text, lock_file, write_file

if TYPE_CHECKING:
    from pybench.comparison.single_run import Measured
    from pybench.comparison.suites import Suite
    from pybench.interpreters import Interpreter, Requested
    from pybench.records.row_detail import DetailedRow

# Exit code of pytest that means more here than "failed".
_PYTEST_USAGE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An interpreter that can run the suite, and what follows it to start a session.

    `environ` has the variables that its sessions need.
    """

    interpreter: Interpreter
    start: tuple[str, ...]
    # What was put beside its own packages, by name and version.
    beside: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)


def add_run(subcommands: Any) -> None:
    """Add ``pybench run``."""
    parser = subcommands.add_parser(
        "run",
        help="measure one or more interpreters, without verdicts",
        description="Measure interpreters one after the other. Two tables are no "
        "comparison: each is one process.",
        epilog="Exit status: 0 done, 2 usage, 4 a row or an interpreter failed (the "
        "others are saved), 130 interrupted.",
    )
    parser.add_argument(
        "pythons", metavar="PY", nargs="*",
        help="a path, a name on PATH, or a version found here such as 3.14t; without "
        "any, the Python that runs this",
    )  # fmt: skip
    parser.add_argument(
        "--benchmarks", metavar="SELECTOR", nargs="+", action="extend", default=[],
        help="category/area/operation or the beginning of that; each part may be a "
        "glob: gil, '*/locks', 'memory/refcount/*'; `pybench list` prints all",
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true", help="the rows marked quick, in a minute"
    )
    add_suite(parser)
    parser.add_argument(
        "-o", dest="output", metavar="DIR", type=Path,
        help="write <version>.json of pytest-benchmark there, per interpreter",
    )  # fmt: skip
    parser.add_argument(
        "--profile", choices=["detailed"],
        help="then run each row three more times: under cProfile, for its resident "
        "memory, and for what Python allocated",
    )  # fmt: skip
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure, profile if asked to, and print what came of it."""
    suite = find_suite(options.suite)
    labelled, problems = interpreters(options.pythons, to_run=suite)
    output = make_folder(options.output)
    words = [f"--pybench-select={selector}" for selector in options.benchmarks]
    words += ["--pybench-quick"] * options.quick

    status = FAILED if problems else OK
    lines: list[str] = []
    with alone_in(output) as lock:
        for name, ready in labelled.items():
            print(f"pybench: {name} at {ready.interpreter.path}", flush=True)
            if output:
                print(replaced(output, name), end="", flush=True)
            ended = run_one(name, ready, suite, options, words, output, lines, lock)
            status = max(status, ended)  # interrupted, failed, usage, ok
            if ended in (USAGE, INTERRUPTED):
                break
    print_lines(["", "pybench: one line per interpreter", *lines, *problems])
    if status == INTERRUPTED:
        python = str(ready.interpreter.path)
        rest = [python, *ready.start, *suite.words]
        rest += ["--benchmark-only", "--pybench-resume", *words]
        if output:
            rest.append(f"--benchmark-json={output / name}.json")
        print(f"pybench: interrupted; what is missing: {shlex.join(rest)}")
    return status


def run_one(
    name: str,
    ready: Ready,
    suite: Suite,
    options: argparse.Namespace,
    words: Sequence[str],
    folder: Path | None,
    lines: list[str],
    held: Sequence[int] = (),
) -> int:
    """Measure one interpreter, add the lines for the end, return the status."""
    from pybench.comparison.single_run import measure

    path = folder / f"{name}.json" if folder else None
    measured = measure(
        ready.interpreter,
        suite,
        words,
        path,
        start=ready.start,
        held=held,
        environ=ready.environ,
        # A profile needs to know which rows were measured.
        is_read=bool(options.profile),
    )
    where = ""
    if folder:
        where = f" -> {path}" if measured.document else "; nothing to save"
    lines.append(f"{name:<12} {outcome(measured)}{where}")
    if measured.interrupted:
        return INTERRUPTED
    if measured.status == _PYTEST_USAGE:
        # pytest has said why, and would say so again on each of the others.
        return USAGE
    if options.profile:
        from pybench.report.row_detail import detail_lines

        details = profile(ready, suite, measured)
        print_lines(detail_lines(details))
        if folder:
            lines.append(write_details(details, name, folder))
    return OK if measured.status == OK else FAILED


def interpreters(
    words: Sequence[str], *, to_run: Suite | None = None
) -> tuple[dict[str, Ready], list[str]]:
    """Find the interpreters and make ready those that lack pybench, as compare does.

    With a suite `to_run` they get what it needs, and those whose pytest or
    pytest-benchmark gives no table are refused. Returns each under its name, and a
    line for each that could not be made ready.
    """
    from pybench.comparison.single_run import NotReadyError, check_ready
    from pybench.interpreters import Requested, probe
    from pybench.interpreters.prepare import START, refuse_to_run

    found = find_interpreters(words)
    if not found:
        # Whatever runs this is to have it: no other one was asked for.
        here = probe(sys.executable)
        check_ready(here)
        found = [Requested(name="", interpreter=here, by_path=True)]
    labelled: dict[str, Ready] = {}
    problems: list[str] = []
    for name, requested in label(found).items():
        try:
            try:
                if to_run and to_run.packages:
                    ready = made_ready(name, requested, to_run.packages)
                else:
                    check_ready(requested.interpreter)
                    start = (*requested.interpreter.switches, *START)
                    ready = Ready(interpreter=requested.interpreter, start=start)
            except NotReadyError:
                ready = made_ready(name, requested)
            if to_run:
                if requested.by_path:
                    refuse_to_run(ready.interpreter, ready.beside)
                environ = to_run.environ(requested.interpreter, print_note)
                ready = replace(ready, environ=environ)
            labelled[name] = ready
        except UsageError as error:
            print_error(f"{name}: {error}")
            problems.append(f"{name:<12} FAILED: it could not be prepared")
    if not labelled:
        raise UsageError("no interpreter is left to measure")
    return labelled, problems


def one_interpreter(word: str | None) -> Ready:
    """Find one and make it ready, as compare does; None is this Python."""
    labelled, _ = interpreters([word] if word else [])
    (ready,) = labelled.values()
    as_it_is(ready.interpreter)
    return ready


def made_ready(name: str, requested: Requested, packages: Sequence[str] = ()) -> Ready:
    """Make an environment of an interpreter, or pybench beside its own packages.

    `packages` are those of a suite.
    """
    from pybench.interpreters.prepare import prepare

    print_note(f"preparing {name}")
    try:
        made = prepare(
            requested.interpreter, packages=packages, as_it_is=requested.by_path
        )
    except OSError as error:  # of the cache itself
        raise UsageError(str(error)) from None
    if made.lacks:
        print_note(f"{name}: native rows are n/a: {made.lacks}")
    interpreter = replace(requested.interpreter, path=made.python)
    return Ready(interpreter=interpreter, start=made.start, beside=made.beside)


def label(found: Sequence[Requested]) -> dict[str, Requested]:
    """Name each by its version; the second of a version is ``3.14.0-2``."""
    named: dict[str, Requested] = {}
    for requested in found:
        name, number = requested.interpreter.label, 2
        while name in named:
            name, number = f"{requested.interpreter.label}-{number}", number + 1
        named[name] = requested
    return named


def make_folder(folder: Path | None) -> Path | None:
    """Make the folder of ``-o`` before the first row runs."""
    try:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            probe_file = folder / ".pybench-probe"
            probe_file.touch()
            probe_file.unlink()
    except OSError as error:
        raise UsageError(f"-o {folder}: {error.strerror or error}") from error
    return folder


@contextmanager
def alone_in(folder: Path | None) -> Iterator[tuple[int, ...]]:
    """Refuse a folder that another run writes to now; yields what keeps others out.

    The lock is the folder's own, so nothing is left of it.
    """
    if folder is None or sys.platform == "win32":
        yield ()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not lock_file(descriptor):
            raise UsageError(
                f"-o {folder}: another pybench run is writing there: wait for its end, "
                "or name another folder"
            )
        yield (descriptor,)
    finally:
        os.close(descriptor)


def replaced(folder: Path, name: str) -> str:
    """Return which result a run is about to replace, and when it was written."""
    path = folder / f"{name}.json"
    try:
        written = time.localtime(path.stat().st_mtime)
    except OSError:
        return ""
    return (
        f"pybench: {path}, of {time.strftime('%Y-%m-%d %H:%M:%S', written)}, is "
        "replaced when this run has saved\n"
    )


def outcome(measured: Measured) -> str:
    """Put in words what came of one interpreter."""
    counts = measured.counts
    if measured.status == _PYTEST_USAGE:
        return "FAILED: see the error of pytest above"
    if not counts:
        left = " and left no counts" * (measured.status >= 0)
        return f"FAILED: pytest {describe_end(measured.status)}{left}"
    numbers = {
        "values": counts.get("rows_value", 0),
        "n/a": sum(counts["rows_na"].values()),
        "void": counts["rows_void"],
        "disturbed": counts["rows_disturbed"],
        "errors": counts["rows_error"],
        "skipped": counts["rows_skipped"],
        "not run": counts["rows_not_run"],
    }
    parts = [f"{counts['rows_measured']} rows measured"]
    parts += [f"{number} {what}" for what, number in numbers.items() if number]
    mark = "INTERRUPTED: " if measured.interrupted else "FAILED: "
    return (mark if measured.status else "") + ", ".join(parts)


def profile(ready: Ready, suite: Suite, measured: Measured) -> list[DetailedRow]:
    """Profile the rows that were measured, one after the other."""
    from pybench.profiles.row_detail import profile_row

    rows = measured.document.get("benchmarks", [])
    details: list[DetailedRow] = []
    began = time.monotonic()
    for number, row in enumerate(rows, start=1):
        left = time_left(time.monotonic() - began, len(details), len(rows))
        print(
            f"pybench: profile {number} of {len(rows)}{left}: {row['name']}", flush=True
        )
        record = row["extra_info"].get("pybench")
        facts = record if isinstance(record, dict) else {}
        details.append(
            profile_row(
                ready.interpreter,
                suite,
                row["fullname"],
                is_native="kernel" in facts,
                kernel=str(facts.get("kernel", "")),
                loop=str(facts.get("loop", "")),
                start=ready.start,
            )
        )
    return details


def time_left(taken_s: float, done: int, whole: int) -> str:
    """Return how long the rest takes if it goes on so; nothing before the first."""
    return f", about {clock(taken_s / done * (whole - done))} left" if done else ""


def write_details(details: Sequence[DetailedRow], name: str, folder: Path) -> str:
    """Write ``profile-<name>.json``; return the line for the end."""
    from pybench.records.row_detail import DetailedRows

    path = folder / f"profile-{name}.json"
    document = DetailedRows(interpreter=name, rows=tuple(details))
    text = json_text(asdict(document))
    try:
        write_file(path, text.encode(), inside=True)
    except OSError as error:
        return f"{name:<12} FAILED: {path}: {error.strerror or error}"
    return f"{name:<12} {len(details)} rows profiled -> {path}"
