"""Pauses by heap: which collector it is, what a process says, what is made of it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pybench.interpreters import probe
from pybench.profiles import gc_pauses as pauses
from pybench.profiles.child_programs import ChildError, ask
from pybench.profiles.gc_pauses import COLLECTIONS, COMPARABLE_NS, Run
from pybench.profiles.means import profiled
from pybench.records.gc_pauses import SHAPES, Cell, CellSummary, GcProfile, Recording

pytest.importorskip("_pybench")
CELL = Cell(shape="lists", size=10_000, mode="on")
PYTHON = Path(sys.executable)
FREE = not getattr(sys, "_is_gil_enabled", lambda: True)()


@pytest.mark.parametrize(
    ("version", "free_threaded", "kind"),
    [
        ("3.11.7", False, "generational"),
        ("3.12.1", False, "generational"),
        ("3.13.0", False, "generational"),
        ("3.13.15", True, "whole-heap"),
        ("3.14.0rc1", False, "incremental"),
        ("3.14.0", False, "incremental"),
        ("3.14.4", False, "incremental"),
        ("3.14.4+", False, "incremental"),
        ("3.14.4", True, "whole-heap"),
        ("3.14.5", False, "generational"),
        ("3.14.10", False, "generational"),
        ("3.15.0a8", False, "incremental"),
        ("3.15.0b1", False, "generational"),
        ("3.15.0", False, "generational"),
        ("3.15.0", True, "whole-heap"),
    ],
)
def test_collector_follows_from_the_exact_version(
    version: str, free_threaded: bool, kind: str
) -> None:
    """3.14 is not one collector."""
    assert pauses.collector_of(version, free_threaded=free_threaded).kind == kind


@pytest.mark.parametrize("version", ["3.14", "three", ""])
def test_collector_of_half_a_version_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="full version"):
        pauses.collector_of(version, free_threaded=False)


def test_interpreter_with_the_extension_is_ready(tmp_path: Path) -> None:
    assert pauses.is_ready(PYTHON)


def recorded(shape: str, mode: str, *, watched: bool, size: int = 20_000) -> Recording:
    """Record one heap in a process."""
    cell = Cell(shape=shape, size=size, mode=mode)
    run = pauses.run_cell(PYTHON, cell, watched, free=FREE, timeout_s=60)
    assert run.recording is not None, run.problem
    return run.recording


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_is_recorded(shape: str) -> None:
    """Collections happen by themselves, and as often as they are asked for."""
    recording = recorded(shape, "on", watched=True)

    asked = [p for p in recording.pauses if p[0] >= recording.stop_ns]
    assert len(asked) == COLLECTIONS
    # A whole-heap collector need not have found it worth while.
    assert FREE or len(recording.pauses) > COLLECTIONS
    assert recording.pauses_lost == 0
    assert recording.naps is not FREE


def test_collector_that_is_off_collects_when_asked_only() -> None:
    recording = recorded("cycles", "off", watched=False)

    assert len(recording.pauses) == COLLECTIONS
    # The first of them finds all that was left.
    assert recording.pauses[0][3] >= 20_000


def test_raised_threshold_is_raised() -> None:
    low, high = (
        recorded("lists", mode, watched=False, size=10_000).thresholds
        for mode in ("on", "thresholds")
    )

    assert high[0] == 10 * low[0]
    assert high[1:] == low[1:]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"what": "record", "shape": "ball", "size": 1, "mode": "on"}, "no shape"),
        ({"what": "nothing"}, "KeyError"),
    ],
)
def test_child_that_fails_says_why(order: dict[str, Any], reason: str) -> None:
    with pytest.raises(ChildError, match=reason):
        ask(PYTHON, "gc_pauses.py", order, 60)


def test_child_that_does_not_end_is_ended() -> None:
    run = pauses.run_cell(PYTHON, CELL, False, free=FREE, timeout_s=0.001)

    assert "no end within 0.001 seconds" in run.problem
    assert "--timeout" in run.problem


def test_child_that_is_killed_is_told_so(tmp_path: Path) -> None:
    """As the system does it to whoever has too much memory."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -9 $$\n")
    python.chmod(0o755)

    with pytest.raises(ChildError, match=r"SIGKILL \(out of memory\?\)"):
        ask(python, "gc_pauses.py", {}, 60)


@pytest.mark.parametrize(
    ("free", "once"),
    [
        (False, [("off", False), ("off", True), ("on", False)]),
        (True, [("off", True), ("on", True)]),
    ],
)
def test_every_heap_has_one_process_that_is_watched(
    free: bool, once: list[tuple[str, bool]]
) -> None:
    processes = pauses.schedule(["lists"], [10_000], ["off", "on"], 2, free=free)

    assert [(cell.mode, watched) for cell, watched in processes] == 2 * once


MS = COMPARABLE_NS


def recording(**other: Any) -> Recording:
    """Return a made-up one: one automatic collection, and one that was asked for."""
    known: dict[str, Any] = {
        "pauses": [[10 * MS, 14 * MS, 2, 0, 0], [110 * MS, 112 * MS, 2, 0, 0]],
        "pauses_lost": 0,
        "gaps": [
            [9 * MS, 11 * MS, 1],  # the first stop of the first collection
            [12 * MS, 14 * MS, 2],  # its second stop
            [13 * MS, 13 * MS + 5, 0],  # in it, but the CPU was taken away
            [50 * MS, 51 * MS, 1],  # nothing was collected
            [110 * MS, 112 * MS, 1],
        ],
        "gaps_lost": 0,
        "start_ns": 0,
        "stop_ns": 100 * MS,
        "thresholds": [700, 10, 10],
        "status_before": "VmHWM: 1000 kB\nVmRSS: 1000 kB\n",
        "status_after": "VmHWM: 1800 kB\nVmRSS: 1500 kB\n",
    }
    return Recording(**(known | other))


def summary_of(*runs: Run, free: bool) -> CellSummary:
    """Summarise the runs of one cell."""
    (found,) = pauses.summarise(runs, free=free)
    return found


def test_with_the_gil_the_recorder_counts_and_the_victim_is_held_against_it() -> None:
    plain = Run(cell=CELL, watched=False, recording=recording())
    watched = Run(cell=CELL, watched=True, recording=recording())

    found = summary_of(plain, watched, free=False)

    assert found.observer == "callback"
    assert found.automatic is not None
    assert found.asked is not None
    assert (found.automatic.count, found.automatic.max_ns) == (1, 4 * MS)
    assert (found.asked.count, found.asked.p50_ns) == (1, 2 * MS)
    assert found.share is not None
    assert found.share.value == pytest.approx(0.04)
    assert found.per_million is not None
    assert found.per_million.value == pytest.approx(100)
    assert found.overshoot_bytes is not None
    assert found.overshoot_bytes.value == 300 * 1024
    assert found.other_gaps == 2
    assert found.agreement is not None
    assert (found.agreement.count, found.agreement.seen) == (2, 2)


def test_without_the_gil_only_stops_of_the_victim_are_pauses() -> None:
    found = summary_of(Run(cell=CELL, watched=True, recording=recording()), free=True)

    assert found.observer == "victim"
    assert found.automatic is not None
    # One collection, though it has two stops; the share is of both.
    assert (found.automatic.count, found.automatic.max_ns) == (1, 2 * MS)
    assert found.share is not None
    assert found.share.value == pytest.approx(0.04)
    assert found.per_million is not None
    assert found.per_million.value == pytest.approx(100)


def test_gaps_count_as_stops_where_nobody_knows_of_waits() -> None:
    gaps = [[a, b, -1] for a, b, _ in recording().gaps]

    found = summary_of(
        Run(cell=CELL, watched=True, recording=recording(gaps=gaps)), free=True
    )

    assert found.share is not None
    assert found.share.value == pytest.approx((4 * MS + 5) / (100 * MS), rel=1e-12)


def test_pause_without_the_gil_is_the_longest_stop_of_a_collection() -> None:
    """A median over all stops would be that of the short ones."""
    gaps = [[10 * MS, 13 * MS, 1], [13 * MS + 5, 13 * MS + 25, 1]]
    gaps += [[110 * MS, 110 * MS + 20, 1], [111 * MS, 112 * MS, 1]]

    found = summary_of(
        Run(cell=CELL, watched=True, recording=recording(gaps=gaps)), free=True
    )

    assert found.automatic is not None
    assert found.asked is not None
    assert (found.automatic.count, found.automatic.p50_ns) == (1, 3 * MS)
    assert (found.asked.count, found.asked.p50_ns) == (1, MS)


def test_garbage_overshoots_what_was_there_before() -> None:
    cell = Cell(shape="cycles", size=10_000, mode="on")

    found = summary_of(Run(cell=cell, watched=False, recording=recording()), free=False)

    assert found.overshoot_bytes is not None
    assert found.overshoot_bytes.value == 800 * 1024


def test_what_cannot_be_had_is_none_with_its_reason() -> None:
    silent = recording(status_after="", pauses=[], pauses_lost=3)

    found = summary_of(
        Run(cell=CELL, watched=False, recording=silent),
        Run(cell=CELL, watched=False, problem="it broke"),
        free=False,
    )

    assert (found.automatic, found.asked, found.overshoot_bytes) == (None,) * 3
    assert found.agreement is None
    assert found.problems == (
        "it broke",
        "3 pauses or gaps had no room",
        "resident memory: the system does not tell",
    )


def test_cell_without_any_answer_has_its_problem_only() -> None:
    found = summary_of(Run(cell=CELL, watched=False, problem="it broke"), free=False)

    assert (found.share, found.per_million, found.thresholds) == (None,) * 3
    assert found.problems == ("it broke",)


@pytest.mark.parametrize("shape", pauses.OVERHEAD_SHAPES)
def test_overhead_has_both_ratios(shape: str) -> None:
    found = pauses.measure_overhead(PYTHON, shape, 10_000, 6, 60)

    assert (found.shape, found.pairs) == (shape, 6)
    assert 0 < found.whole.low <= found.whole.value <= (found.whole.high or 0)
    assert 0 < found.own.low <= found.own.value <= (found.own.high or 0)


def test_document_has_no_number_that_json_lacks() -> None:
    runs = [Run(cell=CELL, watched=False, recording=recording())]

    cells = tuple(pauses.summarise(runs, free=False))
    collector = pauses.collector_of("3.14.5", free_threaded=False)
    profile = GcProfile(
        interpreter=profiled(probe(sys.executable)), collector=collector, cells=cells
    )

    document = json.loads(json.dumps(asdict(profile), allow_nan=False))

    (cell,) = document["cells"]
    assert document["pybench"] == "profile-gc"
    assert document["schema"] == 1
    assert cell["cell"] == {"shape": "lists", "size": 10_000, "mode": "on"}
    assert cell["share"]["low"] is None
