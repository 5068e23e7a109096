"""Charts of a report: specifications of Vega-Lite 5, and the tables behind them."""

from __future__ import annotations

from pybench.records.contents import Contents
from pybench.report.charts.chart import HEADINGS, VIEWS, Chart
from pybench.report.charts.comparison import comparison_charts
from pybench.report.charts.drawing import MISSING, is_here, javascript, svg_of
from pybench.report.charts.forest import (
    CELLS,
    forest_of,
    forest_spec,
    looks_of_summary,
)
from pybench.report.charts.looks import Look, looks_of
from pybench.report.charts.opened_row import row_spec
from pybench.report.charts.profiles import profile_charts
from pybench.report.charts.vega import in_plain_inks

__all__ = [
    "CELLS",
    "HEADINGS",
    "MISSING",
    "VIEWS",
    "Chart",
    "Look",
    "charts_of",
    "forest_of",
    "forest_spec",
    "in_plain_inks",
    "is_here",
    "javascript",
    "looks_of",
    "looks_of_summary",
    "row_spec",
    "svg_of",
]


def charts_of(contents: Contents) -> list[Chart]:
    """Return the charts of a report, in the order of the questions they answer."""
    charts = [*comparison_charts(contents), *profile_charts(contents.profiles)]
    return sorted(charts, key=lambda chart: VIEWS.index(chart.view))
