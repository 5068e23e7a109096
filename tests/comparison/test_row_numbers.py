"""All arms at once and pair by pair: the same numbers, to the last bit."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison.judging import judge
from pybench.comparison.pair_details import details
from pybench.comparison.row_numbers import medians_ns, numbers_of
from pybench.comparison.summary import summarise
from pybench.records.documents import DocumentError
from pybench.records.packed_samples import PackedSamples, Processes
from pybench.records.run import PairRecord, RowRecord, Run, RunHeader, SideRecord
from pybench.records.run_file import RecordWriter, read_run
from pybench.records.samples import Sample
from pybench.target.process.identity import read_identity

ARMS = ("a", "b", "c")


def live(folder: Path) -> Run:
    """Return a run as it is measured, and write it: rows of each kind there is."""
    draws = random.Random(20261130)
    header = RunHeader(
        version="0", started="now", command=("x",), seed=1, margin=0.03, pairs=None,
        suite="benchmarks",
    )  # fmt: skip
    run = Run(header=header)
    with RecordWriter(folder, header) as writer:

        def note(record: SideRecord | RowRecord | PairRecord) -> None:
            run.add(record)
            writer.append(record)

        for arm in ARMS:
            note(SideRecord(name=arm, python="/p", identity=read_identity()))
        for row in ("cpu", "wall", "apart", "once", "uneven", "zero", "fewer"):
            note(
                RowRecord(
                    row=f"f.py::test_{row}", group=None, apart=row == "apart",
                    pinned=True, margin=None, operations=3, threads=1,
                    metric="wall" if row == "wall" else "cpu", per_sample_ns=5e6,
                    numbers={"count": 7}, outcomes=dict.fromkeys(ARMS, "measured"),
                    reasons={},
                )
            )  # fmt: skip
            for pair in range(1, 13):
                note(_pair(draws, row, pair))
    return run


def _pair(draws: random.Random, row: str, pair: int) -> PairRecord:
    """Return a pair; some rows have one that is unlike the others."""

    def sample(number: int) -> Sample:
        cpu_ns = draws.randrange(4_900_000, 5_100_000)
        wall_ns = round(cpu_ns * draws.uniform(0.8, 1.4))
        return Sample(
            wall_ns=wall_ns,
            cpu_ns=0 if row == "zero" and (pair, number) == (5, 2) else cpu_ns,
            waited_ns=draws.choice((0, 400_000, 9_000_000)),
            blocked=draws.choice((None, 0, 3)),
        )

    arms = ARMS[:2] if row == "fewer" and pair > 6 else ARMS
    counts = dict.fromkeys(arms, 1 if row == "once" else 6)
    if row == "uneven" and pair == 3:
        counts["b"] = 4
    processes = 2 if row == "apart" else 1
    order = tuple(draws.sample(arms, len(arms)))
    return PairRecord(
        row=f"f.py::test_{row}", pair=pair, order=order, apart=row == "apart", cpu=0,
        hash_seed=pair, numbers={"count": 7 + pair % 2}, warmups=int(row != "once"),
        samples={
            arm: tuple(
                tuple(sample(number) for number in range(count))
                for _ in range(processes)
            )
            for arm in order
            for count in [counts[arm]]
        },
    )  # fmt: skip


def test_a_run_that_is_read_is_judged_as_while_it_is_measured(tmp_path: Path) -> None:
    measured = live(tmp_path)
    read = read_run(tmp_path)

    for row, record in measured.rows.items():
        mine, packed = measured.pairs_of(row), read.pairs_of(row)
        assert all(isinstance(pair.samples, PackedSamples) for pair in packed)
        assert packed == mine
        numbers = numbers_of(record, mine, "a", ["b", "c"])
        assert numbers_of(record, packed, "a", ["b", "c"]) == numbers
        medians = medians_ns(record, mine, ARMS)
        assert medians_ns(record, packed, ARMS) == medians
        # A pair of which no ratio can be made is left out, on both arms.
        if row.endswith("zero"):
            assert sorted(map(len, (numbers["b"][0], numbers["c"][0])))[0] == 11
    assert summarise(read, judge(read)) == summarise(measured, judge(measured))
    assert details(read) == details(measured)


def test_what_was_read_can_be_written_again(tmp_path: Path) -> None:
    run = live(tmp_path / "first")
    read = read_run(tmp_path / "first")
    with RecordWriter(tmp_path / "second", read.header) as writer:
        for side in read.sides.values():
            writer.append(side)
        for row, record in read.rows.items():
            writer.append(record)
            for pair in read.pairs_of(row):
                writer.append(pair)

    assert read_run(tmp_path / "second").pairs == run.pairs


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (b"-5", "a time below zero"),
        (b"1" + b"0" * 19, "a number above 1e"),
        (b"1e19", "a number above 1e|Expected `int`"),
        (b'"x"', "Expected `int`"),
    ],
)
def test_number_that_nothing_takes_is_refused(
    tmp_path: Path, number: bytes, said: str
) -> None:
    live(tmp_path)
    path = tmp_path / "run.jsonl"
    before, wall, after = path.read_bytes().partition(b'"wall_ns":')
    path.write_bytes(before + wall + number + after.lstrip(b"0123456789"))

    with pytest.raises(DocumentError, match=f"line 6: .*({said})"):
        read_run(tmp_path)


def test_packed_samples_are_a_mapping() -> None:
    sample = Sample(wall_ns=1, cpu_ns=2, waited_ns=3)
    whole: dict[str, Processes] = {"a": ((sample,),), "b": ((), ())}
    packed = PackedSamples([*whole.values()], ("a", "b"))

    assert packed == whole
    assert (len(packed), [*packed], "c" in packed) == (2, ["a", "b"], False)
    assert packed.get("c", ()) == ()
    blocked = replace(sample, blocked=0)
    assert PackedSamples([((blocked,),)], ("a",))["a"] == ((blocked,),)
