"""The charts of what a notebook measures, of the parts that charts of reports have.

Inks are plain ones: a notebook draws on a canvas, which knows no CSS variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pybench.report.charts import vega
from pybench.report.charts.looks import Look

# Okabe and Ito; the ideal line is grey and dashed, the control dotted.
_SERIES = tuple(
    Look(name=name, hue=hue, shape="circle", dash=dash)
    for name, hue, dash in (
        ("measured", "#0072B2", [1, 0]),
        ("control", "#D55E00", [2, 2]),
        ("ideal", "#888888", [6, 4]),
    )
)
_MEASURED, _GREY = _SERIES[0].hue, _SERIES[2].hue


def measurement_spec(
    name: str,
    values_ns: Mapping[int, Sequence[float]],
    speed_ups: Mapping[int, Mapping[str, float | None]],
) -> vega.Spec:
    """Return the rounds by number of threads and, if there are any, the speed-ups.

    Parameters
    ----------
    values_ns : mapping
        Number of threads: time of an operation in each round, in ns.
    speed_ups : mapping
        Number of threads: factor over one thread of each series, None if unknown.
    """
    panels = [_rounds(values_ns)]
    if speed_ups:
        panels.append(_speed_ups(speed_ups))
    return _chart(f"{name}: rounds and speed-up by threads", {"hconcat": panels})


def differences_spec(ratios: Sequence[float], margin: float, unit: str) -> vega.Spec:
    """Return the ratios, one tick each, over the band of what counts as equal."""
    ratio = vega.number("ratio", f"ratio, a tick per {unit}")
    band = {"values": [{"low": 1 / (1 + margin), "high": 1 + margin}]}
    taken = {"values": [{"ratio": ratio} for ratio in ratios]}
    rect = {"type": "rect", "color": _GREY, "opacity": 0.2}
    tick = {"type": "tick", "color": _MEASURED, "opacity": 0.7}
    return _chart(
        f"ratio by {unit}, and the margin",
        vega.panel(
            vega.layer(rect, data=band, **vega.ends("x", ratio)),
            vega.layer(tick, data=taken, x=ratio),
            width=400,
            height=40,
        ),
    )


def _chart(description: str, body: vega.Spec) -> vega.Spec:
    return vega.in_plain_inks(vega.chart(description, body))


def _rounds(values_ns: Mapping[int, Sequence[float]]) -> vega.Spec:
    threads = {"field": "threads", "type": "ordinal", "title": "threads"}
    time = vega.number("ns", "ns per operation, a tick per round")
    tick = {"type": "tick", "color": _MEASURED, "opacity": 0.6}
    middle = {"type": "point", "filled": True, "color": "black", "size": 40}
    return vega.panel(
        vega.layer(tick, x=time, y=threads, tooltip=vega.tooltip("round", ns=".4g")),
        vega.layer(middle, x={**time, "aggregate": "median"}, y=threads),
        values=[
            {"threads": count, "round": number, "ns": value}
            for count, values in values_ns.items()
            for number, value in enumerate(values, 1)
        ],
        width=260,
        height={"step": 28},
    )


def _speed_ups(factors: Mapping[int, Mapping[str, float | None]]) -> vega.Spec:
    ticks = {"values": [*factors], "format": "d"}
    line = vega.layer(
        {"type": "line", "point": True},
        x=vega.number("threads", "threads", vega.FROM_ZERO, axis=ticks),
        y=vega.number("speed_up", "speed-up", vega.FROM_ZERO),
        color=vega.look("hue", _SERIES, "series"),
        strokeDash=vega.look("dash", _SERIES, "series"),
    )
    values = [
        {"threads": threads, "series": name, "speed_up": factor}
        for threads, by_series in factors.items()
        for name, factor in by_series.items()
        if factor is not None
    ]
    return vega.panel(line, values=values, width=220, height=160)
