"""Points with intervals, one line each: what several kinds of record are drawn by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybench.report.charts.looks import (
    PLAIN_HUE,
    POINT,
    name,
    nominal,
    number,
    tooltip,
    whole,
)


def dots_spec(
    values: Sequence[Mapping[str, Any]],
    field: str,
    kind: str | None,
    title: str,
    *,
    unit: str,
    log: bool = False,
) -> dict[str, Any]:
    """Return points with intervals; kinds are told apart by shape."""
    scale = {"scale": {"type": "log"}} if log else {"scale": {"zero": True}}
    x = number(unit, title, **scale)
    y = name(field)
    shapes = {} if kind is None else {"shape": nominal(kind)}
    offset = {} if kind is None else {"yOffset": {"field": kind}}
    return whole(
        {
            "width": 420,
            "height": {"step": 26 if kind else 18, "for": "position"},
            "data": {"values": [*values]},
            "layer": [
                {
                    "transform": [
                        {"filter": "isValid(datum.low) && isValid(datum.high)"}
                    ],
                    "mark": {"type": "rule", "color": PLAIN_HUE},
                    "encoding": {
                        "x": {**x, "field": "low"},
                        "x2": {"field": "high"},
                        "y": y,
                        **offset,
                    },
                },
                {
                    "mark": POINT,
                    "encoding": {
                        "x": x,
                        "y": y,
                        **shapes,
                        **offset,
                        "tooltip": tooltip(
                            field, *([kind] if kind else []), **{unit: ".4g"}
                        ),
                    },
                },
            ],
        },
        title,
    )
