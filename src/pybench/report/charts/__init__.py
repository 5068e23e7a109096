"""Charts of a report: specifications of Vega-Lite 5, and the tables behind them.

Plain dictionaries rather than altair's objects: a test holds them against altair's
schema, and a notebook without the host's libraries shows its charts all the same.
None of them decides anything.
"""

from __future__ import annotations

from pybench.report.charts.chart import Chart
from pybench.report.charts.drawing import MISSING, is_here, javascript, svg_of
from pybench.report.charts.looks import Look, looks_of
from pybench.report.charts.opened_row import row_spec, row_values
from pybench.report.charts.recorded import recorded
from pybench.report.charts.scaling import scaling_spec, speed_ups
from pybench.report.charts.verdicts import forest_spec

__all__ = [
    "MISSING",
    "Chart",
    "Look",
    "forest_spec",
    "is_here",
    "javascript",
    "looks_of",
    "recorded",
    "row_spec",
    "row_values",
    "scaling_spec",
    "speed_ups",
    "svg_of",
]
