"""The table of rows that were profiled in detail: a line each, for a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pybench.records.row_detail import DetailedRow

_WIDTH = 110

# How cProfile writes a function, and what is shown of it. Of code that was generated
# for a row that is the statement.
_FORMS = (
    (re.compile(r"<statement: (.*)>:\d+\(.*\)", re.DOTALL), r"\1"),
    (re.compile(r"~:0\(<method '(\w+)' of '([\w.]+)' objects>\)"), r"\2.\1"),
    (re.compile(r"~:0\(<(?:built-in method )?(.+)>\)"), r"\1"),
)


def detail_lines(rows: Sequence[DetailedRow]) -> list[str]:
    """Lay the rows out: one line each, with its dearest function."""
    head = f"{'memory in KiB':<47} {'peak':>9} {'grown':>8} {'traced':>8}  most time in"
    lines = ["", head]
    for row in rows:
        function, bracket, parameters = row.fullname.partition("[")
        name = function.rpartition("::")[2].removeprefix("test_") + bracket + parameters
        line = (
            f"{name:<47} {_kibibytes(row.rss_peak_bytes):>9} "
            f"{_grown(row.rss_before_bytes, row.rss_peak_bytes):>8} "
            f"{_grown(row.traced_before_bytes, row.traced_peak_bytes):>8}  "
            f"{_dearest(row)}"
        )
        lines.append(line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…")
        if row.loop:
            lines.append(f"  kernel {row.kernel}, C function {row.loop}")
        lines += [f"  {problem}" for problem in row.problems]
    return lines


def _dearest(row: DetailedRow) -> str:
    """Name the function with the most time of its own, and its share."""
    total = sum(function.own_s for function in row.functions)
    if total:
        first = row.functions[0]
        return f"{first.own_s / total:.0%} {short_name(first.name)}"
    if row.is_native:
        return f"C: {row.loop}" if row.loop else "native kernel"
    return "-"


def short_name(name: str) -> str:
    """Shorten the name of a function: no folders, no brackets around C."""
    for form, shown in _FORMS:
        if form.fullmatch(name):
            return form.sub(shown, name)
    return name.rpartition("/")[2]


def _grown(before: int | None, peak: int | None) -> str:
    """Return by how much the peak is above what was there; the two may lag a page."""
    if before is None or peak is None:
        return "-"
    return _kibibytes(max(0, peak - before))


def _kibibytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 1024:,.0f}"
