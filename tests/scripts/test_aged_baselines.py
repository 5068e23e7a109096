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

from pybench.records.run import (
    PairRecord,
    RecordWriter,
    RowRecord,
    RunHeader,
    SideRecord,
)
from pybench.records.samples import Sample
from pybench.target.process.identity import read_identity

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
    header = RunHeader(
        version="0", started="2026-11-30T00:00:00+00:00", command=(), seed=1,
        margin=0.03, pairs=PAIRS, suite="benchmarks",
    )  # fmt: skip
    with RecordWriter(folder, header) as writer:
        writer.append(SideRecord(name="a", python="a", identity=read_identity()))
        for number in range(9):
            row = f"benchmarks/x/test_x.py::test_{number}"
            writer.append(
                RowRecord(
                    row=row,
                    group="yardstick" if number == 8 else "x",
                    apart=False,
                    pinned=True,
                    margin=None,
                    metric="cpu",
                    operations=1,
                    threads=1,
                    numbers={"count": 1},
                    per_sample_ns=1e6,
                    outcomes={"a": "measured"},
                    reasons={},
                )
            )
            for pair in range(1, PAIRS + 1):
                moved = 1 + drift * (pair > PAIRS // 2)
                ns = int(1e6 * moved * (1 + chance.gauss(0, spread)))
                sample = Sample(wall_ns=ns, cpu_ns=ns, waited_ns=0)
                writer.append(
                    PairRecord(
                        row=row,
                        pair=pair,
                        order=("a",),
                        apart=False,
                        cpu=0,
                        hash_seed=1,
                        numbers={"count": 1},
                        samples={"a": ((sample,) * 3,)},
                    )
                )
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
    assert said.rstrip().endswith(("20 of 20", "19 of 20", "18 of 20"))


def test_a_drift_is_refused(
    main: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the suites are drawn from before and after it, the others across it."""
    folder = record(tmp_path / "run", drift=0.2)

    assert main([str(folder), "--suites", "10", "--rows", "10", "--noise", "1"]) == 0
    said = capsys.readouterr().out
    (refused,) = re.findall(r"10 suites, 0 with a false verdict; (\d+) refused", said)
    assert int(refused) >= 5
