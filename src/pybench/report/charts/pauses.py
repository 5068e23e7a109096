"""Percentiles of the collector's pauses, heap by heap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pybench.report.charts.chart import Chart, Document
from pybench.report.charts.looks import (
    MUTED,
    POINT,
    name,
    nominal,
    number,
    tooltip,
    whole,
)
from pybench.report.labels import duration


def pause_charts(label: str, document: Document) -> Iterator[Chart]:
    """Return the percentiles of each heap."""
    percentiles = ("p50_ns", "p95_ns", "p99_ns", "max_ns")
    values, rows = [], []
    for one in document["cells"]:
        cell = one["cell"]
        heap = f"{cell['shape']}, {cell['size']:,} objects, GC {cell['mode']}"
        for kind in ("automatic", "asked"):
            found = one[kind]
            if not found or not found["count"]:
                continue
            said = [duration(found[name]) for name in percentiles]
            rows.append([heap, kind, str(found["count"]), *said])
            values += [
                {
                    "heap": heap,
                    "collection": kind,
                    "percentile": name.removesuffix("_ns"),
                    "ms": found[name] / 1e6,
                }
                for name in percentiles
            ]
    collector = document["collector"]
    yield Chart(
        view="gc",
        title=f"Pauses of the collector, {document['interpreter']['label']} ({label})",
        description=f"Percentiles of all pauses; the collector is {collector['kind']}: "
        f"{collector['meaning']}. Automatic collections, and those that were asked for",
        spec=_pause_spec(values) if values else None,
        columns=["heap", "collections", "count", "p50", "p95", "p99", "max"],
        rows=rows,
    )


def _pause_spec(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    x = number("ms", "pause in ms (log axis)", scale={"type": "log"})
    order = ["p50", "p95", "p99", "max"]
    return whole(
        {
            "data": {"values": [*values]},
            "facet": {"column": nominal("collection")},
            "spec": {
                "width": 280,
                "height": {"step": 18},
                "layer": [
                    {
                        "mark": {"type": "line", "color": MUTED},
                        "encoding": {
                            "x": x,
                            "y": name("heap"),
                            "detail": {"field": "heap"},
                        },
                    },
                    {
                        "mark": POINT,
                        "encoding": {
                            "x": x,
                            "y": name("heap"),
                            "shape": nominal("percentile", order),
                            "tooltip": tooltip(
                                "heap", "collection", "percentile", ms=".4g"
                            ),
                        },
                    },
                ],
            },
        },
        "Pause percentiles of each heap",
    )
