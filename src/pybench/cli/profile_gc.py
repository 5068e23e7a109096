"""``pybench profile gc``: how long and how often the collector holds a program up."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pybench.cli.options import (
    add_timeout,
    find_interpreter,
    host_needs,
    one_of,
    whole,
)
from pybench.cli.output import add_json, beside, write_record
from pybench.cli.status import FAILED, INTERRUPTED, OK
from pybench.progress import Meter

if TYPE_CHECKING:
    from pybench.interpreters import Interpreter
    from pybench.records.gc_pauses import CellSummary, Overhead, Pauses, Ratio
    from pybench.records.means import Mean

Word = TypeVar("Word", str, int)

# The time of a process grows with its heap: a second at 10**5, minutes at 10**7.
_TIMEOUT_S = 120.0


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
        "--python", metavar="PY", help="as for pybench compare (default: this one)"
    )
    parser.add_argument(
        "--shapes", metavar="SHAPE", nargs="+", type=one_of("shape", _shapes),
        help="of the heap: tree chain lists dicts cycles (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--sizes", metavar="N", nargs="+", type=whole(10**4, 10**7), default=[100_000],
        help="objects of the heap, 1e4 to 1e7 (default 1e5)",
    )  # fmt: skip
    parser.add_argument(
        "--modes", metavar="MODE", nargs="+", type=one_of("mode", _modes),
        help="of the collector: on off frozen thresholds (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--repeats", metavar="N", type=whole(1, 1000), default=3,
        help="fresh processes of each (default 3)",
    )  # fmt: skip
    parser.add_argument(
        "--pairs", metavar="N", type=whole(1, 1000), default=150,
        help="of runs with the recorder and without (default 150)",
    )  # fmt: skip
    add_timeout(parser, _TIMEOUT_S)
    add_json(parser)
    parser.set_defaults(command=profile_gc)


def _shapes() -> Sequence[str]:
    from pybench.profiles.gc_pauses import SHAPES

    return SHAPES


def _modes() -> Sequence[str]:
    from pybench.profiles.gc_pauses import MODES

    return MODES


def profile_gc(options: argparse.Namespace) -> int:
    """Run the cells, print what came of them, save it."""
    host_needs()
    from pybench.profiles import gc_pauses as pauses

    out = beside(options.json)
    interpreter = ready(options.python)
    free = interpreter.free_threaded and not interpreter.gil_enabled
    cells = pauses.cells_of(
        once(options.shapes or pauses.SHAPES),
        once(options.sizes),
        once(options.modes or pauses.MODES),
    )
    print("\n".join(head(interpreter)), file=out, flush=True)
    runs: list[pauses.Run] = []
    overheads: list[Overhead] = []
    problem, status = "", OK
    whole = pauses.process_count(interpreter, cells, options.repeats)
    try:
        with Meter() as meter:
            several = whole + len(pauses.OVERHEAD_SHAPES)
            meter.update("process", 0, several, more="what the recorder costs")
            size = min(options.sizes)
            for shape in pauses.OVERHEAD_SHAPES:
                overheads.append(
                    pauses.measure_overhead(
                        interpreter.path, shape, size, options.pairs, options.timeout
                    )
                )
    except pauses.ChildError as error:
        problem, status = str(error), FAILED
    except KeyboardInterrupt:
        status = INTERRUPTED
    try:
        if status != INTERRUPTED:
            # Another one: the first process says nothing of how long these take.
            with Meter() as meter:
                for run in pauses.run_cells(
                    interpreter, cells, options.repeats, options.timeout
                ):
                    runs.append(run)
                    if run.problem:
                        status = FAILED
                        meter.close()
                        print(f"pybench: {run.cell}: {run.problem}", file=sys.stderr)
                    meter.update("process", len(runs), whole)
    except KeyboardInterrupt:
        status = INTERRUPTED
    summaries = pauses.summarise(runs, free=free)
    document = pauses.profile_document(
        interpreter, summaries, overheads, complete=status == OK
    )
    status = max(status, write_record(document, options.json))
    print("\n".join(table(summaries)), file=out)
    print("\n".join(observers(summaries, free=free)), file=out)
    print("\n".join(overhead_lines(overheads, problem)), file=out)
    if status == INTERRUPTED:
        print(
            f"pybench: interrupted after {len(runs)} processes; the above is of those",
            file=sys.stderr,
        )
    return status


def once(words: Sequence[Word]) -> list[Word]:
    """Return them without repetition, in their order."""
    return list(dict.fromkeys(words))


def ready(word: str | None) -> "Interpreter":
    """Return the interpreter, or an environment of it that has the extension."""
    from pybench.profiles.gc_pauses import is_ready

    found = find_interpreter(word)
    if is_ready(found.path):
        return found
    print(
        f"pybench: {found.label} at {found.path} has no such extension; "
        "preparing an environment of it",
        file=sys.stderr,
        flush=True,
    )
    from pybench.cli.selfcheck import prepared

    return find_interpreter(str(prepared(str(found.path))))


def head(interpreter: "Interpreter") -> list[str]:
    """Say which interpreter it is and which collector it has."""
    from pybench.profiles.gc_pauses import CALLBACK, VICTIM, collector_kind

    kind, meaning = collector_kind(
        interpreter.version, free_threaded=interpreter.free_threaded
    )
    free = interpreter.free_threaded and not interpreter.gil_enabled
    return [
        f"pybench: {interpreter.label} at {interpreter.path}",
        f"collector: {kind} ({meaning})",
        f"pauses seen by: {VICTIM if free else CALLBACK}",
    ]


def table(summaries: "list[CellSummary]") -> list[str]:
    """Lay the cells out: automatic pauses, full ones, and what they amount to."""
    lines = [
        "",
        f"{'heap':<18} {'gc':<10} {'pauses':>6} {'p50':>8} {'p95':>8} {'p99':>8} "
        f"{'max':>8} {'full p50':>8} {'share':>12} {'per 1e6':>8} {'overshoot':>9}",
    ]
    for one in summaries:
        auto = one.automatic
        lines.append(
            f"{f'{one.cell.shape} {one.cell.size:g}':<18} {one.cell.mode:<10} "
            f"{auto.count if auto else 0:>6} {quantiles(auto)} "
            f"{time_of(one.asked.p50_ns if one.asked else None):>8} "
            f"{share_of(one.share):>12} {number_of(one.per_million):>8} "
            f"{bytes_of(one.overshoot_bytes):>9}"
        )
        lines += [f"  problem: {problem}" for problem in one.problems]
    lines += [
        "share: of the wall time while a second heap is built, with its 95 % interval "
        "over the repeats;",
        "per 1e6: collections for a million objects; overshoot: peak of resident "
        "memory above what is in use",
    ]
    return lines


def quantiles(pauses: "Pauses | None") -> str:
    """Put the four in their columns."""
    if pauses is None:
        return " ".join(f"{'-':>8}" for _ in range(4))
    four = (pauses.p50_ns, pauses.p95_ns, pauses.p99_ns, pauses.max_ns)
    return " ".join(f"{time_of(ns):>8}" for ns in four)


def time_of(ns: float | None) -> str:
    """Return a time, or a dash."""
    from pybench.report.labels import duration

    return duration(ns) or "-"


def share_of(mean: "Mean | None") -> str:
    """Return a share with half of its interval."""
    if mean is None:
        return "n/a"
    around = "" if mean.half_width is None else f"±{mean.half_width:.1%}"
    return f"{mean.value:.1%}{around}"


def number_of(mean: "Mean | None") -> str:
    """Return a mean in three digits."""
    return "n/a" if mean is None else f"{mean.value:.3g}"


def bytes_of(mean: "Mean | None") -> str:
    """Return a mean in MiB."""
    return "n/a" if mean is None else f"{mean.value / 2**20:.1f} MiB"


def observers(summaries: "list[CellSummary]", *, free: bool) -> list[str]:
    """Say how the two observers agree, heap by heap."""
    from pybench.profiles.gc_pauses import COMPARABLE_NS

    limit = time_of(COMPARABLE_NS)
    lines = ["", f"recorder and victim, of collections of {limit} and more:"]
    for one in summaries:
        if one.other_gaps is None:
            continue
        name = f"{one.cell.shape} {one.cell.size:g} {one.cell.mode}"
        found = one.agreement
        if found is None:
            lines.append(f"  {name:<30} n/a: none is so long; try a larger --sizes")
            continue
        lines.append(
            f"  {name:<30} median {time_of(found.pause_ns)} and "
            f"{time_of(found.gap_ns)}, ratio {found.ratio:.3f}; "
            f"{found.seen} of {found.count} seen, {one.other_gaps} other gaps"
        )
    if len(lines) == 2:
        lines.append("  n/a: no process was watched")
    if free:
        lines.append(
            "  without the GIL a pause is the longest stop of a collection, and "
            "the ratio is the part of a collection that stops the "
            "others; a stop that the CPU was taken away in is longer by that"
        )
    return lines


def overhead_lines(overheads: "list[Overhead]", problem: str) -> list[str]:
    """Say what the recorder takes of either kind of run."""
    from pybench.profiles.gc_pauses import OVERHEAD_SHAPES

    lines = [
        "recorder's overhead, of CPU time, and its own part (the rest is what any "
        "callback costs):"
    ]
    for one in overheads:
        lines += [
            f"  {percent(one.whole)}, its own {percent(one.own)}: {one.pairs} pairs",
            f"    of runs that {OVERHEAD_SHAPES[one.shape]}; "
            f"{one.collections:.0f} collections each",
        ]
    if len(overheads) < len(OVERHEAD_SHAPES):
        lines.append(f"  n/a: {problem or 'interrupted'}")
    return lines


def percent(ratio: "Ratio") -> str:
    """Return what a ratio is above one, with its interval."""
    if ratio.high is None:
        return f"{ratio.value - 1:+.2%} (no interval below six pairs)"
    return f"{ratio.value - 1:+.2%} [{ratio.low - 1:+.2%}, {ratio.high - 1:+.2%}]"
