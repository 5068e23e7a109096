"""One row in detail: its pairs in order, how they are spread, how it warms up."""

from __future__ import annotations

from collections.abc import Sequence

from pybench.report.charts import vega
from pybench.report.charts.looks import MUTED, OTHER_HUE, Look

# The datasets that a page fills in.
PAIRS, WARM_UP, AROUND = "pairs", "warm_up", "around"

COPY = "A/A control"
_WHOLE_NUMBERS = {"tickMinStep": 1}


def row_spec(
    contender: Look,
    baseline: Look,
    margin: float,
    *,
    pairs: vega.Values = (),
    warm_up: vega.Values = (),
    around: vega.Values = (),
) -> vega.Spec:
    """Return three panels of one row of one contender.

    `pairs` have "series" (the contender's name, or `COPY`), "pair", "ratio" and
    "first", the arm that began; samples of `warm_up` have "side", "sample" and
    "relative", to the median of the process. `around` is one mapping with "ratio",
    "low" and "high" of the verdict.
    """
    series = [contender, Look(name=COPY, hue=OTHER_HUE, shape="stroke", dash=[2, 2])]
    ratio = vega.number("ratio", "ratio of the pair", vega.LOG_TO_THE_DATA)
    return vega.chart(
        "The pairs of one row in the order in which they were measured, the share of "
        "pairs up to each ratio, and the samples of a process over their median",
        {
            "datasets": {PAIRS: [*pairs], WARM_UP: [*warm_up], AROUND: [*around]},
            "hconcat": [
                _in_order(series, ratio, margin),
                _spread(series, ratio),
                _warming([contender, baseline]),
            ],
            "resolve": {
                "scale": dict.fromkeys(("color", "strokeDash", "shape"), "independent")
            },
            # Beside them, they would take the width of a fourth panel.
            "config": {
                **vega.CONFIG,
                "legend": {**vega.CONFIG["legend"], "orient": "bottom"},
            },
        },
    )


def _in_order(series: Sequence[Look], ratio: vega.Spec, margin: float) -> vega.Spec:
    """Draw a drift, or that who begins has an advantage, where there is one."""
    shapes = {"range": ["circle", "cross", "square", "diamond"]}
    points = vega.layer(
        {"type": "point", "filled": False, "size": 40, "opacity": 1},
        data={"name": PAIRS},
        x=vega.number("pair", "pair", axis={**_WHOLE_NUMBERS, "grid": False}),
        y=ratio,
        color=vega.look("hue", series, "series"),
        shape=vega.nominal("first", title="who began", scale=shapes),
        tooltip=vega.tooltip("series", "pair", "first", ratio=".4f"),
    )
    bands = [
        vega.layer(
            {"type": "rect", "color": colour, "opacity": opacity},
            data=data,
            **vega.ends("y", ratio),
        )
        for colour, opacity, data in (
            (MUTED, 0.14, {"values": [{"low": 1 / (1 + margin), "high": 1 + margin}]}),
            (series[0].hue, 0.22, {"name": AROUND}),
        )
    ]
    return _panel("pairs in order", *bands, points, width=250)


def _spread(series: Sequence[Look], ratio: vega.Spec) -> vega.Spec:
    """Draw every value: a violin would smooth two modes into one."""
    share = {
        "window": [{"op": "cume_dist", "as": "share"}],
        "sort": [{"field": "ratio"}],
        "groupby": ["series"],
    }
    line = vega.layer(
        {"type": "line", "interpolate": "step-after"},
        data={"name": PAIRS},
        transform=[share],
        x=ratio,
        y=vega.number("share", "share", axis={"format": "%"}),
        color=vega.look("hue", series, "series"),
        strokeDash=vega.look("dash", series, "series"),
    )
    return _panel("share of pairs up to a ratio", line)


def _warming(arms: Sequence[Look]) -> vega.Spec:
    line = vega.layer(
        {"type": "line", "point": True},
        data={"name": WARM_UP},
        x=vega.number("sample", "sample, 0 is the warm-up", axis=_WHOLE_NUMBERS),
        y=vega.number("relative", "over the median"),
        color=vega.look("hue", arms),
        strokeDash=vega.look("dash", arms),
    )
    return _panel("samples of a process", line)


def _panel(title: str, *layers: vega.Spec, width: int = 190) -> vega.Spec:
    return vega.panel(*layers, width=width, height=190, title=title)
