"""The charts of what a notebook measures, as plain dictionaries of Vega-Lite 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_VEGA_LITE = "https://vega.github.io/schema/vega-lite/v5.json"

# Okabe and Ito; the ideal line is grey and dashed, the control dotted.
_SERIES: Mapping[str, tuple[str, list[int]]] = {
    "measured": ("#0072B2", [1, 0]),
    "control": ("#D55E00", [2, 2]),
    "ideal": ("#888888", [6, 4]),
}
_MEASURED = _SERIES["measured"][0]


def measurement_spec(
    name: str,
    values_ns: Mapping[int, Sequence[float]],
    speed_ups: Mapping[int, Mapping[str, float | None]],
) -> dict[str, Any]:
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
    return {
        "$schema": _VEGA_LITE,
        "description": f"{name}: rounds and speed-up by threads",
        "hconcat": panels,
    }


def _rounds(values_ns: Mapping[int, Sequence[float]]) -> dict[str, Any]:
    threads = {"field": "threads", "type": "ordinal", "title": "threads"}
    time = _axis("ns", "ns per operation, a tick per round")
    tooltip = [{"field": "round"}, {"field": "ns", "format": ".4g"}]
    return {
        "width": 260,
        "height": {"step": 28},
        "data": {
            "values": [
                {"threads": count, "round": number, "ns": value}
                for count, values in values_ns.items()
                for number, value in enumerate(values, 1)
            ]
        },
        "layer": [
            {
                "mark": {"type": "tick", "color": _MEASURED, "opacity": 0.6},
                "encoding": {"x": time, "y": threads, "tooltip": tooltip},
            },
            {
                "mark": {"type": "point", "filled": True, "color": "black", "size": 40},
                "encoding": {"x": {**time, "aggregate": "median"}, "y": threads},
            },
        ],
    }


def _speed_ups(factors: Mapping[int, Mapping[str, float | None]]) -> dict[str, Any]:
    def series(styles: Sequence[object]) -> dict[str, Any]:
        return {
            "field": "series",
            "type": "nominal",
            "title": None,
            "scale": {"domain": [*_SERIES], "range": styles},
        }

    return {
        "width": 220,
        "height": 160,
        "data": {
            "values": [
                {"threads": threads, "series": name, "speed_up": factor}
                for threads, by_series in factors.items()
                for name, factor in by_series.items()
                if factor is not None
            ]
        },
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {
                "field": "threads",
                "type": "quantitative",
                "axis": {"values": [*factors], "format": "d"},
            },
            "y": {"field": "speed_up", "type": "quantitative", "title": "speed-up"},
            "color": series([color for color, _ in _SERIES.values()]),
            "strokeDash": series([dash for _, dash in _SERIES.values()]),
        },
    }


def differences_spec(
    ratios: Sequence[float], margin: float, unit: str
) -> dict[str, Any]:
    """Return the ratios, one tick each, over the band of what counts as equal."""
    return {
        "$schema": _VEGA_LITE,
        "description": f"ratio by {unit}, and the margin",
        "width": 400,
        "height": 40,
        "layer": [
            {
                "data": {"values": [{"low": 1 / (1 + margin), "high": 1 + margin}]},
                "mark": {"type": "rect", "color": "#888888", "opacity": 0.2},
                "encoding": {
                    "x": {"field": "low", "type": "quantitative"},
                    "x2": {"field": "high"},
                },
            },
            {
                "data": {"values": [{"ratio": ratio} for ratio in ratios]},
                "mark": {"type": "tick", "color": _MEASURED, "opacity": 0.7},
                "encoding": {"x": _axis("ratio", f"ratio, a tick per {unit}")},
            },
        ],
    }


def _axis(field: str, title: str) -> dict[str, Any]:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"zero": False},
    }
