"""Charts of a report: specifications of Vega-Lite 5, and the tables behind them."""

from pybench.records.contents import Contents
from pybench.report.charts.chart import VIEWS, Chart
from pybench.report.charts.comparison import comparison_charts
from pybench.report.charts.profiles import profile_charts


def charts_of(contents: Contents) -> list[Chart]:
    """Return the charts of a report, in the order of the questions they answer."""
    charts = [*comparison_charts(contents), *profile_charts(contents.profiles)]
    return sorted(charts, key=lambda chart: VIEWS.index(chart.view))
