"""``pybench profile gc``: how long and how often the collector holds a program up."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pybench.cli.options import (
    find_interpreter,
    host_needs,
    one_of,
    whole,
)
from pybench.cli.output import beside, print_lines, print_note, write_record
from pybench.cli.profile_steps import add_options, collect
from pybench.cli.status import FAILED, INTERRUPTED, OK
from pybench.progress import Meter
from pybench.records.gc_pauses import (
    MODES,
    SHAPES,
    CellSummary,
    GcProfile,
    Overhead,
    Ratio,
)
from pybench.records.texts import duration

if TYPE_CHECKING:
    from pybench.interpreters import Interpreter
    from pybench.profiles.gc_pauses import Run

# The time of a process grows with its heap: a second at 10**5, minutes at 10**7.
_TIMEOUT_S = 120.0

# What the runs do whose time tells what the recorder takes.
_OVERHEADS = {
    "nodes": "build trees of instances",
    "cycles": "only make cyclic garbage, in the shortest collections there are",
}


def add_gc(kinds: Any) -> None:
    """Add ``pybench profile gc``."""
    parser = kinds.add_parser(
        "gc",
        help="pauses of the garbage collector",
        description="Build heaps of several shapes in fresh processes and record the "
        "collector's pauses: in gc.callbacks, and by a second thread that watches the "
        "clock. Without the GIL only the latter sees them.",
        epilog="Exit status: 0 done, 2 usage, 4 a process failed (the others are "
        "reported), 130 interrupted.",
    )
    parser.add_argument(
        "--shapes", metavar="SHAPE", nargs="+", type=one_of("shape", lambda: SHAPES),
        help="of the heap: tree chain lists dicts cycles (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--sizes", metavar="N", nargs="+", type=whole(10**4, 10**7), default=[100_000],
        help="objects of the heap, 1e4 to 1e7 (default 1e5)",
    )  # fmt: skip
    parser.add_argument(
        "--modes", metavar="MODE", nargs="+", type=one_of("mode", lambda: MODES),
        help="of the collector: on off frozen thresholds (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--pairs", metavar="N", type=whole(1, 1000), default=150,
        help="of runs with the recorder and without (default 150)",
    )  # fmt: skip
    add_options(parser, _TIMEOUT_S)
    parser.set_defaults(command=profile_gc)


def profile_gc(options: argparse.Namespace) -> int:
    """Run the cells, print what came of them, save it."""
    host_needs()
    from pybench.profiles import gc_pauses as pauses
    from pybench.profiles.child_programs import ChildError
    from pybench.profiles.means import profiled

    out = beside(options.json)
    interpreter = _ready(options.python)
    free = pauses.has_no_gil(interpreter)
    shapes, sizes, modes = (
        list(dict.fromkeys(words))
        for words in (
            options.shapes or SHAPES,
            options.sizes,
            options.modes or MODES,
        )
    )
    processes = pauses.schedule(shapes, sizes, modes, options.repeats, free=free)
    collector = pauses.collector_of(
        interpreter.version, free_threaded=interpreter.free_threaded
    )
    head = (
        f"pybench: {interpreter.label} at {interpreter.path}",
        f"collector: {collector.kind} ({collector.meaning})",
        f"pauses seen by: {pauses.VICTIM if free else pauses.CALLBACK}",
    )
    print_lines(head, out)
    runs: list[Run] = []
    overheads: list[Overhead] = []
    problem, status = "", OK
    try:
        with Meter() as meter:
            several = len(processes) + len(pauses.OVERHEAD_SHAPES)
            meter.update("process", 0, several, more="what the recorder costs")
            for shape in pauses.OVERHEAD_SHAPES:
                overheads.append(
                    pauses.measure_overhead(
                        interpreter.path, shape, min(sizes), options.pairs,
                        options.timeout,
                    )
                )  # fmt: skip
    except ChildError as error:
        problem, status = str(error), FAILED
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status != INTERRUPTED:
        # Another meter: the first process says nothing of how long these take.
        steps = (
            pauses.run_cell(
                interpreter.path, cell, watched, free=free, timeout_s=options.timeout
            )
            for cell, watched in processes
        )
        ended = collect(
            steps, runs, len(processes), Meter(),
            stage="process", show=_problem, out=sys.stderr,
        )  # fmt: skip
        status = max(status, ended, FAILED * any(run.problem for run in runs))
    summaries = pauses.summarise(runs, free=free)
    profile = GcProfile(
        interpreter=profiled(interpreter),
        collector=collector,
        comparable_ns=pauses.COMPARABLE_NS,
        complete=status == OK,
        cells=tuple(summaries),
        overheads=tuple(overheads),
    )
    status = max(status, write_record(asdict(profile), options.json))
    print_lines(table(summaries), out)
    print_lines(_observers(profile, free=free), out)
    print_lines(_overheads(overheads, problem), out)
    if status == INTERRUPTED:
        print_note(f"interrupted after {len(runs)} processes; the above is of those")
    return status


def _problem(run: "Run") -> list[str]:
    return [f"pybench: {run.cell}: {run.problem}"] if run.problem else []


def _ready(word: str | None) -> "Interpreter":
    """Return the interpreter, or an environment of it that has the extension."""
    from pybench.profiles.gc_pauses import is_ready

    interpreter = find_interpreter(word)
    if is_ready(interpreter.path):
        return interpreter
    print_note(
        f"{interpreter.label} at {interpreter.path} has no such extension; "
        "preparing an environment of it"
    )
    from pybench.cli.selfcheck import prepared

    return find_interpreter(str(prepared(str(interpreter.path))))


def table(summaries: Sequence[CellSummary]) -> Iterator[str]:
    """Lay the cells out: automatic pauses, full ones, and what they amount to."""
    yield ""
    yield (
        f"{'heap':<18} {'gc':<10} {'pauses':>6} {'p50':>8} {'p95':>8} {'p99':>8} "
        f"{'max':>8} {'full p50':>8} {'share':>12} {'per 1e6':>8} {'overshoot':>9}"
    )
    for summary in summaries:
        cell, auto, asked = summary.cell, summary.automatic, summary.asked
        share, rate = summary.share, summary.per_million
        overshoot = summary.overshoot_bytes
        four = (auto.p50_ns, auto.p95_ns, auto.p99_ns, auto.max_ns) if auto else ()
        times = (*(four or (None,) * 4), asked.p50_ns if asked else None)
        columns = " ".join(f"{duration(ns) or '-':>8}" for ns in times)
        half = share and share.half_width
        around = "" if half is None else f"±{half:.1%}"
        yield (
            f"{f'{cell.shape} {cell.size:g}':<18} {cell.mode:<10} "
            f"{auto.count if auto else 0:>6} "
            f"{columns} "
            f"{f'{share.value:.1%}{around}' if share else 'n/a':>12} "
            f"{f'{rate.value:.3g}' if rate else 'n/a':>8} "
            f"{f'{overshoot.value / 2**20:.1f} MiB' if overshoot else 'n/a':>9}"
        )
        yield from (f"  problem: {problem}" for problem in summary.problems)
    yield (
        "share: of the wall time while a second heap is built, with its 95 % interval "
        "over the repeats;"
    )
    yield (
        "per 1e6: collections for a million objects; overshoot: peak of resident "
        "memory above what is in use"
    )


def _observers(profile: GcProfile, *, free: bool) -> Iterator[str]:
    """Say how the two observers agree, heap by heap."""
    yield ""
    limit = duration(profile.comparable_ns)
    yield f"recorder and victim, of collections of {limit} and more:"
    watched = [summary for summary in profile.cells if summary.other_gaps is not None]
    for summary in watched:
        cell, agreed = summary.cell, summary.agreement
        says = "n/a: none is so long; try a larger --sizes"
        if agreed is not None:
            says = (
                f"median {duration(agreed.pause_ns)} and {duration(agreed.gap_ns)}, "
                f"ratio {agreed.ratio:.3f}; {agreed.seen} of {agreed.count} seen, "
                f"{summary.other_gaps} other gaps"
            )
        yield f"  {f'{cell.shape} {cell.size:g} {cell.mode}':<30} {says}"
    if not watched:
        yield "  n/a: no process was watched"
    if free:
        yield (
            "  without the GIL a pause is the longest stop of a collection, and "
            "the ratio is the part of a collection that stops the "
            "others; a stop that the CPU was taken away in is longer by that"
        )


def _overheads(overheads: Sequence[Overhead], problem: str) -> Iterator[str]:
    """Say what the recorder takes of either kind of run."""
    yield (
        "recorder's overhead, of CPU time, and its own part (the rest is what any "
        "callback costs):"
    )
    for overhead in overheads:
        whole, own = _percent(overhead.whole), _percent(overhead.own)
        yield f"  {whole}, its own {own}: {overhead.pairs} pairs"
        yield (
            f"    of runs that {_OVERHEADS[overhead.shape]}; "
            f"{overhead.collections:.0f} collections each"
        )
    if len(overheads) < len(_OVERHEADS):
        yield f"  n/a: {problem or 'interrupted'}"


def _percent(ratio: Ratio) -> str:
    """Return what a ratio is above one, with its interval."""
    if ratio.high is None:
        return f"{ratio.value - 1:+.2%} (no interval below six pairs)"
    return f"{ratio.value - 1:+.2%} [{ratio.low - 1:+.2%}, {ratio.high - 1:+.2%}]"
