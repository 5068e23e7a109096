"""The start-up in its parts, and the tree of imports as an icicle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pybench.report.charts.chart import Chart, Document
from pybench.report.charts.looks import (
    INK,
    PLAIN_HUE,
    name,
    tooltip,
    whole,
)
from pybench.report.labels import duration

_MOST_ROWS = 40

# Narrower than this share of the whole, a box of the icicle is a line without a name.
_LEAST_SHARE = 0.004


def import_charts(label: str, document: Document) -> Iterator[Chart]:
    """Return the parts of the start-up, and the icicle."""
    parts = [
        (part, found)
        for part, found in document["startup"].items()
        if part != "whole process"
    ]
    python = document["python"].split(" (")[0]
    values = [
        {
            "clock": clock,
            "part": part,
            "order": order,
            "ms": found[clock]["mean_ns"] / 1e6,
        }
        for order, (part, found) in enumerate(parts)
        for clock in ("wall", "cpu")
    ]
    yield Chart(
        view="imports",
        title=f"Start-up with import {document['module']}, {python} ({label})",
        description="Means over fresh processes of each part of the start-up",
        spec=whole(
            {
                "width": 460,
                "height": {"step": 30},
                "data": {"values": values},
                "mark": {"type": "bar", "stroke": INK, "strokeWidth": 0.4},
                "encoding": {
                    "x": {
                        "field": "ms",
                        "type": "quantitative",
                        "title": "ms",
                        "stack": True,
                    },
                    "y": name("clock"),
                    "color": {
                        "field": "part",
                        "type": "nominal",
                        "title": None,
                        "sort": [part for part, _ in parts],
                        "scale": {"scheme": "blues"},
                    },
                    "order": {"field": "order"},
                    "tooltip": tooltip("part", "clock", ms=".3f"),
                },
            },
            "Parts of the start-up, stacked",
        ),
        columns=["part", "wall", "±", "CPU", "±"],
        rows=[
            [
                part,
                *(
                    duration(found[clock][one])
                    for clock in ("wall", "cpu")
                    for one in ("mean_ns", "half_ns")
                ),
            ]
            for part, found in document["startup"].items()
        ],
    )
    boxes = [*_boxes(document["tree"])]
    yield Chart(
        view="imports",
        title=f"What import {document['module']} imports, {python} ({label})",
        description="Width is the time with all that a module imports; to the left is "
        "who imports first",
        spec=_icicle(boxes) if boxes else None,
        columns=["module", "depth", "own", "with what it imports"],
        rows=[
            [
                one["module"],
                str(one["depth"]),
                duration(one["own_ns"]),
                duration(one["ms"] * 1e6),
            ]
            for one in sorted(boxes, key=lambda one: -one["ms"])[:_MOST_ROWS]
        ],
    )


def _boxes(tree: Sequence[Document]) -> Iterator[dict[str, Any]]:
    """Yield the boxes of an icicle, from above, in ms from the left."""
    left = 0.0
    # Not recursive: a tree of imports may be deeper than the stack of Python.
    todo: list[tuple[Document, float, int]] = []
    for node in tree:
        todo.append((node, left, 0))
        left += _width_ms(node)
    while todo:
        node, start, depth = todo.pop()
        width = _width_ms(node)
        if node["warm"] is None or width < _LEAST_SHARE * left:
            continue
        yield {
            "module": node["name"],
            "depth": depth,
            "start": start,
            "end": start + width,
            "ms": width,
            "own_ns": node["warm"]["own"]["mean_ns"],
        }
        for child in node["children"]:
            todo.append((child, start, depth + 1))
            start += _width_ms(child)


def _width_ms(node: Document) -> float:
    """Return how wide a module is; one that only ran without .pyc is not there."""
    warm = node["warm"]
    return 0.0 if warm is None else float(warm["total"]["mean_ns"]) / 1e6


def _icicle(boxes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    whole_ms = max(one["end"] for one in boxes)
    y = {"field": "depth", "type": "ordinal", "title": None, "axis": None}
    x = {
        "field": "start",
        "type": "quantitative",
        "title": "ms",
        "scale": {"domain": [0, whole_ms], "nice": False},
    }
    width = 900
    values = [
        # A name where it fits, at about six units a letter.
        {
            **one,
            "said": one["module"]
            if 6 * len(one["module"]) < one["ms"] / whole_ms * width
            else "",
        }
        for one in boxes
    ]
    return whole(
        {
            "width": width,
            "height": {"step": 20},
            "data": {"values": values},
            "encoding": {"y": y, "x": x},
            "layer": [
                {
                    "mark": {
                        "type": "rect",
                        "stroke": "var(--bg, #ffffff)",
                        "color": PLAIN_HUE,
                        "fillOpacity": 0.3,
                    },
                    "encoding": {
                        "x2": {"field": "end"},
                        "tooltip": tooltip("module", ms=".3f"),
                    },
                },
                {
                    "mark": {
                        "type": "text",
                        "align": "left",
                        "dx": 3,
                        "fontSize": 10,
                        "color": INK,
                    },
                    "encoding": {"text": {"field": "said"}},
                },
            ],
        },
        "The tree of imports from above, width by time",
    )
