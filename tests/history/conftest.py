"""Runs of two arms with ratios that are told, written as a comparison writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from pybench.records.run_file import RecordWriter
from tests.runs import arm_records, header_record, pair_record, row_record

ROW = "benchmarks/memory/test_churn.py::test_benchmark_memory_churn_list"
OTHER = "benchmarks/gil/test_gil.py::test_benchmark_gil_handoff"

WriteRun = Callable[..., Path]


@pytest.fixture(scope="session")
def write_run(tmp_path_factory: pytest.TempPathFactory) -> WriteRun:
    """Return what writes a run of two rows into a folder."""

    def write(name: str, ratio: float = 1.0, started: str = "2026-11-01") -> Path:
        folder = tmp_path_factory.mktemp("runs") / name
        chance = Random(name)
        header = header_record(started=f"{started}T00:00:00+00:00", pairs=6)
        with RecordWriter(folder, header) as writer:
            for arm in arm_records("a", "b"):
                writer.append(arm)
            for row, factor in ((ROW, ratio), (OTHER, 1.0)):
                writer.append(row_record(row, group="x", per_sample_ns=1e6))
                for pair in range(1, 7):
                    changed = factor * 1e6 * chance.uniform(0.998, 1.002)
                    times = {"a": [1e6] * 3, "b": [changed] * 3}
                    writer.append(pair_record(row, pair, times))
        return folder

    return write
