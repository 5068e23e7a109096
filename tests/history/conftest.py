"""Runs of two arms with ratios that are told, written as a comparison writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from pybench.records.run import (
    PairRecord,
    RecordWriter,
    RowRecord,
    RunHeader,
    SideRecord,
)
from pybench.records.samples import Sample
from pybench.target.process.identity import read_identity

ROW = "benchmarks/memory/test_churn.py::test_benchmark_memory_churn_list"
OTHER = "benchmarks/gil/test_gil.py::test_benchmark_gil_handoff"

WriteRun = Callable[..., Path]


@pytest.fixture(scope="session")
def write_run(tmp_path_factory: pytest.TempPathFactory) -> WriteRun:
    """Return what writes a run of two rows into a folder."""

    def write(name: str, ratio: float = 1.0, started: str = "2026-11-01") -> Path:
        folder = tmp_path_factory.mktemp("runs") / name
        chance = Random(name)
        header = RunHeader(
            version="0",
            started=f"{started}T00:00:00+00:00",
            command=(),
            seed=1,
            margin=0.03,
            pairs=6,
            suite="benchmarks",
        )
        with RecordWriter(folder, header) as writer:
            for arm in "ab":
                writer.append(
                    SideRecord(name=arm, python=arm, identity=read_identity())
                )
            for row, factor in ((ROW, ratio), (OTHER, 1.0)):
                writer.append(
                    RowRecord(
                        row=row,
                        group="x",
                        apart=False,
                        pinned=True,
                        margin=None,
                        metric="cpu",
                        operations=1,
                        threads=1,
                        numbers={"count": 1},
                        per_sample_ns=1e6,
                        outcomes=dict.fromkeys("ab", "measured"),
                        reasons={},
                    )
                )
                for pair in range(1, 7):
                    ns = {"a": 1e6, "b": factor * 1e6 * chance.uniform(0.998, 1.002)}
                    samples = {
                        arm: (
                            (Sample(wall_ns=int(t), cpu_ns=int(t), waited_ns=0),) * 3,
                        )
                        for arm, t in ns.items()
                    }
                    writer.append(
                        PairRecord(
                            row=row,
                            pair=pair,
                            order=("a", "b"),
                            apart=False,
                            cpu=0,
                            hash_seed=1,
                            numbers={"count": 1},
                            samples=samples,
                        )
                    )
        return folder

    return write
