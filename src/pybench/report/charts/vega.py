"""The parts that specifications of Vega-Lite 5 are put together from.

Plain dictionaries rather than altair's objects: a test holds them against altair's
schema, and a notebook without the host's libraries shows its charts all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pybench.records.bottleneck import Share
from pybench.records.means import Mean
from pybench.report.charts.looks import INK, LINE, MUTED, PLAIN_HUE, Look

Spec = dict[str, Any]
Values = Sequence[Mapping[str, Any]]

GRAMMAR = "https://vega.github.io/schema/vega-lite/v5.json"

POINT: Spec = {
    "type": "point", "filled": True, "color": PLAIN_HUE, "size": 50, "opacity": 1,
}  # fmt: skip
CONFIG: Spec = {
    "font": "system-ui, sans-serif",
    "axis": {
        "labelColor": INK, "titleColor": INK, "gridColor": LINE, "domainColor": MUTED,
        "tickColor": MUTED, "titleFontWeight": "normal", "labelLimit": 340,
        "labelOverlap": "greedy", "labelFontSize": 11,
    },
    "legend": {
        "labelColor": INK, "titleColor": INK, "labelLimit": 240, "labelFontSize": 11,
    },
    "header": {"labelColor": INK, "titleColor": INK, "labelLimit": 240},
    "title": {"color": INK, "fontWeight": "normal", "anchor": "start"},
    "view": {"stroke": None},
}  # fmt: skip

# Scales of numbers.
ANYWHERE: Spec = {"zero": False}
FROM_ZERO: Spec = {"zero": True}
LOG: Spec = {"type": "log"}
LOG_TO_THE_DATA: Spec = {"type": "log", "nice": False}

_HAS_INTERVAL = [{"filter": "isValid(datum.low) && isValid(datum.high)"}]


def chart(description: str, body: Mapping[str, Any]) -> Spec:
    """Return a specification with what all have in common."""
    return {
        "$schema": GRAMMAR,
        "description": description,
        "background": "transparent",
        # Names stand to the left, and a browser's letters may be wider than those
        # that an SVG was laid out by.
        "padding": {"left": 40, "top": 6, "right": 14, "bottom": 6},
        "config": CONFIG,
        **body,
    }


def panel(
    *layers: Spec, values: Values | None = None, width: int, height: object, **more: Any
) -> Spec:
    """Return one panel; a single layer is the panel itself."""
    data = {} if values is None else {"data": {"values": [*values]}}
    body = layers[0] if len(layers) == 1 else {"layer": [*layers]}
    return {"width": width, "height": height, **data, **body, **more}


def facets(values: Values, by: Spec, of: Spec, **more: Any) -> Spec:
    """Return a panel for each kind."""
    return {"data": {"values": [*values]}, "facet": by, "spec": of, **more}


def layer(
    mark: str | Mapping[str, Any],
    *,
    data: Any = None,
    transform: Any = None,
    **channels: Any,
) -> Spec:
    """Return marks of one kind."""
    of = {"data": data, "transform": transform}
    given = {name: value for name, value in of.items() if value}
    return {"mark": mark, "encoding": channels, **given}


def interval(x: Spec, channels: Mapping[str, Any], **mark: Any) -> Spec:
    """Return a line from low to high, where both are known."""
    rule = {"type": "rule", **mark}
    return layer(rule, transform=_HAS_INTERVAL, **ends("x", x), **channels)


def ends(axis: str, of: Spec) -> Spec:
    """Return the encodings of what reaches from low to high."""
    return {axis: {**of, "field": "low"}, f"{axis}2": {"field": "high"}}


def dots(
    values: Values,
    field: str,
    kind: str | None,
    title: str,
    *,
    scale: Mapping[str, Any] = FROM_ZERO,
) -> Spec:
    """Return values with their intervals, a line each; shape tells kinds apart."""
    x, y = number("value", title, scale), {"y": name(field)}
    offset = {"yOffset": {"field": kind}} if kind else {}
    shapes = {"shape": nominal(kind)} if kind else {}
    shown = tooltip(field, *filter(None, [kind]), value=".4g")
    return chart(
        title,
        panel(
            interval(x, y | offset, color=PLAIN_HUE),
            layer(POINT, x=x, **y, **shapes, **offset, tooltip=shown),
            values=values,
            width=420,
            height={"step": 26 if kind else 18, "for": "position"},
        ),
    )


def spread(
    of: Mean | Share, per: float = 1.0, **named: str
) -> dict[str, float | str | None]:
    """Return one value for `dots`, in a larger unit."""
    known = {"value": of.value, "low": of.low, "high": of.high}
    return {**named, **{end: value and value / per for end, value in known.items()}}


def percentiles(
    field: str, title: str, order: Sequence[str], *kinds: str
) -> tuple[Spec, Spec]:
    """Return the percentiles of each name in ms as points that a line joins."""
    x, y = number("ms", title, LOG), name(field)
    shown = tooltip(field, *kinds, "percentile", ms=".4g")
    shapes = nominal("percentile", order)
    return (
        layer({"type": "line", "color": MUTED}, x=x, y=y, detail={"field": field}),
        layer(POINT, x=x, y=y, shape=shapes, tooltip=shown),
    )


def number(
    field: str, title: str, scale: Mapping[str, Any] = ANYWHERE, **more: Any
) -> Spec:
    """Return the encoding of a number."""
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": dict(scale),
        **more,
    }


def nominal(field: str, sort: Sequence[str] | None = None, **more: Any) -> Spec:
    """Return the encoding of a kind, in an order of its own or that of the data."""
    order = None if sort is None else [*sort]
    of = {"field": field, "type": "nominal", "title": None, "sort": order}
    return {**of, **more}


def name(field: str) -> Spec:
    """Return the encoding of names, one below the other as they come."""
    axis = {"labelLimit": 340, "grid": True, "ticks": False, "domain": False}
    return nominal(field, axis=axis)


def look(attribute: str, looks: Iterable[Look], field: str = "side") -> Spec:
    """Return the encoding of arms by their hue, shape or dash."""
    of = {of_arm.name: getattr(of_arm, attribute) for of_arm in looks}
    scale = {"domain": [*of], "range": [*of.values()]}
    return {"field": field, "type": "nominal", "title": None, "scale": scale}


def tooltip(*fields: str, **formats: str) -> list[dict[str, str]]:
    """Return the encoding of what is shown under the pointer."""
    plain = [{"field": field} for field in fields]
    return [*plain, *({"field": f, "format": form} for f, form in formats.items())]


def in_plain_inks(spec: Mapping[str, Any]) -> Spec:
    """Return a specification for what knows no CSS variables: on white, in fallbacks.

    A notebook draws on a canvas, which would ignore an ink that it cannot read.
    """
    text = re.sub(r"var\(--\w+, (#\w{6})\)", r"\1", json.dumps(spec))
    return {**json.loads(text), "background": "#ffffff"}
