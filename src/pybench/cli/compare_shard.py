"""``pybench compare --plan FILE --shard K/N``: a machine's part of a comparison."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pybench import __version__
from pybench.cli import compare_options
from pybench.cli.options import find_suite
from pybench.cli.output import print_note
from pybench.cli.status import FAILED, OK, UsageError

if TYPE_CHECKING:
    from pybench.records.run import Run, RunHeader
    from pybench.records.summary import Summary


def take_over(options: argparse.Namespace) -> None:
    """Set the options to what the plan asks for; `UsageError` if that cannot be."""
    from pybench.comparison.beginning import selection
    from pybench.records.shard_plan import read_plan, read_shard

    if options.plan is None:
        raise UsageError(f"--shard {options.shard} is of a plan: name it with --plan")
    if options.shard is None:
        raise UsageError(f"--plan {options.plan}: say which of its shards: --shard 1/N")
    refused = [
        option.flag
        for option in compare_options.OPTIONS
        # A length is of Markdown, which is refused itself.
        if option.flag in compare_options.SHOWING
        and option.flag != "--max-chars"
        and option.settings.get("default") != getattr(options, option.place)
        and compare_options.is_given(options, option.place)
    ]
    refused += ["--ref"] * bool(options.refs)
    if refused:
        raise UsageError(
            f"{', '.join(refused)}: a shard compares the interpreters of its plan, and "
            "is not judged: give it to pybench merge, which judges all of them"
        )
    plan = read_plan(options.plan)
    options.number = read_shard(options.shard, plan)
    header = plan.header
    if header.version != __version__:
        raise UsageError(
            f"{options.plan} was made by pybench {header.version}, and this is "
            f"{__version__}: use one version on all machines"
        )
    # The suite may lie elsewhere here, and each shard draws for itself.
    suite, seed = options.suite, options.seed
    options.suite = options.seed = None
    selecting = selection(
        options.benchmarks, quick=options.quick, keyword=options.keyword
    )
    compare_options.same_as_begun(options, header, selecting, "the plan was made")
    options.planned, options.selecting, options.seed = plan, header.options, seed
    options.suite = suite or header.suite
    options.margin, options.pairs = header.margin, header.pairs
    options.what = options.what or [*plan.arms]
    content = find_suite(options.suite).content()
    if content != header.content:
        raise UsageError(
            f"--suite {options.suite} is not the suite that {options.plan} is of: its "
            "files differ; check the same version out, or plan again"
        )


def wants(options: argparse.Namespace) -> Callable[[str], bool]:
    """Return what tells which rows are measured: all without a plan."""
    if options.planned is None:
        return lambda row: True
    is_wanted: Callable[[str], bool] = options.planned.wants(options.number)
    return is_wanted


def header_of(header: RunHeader, options: argparse.Namespace) -> RunHeader:
    """Return the header of a run, with the shard that it is."""
    if options.planned is None:
        return header
    shard = f"{options.number}/{len(options.planned.shards)}"
    return replace(header, plan=options.planned.digest, shard=shard)


def check_resumed(run: Run, folder: Path, options: argparse.Namespace) -> None:
    """Refuse to go on with a run that is another shard, of elsewhere or joined."""
    from pybench.comparison.beginning import this_host

    header = run.header
    if run.sources:
        raise UsageError(
            f"{folder} was joined from other runs: measure one more, and join it with "
            f"pybench merge {shlex.quote(str(folder))} MORE"
        )
    wanted = header_of(replace(header, plan="", shard=""), options)
    if (wanted.plan, wanted.shard) != (header.plan, header.shard):
        raise UsageError(
            f"{folder} is {_shard(header)}, and this asks for {_shard(wanted)}: give "
            "the same --plan and --shard, or another -o"
        )
    host, _ = this_host()
    if header.host and header.host != host:
        raise UsageError(
            f"{folder} was begun on the host {header.host}, and this is {host}: go on "
            f"there, or begin another run and join both with pybench merge; if it is "
            f"the same machine, PYBENCH_HOST={shlex.quote(header.host)} says so"
        )


def _shard(header: RunHeader) -> str:
    return f"shard {header.shard} of plan {header.plan}" if header.shard else "no shard"


def told(summary: Summary, run: Run) -> int:
    """Say what a shard has measured; return the exit status."""
    from pybench.records.outcomes import FAILURES

    measured = sum(bool(pairs) for pairs in run.pairs.values())
    pairs = sum(map(len, run.pairs.values()))
    failed = {
        row.row
        for row in summary.rows
        if any(reason.kind in FAILURES for reason in row.reasons)
    }
    lacking = f", {len(failed)} failed" if failed else ""
    print_note(
        f"shard {run.header.shard}: {measured} of {len(run.rows)} rows have pairs, "
        f"{pairs} in all{lacking}; pybench merge judges all shards at once"
    )
    return FAILED if failed else OK
