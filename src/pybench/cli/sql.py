"""``pybench sql``: any question to the rows of a store."""

from __future__ import annotations

import argparse
import csv
import sys
from typing import Any

from pybench.cli.status import OK
from pybench.cli.store import add_folder, find_store, print_problems
from pybench.records.texts import encodable, printable


def add_sql(subcommands: Any) -> None:
    """Add ``pybench sql``."""
    parser = subcommands.add_parser(
        "sql",
        help="ask the rows of a store in SQL",
        description="Ask the table `runs` of a store, a line per run, row and side, in "
        "the SQL of DuckDB. The query sees a copy of that table and no file.",
        epilog='Example: pybench sql "SELECT row, ratio FROM runs WHERE verdict = '
        "'slower' ORDER BY ratio DESC LIMIT 10\". DESCRIBE runs lists the columns. "
        "Exit status: 0 done, 2 usage.",
    )
    parser.add_argument("query", metavar="QUERY")
    add_folder(parser)
    parser.add_argument("--csv", action="store_true", help="instead of a table")
    parser.set_defaults(command=sql)


def sql(options: argparse.Namespace) -> int:
    """Print the answer to a query."""
    store = find_store(options)
    from pybench.history.queries import answer, opened

    problems: list[str] = []
    with opened(store, problems, closed=True) as connection:
        names, lines = answer(connection, options.query)
    print_problems(problems)
    cells = [["" if cell is None else str(cell) for cell in line] for line in lines]
    if options.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(map(encodable, names))
        writer.writerows([*map(encodable, line)] for line in cells)
        return OK
    texts = [[printable(cell) for cell in line] for line in [names, *cells]]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for line in texts:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())
    return OK
