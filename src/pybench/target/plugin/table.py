"""Which columns the stock table gets, so that it fits a terminal, and raw data cut.

Only defaults are set here: whatever the user says with an option of pytest-benchmark
stays. The widths follow `pytest_benchmark.table`; a test holds them to its output.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from pybench.target.plugin.command_line import said_value

WIDTH = 110

# What of the stock ten columns is worth its width; the first that fits is taken.
COLUMN_CHOICES = (("median", "iqr", "rounds"), ("median", "iqr"), ("median",))

# What stock writes below its tables, by the column that each line explains.
_STOCK_LEGEND = {"outliers": "  Outliers: ", "ops": "  OPS: "}
_LEGEND = "Legend:"
_IQR = "  IQR: InterQuartile Range, the 3rd quartile of the rounds minus the 1st"
_COMMON = ("min", "max", "mean", "stddev")

_LABELS = {"median": "Median", "iqr": "IQR", "rounds": "Rounds"}
_UNIT_LABEL = len("Name (time in ns)")
_RATIO = 10  # " (123.45)  " after each time of a table of several rows


def fit_columns(
    groups: Iterable[tuple[Sequence[str], Sequence[Mapping[str, Any]]]],
    scales: Iterable[float],
    width: int = WIDTH,
) -> tuple[str, ...]:
    """Choose the columns so that every table fits into `width` characters.

    `groups` has the names as printed and the flat statistics of each table, `scales`
    the factor from seconds to its unit. Returns the first of `COLUMN_CHOICES` that fits
    everywhere, else the last.
    """
    tables = list(zip(groups, scales, strict=True))
    for columns in COLUMN_CHOICES:
        if all(
            table_width(names, rows, columns, scale) <= width
            for (names, rows), scale in tables
        ):
            return columns
    return COLUMN_CHOICES[-1]


def table_width(
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    scale: float,
) -> int:
    """Return the width of a stock table in characters."""
    ratio = 0 if len(rows) == 1 else _RATIO
    total = 3 + max(_UNIT_LABEL, *map(len, names))
    for column in columns:
        if column == "rounds":
            shown = max(len(str(row[column])) for row in rows)
            total += 2 + max(len(_LABELS[column]), shown)
        else:
            shown = max(len(f"{row[column] * scale:,.4f}") for row in rows)
            total += 2 + max(len(_LABELS[column]), shown) + ratio
    return total


def footer_lines(columns: Sequence[str]) -> list[str]:
    """Return what is said below the tables of these columns beside stock's legend."""
    lines = [_IQR] * ("iqr" in columns)
    hidden = [column for column in _COMMON if column not in columns]
    if hidden:
        option = ",".join([*_COMMON, "median", "iqr", "rounds"])
        lines.append(f"  {', '.join(hidden)}: --benchmark-columns={option}")
    return lines


def explains_hidden(line: str, columns: Sequence[str]) -> bool:
    """Tell whether a line of stock's legend is of a column that is not shown."""
    return any(
        line.startswith(begin) and column not in columns
        for column, begin in _STOCK_LEGEND.items()
    )


def thin(values: Sequence[float], limit: int) -> list[float]:
    """Pick at most `limit` values, evenly spaced, first and last among them.

    The order in time is kept: a drift in the raw data stays visible.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    if len(values) <= limit:
        return list(values)
    if limit == 1:
        return [values[0]]
    step = (len(values) - 1) / (limit - 1)
    return [values[round(index * step)] for index in range(limit)]


class TableDefaults:
    """Sets what of the stock table is shown, where the user did not in his `words`."""

    def __init__(self, config: pytest.Config, words: Sequence[str]) -> None:
        self._config = config
        self._words = words
        self._sorts_by_name = False
        # Other people's suites keep the stock table; `rows` sets it for ours.
        self.is_wanted = False

    @pytest.hookimpl(wrapper=True)
    def pytest_terminal_summary(
        self, terminalreporter: "pytest.TerminalReporter"
    ) -> Iterator[None]:
        """Set the defaults before the stock hook prints."""
        stock = self._config._benchmarksession  # type: ignore[attr-defined]
        if not self.is_wanted or not stock.groups:
            return (yield)
        self._set(stock, terminalreporter)
        reporter: Any = terminalreporter
        write_line = reporter.write_line

        def write_shown(line: str, **markup: bool) -> None:
            if not explains_hidden(line, stock.columns):
                write_line(line, **markup)
            if line == _LEGEND:
                for more in footer_lines(stock.columns):
                    write_line(more)

        reporter.write_line = write_shown
        try:
            return (yield)
        finally:
            del reporter.write_line  # the method of its class is there again

    def _set(self, stock: Any, reporter: "pytest.TerminalReporter") -> None:
        from pytest_benchmark import table, utils

        if said_value(self._words, "--benchmark-name") is None:
            stock.name_format = utils.NAME_FORMATTERS["short"]
        if said_value(self._words, "--benchmark-sort") is None:
            # Compared, the two rows of a pair must stand together.
            self._sorts_by_name = bool(stock.compared_mapping)
            stock.sort = "name" if self._sorts_by_name else "median"
        if said_value(self._words, "--benchmark-columns") is not None:
            return
        best_worst: Any = table.compute_best_worst
        groups, scales = [], []
        for _, rows in stock.groups:
            best, worst = best_worst(rows, utils.report_noprogress, reporter, "")
            _, scale = self._config.hook.pytest_benchmark_scale_unit(
                config=self._config,
                unit="seconds",
                benchmarks=sorted(rows, key=lambda row: row[stock.sort]),
                best=best,
                worst=worst,
                sort=stock.sort,
            )
            groups.append(([stock.name_format(row) for row in rows], rows))
            scales.append(scale)
        stock.columns = list(fit_columns(groups, scales))

    @pytest.hookimpl(tryfirst=True)
    def pytest_benchmark_scale_unit(
        self, unit: str, best: Mapping[str, float]
    ) -> tuple[str, float] | None:
        """Scale a table sorted by name to its fastest row.

        Stock takes its first row; after a slow one the fast ones would read 0.0000.
        """
        from pytest_benchmark import utils

        chosen = self._config.getoption("benchmark_time_unit", None)
        if unit != "seconds" or not self._sorts_by_name or chosen not in (None, "auto"):
            return None
        time_unit: Any = utils.time_unit
        scale: tuple[str, float] = time_unit(best["min"])
        return scale
