"""Ratios with their intervals: the forest of rows, and that of means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybench.report.charts.looks import (
    INK,
    MUTED,
    Look,
    colour,
    name,
    number,
    shape,
    tooltip,
    whole,
)

# A position in the dataset that a page fills in with the rows of its filter.
CELLS = "cells"

_ROW_STEP, _SIDE_STEP = 17, 11


def forest_spec(
    looks: Sequence[Look],
    margin: float,
    baseline: str,
    values: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return ratios and intervals on a logarithmic axis over the band of the margin.

    Parameters
    ----------
    looks : sequence of Look
        Of the sides.
    values : sequence of mapping
        With "name", "side", "said" (sign, ratio and interval in words), "ratio", and
        "low" and "high" where there is an interval.
    """
    axis = {"scale": {"type": "log", "nice": False}, "axis": _RATIO_AXIS}
    ratio = number("ratio", f"time over that of {baseline}", **axis)
    y = {**name("name"), "axis": {"labelLimit": 340, "ticks": False, "domain": False}}
    offset = {"yOffset": {"field": "side", "sort": [look.name for look in looks]}}
    where = {"y": y, **(offset if len(looks) > 1 else {})}
    hue = colour(looks)
    # The band's own data: else it would be drawn once for each row.
    band = {"values": [{"low": 1 / (1 + margin), "high": 1 + margin, "one": 1}]}
    step = max(_ROW_STEP, _SIDE_STEP * len(looks))
    return whole(
        {
            "width": 460,
            "height": {"step": step, "for": "position"},
            "data": {"name": CELLS, "values": [*values]},
            "layer": [
                {
                    "data": band,
                    "mark": {"type": "rect", "color": MUTED, "opacity": 0.16},
                    "encoding": {
                        "x": {**ratio, "field": "low"},
                        "x2": {"field": "high"},
                    },
                },
                {
                    "data": band,
                    "mark": {"type": "rule", "color": MUTED},
                    "encoding": {"x": {**ratio, "field": "one"}},
                },
                {
                    "transform": [
                        {"filter": "isValid(datum.low) && isValid(datum.high)"}
                    ],
                    "mark": {"type": "rule", "strokeWidth": 2},
                    "encoding": {
                        "x": {**ratio, "field": "low"},
                        "x2": {"field": "high"},
                        "color": hue,
                        **where,
                    },
                },
                {
                    "mark": {
                        "type": "point",
                        "filled": True,
                        "size": 55,
                        "opacity": 1,
                        "stroke": INK,
                        "strokeWidth": 0.4,
                        "cursor": "pointer",
                    },
                    "encoding": {
                        "x": ratio,
                        "color": hue,
                        "shape": shape(looks),
                        "tooltip": tooltip("name", "side", "said"),
                        **where,
                    },
                },
            ],
        },
        f"Time of each row over that of {baseline}, with its interval; the band is the "
        f"margin of {margin:.1%}",
    )


# Above: forty rows reach further down than a screen.
_RATIO_AXIS = {"format": ".3~f", "tickCount": 8, "orient": "top"}
