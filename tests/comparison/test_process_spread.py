"""What two processes of one interpreter ever differed by: taken, kept, and read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison.process_spread import (
    extreme_of,
    recall,
    remember,
)
from pybench.comparison.saved_comparison import compare_saved
from pybench.records.documents import DocumentError
from pybench.records.extremes import Extreme
from pybench.records.run import PairRecord, Run
from pybench.records.samples import Sample
from pybench.records.saved_files import (
    PYTEST_BENCHMARK,
    Saved,
    SavedRow,
)
from pybench.target.process.identity import read_identity
from tests.runs import arm_records, header_record, row_record

pytestmark = pytest.mark.once

MACHINE = {"CPU": "some", "architecture": "x", "system": "s", "usable CPUs": "2"}
EXTREME = Extreme(
    ratio=3.0, row="r", rows=2, processes=8, started="then", machine=MACHINE
)


def process(warm_up_ns: int, *walls_ns: int) -> tuple[Sample, ...]:
    """Return a process with a warm-up and samples; its CPU time says nothing."""
    return tuple(
        Sample(wall_ns=wall, cpu_ns=1, waited_ns=0) for wall in (warm_up_ns, *walls_ns)
    )


def run_with(**rows: list[dict[str, tuple[Sample, ...]]]) -> Run:
    """Return a run of rows with their pairs: side to process."""
    run = Run(header=header_record(started="then"))
    for arm in arm_records("A", "B"):
        run.add(arm)
    for row, pairs in rows.items():
        run.add(row_record(row, "AB"))
        for number, sides in enumerate(pairs, start=1):
            run.add(
                PairRecord(
                    row=row, pair=number, order=("A", "B"), apart=False, cpu=0,
                    hash_seed=1, numbers={"count": number},
                    samples={side: (found,) for side, found in sides.items()},
                )
            )  # fmt: skip
    return run


def test_extreme_is_that_of_any_two_processes_of_one_row() -> None:
    """Across pairs and sides, per operation, by the wall clock, without warm-ups."""
    run = run_with(
        quiet=[{"A": process(9000, 100, 101, 102), "B": process(1, 110, 111, 112)}],
        # Of the second pair a sample is two calls: 150 ns each.
        noisy=[
            {"A": process(1, 100, 100), "B": process(1, 120, 120)},
            {"A": process(1, 300, 300), "B": process(1, 220, 220)},
        ],
    )
    found = extreme_of(run)

    assert found is not None
    assert found.ratio == pytest.approx(1.5)
    assert (found.row, found.rows, found.processes) == ("noisy", 2, 6)
    assert found.machine == read_identity().machine_facts


def test_rows_with_something_planted_are_left_out() -> None:
    run = run_with(
        quiet=[{"A": process(1, 100), "B": process(1, 110)}],
        planted=[{"A": process(1, 100), "B": process(1, 900)}],
    )
    found = extreme_of(run, {"planted"})

    assert found is not None
    assert found.ratio == pytest.approx(1.1)


@pytest.mark.parametrize(
    "rows",
    [{}, {"alone": [{"A": process(1, 5)}]}, {"empty": [{"A": process(1), "B": ()}]}],
)
def test_run_without_two_processes_has_no_extreme(rows: dict[str, Any]) -> None:
    assert extreme_of(run_with(**rows)) is None


def test_the_widest_of_a_machine_is_kept(tmp_path: Path) -> None:
    """And each machine has its own."""
    remember(EXTREME, tmp_path)
    remember(replace(EXTREME, ratio=2.0), tmp_path)
    other = replace(EXTREME, ratio=9.0, machine={**MACHINE, "CPU": "other"})
    remember(other, tmp_path)

    assert recall(MACHINE, tmp_path) == EXTREME
    assert recall({"CPU": "other"}, tmp_path) == other


@pytest.mark.parametrize(
    "machine",
    [{}, {"system": "s"}, {"CPU": "third"}, {"CPU": "some", "usable CPUs": "4"}],
)
def test_nothing_is_known_of_another_machine(
    tmp_path: Path, machine: dict[str, str]
) -> None:
    remember(EXTREME, tmp_path)

    assert recall(machine, tmp_path) is None
    assert recall(machine, tmp_path / "none") is None


@pytest.mark.parametrize(
    "change",
    [
        {"ratio": 0.5},
        {"ratio": True},
        {"ratio": "2"},
        {"rows": 1.5},
        {"machine": {"CPU": 5}},
        {"machine": "here"},
        {"schema": 99},
        {"pybench": "run"},
    ],
)
def test_damaged_file_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    path = remember(EXTREME, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(DocumentError, match=rf"{path.name}: .*: remove it"):
        recall(MACHINE, tmp_path)


def test_torn_file_is_named_and_replaced_by_the_next_check(tmp_path: Path) -> None:
    path = remember(EXTREME, tmp_path)
    path.write_text(path.read_text()[:20])

    with pytest.raises(DocumentError, match="remove it"):
        recall(MACHINE, tmp_path)
    remember(EXTREME, tmp_path)
    assert recall(MACHINE, tmp_path) == EXTREME


def saved(name: str, times: dict[str, float], interpreter: str, cpu: str) -> Saved:
    """Return a file of single processes."""
    return Saved(
        path=Path(f"{name}.json"),
        tool=PYTEST_BENCHMARK,
        interpreter=interpreter,
        identity=None,
        machine={"CPU": cpu},
        rows={row: SavedRow(times_s=(time,)) for row, time in times.items()},
    )


@pytest.mark.parametrize(
    ("ratio", "cpu", "is_beyond"),
    [
        (2.9, "some", False),
        (3.1, "some", True),
        (1 / 3.1, "some", True),
        (39.0, "other", False),  # another machine explains anything
    ],
)
def test_what_exceeds_the_extreme_is_marked(
    ratio: float, cpu: str, is_beyond: bool
) -> None:
    """And stays inconclusive."""
    files = [
        saved("a", {"t.py::x": 1.0}, "CPython 3.11.7", "some"),
        saved("b", {"t.py::x": ratio}, "CPython 3.12.1", cpu),
    ]
    (row,) = compare_saved(files, extreme=EXTREME).rows

    assert (row.word, row.beyond) == ("inconclusive", is_beyond)
    assert not compare_saved(files).rows[0].beyond


@pytest.mark.parametrize(
    ("rows", "interpreters", "command"),
    [
        (
            "benchmarks/gil/test_a.py::x",
            ("CPython 3.11.7", "CPython 3.14.2 free-threaded, GIL off"),
            "pybench compare 3.11.7 3.14.2t",
        ),
        (
            "tests/bench/test_a.py::x",
            ("CPython 3.11.7", "CPython 3.15.0a1+"),
            "pybench compare 3.11.7 3.15.0a1 --suite tests",
        ),
        (
            "test_a.py::x",
            ("CPython 3.11.7", "CPython 3.11.7"),
            "pybench compare file-1=PY 2=PY --suite test_a.py",
        ),
        (
            "benchmarks/gil/test_a.py::x",
            ("unknown Python", "CPython 3.11.7"),
            "pybench compare file-1=PY 2=PY",
        ),
    ],
)
def test_command_names_interpreters_and_suite(
    rows: str, interpreters: tuple[str, str], command: str
) -> None:
    """By what they are asked for, else by the names of the files."""
    first, second = (
        saved(name, {rows: 1.0}, interpreter, "some")
        for name, interpreter in zip(("file 1", ".2"), interpreters, strict=True)
    )

    assert compare_saved([first, second]).command == command
