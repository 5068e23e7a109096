"""``pybench history``: one row over all runs of a store, and when it changed."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from pybench.cli.options import share
from pybench.cli.output import add_json, beside, print_lines, write_record
from pybench.cli.status import UsageError
from pybench.cli.store import add_folder, find_store, print_problems
from pybench.records.run import MARGIN

# Rows that a message names.
_NAMED = 10


def add_history(subcommands: Any) -> None:
    """Add ``pybench history``."""
    parser = subcommands.add_parser(
        "history",
        help="one row over the runs of a store, and when it changed for good",
        description="Show one row in each run of a store, per pair of builds and "
        "machine, and the runs with which its ratio changed for good.",
        epilog="Exit status: 0 done, 2 usage, 4 the record could not be written.",
    )
    parser.add_argument("row", metavar="ROW", help="its name, or a part of it")
    add_folder(parser)
    parser.add_argument(
        "--margin", type=share, default=MARGIN,
        help="smaller changes are not told, where a run has no margin (default 3%%)",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="list all runs")
    add_json(parser)
    parser.set_defaults(command=history)


def history(options: argparse.Namespace) -> int:
    """Show the history of a row."""
    store = find_store(options)
    from pybench.history.queries import histories, opened, rows_like
    from pybench.report.history import history_lines

    problems: list[str] = []
    with opened(store, problems) as connection:
        rows = rows_like(connection, options.row)
        if len(rows) != 1:
            named = ", ".join(rows[:_NAMED]) + ", ..." * (len(rows) > _NAMED)
            raise UsageError(
                f"{options.row}: {len(rows)} rows of {store.folder} have that in "
                f"their name{': ' * bool(rows)}{named}"
            )
        of_builds = histories(connection, rows[0], options.margin)
    print_problems(problems)
    for of_build in of_builds:
        lines = history_lines(of_build, everything=options.all)
        print_lines(lines, beside(options.json))
    return write_record([*map(asdict, of_builds)], options.json)
