"""Suites of known truth: drawn, measured, read back."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from pybench.comparison.judging import CLASS_MARGINS, COMPUTING
from pybench.comparison.mean_groups import YARDSTICK_GROUP
from pybench.comparison.selfcheck import live
from pybench.comparison.sessions import Arm
from pybench.comparison.suites import find_suite
from pybench.records.run import Run
from tests.runs import arm_records, header_record, row_record

ROWS = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_row(benchmark, number):
    benchmark(sum, range(200))

def test_elsewhere(benchmark):
    pytest.skip("n/a: not here")
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write five rows, one of which cannot run."""
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "test_rows.py").write_text(ROWS)
    monkeypatch.chdir(tmp_path)
    # On a busy machine a sample may take any time, and its row is none too long for it.
    monkeypatch.setattr(live, "SAMPLE_MOST_NS", 1e15)
    return folder


def side(name: str) -> Arm:
    """Return this Python as a side."""
    return Arm(name=name, python=Path(sys.executable), environ=dict(os.environ))


def test_a_suite_is_measured_and_its_truth_kept_apart(
    suite: Path, tmp_path: Path
) -> None:
    """What was planted is in no file that the analysis reads.

    The second suite of a folder reads which rows the first could run.
    """
    whole = find_suite(str(suite))
    known = live.calibrate_suite(side("A"), whole, tmp_path / "out")
    assert len(live.eligible(known)) == 4
    rows = live.draw_rows(known, 3, 7)
    assert len({*rows}) == 3
    assert rows == live.draw_rows(known, 3, 7)

    folder = tmp_path / "out" / "suite-1"
    live.measure_suite(
        [side("A"), side("B")],
        live.suite_of_rows(known, whole, rows),
        folder,
        seed=7,
        margin=0.03,
        pairs=2,
        injected=(1, 0),
        on_progress=lambda progress: None,
    )
    found = live.read_suite(folder)

    assert len(found.truth.planted) == 1
    assert {*found.truth.planted} < {*rows}
    assert found.truth.row_pairs == 6
    assert sum(t.rows for t in found.tallies.values()) == 3
    assert sum(t.planted.total() for t in found.tallies.values()) == 1
    record = (folder / "run.jsonl").read_text()
    assert "plant" not in record
    assert "inject" not in record
    assert str(found.truth.seed) not in record
    assert "plant" in json.dumps(json.loads((folder / live.NAME).read_text()))
    (suite / "test_rows.py").unlink()
    again = live.calibrate_suite(side("A"), whole, tmp_path / "out")
    assert again.rows == known.rows


def test_nothing_is_planted_where_no_interpreter_takes_part() -> None:
    known = Run(header=header_record())
    known.add(*arm_records("A"))
    for number in range(4):
        group = YARDSTICK_GROUP if number < 3 else None
        known.add(
            row_record(
                f"f.py::test_{number}", ["A"], group=group, numbers={"count": 20}
            )
        )
    assert len(live.eligible(known)) == 4

    planted = live.draw_injected(known, 4, 4, 1)

    assert {*planted} == {"f.py::test_3"}


def test_what_is_planted_is_a_twentieth_or_twice_the_margin() -> None:
    """Ratios of whole numbers, so that they are exact."""
    for kind, (up, of) in live.INJECTED_BY_CLASS.items():
        expected = 0.05 if kind == COMPUTING else 2 * CLASS_MARGINS[kind]
        assert up / of == pytest.approx(1 + expected)
