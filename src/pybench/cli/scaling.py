"""``pybench scaling``: how a function scales with threads, and what is in the way."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pybench.cli.options import add_timeout, find_interpreters, host_needs, whole
from pybench.cli.output import add_json, beside, print_error, print_lines, write_record
from pybench.cli.status import FAILED, INTERRUPTED, NO_VERDICT, OK, UsageError
from pybench.progress import Meter

if TYPE_CHECKING:
    from pybench.interpreters import Requested
    from pybench.profiles.scaling import Repeat
    from pybench.records.means import Mean
    from pybench.records.scaling import Diagnosis, ScalingProfile

_TIMEOUT_S = 60.0
_PROCESSES = 8
_MOST_THREADS = 256


def add_scaling(subcommands: Any) -> None:
    """Add ``pybench scaling``."""
    parser = subcommands.add_parser(
        "scaling",
        help="how a function scales with threads, and what is in the way",
        description="Run a function on 1, 2, 4, ... threads in fresh processes, beside "
        "as many processes, a control that shares nothing, a copy of its module for "
        "each thread, and with the collector off; say what keeps threads from more.",
        epilog="Exit status: 0 it scales or the cause is told, 2 usage, 3 it cannot be "
        "told, 4 the target failed, 130 interrupted (what was measured is shown).",
    )
    parser.add_argument(
        "target", metavar="TARGET",
        help="module:function or path.py:function, without arguments",
    )  # fmt: skip
    parser.add_argument(
        "--python", metavar="PY", action="append", default=[],
        help="what runs it, as for pybench compare; several times for several "
        "(default: the Python of pybench)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", metavar="N", type=whole(2, _MOST_THREADS),
        help="the most threads (default: the CPUs that can run at once)",
    )  # fmt: skip
    parser.add_argument(
        "--processes", metavar="N", type=whole(1, 1000), default=_PROCESSES,
        help="how many fresh processes each interval is over "
        f"(default {_PROCESSES})",
    )  # fmt: skip
    add_timeout(parser, _TIMEOUT_S)
    add_json(parser)
    parser.set_defaults(command=scaling)


def scaling(options: argparse.Namespace) -> int:
    """Measure on each interpreter; show, save."""
    from pybench.profiles.targets import TargetMissingError, parse_target
    from pybench.profiles.topology import read_topology, thread_counts, usable_at_once
    from pybench.records.scaling import Cause, ScalingRecord

    try:
        target = parse_target(options.target)
    except TargetMissingError as error:
        raise UsageError(str(error)) from None
    if target.kind != "function":
        raise UsageError(
            f"{options.target} is a {target.kind}: name a function of it, as "
            "module:function or path.py:function"
        )
    host_needs()
    requested = find_interpreters(options.python or [sys.executable])
    usable = usable_at_once(read_topology())
    counts = thread_counts(options.threads or usable)
    out = beside(options.json)
    if counts[-1] > usable:
        print_lines(
            [f"pybench: {counts[-1]} threads on {usable} usable CPUs: oversubscribed"],
            out,
        )
    profiles: list[ScalingProfile] = []
    status = OK
    for arm in requested:
        profile, came = measured(arm, target.name, counts, options)
        status = max(status, came)
        if profile is not None:
            profiles.append(profile)
            print_lines(profile_lines(profile), out)
            if profile.diagnosis.cause in (Cause.UNKNOWN, Cause.DISTURBED):
                status = max(status, NO_VERDICT)
        if came == INTERRUPTED:
            break
    record = ScalingRecord(profiles=tuple(profiles))
    return max(status, write_record(asdict(record), options.json))


def measured(
    arm: Requested, target: str, counts: Sequence[int], options: argparse.Namespace
) -> tuple[ScalingProfile | None, int]:
    """Measure one interpreter; return what came of it, and the exit status it means."""
    from pybench.profiles.scaling import ScalingError, measure, scaling_profile

    repeats: list[Repeat] = []
    status = OK
    try:
        with Meter() as meter:
            meter.update("process", 0, options.processes, more=arm.name)
            for repeat in measure(
                arm.interpreter, target, counts, options.processes, options.timeout
            ):
                if repeat.problem:
                    raise ScalingError(repeat.problem)
                repeats.append(repeat)
                meter.update("process", len(repeats), options.processes, more=arm.name)
    except ScalingError as error:
        print_error(f"{arm.name}: {target}: {error}")
        status = FAILED
    except KeyboardInterrupt:
        status = INTERRUPTED
    if not repeats:
        return None, status
    return scaling_profile(arm.interpreter, target, counts, repeats), status


def profile_lines(profile: ScalingProfile) -> Iterator[str]:
    """Lay the curve out, then what it shows."""
    from pybench.records.scaling import Work

    yield ""
    yield (
        f"{profile.target} on {profile.interpreter.label}: speed-up over one thread, "
        f"{profile.processes} processes"
    )
    titles = ("threads", "function", "copies", "GC off", "processes", "control")
    yield "  " + " ".join(f"{title:<17}" for title in titles).rstrip()
    works = (Work.SHARED, Work.PRIVATE, Work.GC_OFF)
    for point in profile.points:
        cells = [str(point.threads)]
        cells += [speed_up(point.by_work.get(work)) for work in works]
        cells += [speed_up(point.processes), speed_up(point.by_work.get(Work.CONTROL))]
        yield "  " + " ".join(f"{cell:<17}" for cell in cells).rstrip()
    yield from diagnosis_lines(profile.diagnosis)
    yield from (f"  note: {note}" for note in profile.notes)


def diagnosis_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Say what it is, and why."""
    what = f": {diagnosis.what}" if diagnosis.what else ""
    yield f"  {diagnosis.cause}{what}"
    yield from (f"    shown by: {line}" for line in diagnosis.evidence)
    yield from (f"    ruled out: {line}" for line in diagnosis.ruled_out)
    if diagnosis.would_tell:
        yield f"    would tell: {diagnosis.would_tell}"


def speed_up(mean: Mean | None) -> str:
    """Return a speed-up with its interval over processes; n/a without any."""
    from pybench.profiles.scaling_diagnosis import words

    return "n/a" if mean is None else words(mean)
