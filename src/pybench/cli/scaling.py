"""``pybench scaling``: how a target scales with threads, and what is in the way."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pybench.cli.options import (
    add_suite,
    add_timeout,
    find_interpreters,
    host_needs,
    whole,
)
from pybench.cli.output import (
    add_json,
    beside,
    print_error,
    print_lines,
    print_note,
    write_record,
)
from pybench.cli.profile_steps import collect
from pybench.cli.status import FAILED, INTERRUPTED, NO_VERDICT, OK, UsageError
from pybench.progress import Meter

if TYPE_CHECKING:
    from pybench.profiles.scaling import Place, Repeat
    from pybench.profiles.scaling_targets import ScalingTarget
    from pybench.records.means import Mean
    from pybench.records.scaling import Diagnosis, ScalingPoint, ScalingProfile

_TIMEOUT_S = 60.0
_PROCESSES = 8
# As many again only if the first ones took no longer, so that an answer takes a minute.
_AGAIN_WITHIN_S = 28.0
_MOST_THREADS = 256


def add_scaling(subcommands: Any) -> None:
    """Add ``pybench scaling``."""
    parser = subcommands.add_parser(
        "scaling",
        help="how a target scales with threads, and what is in the way",
        description="Run a target on 1, 2, 4, ... threads in fresh processes, beside "
        "as many processes, a control that shares nothing, a copy of its module for "
        "each thread, and with the collector off; say what keeps threads from more.",
        epilog="Exit status: 0 it scales or the cause is told, 2 usage, 3 it cannot be "
        "told, 4 the target failed, 130 interrupted (what was measured is shown).",
    )
    parser.add_argument(
        "target", metavar="TARGET", nargs="?",
        help="module:function or path.py:function, without arguments; a script; "
        "path::test or a folder of tests, for the rows that use benchmark_threads or "
        "are functions of a pyperf script; or category/area/operation of the suite "
        "(default: all such rows of the suite)",
    )  # fmt: skip
    add_suite(parser)
    parser.add_argument(
        "--python", metavar="PY", action="append", default=[],
        help="what runs it, as for pybench compare; several times for several in one "
        "table (default: the Python of pybench)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", metavar="N", type=whole(2, _MOST_THREADS),
        help="the most threads (default: the CPUs that can run at once)",
    )  # fmt: skip
    parser.add_argument(
        "--processes", metavar="N", type=whole(1, 1000),
        help="how many fresh processes are measured, 7 or more for an interval "
        f"(default {_PROCESSES}, and as many again where they may tell)",
    )  # fmt: skip
    add_timeout(parser, _TIMEOUT_S)
    add_json(parser)
    parser.set_defaults(command=scaling)


def scaling(options: argparse.Namespace) -> int:
    """Measure each target on each interpreter; show, save."""
    from pybench.profiles.scaling import ScalingError, rows
    from pybench.profiles.scaling_targets import scaling_target
    from pybench.profiles.topology import read_topology, thread_counts, usable_at_once
    from pybench.records.scaling import Cause, ScalingRecord

    target = scaling_target(options.target, options.suite)
    host_needs()
    arms, status = places(options.python, target)
    usable = usable_at_once(read_topology())
    counts = thread_counts(options.threads or usable)
    out = beside(options.json)
    if counts[-1] > usable:
        print_lines(
            [f"pybench: {counts[-1]} threads on {usable} usable CPUs: oversubscribed"],
            out,
        )
    profiles: list[ScalingProfile] = []
    try:
        targets = rows(arms[0], target, options.timeout)
    except ScalingError as error:
        raise UsageError(f"{options.target or target.suite}: {error}") from None
    for each in targets:
        shown: list[ScalingProfile] = []
        for place in arms:
            profile, came = measured(place, each, counts, options)
            status = max(status, came)
            shown += [profile] if profile is not None else []
            if came == INTERRUPTED:
                break
        if shown:
            print_lines(target_lines(shown), out)
        profiles += shown
        if status == INTERRUPTED:
            break
    if any(of.diagnosis.cause in (Cause.UNKNOWN, Cause.DISTURBED) for of in profiles):
        status = max(status, NO_VERDICT)
    record = ScalingRecord(profiles=tuple(profiles))
    return max(status, write_record(asdict(record), options.json))


def places(words: Sequence[str], target: ScalingTarget) -> tuple[list[Place], int]:
    """Find the interpreters, and for rows what they need to run them; and a status."""
    from pybench.cli.run import interpreters
    from pybench.interpreters.prepare import packages_beside
    from pybench.profiles.scaling import Place

    if target.suite is None:
        found = find_interpreters(words or [sys.executable])
        return [Place(name=of.name, interpreter=of.interpreter) for of in found], OK
    ready, problems = interpreters(words, to_run=target.suite)
    return [
        Place(
            name=name,
            interpreter=of.interpreter,
            packages=packages_beside(of.start),
            environ=of.environ,
        )
        for name, of in ready.items()
    ], FAILED if problems else OK


def measured(
    place: Place,
    target: ScalingTarget,
    counts: Sequence[int],
    options: argparse.Namespace,
) -> tuple[ScalingProfile | None, int]:
    """Measure one interpreter; return what came of it, and the exit status it means."""
    from pybench.profiles.scaling import ScalingError, measure, scaling_profile
    from pybench.records.scaling import NA

    repeats: list[Repeat] = []
    number = options.processes or _PROCESSES
    if counts[-1] < 2:  # one CPU: there is nothing to measure, and that is said
        return scaling_profile(place, target, counts, repeats), OK
    stage, meter = f"{place.name}: process", Meter()
    meter.update(stage, 0, number, more=target.name)
    began, status = time.monotonic(), OK
    try:
        # Twice at most: an interval that is looked at again and again holds too little.
        for is_last in (options.processes is not None, True):
            steps = measure(place, target, counts, number, options.timeout)
            whole = len(repeats) + number
            status = collect(steps, repeats, whole, meter, stage=stage)
            is_late = time.monotonic() - began > _AGAIN_WITHIN_S
            if is_last or is_late or status != OK:
                break
            profile = scaling_profile(place, target, counts, repeats)
            if not profile.diagnosis.needs_processes:
                break
    except ScalingError as error:
        is_na = str(error).startswith(NA)
        (print_note if is_na else print_error)(f"{place.name}: {target.name}: {error}")
        status = OK if is_na else FAILED
    if not repeats:
        return None, status
    return scaling_profile(place, target, counts, repeats), status


def target_lines(profiles: Sequence[ScalingProfile]) -> Iterator[str]:
    """Lay the curves of one target out, then what each shows."""
    from pybench.records.scaling import Work

    yield ""
    yield f"{profiles[0].target}: speed-up over one thread"
    titles = ("function", "copies", "GC off", "processes", "control")
    width = max(len(profile.arm) for profile in profiles)
    head = f"  {'threads':<8}{'':<{width}}  "
    yield head + " ".join(f"{title:<17}" for title in titles).rstrip()
    works = (Work.SHARED, Work.PRIVATE, Work.GC_OFF)
    points = [(point, of.arm) for of in profiles for point in of.points]
    for point, arm in sorted(points, key=lambda of: of[0].threads):
        cells = [speed_up(point.by_work.get(work)) for work in works]
        cells += [speed_up(point.processes), speed_up(point.by_work.get(Work.CONTROL))]
        line = f"  {point.threads:<8}{arm:<{width}}  "
        yield line + " ".join(f"{cell:<17}" for cell in cells).rstrip()
    for profile in profiles:
        python = profile.interpreter.label
        yield f"  {profile.arm} ({python}), {profile.processes} processes:"
        yield from diagnosis_lines(profile.diagnosis)
        yield from mode_lines(profile.points)
        yield from (f"    note: {note}" for note in profile.notes)


def mode_lines(points: Sequence[ScalingPoint]) -> Iterator[str]:
    """Say where processes have two values."""
    for of in points:
        if of.modes:
            each = [
                f"{of.modes[f'mode_{at}']:.2f} in {of.modes[f'mode_{at}_processes']:g}"
                for at in (1, 2)
            ]
            yield f"    {of.threads} threads: {' and '.join(each)} processes"


def diagnosis_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Say what it is, and why."""
    what = f": {diagnosis.what}" if diagnosis.what else ""
    yield f"    {diagnosis.cause}{what}"
    yield from (f"      shown by: {line}" for line in diagnosis.evidence)
    yield from (f"      ruled out: {line}" for line in diagnosis.ruled_out)
    if diagnosis.would_tell:
        yield f"      would tell: {diagnosis.would_tell}"


def speed_up(mean: Mean | None) -> str:
    """Return a speed-up with its interval over processes; n/a without any."""
    from pybench.profiles.scaling_diagnosis import words

    return "n/a" if mean is None else words(mean)
