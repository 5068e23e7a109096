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

    Parameters
    ----------
    line, whiskers, marks : str
        Data of paths: through the ratios, their intervals, one mark each.
    one : float
        Where a ratio of 1 lies.
    band : tuple of float or None
        Top and height of what counts as equal.
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
    known = [point for point in points if point is not None]
    if not known:
        return None
    margin = next((c.margin for c in reversed(cells) if c and c.margin), None)
    half = math.log1p(margin) if margin and 0 < margin < math.inf else None
    span = max(1.5 * (half or 0), _LEAST_SPAN, *(abs(v) for p in known for v in p))

    def down(value: float) -> float:
        return round(HEIGHT / 2 - value / span * (HEIGHT / 2 - _EDGE), 1)

    step = (WIDTH - 2 * _EDGE) / max(1, len(points) - 1)
    line, whiskers, marks = [], [], []
    pen = "M"
    for number, point in enumerate(points):
        if point is None:
            pen = "M"
            continue
        low, middle, high = point
        across = round(_EDGE + number * step, 1)
        line.append(f"{pen}{across:g} {down(middle):g}")
        whiskers.append(f"M{across:g} {down(low):g}V{down(high):g}")
        marks.append(_mark(across, down(middle), gil_enabled=gil_enabled))
        pen = "L"
    band = None
    if half is not None:
        band = (down(half), round(down(-half) - down(half), 1))
    return Sparkline(
        line="".join(line),
        whiskers="".join(whiskers),
        marks="".join(marks),
        one=down(0),
        band=band,
    )


def mark(*, gil_enabled: bool) -> str:
    """Return the mark of a side by itself, around 6, 6."""
    return _mark(6, 6, gil_enabled=gil_enabled)


def _mark(across: float, down: float, *, gil_enabled: bool) -> str:
    """Return a circle, or with the GIL off a triangle."""
    if gil_enabled:
        return f"M{across - 2.5:g} {down:g}a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0z"
    return f"M{across:g} {down - 3:g}l3 5.5h-6z"


def _point(cell: RowSummary | None) -> tuple[float, float, float] | None:
    """Return the logarithms of low, ratio and high."""
    if cell is None or not _drawable(cell.ratio):
        return None
    ratio = _log(cell.ratio)
    low = _log(cell.low) if _drawable(cell.low) else ratio
    high = _log(cell.high) if _drawable(cell.high) else ratio
    return low, ratio, high


def _drawable(value: float | None) -> bool:
    return value is not None and 0 < value < math.inf


def _log(value: float | None) -> float:
    assert value is not None
    return max(-_FARTHEST, min(_FARTHEST, math.log(value)))
