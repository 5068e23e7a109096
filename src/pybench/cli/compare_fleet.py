"""``pybench compare --scheduler``: the workers of a fleet measure, shard by shard."""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pybench.cli import compare, compare_options
from pybench.cli.fleet import fleet_needs, security
from pybench.cli.merge import join_and_show
from pybench.cli.options import find_interpreters
from pybench.cli.output import print_error, print_note
from pybench.cli.plan import calibrated
from pybench.cli.run import alone_in
from pybench.cli.status import FAILED, INTERRUPTED, OK, UsageError
from pybench.progress import Meter
from pybench.records.documents import DocumentError

if TYPE_CHECKING:
    from pybench.fleet.collecting import Records
    from pybench.fleet.dask_link import DaskLink
    from pybench.records.shard_plan import ShardPlan

PLAN = "plan.json"
# The more shards, the sooner all workers end; each starts sessions of its own.
SHARDS_PER_WORKER = 4

_REFUSED = {
    "refs": "--ref",
    "suite_from": "--suite-from",
    "shard": "--shard",
    "seed": "--seed",
    "metrics": "--metric",
    "jobs": "--jobs",
}


def compare_on_fleet(options: argparse.Namespace) -> int:
    """Let workers measure, join what they did and judge it once."""
    from pybench.records.run import new_folder

    words = [*options.what, *options.python]
    if any(compare.kind_of(word) != compare.INTERPRETER for word in options.what):
        return compare.compare(options)  # which refuses the option
    fleet_needs()
    compare.check_length(options)
    refused = [
        flag
        for place, flag in _REFUSED.items()
        if compare_options.is_given(options, place)
    ]
    if refused:
        raise UsageError(f"{', '.join(refused)}: not with --scheduler")
    compare.check_fail_on(options, ("time",))
    if options.resume and options.output is None:
        raise UsageError("--resume goes on with a run: say which one, -o DIR")
    output = options.output or new_folder()
    begun = output / PLAN
    if options.resume and not begun.is_file():
        raise UsageError(
            f"{output} has no comparison on a fleet that is not at its end"
        )
    if not options.resume and (begun.exists() or compare.is_run(str(output))):
        raise UsageError(f"{output} has a run already: --resume, or another -o")
    return _measured(words, options, output)


def _measured(words: list[str], options: argparse.Namespace, output: Path) -> int:
    from pybench.fleet.dask_link import DaskLink

    # Before anything is prepared: who has mistyped an address waits for nothing.
    with DaskLink(options.scheduler, security(options)) as link:
        if options.resume:
            plan = _resumed(words, options, output)
        elif options.plan is not None:
            plan = _given(words, options)
        else:
            shards = max(1, link.count_workers()) * SHARDS_PER_WORKER
            plan = _planned(words, options, shards)
        return _handed_out(plan, link, options, output)


def _handed_out(
    plan: ShardPlan, link: DaskLink, options: argparse.Namespace, output: Path
) -> int:
    """Let workers measure the shards that are not done yet, and show all that are."""
    import msgspec

    from pybench.fleet.collecting import (
        SHARDS,
        FleetError,
        Records,
        measure_shards,
        new_handout,
    )
    from pybench.records.files import write_file

    encoded = msgspec.json.encode(plan)
    link.begin(encoded, len(plan.shards), _wheels(plan, options))
    if not options.resume:
        output.mkdir(parents=True, exist_ok=True)
        write_file(output / PLAN, encoded)
    failure, notes = OK, list[str]()
    with alone_in(output), Meter() as meter:
        records = Records(output / SHARDS, plan)
        handout = new_handout(plan, records)

        def show(measuring: int) -> None:
            more = f"{measuring} workers measure, {records.lines} records"
            meter.update("shard", len(handout.done), handout.shards, more=more)

        try:
            notes = measure_shards(
                plan, handout, records, link,
                note=print_note, on_progress=show, budget_s=options.budget,
            )  # fmt: skip
        except KeyboardInterrupt:
            failure = INTERRUPTED
        except (FleetError, OSError) as error:
            meter.close()
            print_error(error)
            failure = FAILED
        if handout.given_up:
            failure = failure or FAILED
        try:
            status = _finish(records, output, options, notes)
        except DocumentError as error:
            print_error(error)
            status = FAILED
        done = len(records.done())
        if done == handout.shards and compare.is_run(str(output)):
            # All of it is in the record, be it that rows failed.
            shutil.rmtree(output / SHARDS)
            (output / PLAN).unlink()
        else:
            again = compare.going_on(sys.argv[2:], output)
            print_note(f"{done} of {handout.shards} shards are done; go on: {again}")
    return failure or status


def _finish(
    records: Records, output: Path, options: argparse.Namespace, notes: list[str]
) -> int:
    """Join the shards that are done into the record, which is made anew, and judge."""
    from pybench.records.run import NAME

    folders = [*records.done().values()]
    if not folders:
        return FAILED
    (output / NAME).unlink(missing_ok=True)
    return join_and_show(folders, output, options, notes)


def _planned(words: list[str], options: argparse.Namespace, shards: int) -> ShardPlan:
    """Make a plan by one calibration here."""
    from pybench.comparison.sharding import make_plan, most_shards

    if len(words) < 2:
        raise UsageError("name two interpreters or more, as each worker finds them")
    options.planned, options.what, options.python = None, words, []
    run, suite, selecting = compare.begun(options, Path())
    known = calibrated(run, suite, selecting, options)
    header = replace(run.header, host="", boot="", seed=0)
    return make_plan(header, tuple(words), known, min(shards, most_shards(known)))


def _given(words: list[str], options: argparse.Namespace) -> ShardPlan:
    """Read the plan of --plan, which says all that is asked for."""
    from pybench.records.shard_plan import read_plan

    plan = read_plan(options.plan)
    asked = [
        option.flag
        for option in compare_options.OPTIONS
        if option.resumed == compare_options.SAME
        and compare_options.is_given(options, option.place)
    ]
    if asked or (words and tuple(words) != plan.arms):
        raise UsageError(
            f"{', '.join(asked) or ' '.join(words)}: {options.plan} says what is "
            "compared: leave it out, or make another plan"
        )
    return plan


def _resumed(words: list[str], options: argparse.Namespace, output: Path) -> ShardPlan:
    from pybench.records.shard_plan import read_plan

    plan = read_plan(output / PLAN)
    compare_options.same_as_begun(options, plan.header, compare.selection_of(options))
    if words and tuple(words) != plan.arms:
        raise UsageError(
            f"the run compares {' '.join(plan.arms)}, and this asks for "
            f"{' '.join(words)}: name the same ones, or another -o"
        )
    return plan


def _wheels(plan: ShardPlan, options: argparse.Namespace) -> dict[str, bytes]:
    """Return the wheel of pybench for each build, under its name."""
    from pybench.interpreters.prepare import cache_folder
    from pybench.interpreters.wheels import find_wheel

    wheels = {}
    for requested in find_interpreters(plan.arms):
        wheel = find_wheel(
            requested.interpreter,
            cache_folder(),
            [folder.absolute() for folder in options.find_links],
        )
        if not wheel.lacks:
            wheels[wheel.path.name] = wheel.path.read_bytes()
    return wheels
