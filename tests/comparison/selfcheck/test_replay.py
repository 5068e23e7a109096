"""A small record, replayed: what never differs is not called different, and so on.

The rates themselves are `pybench selfcheck`'s, from hours of pairs.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pybench.comparison.judging import COMPUTING, THREADS
from pybench.comparison.selfcheck.replay import (
    ReplayError,
    Source,
    false_suites,
    is_mirrored,
    recorded,
    replay,
)
from pybench.records.run import (
    PairRecord,
    RowRecord,
    Run,
    RunHeader,
    SideRecord,
)
from pybench.records.samples import Sample
from pybench.statistics.decision import SLOWER
from pybench.statistics.plan import Plan
from pybench.target.process.identity import read_identity

ROWS = 12
PAIRS = 30
# One row is this much slower in whatever process comes second.
ORDER_EFFECT = 0.04
ORDERED = "bench/test_area.py::test_row0"


def samples(factor: float) -> tuple[tuple[Sample, ...], ...]:
    """Return a process of three samples, the first a warm-up."""
    each = round(5e6 * factor)
    sample = Sample(wall_ns=each, cpu_ns=each, waited_ns=0)
    return ((sample,) * 3,)


@pytest.fixture(scope="module")
def run() -> Run:
    """Simulate what a run of one interpreter against itself leaves."""
    rng = np.random.default_rng(3)
    header = RunHeader(
        version="0",
        started="now",
        command=("test",),
        seed=1,
        margin=0.03,
        pairs=PAIRS,
        suite="bench",
    )
    run = Run(header=header)
    for name in "AB":
        run.add(SideRecord(name=name, python="/python", identity=read_identity()))
    for number in range(ROWS):
        row = f"bench/test_area.py::test_row{number}"
        run.add(
            RowRecord(
                row=row, group=None, apart=False, pinned=number < ROWS - 2, margin=None,
                metric="cpu" if number < ROWS - 2 else "wall", operations=1,
                threads=1 if number < ROWS - 2 else 2, numbers={"count": 20},
                per_sample_ns=5e6, outcomes={"A": "measured", "B": "measured"},
                reasons={},
            )
        )  # fmt: skip
        for pair in range(1, PAIRS + 1):
            order = ("A", "B") if rng.random() < 0.5 else ("B", "A")
            moved = float(rng.normal(0, 0.01))
            if row == ORDERED:
                moved += ORDER_EFFECT * (1 if order[0] == "A" else -1)
            run.add(
                PairRecord(
                    row=row, pair=pair, order=order, apart=False, cpu=0, hash_seed=1,
                    numbers={"count": 20},
                    samples={"A": samples(1.0), "B": samples(math.exp(moved))},
                )
            )  # fmt: skip
    return run


@pytest.fixture
def source(run: Run) -> Source:
    """Return what suites of 60 rows are drawn from."""
    return Source(
        rows=recorded(run), size=60, plan=Plan(), rng=np.random.default_rng(5)
    )


def test_rows_come_with_class_margin_and_order(run: Run) -> None:
    """All that a suite needs is in the record."""
    rows = {row.row: row for row in recorded(run)}

    assert len(rows) == ROWS
    assert {len(row.values) for row in rows.values()} == {PAIRS}
    assert {row.kind for row in rows.values()} == {COMPUTING, THREADS}
    assert rows[ORDERED].margin == 0.03
    assert min(r.margin for r in rows.values() if r.kind == THREADS) > 0.03
    assert rows[ORDERED].order_effect == pytest.approx(ORDER_EFFECT, abs=0.01)


def test_nothing_planted_nothing_found(source: Source) -> None:
    """Of 20 suites one may err; most rows are equivalent."""
    false, tallies = false_suites(source, 20)

    assert false <= 1
    assert tallies[COMPUTING].same["equivalent"] > 0.8 * tallies[COMPUTING].rows


def test_what_is_planted_is_found(source: Source) -> None:
    """A twentieth, at a spread of one percent; none of them as faster."""
    _, tallies = false_suites(source, 10, injected=lambda row: 1.05, share=0.2)
    planted = tallies[COMPUTING].planted

    assert planted[SLOWER] > 0.9 * planted.total()
    assert planted["faster"] == planted["equivalent"] == 0


def test_a_fixed_order_is_exposed(source: Source) -> None:
    """The check can fail: without the coin the row that minds the order is called."""
    false, _ = false_suites(source, 5, fixed_order=True)

    assert false == 5


def test_exchanged_sides_mirror(source: Source) -> None:
    """And the same pairs give the same verdicts."""
    assert is_mirrored(source)


def test_two_interpreters_are_no_control(run: Run) -> None:
    """Their differences are real."""
    other = replace(run.sides["B"], python="/other")
    two = Run(
        header=run.header,
        sides={**run.sides, "B": other},
        rows=run.rows,
        pairs=run.pairs,
    )

    with pytest.raises(ReplayError, match="not one interpreter"):
        recorded(two)


def test_few_pairs_are_refused(run: Run) -> None:
    """The message says how to get more."""
    few = {
        row: {n: p for n, p in pairs.items() if n < 9}
        for row, pairs in run.pairs.items()
    }
    short = Run(header=run.header, sides=run.sides, rows=run.rows, pairs=few)

    with pytest.raises(ReplayError, match="--pairs 30"):
        recorded(short)


def test_the_report_has_every_check(run: Run, tmp_path: Path) -> None:
    """From a record on the disk, as the command reads it."""
    from pybench.records.run_file import RecordWriter

    with RecordWriter(tmp_path, run.header) as writer:
        for side in run.sides.values():
            writer.append(side)
        for row in run.rows.values():
            writer.append(row)
        for pairs in run.pairs.values():
            for pair in pairs.values():
                writer.append(pair)
    text = "\n".join(replay([str(tmp_path)], 10, 20, 1))

    for said in (
        "12 rows (10 computing, 2 threads)",
        "mirrored and repeatable: yes",
        "nothing injected",
        "injected +5%",
        "injected +3%",
        "stopped at random",
        "always the same side first",
        "test_row0",
        "28 pairs: +3% found",
    ):
        assert said in text
