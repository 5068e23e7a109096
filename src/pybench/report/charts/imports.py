"""The start-up in its parts, and the tree of imports as an icicle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pybench.records.imports import ImportsProfile, Module
from pybench.report.charts import vega
from pybench.report.charts.chart import Chart
from pybench.report.charts.looks import INK, PLAIN_HUE
from pybench.report.labels import duration

_MOST_ROWS = 40

# Narrower than this share of the whole, a box of the icicle is a line without a name.
_LEAST_SHARE = 0.004
_WIDTH, _LETTER = 900, 6


def import_charts(label: str, profile: ImportsProfile) -> Iterator[Chart]:
    """Return the parts of the start-up, and the icicle."""
    of = f"{profile.python.split(' (')[0]} ({label})"
    yield Chart(
        view="imports",
        title=f"Start-up with import {profile.module}, {of}",
        description="Means over fresh processes of each part of the start-up",
        spec=_parts_spec(profile),
        columns=["part", "wall", "±", "CPU", "±"],
        rows=[
            [
                part,
                *(
                    duration(time_ns)
                    for estimate in (times.wall, times.cpu)
                    for time_ns in (estimate.mean_ns, estimate.half_ns)
                ),
            ]
            for part, times in profile.startup.items()
        ],
    )
    boxes = [*_boxes(profile.tree)]
    yield Chart(
        view="imports",
        title=f"What import {profile.module} imports, {of}",
        description="Width is the time with all that a module imports; to the left is "
        "who imports first",
        spec=_icicle(boxes) if boxes else None,
        columns=["module", "depth", "own", "with what it imports"],
        rows=[
            [
                box["module"],
                str(box["depth"]),
                duration(box["own_ns"]),
                duration(box["ms"] * 1e6),
            ]
            for box in sorted(boxes, key=lambda box: -box["ms"])[:_MOST_ROWS]
        ],
    )


def _parts_spec(profile: ImportsProfile) -> vega.Spec:
    parts = [part for part in profile.startup if part != "whole process"]
    values = [
        {"clock": clock, "part": part, "order": order, "ms": estimate.mean_ns / 1e6}
        for order, part in enumerate(parts)
        for clock, estimate in (
            ("wall", profile.startup[part].wall),
            ("cpu", profile.startup[part].cpu),
        )
    ]
    bars = vega.layer(
        {"type": "bar", "stroke": INK, "strokeWidth": 0.4},
        x={"field": "ms", "type": "quantitative", "title": "ms", "stack": True},
        y=vega.name("clock"),
        color=vega.nominal("part", parts, scale={"scheme": "blues"}),
        order={"field": "order"},
        tooltip=vega.tooltip("part", "clock", ms=".3f"),
    )
    return vega.chart(
        "Parts of the start-up, stacked",
        vega.panel(bars, values=values, width=460, height={"step": 30}),
    )


def _boxes(tree: Sequence[Module]) -> Iterator[dict[str, Any]]:
    """Yield the boxes of an icicle, from above, in ms from the left."""
    left = 0.0
    # Not recursive: a tree of imports may be deeper than the stack of Python.
    to_place: list[tuple[Module, float, int]] = []
    for module in tree:
        to_place.append((module, left, 0))
        left += _width_ms(module)
    while to_place:
        module, start, depth = to_place.pop()
        width = _width_ms(module)
        if module.warm is None or width < _LEAST_SHARE * left:
            continue
        yield {
            "module": module.name,
            "depth": depth,
            "start": start,
            "end": start + width,
            "ms": width,
            "own_ns": module.warm.own.mean_ns,
        }
        for child in module.children:
            to_place.append((child, start, depth + 1))
            start += _width_ms(child)


def _width_ms(module: Module) -> float:
    """Return how wide a module is; one that only ran without .pyc is not there."""
    return 0.0 if module.warm is None else module.warm.total.mean_ns / 1e6


def _icicle(boxes: Sequence[dict[str, Any]]) -> vega.Spec:
    whole_ms = max(box["end"] for box in boxes)

    def said(box: dict[str, Any]) -> str:
        """Return the name of a module where it fits."""
        has_room = _LETTER * len(box["module"]) * whole_ms < box["ms"] * _WIDTH
        return str(box["module"]) if has_room else ""

    shared = {
        "y": {"field": "depth", "type": "ordinal", "title": None, "axis": None},
        "x": vega.number("start", "ms", {"domain": [0, whole_ms], "nice": False}),
    }
    rectangle = {
        "type": "rect", "stroke": "var(--bg, #ffffff)", "color": PLAIN_HUE,
        "fillOpacity": 0.3,
    }  # fmt: skip
    text = {"type": "text", "align": "left", "dx": 3, "fontSize": 10, "color": INK}
    shown = vega.tooltip("module", ms=".3f")
    return vega.chart(
        "The tree of imports from above, width by time",
        vega.panel(
            vega.layer(rectangle, x2={"field": "end"}, tooltip=shown),
            vega.layer(text, text={"field": "said"}),
            values=[{**box, "said": said(box)} for box in boxes],
            width=_WIDTH,
            height={"step": 20},
            encoding=shared,
        ),
    )
