"""Suites that are drawn from a record: what is false, found and refused is counted."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.records.run_file import RecordWriter
from tests.runs import arm_records, header_record, pair_record, row_record

pytestmark = pytest.mark.once

SCRIPT = Path(__file__).parents[2] / "scripts" / "aged_baselines.py"
PAIRS = 20


@pytest.fixture(scope="module")
def main() -> Any:
    """Return the script's main function."""
    return runpy.run_path(str(SCRIPT))["main"]


def record(folder: Path, *, drift: float = 0.0, spread: float = 0.005) -> Path:
    """Write a run of eight rows and a control, which drift from half of it on."""
    chance = Random(3)
    with RecordWriter(folder, header_record(pairs=PAIRS)) as writer:
        writer.append(*arm_records("a"))
        for number in range(9):
            row = f"benchmarks/x/test_x.py::test_{number}"
            group = "yardstick" if number == 8 else "x"
            writer.append(row_record(row, ["a"], group=group, per_sample_ns=1e6))
            for pair in range(1, PAIRS + 1):
                moved = 1 + drift * (pair > PAIRS // 2)
                ns = 1e6 * moved * (1 + chance.gauss(0, spread))
                writer.append(pair_record(row, pair, {"a": [ns] * 3}))
    return folder


def test_a_quiet_machine_has_no_false_suite_and_finds_the_change(
    main: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seven in eight of the planted changes at the least."""
    folder = record(tmp_path / "run")
    words = [str(folder), "--suites", "20", "--rows", "20", "--noise", "1", "--drift"]

    assert main([*words, "0.005"]) == 0
    said = capsys.readouterr().out
    assert "20 suites, 0 with a false verdict; 0 refused" in said
    told = [f"found in the others: {number} of 20;" for number in (18, 19, 20)]
    assert any(words in said for words in told)


def test_a_drift_is_refused(
    main: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the suites are drawn from before and after it, the others across it."""
    folder = record(tmp_path / "run", drift=0.2)

    assert main([str(folder), "--suites", "10", "--rows", "10", "--noise", "1"]) == 0
    said = capsys.readouterr().out
    (refused,) = re.findall(r"10 suites, 0 with a false verdict; (\d+) refused", said)
    assert int(refused) >= 5
