"""A run that was never measured: its record, with rows of every verdict."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pybench.records.contents import Contents, Profile
    from pybench.records.identity import Identity
    from pybench.records.run import PairRecord, Run

Recorded = Callable[..., "Run"]

# Ratios of the sides' times to the baseline's; one row of each kind, in two folders.
EFFECTS = {
    "benchmarks/interpreter/test_calls.py::test_benchmark_interpreter_slower": 1.25,
    "benchmarks/interpreter/test_calls.py::test_benchmark_interpreter_faster": 0.8,
    "benchmarks/interpreter/test_calls.py::test_benchmark_interpreter_same": 1.0,
    "benchmarks/startup/test_bare.py::test_benchmark_startup_noisy": 1.0,
    "benchmarks/memory/test_sizes.py::test_benchmark_memory_missing": 1.0,
}
NOISY = 0.3
QUIET = 0.004


def _identity(version: str, *, free_threaded: bool, gil_enabled: bool) -> Identity:
    from pybench.records.identity import Identity

    return Identity(
        implementation="cpython", version=version, soabi=f"cpython-{version}",
        build_flags=("PGO",), free_threaded=free_threaded, gil_enabled=gil_enabled,
        jit="none", extension=None, cpu_model="a processor", machine="x86_64",
        system="Linux", affinity=2, quota=None,
    )  # fmt: skip


def _pair(
    draws: random.Random, row: str, number: int, ratios: Mapping[str, float], sd: float
) -> PairRecord:
    from pybench.records.run import PairRecord
    from pybench.records.samples import Sample

    def course(ratio: float) -> tuple[Sample, ...]:
        own = ratio * draws.lognormvariate(0, sd)
        times = [own * 5e6 * draws.lognormvariate(0, 0.002) for _ in range(11)]
        times[0] *= 1.2
        return tuple(
            Sample(wall_ns=round(time * 1.01), cpu_ns=round(time), waited_ns=0)
            for time in times
        )

    order = [*ratios]
    draws.shuffle(order)
    return PairRecord(
        row=row, pair=number, order=tuple(order), apart=False, cpu=0, hash_seed=number,
        numbers={"count": 1000},
        samples={side: (course(ratio),) for side, ratio in ratios.items()},
    )  # fmt: skip


@pytest.fixture(scope="session")
def recorded() -> Recorded:
    """Return what makes the record of a run.

    ``effects`` has per row the ratio of every contender; a row whose name ends in
    "noisy" has wide spread, one in "missing" is n/a on the contenders. Writes
    ``run.jsonl`` where a folder is given.
    """
    pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
    from pybench.records.outcomes import MEASURED, NOT_AVAILABLE
    from pybench.records.run import RowRecord, Run, RunHeader, SideRecord
    from pybench.records.run_file import RecordWriter

    def make(
        effects: Mapping[str, float] = EFFECTS,
        *,
        contenders: Mapping[str, bool] | None = None,
        pairs: int = 20,
        twin: bool = True,
        folder: Path | None = None,
        **header: Any,
    ) -> Run:
        draws = random.Random(1)
        known = RunHeader(
            version="0", started="2026-11-20T12:00:00Z",
            command=("pybench", "compare", "3.13", "3.14t"),
            seed=7, margin=0.03, pairs=pairs, suite="benchmarks",
        )  # fmt: skip
        run = Run(header=replace(known, **header))
        base = _identity("3.13.0", free_threaded=False, gil_enabled=True)
        records: list[Any] = [
            SideRecord(name="3.13", python="/opt/3.13/bin/python", identity=base)
        ]
        for name, free_threaded in (contenders or {"3.14t": True}).items():
            identity = _identity(
                f"{name.removesuffix('t')}.0",
                free_threaded=free_threaded,
                gil_enabled=not free_threaded,
            )
            python = f"/opt/{name}/bin/python"
            records.append(SideRecord(name=name, python=python, identity=identity))
        sides = [side.name for side in records]
        if twin:
            records.append(
                SideRecord(
                    name="3.13 again",
                    python=records[0].python,
                    identity=base,
                    twin_of="3.13",
                )
            )
        for row, effect in effects.items():
            missing = row.endswith("missing")
            outcomes = {
                side: NOT_AVAILABLE if missing and side != sides[0] else MEASURED
                for side in sides
            }
            records.append(
                RowRecord(
                    row=row,
                    group=row.split("/")[1],
                    apart=False,
                    pinned=True,
                    margin=None,
                    metric="cpu",
                    operations=1,
                    threads=1,
                    numbers={"count": 1000},
                    per_sample_ns=5e6,
                    outcomes=outcomes,
                    reasons={
                        side: "n/a: needs what is not here"
                        for side, outcome in outcomes.items()
                        if outcome == NOT_AVAILABLE
                    },
                )
            )
            if missing:
                continue
            ratios = {sides[0]: 1.0} | dict.fromkeys(sides[1:], effect)
            if twin:
                ratios["3.13 again"] = 1.0
            sd = NOISY if row.endswith("noisy") else QUIET
            records += [
                _pair(draws, row, number, ratios, sd) for number in range(1, pairs + 1)
            ]
        for record in records:
            run.add(record)
        if folder is not None:
            with RecordWriter(folder, run.header) as writer:
                for record in records:
                    writer.append(record)
        return run

    return make


@pytest.fixture(scope="session")
def reported(recorded: Recorded) -> Callable[..., Contents]:
    """Return what makes all that a report has of a run; options as of `recorded`."""
    from pybench.comparison.judging import judge
    from pybench.comparison.pair_details import details
    from pybench.comparison.summary import summarise
    from pybench.records.contents import Contents

    def make(
        *effects: Mapping[str, float],
        notes: Sequence[str] = (),
        profiles: Sequence[Profile] = (),
        **options: Any,
    ) -> Contents:
        run = recorded(*effects, **options)
        return Contents(
            title="a title",
            summary=summarise(run, judge(run)),
            run=run,
            details=details(run),
            notes=tuple(notes),
            profiles=tuple(profiles),
        )

    return make
