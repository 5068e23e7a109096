"""What every chart has in common: inks that follow the theme, hue, shape and dash.

Hue is the Python version, shape and dash are the state of the GIL, so that nothing
rests on colour alone. Inks are CSS variables: a page that turns dark redraws nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"

# A fallback each, for an SVG that stands alone on paper or in a README.
INK = "var(--fg, #1b1d21)"
MUTED = "var(--muted, #595d66)"
LINE = "var(--line, #dddcd8)"

# At least 3 to 1 against both backgrounds of the page, as a test holds.
HUES = {
    "3.11": "#3a7bd5",
    "3.12": "#12877f",
    "3.13": "#5d8a1f",
    "3.14": "#c4611a",
    "3.15": "#b0509c",
}
OTHER_HUE = "#7a7f8a"
# What is of no version, such as RSS beside USS: one hue, told apart by the others.
PLAIN_HUE = HUES["3.11"]

POINT: dict[str, Any] = {
    "type": "point", "filled": True, "color": PLAIN_HUE, "size": 50, "opacity": 1,
}  # fmt: skip

_SHAPES_ON = ("circle", "square", "diamond")
_SHAPES_OFF = ("triangle-up", "triangle-down", "cross")
_DASH_ON, _DASH_OFF = [1, 0], [5, 3]

CONFIG: dict[str, Any] = {
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one side is drawn everywhere."""

    name: str
    hue: str
    shape: str
    dash: Sequence[int]


def looks_of(sides: Iterable[tuple[str, str, bool]]) -> tuple[Look, ...]:
    """Return a look for each (name, interpreter in words, whether its GIL is on).

    Two sides of one version and GIL state have one hue and differ in shape.
    """
    seen: Counter[tuple[str, bool]] = Counter()
    found = []
    for name, interpreter, is_on in sides:
        version = re.search(r"\d+\.\d+", interpreter)
        hue = HUES.get(version.group() if version else "", OTHER_HUE)
        shapes = _SHAPES_ON if is_on else _SHAPES_OFF
        found.append(
            Look(
                name=name,
                hue=hue,
                shape=shapes[seen[hue, is_on] % len(shapes)],
                dash=_DASH_ON if is_on else _DASH_OFF,
            )
        )
        seen[hue, is_on] += 1
    return tuple(found)


def colour(looks: Sequence[Look], field: str = "side") -> dict[str, Any]:
    """Return the encoding of hue; the legend is with it, and has the shapes too."""
    return _scale(looks, field, [look.hue for look in looks])


def shape(looks: Sequence[Look], field: str = "side") -> dict[str, Any]:
    """Return the encoding of shape."""
    return _scale(looks, field, [look.shape for look in looks])


def dash(looks: Sequence[Look], field: str = "side") -> dict[str, Any]:
    """Return the encoding of dash."""
    return _scale(looks, field, [[*look.dash] for look in looks])


def _scale(looks: Sequence[Look], field: str, values: list[Any]) -> dict[str, Any]:
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "scale": {"domain": [look.name for look in looks], "range": values},
    }


def number(field: str, title: str, **more: Any) -> dict[str, Any]:
    """Return the encoding of a number on an axis that need not begin at zero."""
    scale = dict(more.pop("scale", {}))
    if scale.get("type") != "log":
        scale.setdefault("zero", False)
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": scale,
        **more,
    }


def nominal(field: str, sort: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the encoding of a kind, in an order of its own or that of the data."""
    order = None if sort is None else [*sort]
    return {"field": field, "type": "nominal", "title": None, "sort": order}


def name(field: str) -> dict[str, Any]:
    """Return the encoding of names, one below the other as they come."""
    return {
        **nominal(field),
        "axis": {"labelLimit": 340, "grid": True, "ticks": False, "domain": False},
    }


def tooltip(*fields: str, **formats: str) -> list[dict[str, str]]:
    """Return the encoding of what is shown under the pointer."""
    plain = [{"field": field} for field in fields]
    return [*plain, *({"field": f, "format": form} for f, form in formats.items())]


def whole(body: Mapping[str, Any], description: str) -> dict[str, Any]:
    """Return a specification with what all have in common."""
    return {
        "$schema": SCHEMA,
        "description": description,
        "background": "transparent",
        # Names stand to the left, and a browser's letters may be wider than those
        # that an SVG was laid out by.
        "padding": {"left": 40, "top": 6, "right": 14, "bottom": 6},
        "config": CONFIG,
        **body,
    }


def in_plain_inks(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a specification for what knows no CSS variables: on white, in fallbacks.

    A notebook draws on a canvas, which would ignore an ink that it cannot read.
    """
    text = re.sub(r"var\(--\w+, (#\w{6})\)", r"\1", json.dumps(spec))
    return {**json.loads(text), "background": "#ffffff"}
