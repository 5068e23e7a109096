"""How long and how often the garbage collector holds a program up.

Heaps of several shapes and sizes are made and collected in processes of their own
(the program `gc_pauses`), with the collector on, off, with the old heap frozen and with
a raised threshold. Pauses come from two observers: a recorder in `gc.callbacks`,
and a victim, a second thread that watches the clock. With the GIL both see the same,
and how well they agree is part of the result. Without it other threads run during part
of a collection, so that the victim's gaps alone are the pauses.
"""

import json
import math
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pybench.interpreters import Interpreter
from pybench.profiles.means import mean_of
from pybench.records.gc_pauses import (
    KIND,
    SCHEMA,
    Agreement,
    Cell,
    CellSummary,
    CollectedPython,
    Collector,
    GcProfile,
    Overhead,
    Pauses,
    Ratio,
)
from pybench.statistics.intervals import CONFIDENCE, percentile

SHAPES = ("tree", "chain", "lists", "dicts", "cycles")
MODES = ("on", "off", "frozen", "thresholds")
SIZE_LEAST, SIZE_MOST = 10_000, 10_000_000
PERCENTILES = (0.5, 0.95, 0.99, 1.0)

# Full collections that are asked for, in each process.
COLLECTIONS = 5

# Pauses from this on are held against the victim's gaps. Where there is a GIL a gap is
# longer by a nap and a hand-over, 0.1 ms and more on a busy machine: in pauses of 1 ms
# that is what the two would be found to differ by.
COMPARABLE_NS = 2_000_000

# Gaps that the victim keeps. With the GIL a turn of its loop takes 0.1 to 0.3 ms.
_THRESHOLD_GIL_NS = 500_000
_THRESHOLD_FREE_NS = 20_000

# Objects that a run makes whose time tells what the recorder takes: many collections,
# and short enough for many pairs, whatever the heaps are.
_OVERHEAD_SIZE = 100_000

# What such runs build, and how it is said. Cycles are freed in collections of a few
# hundred objects: nothing pays more of its time. Among those of a heap that grows some
# are long.
OVERHEAD_SHAPES = {
    "nodes": "build trees of instances",
    "cycles": "only make cyclic garbage, in the shortest collections there are",
}

_CHILD = Path(__file__).parents[1] / "target" / "programs" / "gc_pauses.py"

CALLBACK, VICTIM = "callback", "victim"
# What is asked of the interpreter under test before anything is measured.
_NEEDED = "import _pybench; _pybench.pauses_recorder, _pybench.pauses_watch"


class ChildError(Exception):
    """A child that gave no answer; the text says how it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one process said of one cell, or why it said nothing."""

    cell: Cell
    watched: bool
    answer: dict[str, Any]
    problem: str = ""


def collector_kind(version: str, *, free_threaded: bool) -> tuple[str, str]:
    """Name the collector of a version, and say what that means.

    Parameters
    ----------
    version : str
        In full, such as ``3.14.4`` or ``3.15.0a3``.
    free_threaded : bool
        Of the build, whether or not the GIL is on.

    Returns
    -------
    tuple of str
        ``whole-heap``, ``incremental`` or ``generational``, and a sentence.

    Raises
    ------
    ValueError
        For something that is no version in full.
    """
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:(a|b|rc)\d+)?.*", version)
    if match is None:
        raise ValueError(f"{version!r} is no full version such as 3.14.4")
    numbers = tuple(int(word) for word in match.group(1, 2, 3))
    if free_threaded:
        return "whole-heap", (
            "free-threaded: no generations, each collection is of the whole heap and "
            "stops the other threads twice"
        )
    # 3.14.0 to 3.14.4 were released with it; so were the alphas of 3.15.
    early = numbers == (3, 15, 0) and match[4] == "a"
    if (3, 14, 0) <= numbers < (3, 14, 5) or early:
        return "incremental", (
            "incremental, as in 3.14.0 to 3.14.4 only: young objects and a part of "
            "the old ones at a time"
        )
    return "generational", "three generations, the oldest collected as a whole"


def is_ready(python: Path) -> bool:
    """Tell whether an interpreter has the extension with the recorder."""
    done = subprocess.run(
        [str(python), "-P", "-c", _NEEDED],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    return done.returncode == 0


def cells_of(
    shapes: Sequence[str], sizes: Sequence[int], modes: Sequence[str]
) -> list[Cell]:
    """Return every shape in every size and mode."""
    return [
        Cell(shape=shape, size=size, mode=mode)
        for shape in shapes
        for size in sizes
        for mode in modes
    ]


def process_count(interpreter: Interpreter, cells: Sequence[Cell], repeats: int) -> int:
    """Return how many processes `run_cells` starts."""
    heaps = len({(cell.shape, cell.size) for cell in cells})
    free = interpreter.free_threaded and not interpreter.gil_enabled
    return repeats * (len(cells) + (0 if free else heaps))


def run_cells(
    interpreter: Interpreter, cells: Sequence[Cell], repeats: int, timeout_s: float
) -> Iterator[Run]:
    """Run every cell in fresh processes, one repeat of all after the other.

    With the GIL each repeat has one process that only records; of the first mode of a
    heap there is another one that is watched too, for the agreement. Without the GIL
    every process is watched.

    Parameters
    ----------
    interpreter : Interpreter
        Which `is_ready` was true of.
    cells : sequence of Cell
        What to run.
    repeats : int
        Processes of each.
    timeout_s : float
        Seconds after which one of them is ended.
    """
    free = interpreter.free_threaded and not interpreter.gil_enabled
    first_modes = {(cell.shape, cell.size): cell.mode for cell in reversed(cells)}
    for _ in range(repeats):
        for cell in cells:
            is_first = first_modes[cell.shape, cell.size] == cell.mode
            for watched in (True,) if free else (False, True)[: 1 + is_first]:
                yield run_cell(
                    interpreter.path, cell, watched, free=free, timeout_s=timeout_s
                )


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
        answer = ask(python, order, timeout_s)
    except ChildError as error:
        return Run(cell=cell, watched=watched, answer={}, problem=str(error))
    return Run(cell=cell, watched=watched, answer=answer)


def measure_overhead(
    python: Path, shape: str, size: int, pairs: int, timeout_s: float
) -> Overhead:
    """Measure what the recorder takes of a run that builds one heap after the other.

    Raises
    ------
    ChildError
        If the process gives no answer.
    """
    order = {
        "what": "turns",
        "shape": shape,
        "size": min(size, _OVERHEAD_SIZE),
        "turns": pairs,
    }
    answer = ask(python, order, timeout_s)
    return Overhead(
        shape=shape,
        whole=ratio_of([(recorder, none) for recorder, _, none in answer["turns"]]),
        own=ratio_of([(recorder, idle) for recorder, idle, _ in answer["turns"]]),
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


def ask(
    python: Path, order: dict[str, Any], timeout_s: float, *, child: Path = _CHILD
) -> dict[str, Any]:
    """Start a child with an order, and return its answer.

    Raises
    ------
    ChildError
        If it ends badly, takes too long or says something else.
    """
    # -P: what lies beside the child shall not be imported in place of a module.
    command = [str(python), "-P", str(child), json.dumps(order)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise ChildError(
            f"no end within {timeout_s:g} seconds: smaller --sizes, or a longer "
            "--timeout"
        ) from None
    if done.returncode < 0:
        more = " (out of memory?)" * (done.returncode == -9)
        raise ChildError(f"the process was ended by signal {-done.returncode}{more}")
    if done.returncode:
        last = ["no message", *filter(str.strip, done.stderr.splitlines())][-1]
        raise ChildError(f"exit {done.returncode}: {last[:200]}")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise ChildError(f"its answer is {done.stdout[:100]!r}") from None
    return answer


def summarise(runs: Iterable[Run], *, free: bool) -> list[CellSummary]:
    """Put the runs of each cell together, in the order of their first ones.

    Parameters
    ----------
    runs : iterable of Run
        Also only some of those that were meant to be.
    free : bool
        Whether the GIL was off, so that the victim's gaps are the pauses.
    """
    by_cell: dict[Cell, list[Run]] = {}
    for run in runs:
        by_cell.setdefault(run.cell, []).append(run)
    return [_summary(cell, found, free=free) for cell, found in by_cell.items()]


def _summary(cell: Cell, runs: Sequence[Run], *, free: bool) -> CellSummary:
    good = [run for run in runs if not run.problem]
    # With the GIL the victim disturbs what it watches, so that the others count.
    counting = [run.answer for run in good if run.watched == free]
    watched = [run.answer for run in good if run.watched]
    split = [split_pauses(answer, free=free) for answer in counting]
    stopped = [stopped_ns(answer, free=free) for answer in counting]
    problems = dict.fromkeys(run.problem for run in runs if run.problem)
    lost = sum(a["pauses_lost"] + a.get("gaps_lost", 0) for a in counting)
    if lost:
        problems[f"{lost} pauses or gaps had no room"] = None
    overshoots = [_overshoot_bytes(cell, answer) for answer in counting]
    known = [overshoot for overshoot in overshoots if overshoot is not None]
    if len(known) < len(overshoots):
        problems["resident memory: the system does not tell"] = None
    shares = [
        ns / (answer["stop_ns"] - answer["start_ns"])
        for answer, ns in zip(counting, stopped, strict=True)
    ]
    rates = [_collections(answer) * 1e6 / cell.size for answer in counting]
    return CellSummary(
        cell=cell,
        observer=VICTIM if free else CALLBACK,
        automatic=_pauses([ns for automatic, _ in split for ns in automatic]),
        asked=_pauses([ns for _, asked in split for ns in asked]),
        share=mean_of(shares) if shares else None,
        per_million=mean_of(rates) if rates else None,
        overshoot_bytes=mean_of(known) if known else None,
        agreement=agreement(watched),
        other_gaps=sum(map(_other_gaps, watched)) if watched else None,
        thresholds=tuple(counting[0]["thresholds"]) if counting else None,
        problems=tuple(problems),
    )


def split_pauses(answer: dict[str, Any], *, free: bool) -> tuple[list[int], list[int]]:
    """Return the pauses in nanoseconds, automatic ones and those that were asked for.

    One for each collection. Without the GIL it is the longest of the stops that the
    victim saw of it: there are two or more, and most are so short that a median over
    all of them would be of nothing.
    """
    pauses = [(start, stop) for start, stop, *_ in answer["pauses"]]
    if free:
        longest = [max(met, key=_length) for met in _stops_by_collection(answer)]
        pauses = [(start, stop) for start, stop, _ in longest]
    ends_ns = answer["stop_ns"]
    automatic = [stop - start for start, stop in pauses if start < ends_ns]
    return automatic, [stop - start for start, stop in pauses if start >= ends_ns]


def stopped_ns(answer: dict[str, Any], *, free: bool) -> int:
    """Return how long the automatic collections stopped the program, all stops."""
    pauses: Iterable[Sequence[int]] = answer["pauses"]
    if free:
        pauses = [one for met in _stops_by_collection(answer) for one in met]
    return sum(stop - start for start, stop, *_ in pauses if start < answer["stop_ns"])


def agreement(answers: Sequence[dict[str, Any]]) -> Agreement | None:
    """Hold the victim's gaps against the collections that they meet.

    A collection's gaps are added up: without the GIL there are two. Those in which the
    victim did not wait are left out: its CPU was taken away. None without a collection
    that is long enough.
    """
    long, gaps, seen = [], [], 0
    for answer in answers:
        for start, stop, *_ in answer["pauses"]:
            if stop - start < COMPARABLE_NS:
                continue
            met = [b - a for a, b, _ in _stops(answer) if a < stop and start < b]
            long.append(stop - start)
            gaps.append(sum(met))
            seen += bool(met)
    if not long:
        return None
    return Agreement(
        count=len(long),
        seen=seen,
        pause_ns=percentile(long, 0.5),
        gap_ns=percentile(gaps, 0.5),
    )


def profile_document(
    interpreter: Interpreter,
    summaries: Sequence[CellSummary],
    overheads: Sequence[Overhead],
    *,
    complete: bool,
) -> dict[str, Any]:
    """Return what ``--json`` writes."""
    kind, meaning = collector_kind(
        interpreter.version, free_threaded=interpreter.free_threaded
    )
    profile = GcProfile(
        interpreter=CollectedPython(
            label=interpreter.label,
            path=str(interpreter.path),
            free_threaded=interpreter.free_threaded,
            gil_enabled=interpreter.gil_enabled,
        ),
        collector=Collector(kind=kind, meaning=meaning),
        comparable_ns=COMPARABLE_NS,
        complete=complete,
        cells=tuple(summaries),
        overheads=tuple(overheads),
    )
    return {"pybench": KIND, "schema": SCHEMA, **asdict(profile)}


def _pauses(durations_ns: Sequence[int]) -> Pauses | None:
    if not durations_ns:
        return None
    p50, p95, p99, most = (percentile(durations_ns, share) for share in PERCENTILES)
    return Pauses(
        count=len(durations_ns), p50_ns=p50, p95_ns=p95, p99_ns=p99, max_ns=most
    )


def _collections(answer: dict[str, Any]) -> int:
    """Count the automatic collections, whoever sees the pauses."""
    noted = sum(start < answer["stop_ns"] for start, *_ in answer["pauses"])
    return int(noted + answer["pauses_lost"])


def _overshoot_bytes(cell: Cell, answer: dict[str, Any]) -> int | None:
    """Return the peak above what is in use: of garbage, above what was there first."""
    before, after, peak = (
        answer[f"rss_{when}_bytes"] for when in ("before", "after", "peak")
    )
    if before is None or after is None or peak is None:
        return None
    return int(peak - (before if cell.shape == "cycles" else after))


def _stops(answer: dict[str, Any]) -> list[list[int]]:
    """Return the gaps in which the victim waited, or nobody knows."""
    return [gap for gap in answer["gaps"] if gap[2] != 0]


def _stops_by_collection(answer: dict[str, Any]) -> list[list[list[int]]]:
    """Return the stops of each collection of which the victim saw any.

    A gap that meets two collections counts for the first.
    """
    stops, found = _stops(answer), []
    for start, stop, *_ in answer["pauses"]:
        met = [one for one in stops if _meets(one, [(start, stop)])]
        stops = [one for one in stops if one not in met]
        if met:
            found.append(met)
    return found


def _length(gap: Sequence[int]) -> int:
    return gap[1] - gap[0]


def _meets(gap: Sequence[int], pauses: Sequence[tuple[int, int]]) -> bool:
    return any(start < gap[1] and gap[0] < stop for start, stop in pauses)


def _other_gaps(answer: dict[str, Any]) -> int:
    """Count the gaps that meet no collection, or in which the CPU was taken away."""
    pauses = [(start, stop) for start, stop, *_ in answer["pauses"]]
    return sum(gap[2] == 0 or not _meets(gap, pauses) for gap in answer["gaps"])
