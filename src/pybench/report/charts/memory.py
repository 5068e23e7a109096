"""What rows and scenarios take: peaks, one more of each, and the course over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pybench.records.means import Mean
from pybench.records.memory import MemoryProfile
from pybench.records.row_detail import DetailedRows
from pybench.records.scenario import Extremes, ScenarioRecord
from pybench.report.charts import vega
from pybench.report.charts.chart import Chart
from pybench.report.charts.looks import PLAIN_HUE
from pybench.report.charts.scenarios import scenario_name
from pybench.report.row_names import short_names

_MIB = 2**20
_KINDS = ("rss", "uss", "pss")
_CALLED = {"rss": "RSS", "uss": "USS", "pss": "PSS", "traced": "tracemalloc"}
_MOST_ROWS = 40


def memory_charts(label: str, profile: MemoryProfile) -> Iterator[Chart]:
    """Return the peaks of rows, and what one more of each kind takes."""
    of = f"{profile.interpreter.label} ({label})"
    names = short_names(row.fullname for row in profile.rows)
    peaks = {
        (names[row.fullname], called): row.means[f"{kind}_peak"]
        for row in profile.rows
        for kind, called in _CALLED.items()
        if f"{kind}_peak" in row.means
    }
    if peaks:
        yield Chart(
            view="memory",
            title=f"Memory by row, {of}",
            description="Peak above what there was before the row, in MiB, with the "
            "interval over processes of their own",
            spec=vega.dots(_largest(peaks), "row", "kind", "MiB above the start"),
            columns=["row", "kind", "peak MiB", "low", "high"],
            rows=[[*key, *map(_mib, _ends(mean))] for key, mean in peaks.items()],
        )
    if profile.each:
        values = [
            vega.spread(more.bytes, kind=more.kind)
            for more in profile.each
            if more.bytes
        ]
        yield Chart(
            view="memory",
            title=f"What one more takes, {of}",
            description="A slope over several counts, in bytes of USS",
            spec=vega.dots(values, "kind", None, "bytes (log axis)", scale=vega.LOG),
            columns=["one more", "bytes", "low", "high"],
            rows=[
                [more.kind, *map(_bytes, _ends(more.bytes))]
                if more.bytes
                else [more.kind, "n/a", more.problem, ""]
                for more in profile.each
            ],
        )


def _largest(peaks: dict[tuple[str, str], Mean]) -> list[dict[str, Any]]:
    """Return the points of the rows that take most, in MiB, the largest above."""
    most: dict[str, float] = {}
    for (row, _), mean in peaks.items():
        most[row] = max(most.get(row, mean.value), mean.value)
    drawn = sorted(most, key=lambda row: -most[row])[:_MOST_ROWS]
    return [
        vega.spread(mean, _MIB, row=row, kind=kind)
        for (row, kind), mean in sorted(
            peaks.items(), key=lambda peak: -most[peak[0][0]]
        )
        if row in drawn
    ]


def _ends(mean: Mean) -> tuple[float | None, ...]:
    return mean.value, mean.low, mean.high


def course_chart(scenarios: Sequence[ScenarioRecord]) -> Chart:
    """Return the memory of scenarios over time, all beside each other."""
    sampled = [
        (scenario_name(scenario), scenario.result.memory)
        for scenario in scenarios
        if scenario.result.memory
    ]
    values = [
        {"scenario": name, "kind": _CALLED[kind], "s": sample[0], "mib": taken / _MIB}
        for name, memory in sampled
        for sample in memory.course
        for kind, taken in zip(_KINDS, sample[1:], strict=True)
        if taken is not None
    ]
    lines = vega.layer(
        {"type": "line", "color": PLAIN_HUE},
        x=vega.number("s", "seconds", vega.FROM_ZERO),
        y=vega.number("mib", "MiB, all processes", vega.FROM_ZERO),
        strokeDash=vega.nominal("scenario"),
        tooltip=vega.tooltip("scenario", "kind", s=".2f", mib=".1f"),
    )
    kinds = vega.nominal("kind", [_CALLED[kind] for kind in _KINDS])
    spec = vega.facets(
        values, kinds, vega.panel(lines, width=250, height=150), columns=3
    )
    return Chart(
        view="memory",
        title="Memory of the scenarios over time",
        description="Sampled from another process, over the whole process tree",
        spec=vega.chart("Memory over time", spec) if values else None,
        columns=["scenario", "kind", "min MiB", "mean MiB", "max MiB"],
        rows=[
            [name, _CALLED[kind], *_extremes(getattr(memory, kind))]
            for name, memory in sampled
            for kind in _KINDS
        ],
    )


def _extremes(of: Extremes) -> list[str]:
    if of.reason:
        return [f"n/a: {of.reason}", "", ""]
    return [_mib(value) for value in (of.min, of.avg, of.max)]


def detailed_charts(label: str, profile: DetailedRows) -> Iterator[Chart]:
    """Return the table of rows that were profiled in detail."""
    names = short_names(row.fullname for row in profile.rows)
    yield Chart(
        view="memory",
        title=f"Rows in detail, {profile.interpreter} ({label})",
        description="Peaks of processes of their own, and the functions that cost most",
        spec=None,
        columns=["row", "RSS peak MiB", "traced peak MiB", "functions"],
        rows=[
            [
                names[row.fullname],
                _mib(row.rss_peak_bytes),
                _mib(row.traced_peak_bytes),
                ", ".join(function.name for function in row.functions[:3]),
            ]
            for row in profile.rows
        ],
    )


def _mib(value: float | None) -> str:
    return "" if value is None else f"{value / _MIB:.2f}"


def _bytes(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
