"""``pybench export``: a result in the formats of other programs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli.options import add_order, host_needs
from pybench.cli.output import place, print_note, write_whole
from pybench.cli.status import OK, UsageError, for_terminal

if TYPE_CHECKING:
    from pybench.records.contents import Contents

# What is written, and what was left out of it and why.
Written = tuple[str | bytes, Mapping[str, str]]

FORMATS = {
    "csv": "a line per row and side",
    "parquet": "the same, for data frames (needs pyarrow)",
    "pytest-benchmark": "one side, for `pytest-benchmark compare`",
    "pyperf": "one side, for `pyperf compare_to`",
    "github-action": "ratios, for github-action-benchmark's customSmallerIsBetter",
    "speedscope": "an import tree, of `pybench profile imports --json`",
}
OF_A_SIDE = ("pytest-benchmark", "pyperf")
# Those with a line per row, which may be sorted; they begin as the suite has them.
OF_ROWS = ("csv", "parquet", "github-action")


def add_export(subcommands: Any) -> None:
    """Add ``pybench export``."""
    parser = subcommands.add_parser(
        "export",
        help="write a result in the format of another program",
        description="Write a run, its summary or a profile in the format of another "
        "program. Nothing is measured or judged anew.",
        epilog="Formats: "
        + "; ".join(f"{name}: {says}" for name, says in FORMATS.items())
        + ". Exit status: 0 done, 2 usage.",
    )
    parser.add_argument(
        "results", metavar="RESULTS", type=Path,
        help="the folder of a run, its summary.json, or a record of profile imports",
    )  # fmt: skip
    parser.add_argument("--to", choices=[*FORMATS], required=True, help="see below")
    parser.add_argument(
        "-o", dest="output", metavar="FILE", type=place, required=True,
        help="written whole or not at all; - for standard output",
    )  # fmt: skip
    parser.add_argument(
        "--side", metavar="NAME",
        help="whose times, for the formats of one side",
    )  # fmt: skip
    add_order(parser)
    parser.set_defaults(command=export)


def export(options: argparse.Namespace) -> int:
    """Write one file, and say what is not in it."""
    host_needs()
    from pybench.comparison.contents import read_contents

    contents = read_contents([options.results], has_details=False)
    try:
        data, left_out = _written(contents, options)
    except ImportError as error:
        raise UsageError(
            f"--to {options.to}: {error.name} is not installed for {sys.executable}: "
            f"pip install {error.name}"
        ) from None
    write_whole(data, options.output, "-o")
    for note in contents.notes:
        print_note(note)
    for row, why in left_out.items():
        print_note(f"left out: {for_terminal(f'{row}: {why}')}")
    return OK


def _written(contents: Contents, options: argparse.Namespace) -> Written:
    if (options.sort or options.group) and options.to not in OF_ROWS:
        raise UsageError(
            f"--sort and --group mean nothing to {options.to}; only to "
            f"{', '.join(OF_ROWS)}"
        )
    if options.to in OF_A_SIDE:
        return _of_a_side(contents, options)
    if options.side is not None:
        raise UsageError(
            f"--side means nothing to {options.to}, which has all of them; only to "
            f"{', '.join(OF_A_SIDE)}"
        )
    if options.to == "speedscope":
        from pybench.report.exports.speedscope import speedscope_json

        # A run's folder may hold several profiles; one file is of one tree.
        trees = [of.record for of in contents.profiles if of.kind == "imports"]
        if len(trees) != 1:
            raise UsageError(
                f"--to speedscope is of one import tree, and {options.results} has "
                f"{len(trees)}: give the record of `pybench profile imports --json`"
            )
        return speedscope_json(trees[0]), {}
    if contents.summary is None:
        raise UsageError(
            f"--to {options.to} is of a comparison, and {options.results} is none: "
            "give the folder of a run or its summary.json"
        )
    from pybench.report.row_order import in_order

    summary = contents.summary
    if options.sort or options.group:
        summary = in_order(summary, options.sort, options.group or "none")
    if options.to == "github-action":
        from pybench.report.exports.github_action import github_action_json

        return github_action_json(summary)
    from pybench.report.exports.frames import to_csv, to_parquet

    is_csv = options.to == "csv"
    return (to_csv if is_csv else to_parquet)(summary), {}


def _of_a_side(contents: Contents, options: argparse.Namespace) -> Written:
    from pybench.comparison.pair_details import row_times
    from pybench.report.exports.stock import pyperf_json, pytest_benchmark_json

    if contents.run is None:
        raise UsageError(
            f"--to {options.to} needs the times, and {options.results} has none that "
            "can be written: give the folder of the run"
        )
    known = ", ".join(contents.run.sides)
    if options.side is None:
        raise UsageError(f"--to {options.to} is of one side: --side, one of {known}")
    if options.side not in contents.run.sides:
        raise UsageError(f"--side {options.side}: the run has {known}")
    rows, left_out = row_times(contents.run, options.side)
    write = pyperf_json if options.to == "pyperf" else pytest_benchmark_json
    return write(contents.run, options.side, rows), left_out
