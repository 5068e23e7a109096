"""``pybench plan``: share the rows of a suite out among machines."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli import compare, compare_options
from pybench.cli.options import host_needs, whole
from pybench.cli.output import place, print_note, write_record
from pybench.cli.status import OK, UsageError
from pybench.progress import Meter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pybench.comparison.suites import Suite
    from pybench.records.run import Run

# Those of compare that say what every shard asks for.
ASKING = (
    "--with", "--find-links", "--suite", "--benchmarks", "-k", "--quick", "--margin",
    "--pairs",
)  # fmt: skip


def add_plan(subcommands: Any) -> None:
    """Add ``pybench plan``."""
    parser = subcommands.add_parser(
        "plan",
        help="share the rows of a suite out among machines",
        description="Share the rows of a suite out among machines, by what they take: "
        "as an earlier run measured, or as one calibration here says. All "
        "interpreters of one row are measured on one machine. `pybench compare --plan "
        "FILE --shard K/N` measures a shard, `pybench merge` joins and judges them.",
        epilog="Exit status: 0 done, 2 usage, or no row could be calibrated.",
    )
    parser.add_argument(
        "what", metavar="PY", nargs="+", help="the interpreters, the baseline first"
    )
    parser.add_argument(
        "--shards", metavar="N", type=whole(1, 10_000), required=True,
        help="on how many machines",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="run", metavar="RUN", type=Path,
        help="the folder of an earlier run, whose rows and times are taken",
    )  # fmt: skip
    compare_options.add_options(parser, ASKING)
    parser.add_argument(
        "-o", dest="output", metavar="FILE", type=place, default="plan.json",
        help="the plan (default plan.json)",
    )  # fmt: skip
    parser.set_defaults(
        command=plan,
        planned=None,
        selecting=None,
        python=[],
        seed=None,
        resume=False,
        metrics=[],
        fail_on=None,
    )


def plan(options: argparse.Namespace) -> int:
    """Write a plan, and say what its shards take."""
    host_needs()
    import msgspec

    from pybench.comparison.sharding import make_plan

    if options.run is not None and compare_options.selects(options):
        raise UsageError(
            f"--from {options.run}: its rows are planned; choose rows without --from"
        )
    known = earlier(options) if options.run is not None else None
    run, suite, selecting = compare.begun(options, Path())
    if known is None:
        known = calibrated(run, suite, selecting, options)
    header = replace(run.header, host="", boot="", seed=0)
    made = make_plan(header, tuple(options.what), known, options.shards)
    status = write_record(msgspec.to_builtins(made), options.output)
    if status != OK:
        return status
    rows = sum(map(len, made.shards))
    print_note(
        f"wrote {options.output}: {rows} rows in {len(made.shards)} shards"
        + (f", and {len(made.everywhere)} in each" if made.everywhere else "")
        + f"; the longest takes {max(made.costs_s) / min(made.costs_s):.2f} times the "
        "shortest"
    )
    return OK


def earlier(options: argparse.Namespace) -> Run:
    """Return the run whose times are taken; its suite and selection are planned."""
    from pybench.records.run_file import read_run

    run = read_run(options.run)
    if not run.rows:
        raise UsageError(f"{options.run}: the run ended before a row was measured")
    options.suite = options.suite or run.header.suite
    options.selecting = run.header.options
    return run


def calibrated(
    run: Run, suite: Suite, selecting: Sequence[str], options: argparse.Namespace
) -> Run:
    """Run each row once on each interpreter, here."""
    from pybench.comparison.live import Comparison
    from pybench.comparison.sessions import ComparisonError
    from pybench.comparison.worker import WorkerError
    from pybench.records.run_file import RecordWriter

    arms, _ = compare.ready(compare.requests(options.what), suite, options)
    with (
        tempfile.TemporaryDirectory(prefix="pybench-plan-") as folder,
        Meter() as meter,
        RecordWriter(Path(folder), run.header) as writer,
    ):
        comparison = Comparison(
            arms,
            suite,
            selecting=selecting,
            folder=Path.cwd(),
            record=run,
            writer=writer,
            on_progress=compare.shown(meter),
            control=False,
        )
        try:
            comparison.calibrate()
        except (ComparisonError, WorkerError) as error:
            raise UsageError(f"no calibration with {sys.executable}: {error}") from None
    return run
