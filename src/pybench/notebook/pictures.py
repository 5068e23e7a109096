"""Charts as Vega-Lite 5: JupyterLab draws them itself, without network.

Plain dictionaries rather than altair: measuring has to show its chart where no library
of the host is installed, and altair's newer versions speak another MIME type.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybench.notebook.measurement import Measurement
from pybench.records.texts import with_printable_texts

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"

# Which grammar vl-convert draws them by.
_VERSION = "5.20"

# Okabe and Ito; the ideal line is grey and dashed, the control dotted.
_MEASURED, _CONTROL, _IDEAL = "#0072B2", "#D55E00", "#888888"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One chart: `spec` is Vega-Lite 5 with its data in it."""

    spec: dict[str, Any]

    def svg(self) -> str:
        """Draw it.

        Raises
        ------
        ImportError
            If vl-convert-python is not installed.
        """
        drawn = svg_or_none(self.spec)
        if drawn is None:
            raise ImportError(
                "svg() needs vl-convert-python, which is not installed here: pip "
                "install 'pybench-native[charts]'",
                name="vl_convert",
            )
        return drawn

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> dict[str, Any]:
        from pybench.notebook.display import VEGALITE

        bundle: dict[str, Any] = {VEGALITE: self.spec, "text/plain": repr(self)}
        drawn = svg_or_none(self.spec)
        if drawn is not None:
            bundle["image/svg+xml"] = drawn
        return bundle

    def __repr__(self) -> str:
        return f"<chart: {self.spec.get('description', '')}>"


def svg_or_none(spec: dict[str, Any]) -> str | None:
    """Draw a chart; None where vl-convert-python is not installed."""
    try:
        vl_convert = importlib.import_module("vl_convert")
    except ImportError:
        return None
    # An SVG cannot hold control characters: vl-convert would abort the interpreter.
    shown = with_printable_texts(spec)
    return str(vl_convert.vegalite_to_svg(shown, vl_version=_VERSION))


def measurement_spec(found: Measurement) -> dict[str, Any]:
    """Return the strip of rounds and, of several numbers of threads, the speed-up."""
    panels = [_strip(found)]
    if len(found.counts) > 1 and found.speed_up(found.counts[-1].threads) is not None:
        panels.append(_scaling(found))
    return {
        "$schema": SCHEMA,
        "description": f"{found.name}: rounds and speed-up by threads",
        "hconcat": panels,
    }


def _strip(found: Measurement) -> dict[str, Any]:
    values = [
        {"threads": one.threads, "round": number, "ns": of.value_ns}
        for one in found.counts
        for number, of in enumerate(one.rounds, 1)
    ]
    threads = {"field": "threads", "type": "ordinal", "title": "threads"}
    time = {
        "field": "ns",
        "type": "quantitative",
        "title": "ns per operation, a tick per round",
        "scale": {"zero": False},
    }
    return {
        "width": 260,
        "height": {"step": 28},
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "tick", "color": _MEASURED, "opacity": 0.6},
                "encoding": {
                    "x": time,
                    "y": threads,
                    "tooltip": [{"field": "round"}, {"field": "ns", "format": ".4g"}],
                },
            },
            {
                "mark": {"type": "point", "filled": True, "color": "black", "size": 40},
                "encoding": {"x": {**time, "aggregate": "median"}, "y": threads},
            },
        ],
    }


def _scaling(found: Measurement) -> dict[str, Any]:
    values: list[dict[str, Any]] = []
    for one in found.counts:
        series = {
            "measured": found.speed_up(one.threads),
            "control": found.control_speed_up(one.threads),
            "ideal": float(one.threads),
        }
        values += [
            {"threads": one.threads, "series": name, "speed_up": factor}
            for name, factor in series.items()
            if factor is not None
        ]
    names = ["measured", "control", "ideal"]
    return {
        "width": 220,
        "height": 160,
        "data": {"values": values},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {
                "field": "threads",
                "type": "quantitative",
                "axis": {
                    "values": [one.threads for one in found.counts],
                    "format": "d",
                },
            },
            "y": {"field": "speed_up", "type": "quantitative", "title": "speed-up"},
            "color": {
                "field": "series",
                "type": "nominal",
                "title": None,
                "scale": {"domain": names, "range": [_MEASURED, _CONTROL, _IDEAL]},
            },
            "strokeDash": {
                "field": "series",
                "type": "nominal",
                "title": None,
                "scale": {"domain": names, "range": [[1, 0], [2, 2], [6, 4]]},
            },
        },
    }


def differences_spec(
    ratios: Sequence[float], margin: float, unit: str
) -> dict[str, Any]:
    """Return the ratios, one tick each, over the band of what counts as equal."""
    values = [{"ratio": ratio} for ratio in ratios]
    band = [{"low": 1 / (1 + margin), "high": 1 + margin}]
    ratio = {
        "field": "ratio",
        "type": "quantitative",
        "title": f"ratio, a tick per {unit}",
        "scale": {"zero": False},
    }
    return {
        "$schema": SCHEMA,
        "description": f"ratio by {unit}, and the margin",
        "width": 400,
        "height": 40,
        "layer": [
            _band(band),
            {
                "data": {"values": values},
                "mark": {"type": "tick", "color": _MEASURED, "opacity": 0.7},
                "encoding": {"x": ratio},
            },
        ],
    }


def _band(values: list[dict[str, float]]) -> dict[str, Any]:
    return {
        "data": {"values": values},
        "mark": {"type": "rect", "color": "#888888", "opacity": 0.2},
        "encoding": {
            "x": {"field": "low", "type": "quantitative"},
            "x2": {"field": "high"},
        },
    }
