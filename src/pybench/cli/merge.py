"""``pybench merge``: join runs of several machines or days, and judge the whole."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli import compare_options
from pybench.cli.compare import check_length, show_result
from pybench.cli.options import host_needs
from pybench.cli.status import FAILED, OK
from pybench.records.documents import DocumentError

if TYPE_CHECKING:
    from pybench.records.run import Run, RunHeader


def add_merge(subcommands: Any) -> None:
    """Add ``pybench merge``."""
    parser = subcommands.add_parser(
        "merge",
        help="join shards and repeats into one run, and judge the whole once",
        description="Join the runs of several machines or days into one run, and judge "
        "it once. They have to be of one suite, on the same builds. A row that several "
        "hosts measured has to show its change on a second one.",
        epilog="Exit status: as of compare; 4 as well where shards are missing.",
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", type=Path,
        help="the folder of a run, or its run.jsonl",
    )  # fmt: skip
    compare_options.add_options(parser, ("-o", *compare_options.SHOWING))
    parser.set_defaults(command=merge)


def merge(options: argparse.Namespace) -> int:
    """Write one run, judge it and show it."""
    host_needs()
    from pybench.records.run import new_folder

    check_length(options)
    return join_and_show(options.runs, options.output or new_folder(), options)


def join_and_show(
    runs: list[Path],
    output: Path,
    options: argparse.Namespace,
    notes: Sequence[str] = (),
) -> int:
    """Write one run of several into a folder, judge it and show it."""
    from pybench.comparison.hosts import missing_shards
    from pybench.comparison.judging import judge
    from pybench.comparison.summary import summarise
    from pybench.records.run_file import write_joined
    from pybench.records.summary import write_summary

    header, run, parts = joined(runs)
    write_joined(output, header, parts)
    summary = summarise(run, judge(run), notes=notes)
    status = show_result(summary, options)
    try:
        where = (
            f"the run is in {output}, its summary in {write_summary(summary, output)}"
        )
    except OSError as error:
        status, where = max(status, FAILED), f"error: {output}: no summary: {error}"
    print(f"pybench: {where}", file=sys.stderr)
    return FAILED if status == OK and any(missing_shards(run)) else status


def joined(paths: list[Path]) -> tuple[RunHeader, Run, list[tuple[str, Path]]]:
    """Return the header of a joined run, what it is, and its files under their names.

    A run that was joined already is taken apart into its runs.
    """
    from dataclasses import replace

    from pybench.records.joined_runs import join
    from pybench.records.run import NAME
    from pybench.records.run_file import read_sections

    files = [path / NAME if path.is_dir() else path for path in paths]
    names = [file.absolute().parent.name for file in files]
    if len({*names}) < len(names):
        names = [str(file.parent) for file in files]
    sections = []
    for name, file in zip(names, files, strict=True):
        whole, inner, _ = read_sections(file)
        if inner[0][1].header is whole:
            inner = [(name, inner[0][1])]
        sections += inner
    headers = [run.header for _, run in sections]
    header = replace(
        headers[0],
        started=min(of.started for of in headers),
        command=("pybench", *sys.argv[1:]),
        host="", boot="", plan="", shard="",
    )  # fmt: skip
    run = join(header, sections)
    if not run.rows:
        raise DocumentError(
            f"{shlex.join(map(str, paths))}: no row was measured in any of them"
        )
    return header, run, [*zip(names, files, strict=True)]
