"""Records as a comparison writes them: a test names what it looks at, and no more."""

from collections.abc import Mapping, Sequence
from typing import Any

from pybench.records.run import PairRecord, RowRecord, RunHeader, SideRecord
from pybench.records.samples import Sample
from pybench.target.process.identity import read_identity


def header_record(**fields: Any) -> RunHeader:
    """Return the header of a run."""
    known: dict[str, Any] = {
        "version": "0", "started": "2026-11-30T12:00:00+00:00", "command": ("x",),
        "seed": 1, "margin": 0.03, "pairs": None, "suite": "benchmarks",
    }  # fmt: skip
    return RunHeader(**known | fields)


def arm_records(*names: str) -> list[SideRecord]:
    """Return arms that are all this Python."""
    identity = read_identity()
    return [SideRecord(name=name, python="/p", identity=identity) for name in names]


def row_record(
    row: str, arms: Sequence[str] = ("a", "b"), /, **fields: Any
) -> RowRecord:
    """Return a row that these arms can measure."""
    known: dict[str, Any] = {
        "group": None, "apart": False, "pinned": True, "margin": None, "metric": "cpu",
        "operations": 1, "threads": 1, "numbers": {"count": 1}, "per_sample_ns": 5e6,
        "outcomes": dict.fromkeys(arms, "measured"), "reasons": {},
    }  # fmt: skip
    return RowRecord(row=row, **known | fields)


def pair_record(
    row: str, pair: int, times_ns: Mapping[str, Sequence[float]], /, **fields: Any
) -> PairRecord:
    """Return a pair: the times of the samples of each arm, by either clock."""
    known: dict[str, Any] = {
        "order": (*times_ns,), "apart": False, "cpu": 0, "hash_seed": pair,
        "numbers": {"count": 1},
        "samples": {arm: (_process(times),) for arm, times in times_ns.items()},
    }  # fmt: skip
    return PairRecord(row=row, pair=pair, **known | fields)


def _process(times_ns: Sequence[float]) -> tuple[Sample, ...]:
    return tuple(
        Sample(wall_ns=int(ns), cpu_ns=int(ns), waited_ns=0) for ns in times_ns
    )
