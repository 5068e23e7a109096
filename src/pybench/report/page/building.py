"""What the page is filled with: words, cells, charts and the data of its script."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pybench.records.contents import Contents
from pybench.records.pair_details import RowDetail
from pybench.records.summary import RowSummary, Summary
from pybench.report.charts import (
    CELLS,
    Chart,
    forest_spec,
    is_here,
    looks_of_summary,
    row_spec,
    svg_of,
)
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
            svg = _labelled(svg_of(chart.spec), chart.title)
            number = len(specs)
            specs.append(chart.spec)
        figure = Figure(chart=chart, svg=svg, number=number)
        views.setdefault(chart.view, []).append(figure)
    return views, specs


def _labelled(svg: str, title: str) -> str:
    """Say what an SVG is, to whoever cannot see it: its table says the rest."""
    label = html.escape(title, quote=True)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def script_data(summary: Summary, lines: Sequence[Line]) -> Any:
    """Return what the page's script sorts, filters and opens rows by.

    Numbers only where words are not in the table already: ``rows`` has for each line
    and side verdict, ratio, low, high, side's ns, and what the opened row says beside.
    """
    looks = looks_of_summary(summary)
    by_key: dict[tuple[str, str], RowSummary] = {
        (row.row, row.side): row for row in summary.rows
    }
    sides = [side.name for side in summary.sides[1:]]
    rows = []
    for line in lines:
        found = [by_key[line.row, side] for side in sides if (line.row, side) in by_key]
        rows.append(
            {
                "k": line.name,
                "n": line.row,
                "c": line.category,
                "b": _short(found[0].baseline_ns),
                "s": [
                    [
                        WORDS.index(row.verdict),
                        row.ratio and round(row.ratio, 6),
                        row.low and round(row.low, 6),
                        row.high and round(row.high, 6),
                        _short(row.side_ns),
                        row.margin,
                        _short(row.smallest_visible),
                        row.pairs_to_settle,
                        row.metric,
                        row.below_margin,
                    ]
                    for row in found
                ],
            }
        )
    return {
        "baseline": looks[0].name,
        "sides": sides,
        "words": WORDS,
        "signs": [*SIGNS.values()],
        "rows": rows,
        "cells": CELLS,
        "forest": forest_spec(looks[1:], summary.margin, looks[0].name),
        "opened": [
            row_spec(look, looks[0], summary.margin) for look in looks[1:]
        ],
    }  # fmt: skip


def _short(value: float | None) -> float | None:
    """Return a number as precise as it is shown, so that it is short in the file."""
    return None if value is None else float(f"{value:.4g}")


def details_data(contents: Contents, lines: Sequence[Line]) -> Any:
    """Return the pairs behind the verdicts, in columns, which pack well.

    By line: the numbers of the ``pair``, who was ``first``, the baseline's time ``b``
    and warm-up ``w``; and by side, "" for the baseline's copy, its ratios ``r``, times
    ``t`` and warm-up ``w``. None where a side has no such pair.
    """
    place = {line.row: number for number, line in enumerate(lines)}
    found: dict[int, dict[str, Any]] = {}
    by_row: dict[str, list[RowDetail]] = {}
    for detail in contents.details:
        by_row.setdefault(detail.row, []).append(detail)
    for row, of_row in by_row.items():
        if row not in place:
            continue
        pairs = {pair.pair: pair for detail in of_row for pair in detail.pairs}
        numbers = sorted(pairs)
        found[place[row]] = {
            "pair": numbers,
            "first": [pairs[number].first for number in numbers],
            "b": [_shown(pairs[number].baseline_ns) for number in numbers],
            "w": [_shown(value) for value in of_row[0].warm_up.baseline],
            "sides": {
                "" if detail.is_twin else detail.side: _side_columns(detail, numbers)
                for detail in of_row
            },
        }
    return found


def _side_columns(detail: RowDetail, numbers: Sequence[int]) -> dict[str, Any]:
    own = {pair.pair: pair for pair in detail.pairs}
    pairs = [own.get(number) for number in numbers]
    return {
        "r": [pair and round(pair.ratio, 4) for pair in pairs],
        "t": [pair and _shown(pair.side_ns) for pair in pairs],
        "w": [_shown(value) for value in detail.warm_up.side],
    }


def _shown(value: float) -> float | int:
    """Return a number with the three digits that are shown of it."""
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded.is_integer() else rounded


def environment_of(contents: Contents) -> list[Mapping[str, str]]:
    """Return one table per side: what its identity says, as text."""
    if contents.run is None:
        return []
    tables: list[Mapping[str, str]] = []
    for side in contents.run.sides.values():
        identity = side.identity
        extension = identity.extension
        tables.append(
            {
                "side": side.name + (f", copy of {side.twin_of}" * bool(side.twin_of)),
                "interpreter": f"{identity.interpreter}, {identity.gil_state}",
                "Python": side.python,
                "build": " ".join(identity.build_flags) or "no flags",
                "JIT": identity.jit,
                "extension": f"{extension.compiler}, {extension.flags}"
                if extension
                else "not built",
                "machine": f"{identity.cpu_model}, {identity.machine}, "
                f"{identity.system}",
                "CPUs": f"{identity.usable_cpus} usable"
                + (f", quota {identity.quota}" if identity.quota else ""),
            }
        )
    return tables
