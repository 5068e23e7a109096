"""``pybench profile memory``: what rows, objects, threads and interpreters take."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli.options import (
    add_suite,
    add_timeout,
    check_suite,
    host_needs,
    whole,
)
from pybench.cli.output import add_json, beside, write_record
from pybench.cli.status import FAILED, INTERRUPTED, OK, UsageError
from pybench.progress import SHOWN_AFTER_S, Meter

if TYPE_CHECKING:
    from pybench.cli.run import Ready
    from pybench.interpreters import Interpreter
    from pybench.records.means import Mean
    from pybench.records.memory import Line, OneMore, RowMemory

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
        "--python", metavar="PY", help="as for pybench run (default: this one)"
    )
    parser.add_argument(
        "--repeats", metavar="N", type=whole(1, 1000), default=3,
        help="fresh processes for each number (default 3)",
    )  # fmt: skip
    parser.add_argument(
        "--only", choices=["rows", "each"],
        help="rows alone, or one more object, thread, interpreter alone",
    )  # fmt: skip
    parser.add_argument(
        "--flamegraph", metavar="DIR", type=Path,
        help="write memray's page for each row there, where it is installed",
    )  # fmt: skip
    add_timeout(parser, _TIMEOUT_S)
    add_json(parser)
    parser.set_defaults(command=profile_memory)


def profile_memory(options: argparse.Namespace) -> int:
    """Measure rows, then the kinds; print what came of them, save it."""
    host_needs()
    from pybench.cli.run import make_folder, one_interpreter
    from pybench.profiles import memory
    from pybench.profiles.gc_pauses import ChildError
    from pybench.report.row_names import short_names

    out = beside(options.json)
    ready = one_interpreter(options.python)
    interpreter = ready.interpreter
    print(f"pybench: {interpreter.label} at {interpreter.path}", file=out, flush=True)
    names: list[str] = []
    if options.only != "each":
        check_suite(options.suite)
        try:
            names = memory.rows_of(
                interpreter, options.suite, options.selectors, start=ready.start
            )
        except ChildError as error:
            raise UsageError(str(error)) from None
        print(
            f"rows: {len(names)}, {options.repeats} times in 2 processes, once in one",
            file=out,
        )
    folder = make_pages(options.flamegraph, interpreter, make_folder, out)
    rows: list[RowMemory] = []
    each: list[OneMore] = []
    status = OK
    kinds = () if options.only == "rows" else memory.KINDS
    meter = Meter(after_s=SHOWN_AFTER_S)

    def tell() -> None:
        whole = len(names) + len(kinds)
        meter.update("part", len(rows) + len(each), whole)

    try:
        called = short_names(names, longest=31)
        print("\n".join(row_head()) if names else "", file=out)
        for name in names:
            row = memory.measure_row(
                interpreter, options.suite, name,
                repeats=options.repeats, timeout_s=options.timeout, start=ready.start,
            )  # fmt: skip
            rows.append(row)
            meter.close()
            print("\n".join(row_lines(row, called[name])), file=out, flush=True)
            if row.problems and not row.means:
                status = FAILED
            if folder:
                page = folder / f"{page_name(name)}.html"
                status = max(status, draw(ready, options, name, page, out=out))
            tell()
        if kinds:
            meter.close()
            print("\none more takes, in bytes of its own (USS):", file=out)
            for one in memory.measure_each(
                interpreter, kinds, options.repeats, options.timeout
            ):
                each.append(one)
                meter.close()
                print(each_line(one), file=out, flush=True)
                tell()
    except KeyboardInterrupt:
        status = INTERRUPTED
        print(
            f"pybench: interrupted after {len(rows)} of {len(names)} rows; the above "
            "is of those",
            file=sys.stderr,
        )
    meter.close()
    document = memory.profile_document(interpreter, rows, each, complete=status == OK)
    return max(status, write_record(document, options.json))


def make_pages(
    folder: Path | None, interpreter: "Interpreter", make: Any, out: Any
) -> Path | None:
    """Make the folder of flame graphs; say why there will be none."""
    from pybench.profiles.memory import has_memray

    if folder is None:
        return None
    if not has_memray(interpreter):
        print(
            f"no flame graphs: memray is not installed for {interpreter.path}: "
            f"{interpreter.path} -m pip install memray",
            file=out,
        )
        return None
    made: Path = make(folder)
    return made


def draw(
    ready: "Ready",
    options: argparse.Namespace,
    name: str,
    page: Path,
    *,
    out: Any,
) -> int:
    """Write one flame graph; return the status."""
    from pybench.profiles import memory
    from pybench.profiles.gc_pauses import ChildError

    try:
        memory.flame_graph(
            ready.interpreter, options.suite, name, page, options.timeout,
            start=ready.start,
        )  # fmt: skip
    except ChildError as error:
        print(f"  {error}", file=out)
        return FAILED
    print(f"  flame graph -> {page}", file=out)
    return OK


def page_name(fullname: str) -> str:
    """Return a row's name as one of a file."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", fullname).strip("-")[-150:]


def row_head() -> list[str]:
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
    means = row.means
    cells = [f"{kib(means.get(name)):>{width}}" for name, _, width in _COLUMNS]
    blocks = means.get("blocks_grown")
    said = f"{blocks.value:.0f}" if blocks else "n/a"
    lines = [f"{called:<32}{''.join(cells)}{said:>7}"]
    # What pytest holds meanwhile is not worth a line beside a row that takes more.
    lines += [
        f"    {line_words(line)}"
        for line in row.lines[:3]
        if line.bytes * _LEAST >= row.lines[0].bytes
    ]
    return lines + [f"    problem: {problem}" for problem in row.problems]


def line_words(line: "Line") -> str:
    """Say what a line had allocated at the peak."""
    place = f"{Path(line.file).name}:{line.line}"
    size = f"{line.bytes / 1024:9.1f} KiB"
    if line.brief:
        return f"{size} within {place}, given back by its end"
    return f"{size} in {line.blocks} blocks: {place}"


def kib(mean: "Mean | None") -> str:
    """Return a mean in KiB, with half of its interval where there is one."""
    if mean is None:
        return "n/a"
    half = mean.half_width
    around = "" if half is None else f"±{half / 1024:.0f}"
    return f"{mean.value / 1024:.0f}{around}"


def each_line(one: "OneMore") -> str:
    """Say what one more takes."""
    if one.bytes is None:
        return f"  {one.kind:<20} n/a: {one.problem}"
    around = ""
    if one.bytes.low is not None and one.bytes.high is not None:
        around = f"  95 % [{one.bytes.low:,.1f}, {one.bytes.high:,.1f}]"
    return f"  {one.kind:<20} {one.bytes.value:>12,.1f}{around}"
