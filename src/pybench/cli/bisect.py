"""``pybench bisect``: with which interpreter or commit a row changed."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pybench.cli.compare import add_compare
from pybench.cli.options import Parser, add_suite, host_needs, seconds, whole
from pybench.cli.output import print_note
from pybench.cli.status import INTERRUPTED, NO_VERDICT, OK, UsageError
from pybench.records.run import NAME
from pybench.records.texts import printable

FOLDER = Path(".benchmarks") / "bisect"
# Of a step that is measured on, when it is undecided.
_MORE_PAIRS = 80


class _InterruptedError(Exception):
    """A step was interrupted."""


def add_bisect(subcommands: Any) -> None:
    """Add ``pybench bisect``."""
    parser = subcommands.add_parser(
        "bisect",
        help="find the interpreter or the commit with which a row changed",
        description="Compare versions with the first one, half of those that are left "
        "at a time, until the two are known between which a row changed. Each step is "
        "a comparison with a verdict; one that is undecided is measured again with "
        "more pairs, and then its neighbours are. Steps that are in -o are not "
        "measured again.",
        epilog="Exit status: 0 found, 2 usage, 3 the ends do not differ, or nobody can "
        "tell, 130 interrupted (the same command goes on).",
    )
    parser.add_argument(
        "python", metavar="PY", nargs="*",
        help="three or more in their order; with --ref, the one that runs all",
    )  # fmt: skip
    parser.add_argument("--row", required=True, help="its name, or a part of it")
    parser.add_argument(
        "--ref", dest="refs", metavar="REF", action="append", default=[],
        help="the good commit, then the bad one: those between are tried",
    )  # fmt: skip
    add_suite(parser)
    parser.add_argument(
        "--benchmarks", metavar="SELECTOR", nargs="+", default=[],
        help="measure these rows alone, as for pybench compare",
    )  # fmt: skip
    parser.add_argument("--budget", metavar="TIME", type=seconds, help="of each step")
    parser.add_argument(
        "--pairs", metavar="N", type=whole(20, 10_000), default=_MORE_PAIRS,
        help=f"of a step that is measured again (default {_MORE_PAIRS})",
    )  # fmt: skip
    parser.add_argument("-o", dest="output", metavar="DIR", type=Path, default=FOLDER)
    parser.set_defaults(command=bisect)


def bisect(options: argparse.Namespace) -> int:
    """Find two neighbours that differ as the ends do."""
    host_needs()
    from pybench.history.bisect import search

    names = commits(options) if options.refs else [*options.python]
    if len(names) < (2 if options.refs else 3):
        raise UsageError(
            f"{len(names)} versions: name three interpreters or more, or two commits "
            "as --ref GOOD --ref BAD"
        )
    try:
        change = search(len(names), lambda index: step(names, index, options))
    except _InterruptedError:
        return INTERRUPTED
    first, last = names[0], names[-1]
    if not change.is_change:
        print(f"{last} is {change.word} against {first}: there is nothing to find")
        return NO_VERDICT
    same, changed = names[change.same], names[change.changed]
    print(printable(f"{options.row}: {change.word} from {changed} on, not in {same}"))
    for index in change.undecided:
        print(f"  or already from {names[index]} on, which is undecided")
    return OK


def commits(options: argparse.Namespace) -> list[str]:
    """Return the commits from the good one to the bad one, in their order."""
    from pybench.interpreters.git import find_repository, read_refs

    if len(options.refs) != 2:
        raise UsageError("--ref is given twice: the good commit, then the bad one")
    repository = find_repository(Path.cwd())
    good, bad = (ref.commit for ref in read_refs(repository, options.refs))
    if "WORKTREE" in options.refs:
        raise UsageError("WORKTREE is no commit: name two that are")
    between = ("rev-list", "--reverse", f"{good}..{bad}")
    listed = repository.git(*between, "--")
    along = repository.git(*between, "--first-parent", "--").split()
    if not listed.split() or repository.git("merge-base", good, bad).split() != [good]:
        raise UsageError(
            f"{options.refs[1]} does not come after {options.refs[0]}: name the "
            "good commit first"
        )
    return [good, *along]


def step(names: Sequence[str], index: int, options: argparse.Namespace) -> str:
    """Compare a version with the first one; return the verdict of the row."""
    from pybench.records.summary import INCONCLUSIVE

    word = INCONCLUSIVE
    # Again in a run of its own: the looks of the first one are spent.
    for again, more in (("", []), ("-more", ["--pairs", str(options.pairs)])):
        if word == INCONCLUSIVE:
            folder = options.output / f"step-{index:03}{again}"
            word = measured(names[0], names[index], folder, more, options)
            print(f"version {index}: {names[index]}: {word}", flush=True)
    return word


def measured(
    first: str,
    other: str,
    folder: Path,
    more: Sequence[str],
    options: argparse.Namespace,
) -> str:
    """Return what a step says, which is measured where it is not there yet."""
    from pybench.records.summary import NAME as SUMMARY_NAME

    if not (folder / SUMMARY_NAME).is_file():
        print_note(f"comparing {other} with {first} in {folder}")
        status = run_compare(words_of(first, other, folder, more, options))
        if status == INTERRUPTED:
            raise _InterruptedError
    return verdict(folder / SUMMARY_NAME, options.row)


def words_of(
    first: str,
    other: str,
    folder: Path,
    more: Sequence[str],
    options: argparse.Namespace,
) -> list[str]:
    """Return the words of a step's `pybench compare`."""
    words = ["compare"]
    if options.refs:
        words += [*options.python, "--ref", f"first={first}", "--ref", f"step={other}"]
    else:
        words += [f"first={first}", f"step={other}"]
    if options.suite:
        words += ["--suite", options.suite]
    if options.budget and not more:
        words += ["--budget", f"{options.budget:g}"]
    if options.benchmarks:
        words += ["--benchmarks", *options.benchmarks]
    if (folder / NAME).is_file():
        words.append("--resume")
    return [*words, *more, "-o", str(folder)]


def run_compare(words: Sequence[str]) -> int:
    """Run `pybench compare`; its table is beside the results of this command."""
    parser = Parser(prog="pybench")
    add_compare(parser.add_subparsers(required=True))
    options = parser.parse_args(words)
    own = sys.argv
    # The record of a run, and what is said of going on with it, name its command.
    sys.argv = [own[0], *words]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return int(options.command(options))
    finally:
        sys.argv = own


def verdict(path: Path, row: str) -> str:
    """Return the verdict of the one row that is meant."""
    from pybench.records.summary import (
        EQUIVALENT,
        INCONCLUSIVE,
        NO_VERDICT,
        read_summary,
    )

    rows = [known for known in read_summary(path).rows if row in known.row]
    # Its whole name before that of its function, and that before any part: every row
    # of test_parse.py has test_parse in its name.
    exact = [known for known in rows if known.row == row] or [
        known for known in rows if known.row.rpartition("::")[2] == row
    ]
    exact = exact or rows
    if len(exact) != 1:
        named = ", ".join(known.row for known in exact[:5])
        raise UsageError(
            f"--row {row}: {len(exact)} rows of {path.parent} have that in their name"
            f"{': ' * bool(named)}{named}"
        )
    (meant,) = exact
    if meant.verdict == meant.outcome == NO_VERDICT:
        return INCONCLUSIVE  # its budget ended before: it can be measured
    is_below = meant.ratio is not None and meant.below_margin
    return EQUIVALENT if is_below else meant.verdict
