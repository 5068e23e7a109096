"""Charts of a report: specifications of Vega-Lite 5, and the tables behind them.

Plain dictionaries rather than altair's objects: a test holds them against altair's
schema, and a notebook without the host's libraries shows its charts all the same.
None of them decides anything.
"""

from __future__ import annotations

from pybench.report.charts.chart import Chart
from pybench.report.charts.drawing import MISSING, is_here, javascript, svg_of
from pybench.report.charts.looks import Look, in_plain_inks, looks_of
from pybench.report.charts.opened_row import row_spec, row_values
from pybench.report.charts.verdicts import CELLS, forest_spec
from pybench.report.charts.views import (
    HEADINGS,
    VIEWS,
    charts_of,
    forest_of,
    looks_of_summary,
    row_value,
)

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
    "row_value",
    "row_values",
    "svg_of",
]
