"""``pybench list``: which benchmarks there are, what they need, other names of them."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli.options import add_suite, find_suite
from pybench.cli.output import print_lines, print_note, write_record
from pybench.cli.status import OK

if TYPE_CHECKING:
    from pybench.records.row_list import Listed, ListedRow


def add_list(subcommands: Any) -> None:
    """Add ``pybench list``."""
    parser = subcommands.add_parser(
        "list",
        help="list the benchmarks, what each needs, and their other names",
        description="List the rows of a suite as this Python would run them, by "
        "category and area, with what they need, and the other names under which "
        "--benchmarks and --pybench-select find them.",
    )
    parser.add_argument(
        "benchmarks", metavar="SELECTOR", nargs="*",
        help="category/area/operation or the beginning of that, or another name; each "
        "part may be a glob",
    )  # fmt: skip
    add_suite(parser)
    parser.add_argument("--json", action="store_true", help="as JSON, with all facts")
    parser.set_defaults(command=list_benchmarks)


def list_benchmarks(options: argparse.Namespace) -> int:
    """List them."""
    from pybench.comparison.suite_rows import list_rows

    suite = find_suite(options.suite)
    words = [f"--pybench-select={selector}" for selector in options.benchmarks]
    listed = list_rows(Path(sys.executable), suite, words)
    for where, why in listed.uncollected.items():
        print_note(f"{where} cannot be collected: {why}")
    if options.json:
        return write_record(asdict(listed), "-")
    print_lines(lines_of(listed))
    return OK


def lines_of(listed: "Listed") -> Iterator[str]:
    """Lay out the rows below their areas, then the categories, then the aliases."""
    yield "rows: category/area/operation (rows by its parameters)  what it needs"
    for place, rows in operations(listed.rows).items():
        name = f"{place} ({len(rows)})" if len(rows) > 1 else place
        yield f"  {name:<56}  {needed(rows)}".rstrip()
    yield ""
    yield "categories: rows, and what rows of them lack on this Python"
    categories = Counter(row.category for row in listed.rows)
    for category, number in categories.items():
        lacking = Counter(
            row.lacks for row in listed.rows if row.category == category and row.lacks
        )
        reasons = "; ".join(f"{count} n/a: {why}" for why, count in lacking.items())
        yield f"  {category:<14} {number:>4}  {reasons}".rstrip()
    yield ""
    meant = {name: alias for name, alias in listed.aliases.items() if alias.rows}
    yield "other names: what each stands for" if meant else "other names: none"
    for name, alias in sorted(meant.items()):
        yield f"  {name:<42} {alias.selector} ({alias.rows})"


def operations(rows: "Sequence[ListedRow]") -> "dict[str, list[ListedRow]]":
    """Gather the rows of one function."""
    gathered: dict[str, list[ListedRow]] = {}
    for row in rows:
        bare = row.operation.partition("[")[0]
        gathered.setdefault(f"{row.category}/{row.area}/{bare}", []).append(row)
    return gathered


def needed(rows: "Sequence[ListedRow]") -> str:
    """Say what rows of one function need: libraries, the extension, threads."""
    words = dict.fromkeys(what for row in rows for what in row.needs)
    if any(row.kernel for row in rows):
        words["_pybench"] = None
    threads = sorted({row.threads for row in rows if row.threads and row.threads > 1})
    words |= dict.fromkeys(f"{number} threads" for number in threads)
    return ", ".join(words)
