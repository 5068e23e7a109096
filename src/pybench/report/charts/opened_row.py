"""One row in detail: its pairs in order, how they are spread, how it warms up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybench.records.pair_details import RowDetail
from pybench.report.charts.looks import (
    CONFIG,
    MUTED,
    OTHER_HUE,
    Look,
    colour,
    dash,
    number,
    tooltip,
    whole,
)

# The datasets that a page fills in.
PAIRS, WARM_UP, AROUND = "pairs", "warm_up", "around"

COPY = "copy of the baseline"


def row_spec(
    side: Look,
    baseline: Look,
    margin: float,
    *,
    pairs: Sequence[Mapping[str, Any]] = (),
    warm_up: Sequence[Mapping[str, Any]] = (),
    around: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return three panels of one row of one side.

    Parameters
    ----------
    pairs : sequence of mapping
        With "series" (the side's name, or `COPY`), "pair", "ratio" and "first", the
        side that began.
    warm_up : sequence of mapping
        With "side", "sample" and "relative", to the median of the process.
    around : sequence of mapping
        One: "ratio", "low" and "high" of the verdict.
    """
    copy = Look(name=COPY, hue=OTHER_HUE, shape="stroke", dash=[2, 2])
    series = [side, copy]
    ratio = number("ratio", "ratio of the pair", scale={"type": "log", "nice": False})
    return whole(
        {
            "datasets": {PAIRS: [*pairs], WARM_UP: [*warm_up], AROUND: [*around]},
            "hconcat": [
                _in_order(series, ratio, margin),
                _spread(series, ratio),
                _warming([side, baseline]),
            ],
            "resolve": {
                "scale": dict.fromkeys(("color", "strokeDash", "shape"), "independent")
            },
            # Beside them, they would take the width of a fourth panel.
            "config": {**CONFIG, "legend": {**CONFIG["legend"], "orient": "bottom"}},
        },
        "The pairs of one row in the order in which they were measured, the share of "
        "pairs up to each ratio, and the samples of a process over their median",
    )


def _in_order(
    series: Sequence[Look], ratio: Mapping[str, Any], margin: float
) -> dict[str, Any]:
    """Draw a drift, or that who begins has an advantage, where there is one."""
    band = {"values": [{"low": 1 / (1 + margin), "high": 1 + margin}]}
    return {
        "title": "pairs in order",
        "width": 250,
        "height": 190,
        "layer": [
            {
                "data": band,
                "mark": {"type": "rect", "color": MUTED, "opacity": 0.14},
                "encoding": {"y": {**ratio, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": {"name": AROUND},
                "mark": {"type": "rect", "color": series[0].hue, "opacity": 0.22},
                "encoding": {"y": {**ratio, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": {"name": PAIRS},
                "mark": {"type": "point", "filled": False, "size": 40, "opacity": 1},
                "encoding": {
                    "x": number("pair", "pair", axis={"tickMinStep": 1, "grid": False}),
                    "y": ratio,
                    "color": colour(series, "series"),
                    "shape": {
                        "field": "first",
                        "type": "nominal",
                        "title": "who began",
                        "scale": {"range": ["circle", "cross", "square", "diamond"]},
                    },
                    "tooltip": tooltip("series", "pair", "first", ratio=".4f"),
                },
            },
        ],
    }


def _spread(series: Sequence[Look], ratio: Mapping[str, Any]) -> dict[str, Any]:
    """Draw every value: a violin would smooth two modes into one."""
    share: dict[str, Any] = {"op": "cume_dist", "as": "share"}
    return {
        "title": "share of pairs up to a ratio",
        "width": 190,
        "height": 190,
        "data": {"name": PAIRS},
        "transform": [
            {
                "window": [share],
                "sort": [{"field": "ratio"}],
                "groupby": ["series"],
            }
        ],
        "mark": {"type": "line", "interpolate": "step-after"},
        "encoding": {
            "x": ratio,
            "y": number("share", "share", axis={"format": "%"}),
            "color": colour(series, "series"),
            "strokeDash": dash(series, "series"),
        },
    }


def _warming(sides: Sequence[Look]) -> dict[str, Any]:
    return {
        "title": "samples of a process",
        "width": 190,
        "height": 190,
        "data": {"name": WARM_UP},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": number("sample", "sample, 0 is the warm-up", axis={"tickMinStep": 1}),
            "y": number("relative", "over the median"),
            "color": colour(sides),
            "strokeDash": dash(sides),
        },
    }


def row_values(
    detail: RowDetail, twin: RowDetail | None, baseline: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the pairs, those of the baseline's copy too, and the samples."""
    pairs = [
        {
            "series": COPY if one.is_twin else one.side,
            "pair": pair.pair,
            "ratio": pair.ratio,
            "first": pair.first,
        }
        for one in (detail, twin)
        if one is not None
        for pair in one.pairs
    ]
    courses = {detail.side: detail.warm_up.side, baseline: detail.warm_up.baseline}
    warm_up = [
        {"side": side, "sample": sample, "relative": relative}
        for side, course in courses.items()
        for sample, relative in enumerate(course)
    ]
    return pairs, warm_up
