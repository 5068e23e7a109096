"""How long and how often the garbage collector holds a program up.

Heaps of several shapes and sizes are made and collected in processes of their own
(the program `gc_pauses`), with the collector on, off, with the old heap frozen and with
a raised threshold. Pauses come from two observers: a recorder in `gc.callbacks`,
and a victim, a second thread that watches the clock. With the GIL both see the same,
and how well they agree is part of the result. Without it other threads run during part
of a collection, so that the victim's gaps alone are the pauses.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from pybench import children
from pybench.interpreters import Interpreter
from pybench.profiles.child_programs import ChildError, ask
from pybench.profiles.means import mean_of
from pybench.records.gc_pauses import (
    Agreement,
    Cell,
    CellSummary,
    Collector,
    Overhead,
    Pauses,
    Ratio,
    Recording,
    Span,
)
from pybench.records.proc import status_bytes
from pybench.statistics.intervals import CONFIDENCE, percentile

# Full collections that are asked for, in each process.
COLLECTIONS = 5

# Pauses from this on are held against the victim's gaps. Where there is a GIL a gap is
# longer by a nap and a hand-over, 0.1 ms and more on a busy machine: in pauses of 1 ms
# that is what the two would be found to differ by.
COMPARABLE_NS = 2_000_000

# Gaps that the victim keeps. With the GIL one pass of its loop takes 0.1 to 0.3 ms.
_THRESHOLD_GIL_NS = 500_000
_THRESHOLD_FREE_NS = 20_000

# Objects that a run makes whose time tells what the recorder takes: many collections,
# and short enough for many pairs, whatever the heaps are.
_OVERHEAD_SIZE = 100_000

# What such runs build. Cycles are freed in collections of a few hundred objects:
# nothing pays more of its time. Among those of a heap that grows some are long.
OVERHEAD_SHAPES = ("nodes", "cycles")

_PROGRAM = "gc_pauses.py"
_LATE = "smaller --sizes, or a longer --timeout"
CALLBACK, VICTIM = "callback", "victim"
# What is asked of the interpreter under test before anything is measured.
_NEEDED = "import _pybench; _pybench.pauses_recorder, _pybench.pauses_watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one process said of one cell, or why it said nothing."""

    cell: Cell
    watched: bool
    recording: Recording | None = None
    problem: str = ""


def collector_of(version: str, *, free_threaded: bool) -> Collector:
    """Name the collector of a version in full, such as ``3.14.4`` or ``3.15.0a3``.

    Raises
    ------
    ValueError
        For something that is no version in full.
    """
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:(a|b|rc)\d+)?.*", version)
    if match is None:
        raise ValueError(f"{version!r} is no full version such as 3.14.4")
    numbers = tuple(int(word) for word in match.group(1, 2, 3))
    # 3.14.0 to 3.14.4 were released with it; so were the alphas of 3.15.
    early = numbers == (3, 15, 0) and match[4] == "a"
    if free_threaded:
        return Collector(
            kind="whole-heap",
            meaning="free-threaded: no generations, each collection is of the whole "
            "heap and stops the other threads twice",
        )
    if (3, 14, 0) <= numbers < (3, 14, 5) or early:
        return Collector(
            kind="incremental",
            meaning="incremental, as in 3.14.0 to 3.14.4 only: young objects and a "
            "part of the old ones at a time",
        )
    return Collector(
        kind="generational",
        meaning="three generations, the oldest collected as a whole",
    )


def is_ready(python: Path) -> bool:
    """Tell whether an interpreter has the extension with the recorder."""
    command = [str(python), "-P", "-c", _NEEDED]
    return children.run(command, timeout_s=60).status == 0


def has_no_gil(interpreter: Interpreter) -> bool:
    """Tell whether its threads run at the same time."""
    return interpreter.free_threaded and not interpreter.gil_enabled


def schedule(
    shapes: Sequence[str],
    sizes: Sequence[int],
    modes: Sequence[str],
    repeats: int,
    *,
    free: bool,
) -> list[tuple[Cell, bool]]:
    """Return the processes in their order: a cell each, and whether it is watched.

    With the GIL each repeat has one process that only records; of the first mode of a
    heap there is another one that is watched too, for the agreement. Without the GIL
    every process is watched.
    """
    return [
        (Cell(shape=shape, size=size, mode=mode), watched)
        for shape, size, mode in product(shapes, sizes, modes)
        for watched in ((True,) if free else (False, True)[: 1 + (mode == modes[0])])
    ] * repeats


def run_cell(
    python: Path, cell: Cell, watched: bool, *, free: bool, timeout_s: float
) -> Run:
    """Run one cell in one process."""
    order = {
        "what": "record",
        **asdict(cell),
        "watch": watched,
        "collections": COLLECTIONS,
        "threshold_ns": _THRESHOLD_FREE_NS if free else _THRESHOLD_GIL_NS,
    }
    try:
        answer = ask(python, _PROGRAM, order, timeout_s, hint=_LATE)
    except ChildError as error:
        return Run(cell=cell, watched=watched, problem=str(error))
    return Run(cell=cell, watched=watched, recording=Recording(**answer))


def measure_overhead(
    python: Path, shape: str, size: int, pairs: int, timeout_s: float
) -> Overhead:
    """Measure what the recorder takes of a run that builds one heap after the other.

    It raises `ChildError` if the process gives no answer.
    """
    size = min(size, _OVERHEAD_SIZE)
    order = {"what": "callbacks", "shape": shape, "size": size, "rounds": pairs}
    answer = ask(python, _PROGRAM, order, timeout_s, hint=_LATE)
    return Overhead(
        shape=shape,
        whole=ratio_of([(recorder, none) for recorder, _, none in answer["rounds"]]),
        own=ratio_of([(recorder, idle) for recorder, idle, _ in answer["rounds"]]),
        pairs=pairs,
        collections=answer["collections"],
    )


def ratio_of(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Return the median ratio of the first of each pair to the second."""
    import numpy as np

    from pybench.statistics.ranks import estimate, interval

    differences = np.array([math.log(first / second) for first, second in pairs])
    around = interval(differences, CONFIDENCE)
    return Ratio(
        value=math.exp(estimate(differences)),
        low=math.exp(around.low),
        high=math.exp(around.high) if math.isfinite(around.high) else None,
    )


def summarise(runs: Iterable[Run], *, free: bool) -> list[CellSummary]:
    """Put the runs of each cell together, in the order of their first ones.

    `free` says whether the GIL was off, so that the victim's gaps are the pauses.
    """
    by_cell: dict[Cell, list[Run]] = {}
    for run in runs:
        by_cell.setdefault(run.cell, []).append(run)
    return [_summary(cell, of_cell, free=free) for cell, of_cell in by_cell.items()]


def _summary(cell: Cell, runs: Sequence[Run], *, free: bool) -> CellSummary:
    watched = [run.recording for run in runs if run.recording and run.watched]
    # With the GIL the victim disturbs what it watches, so that the others count.
    counting = [r.recording for r in runs if r.recording and r.watched == free]
    problems = dict.fromkeys(run.problem for run in runs if run.problem)
    lost = sum(recording.pauses_lost + recording.gaps_lost for recording in counting)
    if lost:
        problems[f"{lost} pauses or gaps had no room"] = None
    automatic: list[int] = []
    asked: list[int] = []
    shares, rates, overshoots = [], [], []
    for recording in counting:
        stopped_ns = 0
        for stops in stops_of(recording, free=free):
            stopped_ns += sum(s.length for s in stops if s.start < recording.stop_ns)
            longest = max(stops, key=lambda stop: stop.length)
            is_automatic = longest.start < recording.stop_ns
            (automatic if is_automatic else asked).append(longest.length)
        shares.append(stopped_ns / (recording.stop_ns - recording.start_ns))
        # Whoever sees the pauses, the collections are those of the recorder.
        noted = sum(c.start < recording.stop_ns for c in recording.collections)
        rates.append((noted + recording.pauses_lost) * 1e6 / cell.size)
        overshoot = _overshoot_bytes(cell, recording)
        if overshoot is None:
            problems["resident memory: the system does not tell"] = None
        else:
            overshoots.append(overshoot)
    return CellSummary(
        cell=cell,
        observer=VICTIM if free else CALLBACK,
        automatic=_pauses(automatic),
        asked=_pauses(asked),
        share=mean_of(shares),
        per_million=mean_of(rates),
        overshoot_bytes=mean_of(overshoots),
        agreement=agreement(watched),
        other_gaps=sum(map(_other_gaps, watched)) if watched else None,
        thresholds=tuple(counting[0].thresholds) if counting else None,
        problems=tuple(problems),
    )


def stops_of(recording: Recording, *, free: bool) -> list[list[Span]]:
    """Return for each collection when it stopped the program.

    With the GIL that is the collection. Without it those are the stops that the victim
    saw: two or more, most so short that a median over all would be of nothing, so that
    the longest is the pause. A gap that meets two collections counts for the first.
    """
    if not free:
        return [[collection] for collection in recording.collections]
    left = recording.stops
    by_collection = []
    for collection in recording.collections:
        met = [stop for stop in left if stop.meets(collection)]
        left = [stop for stop in left if stop not in met]
        if met:
            by_collection.append(met)
    return by_collection


def agreement(recordings: Sequence[Recording]) -> Agreement | None:
    """Hold the victim's gaps against the collections that they meet.

    A collection's gaps are added up: without the GIL there are two. None without a
    collection that is long enough.
    """
    pauses, gaps = [], []
    for recording in recordings:
        for collection in recording.collections:
            if collection.length >= COMPARABLE_NS:
                pauses.append(collection.length)
                met = [stop for stop in recording.stops if stop.meets(collection)]
                gaps.append(sum(stop.length for stop in met))
    if not pauses:
        return None
    return Agreement(
        count=len(pauses),
        seen=sum(gap > 0 for gap in gaps),
        pause_ns=percentile(pauses, 0.5),
        gap_ns=percentile(gaps, 0.5),
    )


def _pauses(lengths_ns: Sequence[int]) -> Pauses | None:
    if not lengths_ns:
        return None
    p50, p95, p99, most = (percentile(lengths_ns, p) for p in (0.5, 0.95, 0.99, 1))
    count = len(lengths_ns)
    return Pauses(count=count, p50_ns=p50, p95_ns=p95, p99_ns=p99, max_ns=most)


def _overshoot_bytes(cell: Cell, recording: Recording) -> int | None:
    """Return the peak above what is in use: of garbage, above what was there first."""
    of_garbage = cell.shape == "cycles"
    in_use = recording.status_before if of_garbage else recording.status_after
    base = status_bytes(in_use, "VmRSS")
    peak = status_bytes(recording.status_after, "VmHWM")
    return None if base is None or peak is None else peak - base


def _other_gaps(recording: Recording) -> int:
    """Count the gaps that meet no collection, or in which the CPU was taken away."""
    met = [s for s in recording.stops if any(map(s.meets, recording.collections))]
    return len(recording.gaps) - len(met)
