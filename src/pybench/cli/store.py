"""``pybench store``: a folder of runs that only grows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli.options import host_needs, whole
from pybench.cli.output import print_note
from pybench.cli.status import FAILED, NO_VERDICT, OK, for_terminal
from pybench.records.documents import DocumentError
from pybench.records.texts import printable

if TYPE_CHECKING:
    from pybench.history.store import Store

_DAYS = whole(0, 100_000)


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add ``--store``."""
    parser.add_argument(
        "--store", metavar="DIR", type=Path,
        help="the folder of the store (default .benchmarks/store)",
    )  # fmt: skip


def find_store(options: argparse.Namespace) -> Store:
    """Return the store that is meant."""
    host_needs()
    from pybench.history.store import STORE, Store

    return Store(options.store or STORE)


def print_problems(problems: Sequence[str]) -> None:
    """Say what of a store is damaged."""
    for problem in problems:
        print_note(for_terminal(problem))


def add_store(subcommands: Any) -> None:
    """Add ``pybench store``."""
    parser = subcommands.add_parser(
        "store",
        help="keep runs and saved files, each once, and find baselines again",
        description="Keep runs and saved files in a folder that only grows, each once "
        "under the digest of its record; several writers may share it.",
        epilog="Exit status: 0 done, 2 usage, 3 no such baseline, 4 a run could not be "
        "added (the others are).",
    )
    kinds = parser.add_subparsers(title="commands", required=True)
    add = kinds.add_parser("add", help="add folders of runs, or saved files")
    add.add_argument("runs", metavar="RUN", type=Path, nargs="+")
    add.add_argument(
        "--tag", dest="tags", metavar="TAG", action="append", default=[],
        help="such as a release; may be given several times",
    )  # fmt: skip
    add.set_defaults(command=add_runs)
    listed = kinds.add_parser("list", help="list the runs, the newest last")
    listed.set_defaults(command=list_runs)
    tag = kinds.add_parser("tag", help="give a run a tag, or take it away")
    tag.add_argument("tag", metavar="TAG")
    tag.add_argument("run", metavar="RUN", help="what its digest begins with")
    tag.add_argument("--remove", action="store_true")
    tag.set_defaults(command=tag_run)
    baseline = kinds.add_parser(
        "baseline",
        help="print where the newest run is that fits",
        description="Print the path of the newest run or saved file that fits all that "
        "is said, for pybench compare, --benchmark-compare and others.",
    )
    for flag, what in (
        ("--name", "what its folder or file was called"),
        ("--tag", "that it has"),
        ("--before", "a date, such as 2026-11-30"),
        ("--identity", "what the fingerprint of one of its sides begins with"),
    ):
        baseline.add_argument(flag, metavar=flag[2:].upper(), default="", help=what)
    baseline.set_defaults(command=find_baseline)
    prune = kinds.add_parser(
        "prune",
        help="remove the records of old runs; what is queried stays",
        description="Remove the samples of old runs. Verdicts, ratios and times stay, "
        "and so do runs with a tag and saved files.",
    )
    prune.add_argument(
        "--keep", metavar="N", type=whole(0), required=True, help="so many newest runs"
    )
    prune.add_argument("--older", metavar="DAYS", type=_DAYS, help="and younger ones")
    prune.set_defaults(command=prune_records)
    for of_kind in (add, listed, tag, baseline, prune):
        add_folder(of_kind)


def add_runs(options: argparse.Namespace) -> int:
    """Add runs; one that cannot be added stops no other."""
    store = find_store(options)
    status = OK
    for path in options.runs:
        try:
            entry, is_new = store.add(path, options.tags)
        except DocumentError as error:
            print_note(for_terminal(f"error: {error}"))
            status = FAILED
            continue
        print(f"{entry.run} {printable(entry.name)}{'' if is_new else ' (was there)'}")
    return status


def list_runs(options: argparse.Namespace) -> int:
    """List all runs."""
    store = find_store(options)
    problems: list[str] = []
    entries, tags = store.entries(problems), store.tags(problems)
    for entry in entries:
        words = [
            entry.run, f"{entry.moment:%Y-%m-%d %H:%M}", entry.name,
            " against ".join(reversed(entry.sides)), entry.identities[0][:8]
            if entry.identities else "-", *sorted(tags.get(entry.run, ())),
        ]  # fmt: skip
        if entry.clock_was_ahead:
            words.append(f"(its clock said {entry.started}, after it was added)")
        print(printable("  ".join(words)))
    print_problems(problems)
    return FAILED if problems else OK


def tag_run(options: argparse.Namespace) -> int:
    """Give a run a tag."""
    store = find_store(options)
    entry = store.find(options.run)
    store.tag(options.tag, entry.run, removed=options.remove)
    return OK


def find_baseline(options: argparse.Namespace) -> int:
    """Print the path of a baseline, whose files are what was stored."""
    store = find_store(options)
    from pybench.history.store import SAVED_NAME, choose
    from pybench.records.history import SAVED
    from pybench.records.run import NAME

    wanted = {name: getattr(options, name) for name in ("name", "before", "identity")}
    problems: list[str] = []
    entries, tags = store.entries(problems), store.tags(problems)
    entry = choose(entries, tags, tag=options.tag, **wanted)
    print_problems(problems)
    if entry is None:
        print_note("no run of the store fits: pybench store list has all")
        return NO_VERDICT
    is_saved = entry.kind == SAVED
    path = store.file(entry, SAVED_NAME if is_saved else NAME)
    print(path if is_saved else path.parent)
    return OK


def prune_records(options: argparse.Namespace) -> int:
    """Remove old records."""
    store = find_store(options)
    older = None if options.older is None else timedelta(days=options.older)
    for entry in store.prune(options.keep, older):
        print(f"removed the record of {entry.run} {printable(entry.name)}")
    return OK
