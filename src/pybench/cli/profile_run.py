"""``pybench profile run TARGET``: where the time of a program goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli.options import add_timeout, find_interpreter, host_needs, whole
from pybench.cli.output import add_json, write_record
from pybench.cli.status import FAILED, INTERRUPTED, OK, UsageError
from pybench.progress import SHOWN_AFTER_S, Meter

if TYPE_CHECKING:
    from pybench.interpreters import Interpreter
    from pybench.profiles.targets import Target
    from pybench.records.bottleneck import Findings

REPEAT = 5
TIMEOUT_S = 60.0

_HOW = """A target is run some sixty times, in fresh processes: as it stands, with the
collector off, frozen and with raised thresholds, with another allocator, with its locks
timed, sampled, under cProfile. Its output is thrown away."""


def add_bottleneck(kinds: Any) -> None:
    """Add ``pybench profile run``."""
    parser = kinds.add_parser(
        "run",
        help="where the time of a program goes",
        description=f"Say what a program's time is: bytecode, C code, allocation and "
        f"GC, waiting for a lock or the GIL, I/O, imports and start-up. {_HOW}",
        epilog="Exit status: 0 done, 2 usage, 4 the target failed (the rest is "
        "printed), 130 interrupted.",
    )
    parser.add_argument(
        "target", metavar="TARGET", nargs="?",
        help="a script; module:function or path.py:function, without arguments (one "
        "called `threads` is varied); a row of pytest-benchmark, path::test",
    )  # fmt: skip
    parser.add_argument(
        "arguments", metavar="ARGUMENT", nargs="*",
        help="those of a script or of -m MODULE; after -- if one begins with a dash",
    )  # fmt: skip
    parser.add_argument(
        "-m", dest="module", metavar="MODULE",
        help="run a module, as python -m does, instead of a TARGET",
    )  # fmt: skip
    add_options(parser)
    parser.after = "after"
    parser.set_defaults(command=profile_target, after=[])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what ``profile`` and ``profile run`` share."""
    parser.add_argument(
        "--python", metavar="PY",
        help="what runs it, as for pybench compare (default: the Python of pybench)",
    )  # fmt: skip
    parser.add_argument(
        "--repeat", metavar="N", type=whole(1), default=REPEAT,
        help=f"processes of each condition (default {REPEAT})",
    )  # fmt: skip
    add_timeout(parser, TIMEOUT_S)
    add_json(parser)


def profile_target(options: argparse.Namespace) -> int:
    """Profile what was named."""
    from pybench.profiles.targets import module_target, parse_target
    from pybench.report.bottleneck import lines_of

    words = [*([options.target] if options.target else []), *options.arguments]
    words += options.after
    if options.module:
        target = module_target(options.module, words)
    elif words:
        target = parse_target(words[0], words[1:])
    else:
        raise UsageError("name a TARGET, or -m MODULE")
    host_needs()
    interpreter = find_interpreter(options.python)
    findings, record, status = measured(interpreter, target, options)
    saved = write_record(record, options.json)
    if options.json != "-":
        print("\n".join(lines_of(findings)), flush=True)
    return max(status, saved)


def profile_workloads(options: argparse.Namespace) -> int:
    """Profile three programs of known answers: what this interpreter does with them."""
    from pybench.profiles.hypotheses import WORKLOADS
    from pybench.records.bottleneck import record_of_targets
    from pybench.report.bottleneck import workload_lines

    host_needs()
    interpreter = find_interpreter(options.python)
    records, status = [], OK
    for workload in WORKLOADS:
        findings, record, came = measured(interpreter, workload.target, options)
        status = max(status, came)
        records.append({"title": workload.title, **record})
        if options.json != "-":
            for line in workload_lines(workload.title, workload.expected, findings):
                print(line)
            for judged in workload.judge(findings):
                print(f"Hypothesis {judged.outcome}: {judged.claim} ({judged.why})")
            print(flush=True)
        if came == INTERRUPTED:
            break
    return max(status, write_record(record_of_targets(records), options.json))


def measured(
    interpreter: Interpreter, target: Target, options: argparse.Namespace
) -> tuple[Findings, Mapping[str, Any], int]:
    """Run a target until it is done, has failed, or Ctrl-C came.

    Returns what is known, the record to save, and the exit status.
    """
    from pybench.profiles.bottleneck import find
    from pybench.profiles.experiments import conditions_of, process_count, run_all
    from pybench.profiles.extensions import ExtensionMissingError, extension_of
    from pybench.records.bottleneck import Run, record_of
    from pybench.records.profile_run import Failure

    runs: list[Run] = []
    status = OK
    try:
        # Within: it may have to be built, which Ctrl-C ends as well.
        extension: Path | None = None
        try:
            extension = extension_of(interpreter, build=True)
        except ExtensionMissingError as error:
            print(f"C code cannot be told from bytecode: {error}", file=sys.stderr)
        with Meter(after_s=SHOWN_AFTER_S) as meter:
            for run in run_all(
                interpreter,
                target,
                repeat=options.repeat,
                timeout_s=options.timeout,
                extension=extension,
            ):
                runs.append(run)
                threads = runs[0].report.takes_threads
                listed = conditions_of(interpreter, target, takes_threads=threads)
                count = process_count(listed, options.repeat)
                meter.update("process", len(runs), count, more=run.condition)
    except KeyboardInterrupt:
        status = INTERRUPTED
    if runs and runs[0].kind == Failure.MISSING:
        raise UsageError(runs[0].problem)
    findings = find(target, runs, free_threaded=interpreter.free_threaded)
    if status == OK and findings.problems:
        status = FAILED
    return findings, record_of(interpreter.label, findings, runs), status
