"""``pybench profile memory``: what rows, objects, threads and interpreters take."""

import argparse
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pybench.cli.options import (
    add_suite,
    find_suite,
    host_needs,
)
from pybench.cli.output import beside, print_lines, write_record
from pybench.cli.profile_steps import add_options, collect
from pybench.cli.status import FAILED, INTERRUPTED, OK, UsageError
from pybench.progress import SHOWN_AFTER_S, Meter

if TYPE_CHECKING:
    from pybench.interpreters import Interpreter
    from pybench.records.means import Mean
    from pybench.records.memory import OneMore, RowMemory

_TIMEOUT_S = 60.0

# Lines are shown down to this part of the first.
_LEAST = 50
# Column, its head and its width.
_COLUMNS = (
    ("rss_peak", "rss peak", 11),
    ("uss_peak", "uss peak", 11),
    ("pss_peak", "pss peak", 11),
    ("rss_grown", "rss left", 10),
    ("uss_grown", "uss left", 10),
    ("traced_peak", "traced", 10),
    ("traced_grown", "left", 8),
)


def add_memory(kinds: Any) -> None:
    """Add ``pybench profile memory``."""
    parser = kinds.add_parser(
        "memory",
        help="memory of rows, and of one object, thread or interpreter",
        description="Run each row in processes of its own for what it takes: resident, "
        "its own (USS), its share (PSS), and what Python allocated. Nothing is timed.",
        epilog="Exit status: 0 done, 2 usage, 4 a row failed (the others are "
        "reported), 130 interrupted.",
    )
    parser.add_argument(
        "selectors", metavar="SELECTOR", nargs="*",
        help="category/area/operation, as for pybench run (default: all rows)",
    )  # fmt: skip
    add_suite(parser)
    parser.add_argument(
        "--only", choices=["rows", "each"],
        help="rows alone, or one more object, thread, interpreter alone",
    )  # fmt: skip
    parser.add_argument(
        "--flamegraph", metavar="DIR", type=Path,
        help="write memray's page for each row there, where it is installed",
    )  # fmt: skip
    add_options(parser, _TIMEOUT_S)
    parser.set_defaults(command=profile_memory)


def profile_memory(options: argparse.Namespace) -> int:
    """Measure rows, then the kinds; print what came of them, save it."""
    host_needs()
    from pybench.cli.run import one_interpreter
    from pybench.profiles import memory
    from pybench.profiles.child_programs import ChildError
    from pybench.profiles.means import profiled
    from pybench.profiles.row_process import INTERVAL_S
    from pybench.records.memory import MemoryProfile
    from pybench.report.row_names import short_names

    out = beside(options.json)
    ready = one_interpreter(options.python)
    interpreter = ready.interpreter
    print_lines([f"pybench: {interpreter.label} at {interpreter.path}"], out)
    names: list[str] = []
    suite = None if options.only == "each" else find_suite(options.suite)
    if suite:
        try:
            names = memory.rows_of(
                interpreter, suite, options.selectors, start=ready.start
            )
        except ChildError as error:
            raise UsageError(str(error)) from None
        processes = f"{options.repeats} times in 2 processes, once in one"
        print_lines([f"rows: {len(names)}, {processes}"], out)
    folder = _make_pages(options.flamegraph, interpreter, out)
    called = short_names(names, longest=31)
    kinds = () if options.only == "rows" else memory.KINDS
    rows: list[RowMemory] = []
    each: list[OneMore] = []
    failed = False

    def show_row(row: "RowMemory") -> list[str]:
        nonlocal failed
        lines = row_lines(row, called[row.fullname])
        failed |= bool(row.problems) and not row.means
        if folder and suite:
            page = folder / f"{page_name(row.fullname)}.html"
            try:
                memory.flame_graph(
                    interpreter, suite, row.fullname, page, options.timeout,
                    start=ready.start,
                )  # fmt: skip
                lines.append(f"  flame graph -> {page}")
            except ChildError as error:
                failed = True
                lines.append(f"  {error}")
        return lines

    measured = (
        memory.measure_row(
            interpreter, suite, name,
            repeats=options.repeats, timeout_s=options.timeout, start=ready.start,
        )
        for name in names if suite
    )  # fmt: skip
    meter = Meter(after_s=SHOWN_AFTER_S)
    whole = len(names) + len(kinds)
    print_lines(_head() if names else [""], out)
    status = collect(measured, rows, whole, meter, stage="part", show=show_row, out=out)
    if kinds and status == OK:
        print_lines(["", "one more takes, in bytes of its own (USS):"], out)
        status = collect(
            memory.measure_each(interpreter, kinds, options.repeats, options.timeout),
            each, whole, meter,
            stage="part", before=len(rows), show=_each_lines, out=out,
        )  # fmt: skip
    if status == INTERRUPTED:
        done = f"{len(rows)} of {len(names)} rows"
        print_lines(
            [f"pybench: interrupted after {done}; the above is of those"], sys.stderr
        )
    status = max(status, FAILED * failed)
    profile = MemoryProfile(
        interpreter=profiled(interpreter),
        interval_s=INTERVAL_S,
        complete=status == OK,
        rows=tuple(rows),
        each=tuple(each),
    )
    return max(status, write_record(asdict(profile), options.json))


def _make_pages(
    folder: Path | None, interpreter: "Interpreter", out: TextIO
) -> Path | None:
    """Make the folder of flame graphs; say why there will be none."""
    from pybench.cli.run import make_folder
    from pybench.profiles.memory import has_memray

    if folder is None or has_memray(interpreter):
        return make_folder(folder)
    why = f"memray is not installed for {interpreter.path}"
    add = f"{interpreter.path} -m pip install memray"
    print_lines([f"no flame graphs: {why}: {add}"], out)
    return None


def page_name(fullname: str) -> str:
    """Return a row's name as one of a file."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", fullname).strip("-")[-150:]


def _head() -> list[str]:
    """Say what the columns are."""
    heads = "".join(f"{head:>{width}}" for _, head, width in _COLUMNS)
    return [
        "",
        "KiB above what there was before the row, and blocks; the peaks of USS and PSS "
        "are sampled; lines are those of the traced peak, within a tenth",
        f"{'row':<32}{heads}{'blocks':>7}",
    ]


def row_lines(row: "RowMemory", called: str) -> list[str]:
    """Lay a row out under a short name, with the lines that had most at its peak."""
    cells = [f"{_kib(row.means.get(name)):>{width}}" for name, _, width in _COLUMNS]
    grown = row.means.get("blocks_grown")
    blocks = f"{grown.value:.0f}" if grown else "n/a"
    lines = [f"{called:<32}{''.join(cells)}{blocks:>7}"]
    for line in row.lines[:3]:
        # What pytest holds meanwhile is not worth a line beside a row that takes more.
        if line.bytes * _LEAST < row.lines[0].bytes:
            continue
        place = f"{Path(line.file).name}:{line.line}"
        says = f"in {line.blocks} blocks: {place}"
        if line.brief:
            says = f"within {place}, given back by its end"
        lines.append(f"    {line.bytes / 1024:9.1f} KiB {says}")
    return lines + [f"    problem: {problem}" for problem in row.problems]


def _kib(mean: "Mean | None") -> str:
    """Return a mean in KiB, with half of its interval where there is one."""
    if mean is None:
        return "n/a"
    half = mean.half_width
    return f"{mean.value / 1024:.0f}" + ("" if half is None else f"±{half / 1024:.0f}")


def _each_lines(each: "OneMore") -> list[str]:
    """Say what one more takes."""
    mean = each.bytes
    if mean is None:
        return [f"  {each.kind:<20} n/a: {each.problem}"]
    around = ""
    if mean.low is not None and mean.high is not None:
        around = f"  95 % [{mean.low:,.1f}, {mean.high:,.1f}]"
    return [f"  {each.kind:<20} {mean.value:>12,.1f}{around}"]
