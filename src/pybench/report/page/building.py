"""What the page is filled with: drawn charts, and the data of its script."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybench.records.pair_details import RowDetail
from pybench.records.summary import RowSummary, Summary
from pybench.report.charts.chart import Chart
from pybench.report.charts.drawing import is_here, svg_of
from pybench.report.charts.forest import CELLS, forest_spec, looks_of_summary
from pybench.report.charts.opened_row import row_spec
from pybench.report.labels import SIGNS
from pybench.report.tables import Line

# The verdicts in the order in which they are counted and filtered.
WORDS = (*SIGNS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart as it is without scripts, and its number among the specifications."""

    chart: Chart
    svg: str
    number: int | None


def figures_of(charts: Sequence[Chart]) -> tuple[dict[str, list[Figure]], list[Any]]:
    """Return the charts by view, drawn where they can be, and all specifications."""
    views: dict[str, list[Figure]] = {}
    specs: list[Any] = []
    can_draw = is_here()
    for chart in charts:
        svg, number = "", None
        if can_draw and chart.spec is not None:
            # For whoever cannot see it: its table says the rest.
            label = html.escape(chart.title, quote=True)
            named = f'<svg role="img" aria-label="{label}" '
            svg = svg_of(chart.spec).replace("<svg ", named, 1)
            number = len(specs)
            specs.append(chart.spec)
        figure = Figure(chart=chart, svg=svg, number=number)
        views.setdefault(chart.view, []).append(figure)
    return views, specs


def script_data(summary: Summary, lines: Sequence[Line]) -> Any:
    """Return what the page's script sorts, filters and opens rows by.

    Numbers only where words are not in the table already: ``rows`` has for each line
    and arm verdict, ratio, low, high, its ns, and what the opened row says beside.
    """
    baseline, *contenders = looks_of_summary(summary)
    of_cell = {(row.row, row.side): row for row in summary.rows}
    return {
        "baseline": baseline.name,
        "sides": [look.name for look in contenders],
        "words": WORDS,
        "signs": [*SIGNS.values()],
        "rows": [
            _row(line, [of_cell[line.row, arm] for arm in line.cells]) for line in lines
        ],
        "cells": CELLS,
        "forest": forest_spec(contenders, summary.margin, baseline.name),
        "opened": [row_spec(look, baseline, summary.margin) for look in contenders],
    }


def _row(line: Line, cells: Sequence[RowSummary]) -> dict[str, Any]:
    return {
        "k": line.name,
        "n": line.row,
        "c": line.category,
        "b": _rounded(cells[0].baseline_ns),
        "s": [
            [
                WORDS.index(cell.verdict),
                cell.ratio and round(cell.ratio, 6),
                cell.low and round(cell.low, 6),
                cell.high and round(cell.high, 6),
                _rounded(cell.side_ns),
                cell.margin,
                _rounded(cell.smallest_visible),
                cell.pairs_to_settle,
                cell.metric,
                cell.below_margin,
            ]
            for cell in cells
        ],
    }


def _rounded(value: float | None, digits: int = 4) -> float | None:
    """Return a number as precise as it is shown, so that it is short in the file."""
    if value is None:
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded


def details_data(details: Sequence[RowDetail], lines: Sequence[Line]) -> Any:
    """Return the pairs behind the verdicts, in columns, which pack well.

    By line: the numbers of the ``pair``, who was ``first``, the baseline's time ``b``
    and warm-up ``w``; and by arm, "" for the baseline's copy, its ratios ``r``, times
    ``t`` and warm-up ``w``. None where an arm has no such pair.
    """
    place = {line.row: number for number, line in enumerate(lines)}
    by_row: dict[str, list[RowDetail]] = {}
    for detail in details:
        by_row.setdefault(detail.row, []).append(detail)
    return {place[row]: _pairs(of) for row, of in by_row.items() if row in place}


def _pairs(details: Sequence[RowDetail]) -> dict[str, Any]:
    pairs = {pair.pair: pair for detail in details for pair in detail.pairs}
    numbers = sorted(pairs)
    return {
        "pair": numbers,
        "first": [pairs[number].first for number in numbers],
        "b": [_rounded(pairs[number].baseline_ns, 3) for number in numbers],
        "w": [_rounded(value, 3) for value in details[0].warm_up.baseline],
        "sides": {
            "" if detail.is_twin else detail.side: _columns(detail, numbers)
            for detail in details
        },
    }


def _columns(detail: RowDetail, numbers: Sequence[int]) -> dict[str, Any]:
    own = {pair.pair: pair for pair in detail.pairs}
    pairs = [own.get(number) for number in numbers]
    return {
        "r": [pair and round(pair.ratio, 4) for pair in pairs],
        "t": [pair and _rounded(pair.side_ns, 3) for pair in pairs],
        "w": [_rounded(value, 3) for value in detail.warm_up.side],
    }
