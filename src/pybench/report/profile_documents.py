"""What a report reads of the records of `pybench profile`, `scenario` and `doctor`.

Each shape has what is drawn or exported of one kind of record. What else a record holds
may be there or not; what is here has to be.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

# Nanoseconds, bytes and the like; a difference may lie below zero.
Number = Annotated[float, Meta(ge=-1e20, le=1e20)]
Share = Annotated[float, Meta(ge=-1e6, le=1e6)]
Seconds = Annotated[float, Meta(ge=0, le=1e12)]
Positive = Annotated[float, Meta(ge=1e-12, le=1e12)]
Ratio = Annotated[float, Meta(ge=1e-30, le=1e30)]
Count = Annotated[int, Meta(ge=0, le=10**18)]


class _Mean(TypedDict):
    value: Number
    low: Number | None
    high: Number | None


class _Named(TypedDict):
    name: str


class _Labelled(TypedDict):
    label: str


class _Estimate(TypedDict):
    mean_ns: Number
    half_ns: Number


class _Times(TypedDict):
    wall: _Estimate
    cpu: _Estimate


class _OfTree(TypedDict):
    mean_ns: Number


class _Cost(TypedDict):
    own: _OfTree
    total: _OfTree


class _Module(TypedDict):
    name: str
    warm: _Cost | None
    cold: _Cost | None
    children: list[_Module]


class Imports(TypedDict):
    """Of ``pybench profile imports``."""

    module: str
    python: str
    startup: dict[str, _Times]
    tree: list[_Module]


class _DetailedRow(TypedDict):
    fullname: str
    rss_peak_bytes: Count | None
    traced_peak_bytes: Count | None
    functions: list[_Named]


class Detailed(TypedDict):
    """Of ``pybench run --profile detailed``."""

    interpreter: str
    rows: list[_DetailedRow]


class _Cell(TypedDict):
    shape: str
    size: Count
    mode: str


class _Pauses(TypedDict):
    count: Count
    p50_ns: Number
    p95_ns: Number
    p99_ns: Number
    max_ns: Number


class _CellSummary(TypedDict):
    cell: _Cell
    automatic: _Pauses | None
    asked: _Pauses | None


class _Collector(TypedDict):
    kind: str
    meaning: str


class Pauses(TypedDict):
    """Of ``pybench profile gc``."""

    interpreter: _Labelled
    collector: _Collector
    cells: list[_CellSummary]


class _MemoryRow(TypedDict):
    fullname: str
    means: dict[str, _Mean]


class _Each(TypedDict):
    kind: str
    bytes: _Mean | None
    problem: str


class Memory(TypedDict):
    """Of ``pybench profile memory``."""

    interpreter: _Labelled
    rows: list[_MemoryRow]
    each: list[_Each]


class _Verdict(TypedDict):
    cause: str | None
    evidence: str


class _Shared(TypedDict):
    value: Share
    low: Share | None
    high: Share | None


class _Cause(TypedDict):
    name: str
    share: _Shared
    evidence: str


class _Target(TypedDict):
    target: str
    verdict: _Verdict | None
    causes: list[_Cause]


class _Targets(TypedDict):
    targets: list[_Target]


class _Environment(TypedDict):
    python: str
    scenario: str
    mode: str
    workers: Count
    gil_enabled: bool


class _Extremes(TypedDict):
    reason: NotRequired[str]
    min: NotRequired[Number]
    avg: NotRequired[Number]
    max: NotRequired[Number]


class _Sampled(TypedDict):
    rss: _Extremes
    uss: _Extremes
    pss: _Extremes
    course: NotRequired[
        list[tuple[Seconds, Number | None, Number | None, Number | None]]
    ]


class _Result(TypedDict):
    iterations_done: Count
    avg_iter_s: Seconds | None
    p50_iter_s: Seconds | None
    p95_iter_s: Seconds | None
    p99_iter_s: Seconds | None
    max_iter_s: Seconds | None
    overhead_iter_s: NotRequired[Seconds | None]
    memory: NotRequired[_Sampled | None]


class Scenario(TypedDict):
    """Of ``pybench scenario``."""

    environment: _Environment
    result: _Result


class _RatioVerdict(TypedDict):
    word: str
    ratio: Ratio
    low: float | None
    high: float | None


class ScenarioComparison(TypedDict):
    """Of ``pybench scenario --compare``."""

    sides: tuple[_Named, _Named]
    row: str
    pairs: list[tuple[Positive, Positive]]
    verdict: _RatioVerdict | None


class _Finding(TypedDict):
    name: str
    state: str
    now: str
    cost: str
    advice: str


class Doctor(TypedDict):
    """Of ``pybench doctor``."""

    fit: NotRequired[bool]
    findings: list[_Finding]


_SHAPES: dict[str, Any] = {
    "profile": Detailed,
    "profile-gc": Pauses,
    "profile-memory": Memory,
    "imports": Imports,
    "scenario": Scenario,
    "scenario-comparison": ScenarioComparison,
    "doctor": Doctor,
}


def shape_of(document: dict[str, Any]) -> Any:
    """Return the type that a record has to be of, by what it calls itself."""
    kind = document["pybench"]
    if kind == "bottleneck":
        # One target is a record by itself.
        return _Targets if "targets" in document else _Target
    return _SHAPES[kind]
