"""Rows of which a process makes one sample: that sample counts, in every face."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison import pairs
from pybench.comparison.judging import judge
from pybench.comparison.pair_details import details, row_times
from pybench.comparison.row_numbers import difference
from pybench.comparison.summary import ONCE_NAMED, summarise
from pybench.records.outcomes import ERROR, MEASURED
from pybench.records.run import (
    PairRecord,
    RowRecord,
    Run,
    RunHeader,
    SideRecord,
)
from pybench.records.samples import Sample
from pybench.target.process.identity import read_identity

pytestmark = pytest.mark.once

ROW = "test_f.py::test_once"
ONCE = {"a": [1000], "b": [2000]}
SEVERAL = {"a": [9000, 1000, 1000], "b": [9000, 2000, 2000]}


def row_record(row: str = ROW, outcome: str = MEASURED) -> RowRecord:
    """Return a row of two operations a call, five calls a round."""
    return RowRecord(
        row=row, group=None, apart=False, pinned=True, margin=None, metric="cpu",
        operations=2, threads=1, numbers={"count": 1, "iterations": 5},
        per_sample_ns=1.0, outcomes={"a": MEASURED, "b": outcome},
        reasons={} if outcome == MEASURED else {"b": f"{outcome}: why"}, rounds=1,
    )  # fmt: skip


def sample(ns: int) -> Sample:
    """Return a sample of which each clock says the same."""
    return Sample(wall_ns=ns, cpu_ns=ns, waited_ns=0)


def run_of(samples: dict[str, list[int]], warmups: int, *rows: RowRecord) -> Run:
    """Return a run of four pairs of a row, each with those samples in nanoseconds."""
    header = RunHeader(
        version="0", started="now", command=(), seed=1, margin=0.03, pairs=4, suite="s"
    )
    run = Run(header=header)
    for name in samples:
        run.add(SideRecord(name=name, python="/python", identity=read_identity()))
    for row in rows or (row_record(),):
        run.add(row)
    for number in range(1, 5):
        # A little later in each pair: equal differences have no spread to judge by.
        taken = {
            name: (tuple(sample(ns + number * (name == "b")) for ns in times),)
            for name, times in samples.items()
        }
        run.add(
            PairRecord(
                row=ROW, pair=number, order=("a", "b"), apart=False, cpu=0, hash_seed=1,
                numbers={"count": 1, "iterations": 5}, samples=taken, warmups=warmups,
            )
        )  # fmt: skip
    return run


@pytest.mark.parametrize(("samples", "warmups"), [(ONCE, 0), (SEVERAL, 1)])
def test_faces_show_what_counts_and_no_warm_up(
    samples: dict[str, list[int]], warmups: int
) -> None:
    """By call and operation: a round is five calls here, and a call two operations."""
    run = run_of(samples, warmups)

    assert difference(run.pairs[ROW][1], "cpu", "a", "b") == pytest.approx(
        math.log(2), rel=0.01
    )
    [shown] = summarise(run, judge(run)).rows
    assert shown.baseline_ns == pytest.approx(100)
    assert shown.side_ns == pytest.approx(200, rel=0.01)
    [detail] = details(run)
    assert [pair.baseline_ns for pair in detail.pairs] == pytest.approx([100] * 4)
    assert detail.warm_up.side[-1] == 1
    assert len(detail.warm_up.side) == len(samples["b"])
    [times], left_out = row_times(run, "b")
    assert not left_out
    for process in times.processes:
        assert process.median_s == pytest.approx(200e-9, rel=0.01)
        assert (process.warm_up_s is None) is (warmups == 0)


def test_a_row_that_was_not_measured_has_no_times_whatever_pairs_there_are() -> None:
    """As in the record of a version that did not look at what rows say."""
    times, left_out = row_times(run_of(ONCE, 0, row_record(outcome=ERROR)), "b")

    assert times == ()
    assert left_out == {ROW: "error: why"}


@pytest.mark.parametrize("count", [1, ONCE_NAMED, ONCE_NAMED + 2])
def test_rows_that_are_called_once_are_named(count: int) -> None:
    rows = [row_record(ROW), *(row_record(f"f.py::test_{n}") for n in range(1, count))]
    run = run_of(ONCE, 0, *rows)

    [note] = summarise(run, judge(run), notes=()).notes
    assert note.startswith(f"called once a process, as rounds=1 says: {ROW}")
    assert note.count("::") == min(count, ONCE_NAMED)
    assert ("and 2 more" in note) is (count > ONCE_NAMED)


@pytest.mark.parametrize("rounds", [1, 2, 3, 10, 11, 12, 33, 1000])
@pytest.mark.parametrize("timed", [pairs.TIMED_LEAST, pairs.TIMED])
def test_samples_fit_into_the_rounds_of_a_process(rounds: int, timed: int) -> None:
    count = pairs.fitting_count(rounds)
    assert count is not None
    warmups, fitting = pairs.fitting_samples(rounds, count, timed)

    assert 1 <= fitting <= timed
    assert (warmups + fitting) * count <= rounds
    assert warmups == (pairs.WARMUPS if rounds > 1 else 0)


def test_other_rows_have_as_many_samples_as_are_wanted() -> None:
    assert pairs.fitting_count(None) is None
    assert pairs.fitting_samples(None, 5000, 7) == (pairs.WARMUPS, 7)
