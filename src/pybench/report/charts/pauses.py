"""Percentiles of the collector's pauses, heap by heap."""

from __future__ import annotations

from collections.abc import Iterator

from pybench.records.gc_pauses import GcProfile
from pybench.report.charts import vega
from pybench.report.charts.chart import Chart
from pybench.report.labels import duration

_PERCENTILES = ("p50", "p95", "p99", "max")


def pause_charts(label: str, profile: GcProfile) -> Iterator[Chart]:
    """Return the percentiles of each heap."""
    values, rows = [], []
    for summary in profile.cells:
        cell = summary.cell
        heap = f"{cell.shape}, {cell.size:,} objects, GC {cell.mode}"
        for kind, pauses in (
            ("automatic", summary.automatic),
            ("asked", summary.asked),
        ):
            if pauses is None or not pauses.count:
                continue
            times = {name: getattr(pauses, f"{name}_ns") for name in _PERCENTILES}
            rows.append([heap, kind, str(pauses.count), *map(duration, times.values())])
            values += [
                {
                    "heap": heap,
                    "collection": kind,
                    "percentile": name,
                    "ms": time_ns / 1e6,
                }
                for name, time_ns in times.items()
            ]
    order = ("p50", "p95", "p99", "max")
    layers = vega.percentiles("heap", "pause in ms (log axis)", order, "collection")
    pauses_of = vega.panel(*layers, width=280, height={"step": 18})
    spec = vega.facets(values, {"column": vega.nominal("collection")}, pauses_of)
    collector = profile.collector
    yield Chart(
        view="gc",
        title=f"Pauses of the collector, {profile.interpreter.label} ({label})",
        description=f"Percentiles of all pauses; the collector is {collector.kind}: "
        f"{collector.meaning}. Automatic collections, and those that were asked for",
        spec=vega.chart("Pause percentiles of each heap", spec) if values else None,
        columns=["heap", "collections", "count", *_PERCENTILES],
        rows=rows,
    )
