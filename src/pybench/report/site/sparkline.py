"""The course of one ratio over runs, as paths that a template puts into an SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pybench.records.summary import RowSummary

WIDTH, HEIGHT = 120, 28
_EDGE = 5.0

# Drawn where a row has no margin of its own to say what counts as equal.
_LEAST_SPAN = math.log(1.01)

# A ratio beyond these is drawn at the edge: it would flatten all others.
_FARTHEST = math.log(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """Paths within `WIDTH` by `HEIGHT`; more time is up.

    `line` goes through the ratios, `whiskers` are their intervals, `marks` one each.
    `one` is where a ratio of 1 lies; `band` has top and height of what counts as equal.
    """

    line: str
    whiskers: str
    marks: str
    one: float
    band: tuple[float, float] | None


def sparkline(
    cells: Sequence[RowSummary | None], *, gil_enabled: bool
) -> Sparkline | None:
    """Draw the ratios of one benchmark; None where no run has one.

    A run without a ratio is a gap. The margin is that of the newest run.
    """
    points = [_point(cell) for cell in cells]
    ends = [abs(value) for point in points if point for value in point]
    if not ends:
        return None
    margin = next((c.margin for c in reversed(cells) if c and c.margin), None)
    half = math.log1p(margin) if margin and 0 < margin < math.inf else None
    span = max(1.5 * (half or 0), _LEAST_SPAN, *ends)

    def down(value: float) -> float:
        return round(HEIGHT / 2 - value / span * (HEIGHT / 2 - _EDGE), 1)

    step = (WIDTH - 2 * _EDGE) / max(1, len(points) - 1)
    line, whiskers, marks = "", "", ""
    pen = "M"
    for number, point in enumerate(points):
        if point is None:
            pen = "M"
            continue
        low, middle, high = map(down, point)
        across = round(_EDGE + number * step, 1)
        line += f"{pen}{across:g} {middle:g}"
        whiskers += f"M{across:g} {low:g}V{high:g}"
        marks += mark(across, middle, gil_enabled=gil_enabled)
        pen = "L"
    band = None
    if half is not None:
        band = (down(half), round(down(-half) - down(half), 1))
    return Sparkline(line=line, whiskers=whiskers, marks=marks, one=down(0), band=band)


def mark(across: float = 6, down: float = 6, *, gil_enabled: bool) -> str:
    """Return a circle, or with the GIL off a triangle."""
    if gil_enabled:
        return f"M{across - 2.5:g} {down:g}a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0z"
    return f"M{across:g} {down - 3:g}l3 5.5h-6z"


def _point(cell: RowSummary | None) -> tuple[float, float, float] | None:
    """Return the logarithms of low, ratio and high."""
    ratio = None if cell is None else _log(cell.ratio)
    if cell is None or ratio is None:
        return None
    low, high = _log(cell.low), _log(cell.high)
    return ratio if low is None else low, ratio, ratio if high is None else high


def _log(value: float | None) -> float | None:
    if value is None or not 0 < value < math.inf:
        return None
    return max(-_FARTHEST, min(_FARTHEST, math.log(value)))
