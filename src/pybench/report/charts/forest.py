"""Ratios with their intervals, of rows, means and controls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from pybench.records.contents import Contents
from pybench.records.saved_comparison import SavedRowSummary
from pybench.records.summary import (
    EQUIVALENT,
    NO_VERDICT,
    ControlSummary,
    MeanSummary,
    RowSummary,
    Summary,
)
from pybench.report.charts import vega
from pybench.report.charts.looks import INK, MUTED, Look, looks_of
from pybench.report.labels import UNREPLICATED, ratio, saved_point
from pybench.report.row_names import short_names

# The dataset that a page fills in with the rows of its filter.
CELLS = "cells"
# Rows of a forest that is drawn at once; a page draws others by its filter.
MOST_DRAWN = 40

_ROW_STEP, _ARM_STEP = 17, 11
# Above: forty rows reach further down than a screen.
_RATIO_AXIS = {"format": ".3~f", "tickCount": 8, "orient": "top"}


def forest_spec(
    looks: Sequence[Look], margin: float, baseline: str, values: vega.Values = ()
) -> vega.Spec:
    """Return ratios and intervals on a logarithmic axis over the band of the margin.

    `looks` are those of the contenders, `values` are as `point` returns them.
    """
    title = f"time over that of {baseline}"
    x = vega.number("ratio", title, vega.LOG_TO_THE_DATA, axis=_RATIO_AXIS)
    names = {"labelLimit": 340, "ticks": False, "domain": False}
    where: vega.Spec = {"y": vega.nominal("name", axis=names)}
    if len(looks) > 1:
        where["yOffset"] = {"field": "side", "sort": [look.name for look in looks]}
    hue = {"color": vega.look("hue", looks)}
    # The band's own data: else it would be drawn once for each row.
    data = {"values": [{"low": 1 / (1 + margin), "high": 1 + margin, "one": 1}]}
    band = {"type": "rect", "color": MUTED, "opacity": 0.16}
    equal = {"type": "rule", "color": MUTED}
    mark = {
        "type": "point", "filled": True, "size": 55, "opacity": 1, "stroke": INK,
        "strokeWidth": 0.4, "cursor": "pointer",
    }  # fmt: skip
    shown = {
        "shape": vega.look("shape", looks),
        "tooltip": vega.tooltip("name", "side", "said"),
    }
    return vega.chart(
        f"Time of each row over that of {baseline}, with its interval; the band is the "
        f"margin of {margin:.1%}",
        vega.panel(
            vega.layer(band, data=data, **vega.ends("x", x)),
            vega.layer(equal, data=data, x={**x, "field": "one"}),
            vega.interval(x, hue | where, strokeWidth=2),
            vega.layer(mark, x=x, **hue, **shown, **where),
            width=460,
            height={"step": max(_ROW_STEP, _ARM_STEP * len(looks)), "for": "position"},
            data={"name": CELLS, "values": [*values]},
        ),
    )


def point(
    name: str,
    arm: str,
    said: str,
    value: float | None,
    of: RowSummary | MeanSummary | ControlSummary | None = None,
) -> dict[str, Any]:
    """Return one point of a forest, with the interval of what it is of."""
    known = {"name": name, "side": arm, "said": said, "ratio": value}
    return {**known, "low": of and of.low, "high": of and of.high}


def looks_of_summary(summary: Summary) -> tuple[Look, ...]:
    """Return the looks of all arms, the baseline first."""
    return looks_of(
        (arm.name, arm.interpreter, arm.gil_enabled) for arm in summary.sides
    )


def forest_of(contents: Contents, most: int = MOST_DRAWN) -> vega.Spec | None:
    """Return the forest of what is compared, None where nothing has a ratio."""
    summary, saved = contents.summary, contents.saved
    if summary is not None:
        baseline, *contenders = looks_of_summary(summary)
        names = short_names(row.row for row in summary.rows)
        values = [
            point(names[row.row], row.side, ratio(row), row.ratio, row)
            for row in telling(summary.rows, most)
        ]
        margin = summary.margin
    elif saved is not None:
        # No version in these looks: files are told apart by shape, and nothing is
        # coloured that one process an arm cannot tell.
        baseline, *contenders = looks_of((file.name, "", True) for file in saved.files)
        rows = sorted(saved.rows, key=lambda row: -abs(math.log(row.ratio)))
        names = short_names(row.row for row in rows)
        drawn = [*dict.fromkeys(row.row for row in rows)][:most]
        values = [
            point(names[row.row], row.side, _said(row), row.ratio)
            for row in rows
            if row.row in drawn
        ]
        margin = saved.margin
    else:
        return None
    return forest_spec(contenders, margin, baseline.name, values) if values else None


def _said(row: SavedRowSummary) -> str:
    return saved_point(row) + f" {UNREPLICATED}" * row.unreplicated


def telling(rows: Iterable[RowSummary], most: int = MOST_DRAWN) -> list[RowSummary]:
    """Return what a forest has room for: changes first, the largest above."""
    known = [row for row in rows if row.ratio is not None]
    size: dict[str, tuple[bool, float]] = {}
    for row in known:
        is_change = row.verdict not in (EQUIVALENT, NO_VERDICT)
        this = (is_change, abs(math.log(row.ratio or 1.0)))
        size[row.row] = max(size.get(row.row, this), this)
    drawn = sorted(size, key=lambda row: size[row], reverse=True)[:most]
    return sorted(
        (row for row in known if row.row in drawn),
        key=lambda row: drawn.index(row.row),
    )
