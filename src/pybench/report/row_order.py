"""In which order rows are read: what changed most first, equal reasons once.

Every format takes its rows from here, so that they stand in one order everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pybench.records.summary import EQUIVALENT, Summary
from pybench.report.tables import Cell, Line, lines_of

CHANGE = "change"
SORTS = (CHANGE, "ratio", "time", "name", "suite")
VERDICT = "verdict"
GROUPS = (VERDICT, "category", "area", "none")

_TITLES = ("confirmed", "undecided", "no verdict", EQUIVALENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows under one title; `why` is the reason of all, where none has a ratio."""

    title: str
    lines: Sequence[Line]
    why: str = ""

    @property
    def heading(self) -> str:
        """The title with the number of its rows."""
        rows = f"{len(self.lines)} row{'s' * (len(self.lines) != 1)}"
        return ": ".join(filter(None, (self.title, rows)))


def sections_of(
    lines: Sequence[Line], *, sort: str | None = None, group: str | None = None
) -> list[Section]:
    """Return rows as they are read; those without any ratio come last, by reason.

    Parameters
    ----------
    sort : str, optional
        One of `SORTS`: the largest change first, the longest time, or in the order of
        names or of the suite. By default by change, confirmed ones first.
    group : str, optional
        One of `GROUPS`, by default the verdict.
    """
    known = [line for line in lines if not line.why]
    ordered = sorted(known, key=_KEYS[sort or CHANGE])
    title = _NAMES[group or VERDICT]
    by_title: dict[str, list[Line]] = {}
    for line in ordered:
        by_title.setdefault(title(line), []).append(line)
    titles = [*by_title]
    if title is _verdict:
        titles.sort(key=_TITLES.index)
    elif group != "none":
        titles.sort()
    return [Section(title=title, lines=by_title[title]) for title in titles] + [
        Section(title="", lines=of, why=why) for why, of in _by_reason(lines)
    ]


def _by_reason(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    """Return the rows without a ratio by reason: failures first, then the most rows."""
    by_why: dict[str, list[Line]] = {}
    for line in lines:
        if line.why:
            by_why.setdefault(line.why, []).append(line)
    return sorted(by_why.items(), key=lambda of: (not of[1][0].is_failed, -len(of[1])))


def of_arms(lines: Sequence[Line], arms: Sequence[str]) -> list[Line]:
    """Return the rows that some of these arms have, with the cells of these alone."""
    narrowed = [
        replace(line, cells={arm: line.cells[arm] for arm in arms if arm in line.cells})
        for line in lines
    ]
    return [line for line in narrowed if line.cells]


def in_order(summary: Summary, sort: str | None, group: str | None) -> Summary:
    """Return a summary with its rows in the order of its tables."""
    sections = sections_of(lines_of(summary), sort=sort, group=group)
    lines = (line for section in sections for line in section.lines)
    place = {line.row: number for number, line in enumerate(lines)}
    return replace(
        summary, rows=tuple(sorted(summary.rows, key=lambda row: place[row.row]))
    )


def _first(line: Line) -> Cell:
    """Return the cell that a row is ranked by."""
    return min(line.cells.values(), key=_rank)


def _rank(cell: Cell) -> tuple[int, float, float]:
    """Rank as `records.saved_comparison.ranked` does: up and down alike by size."""
    ratio = cell.ratio or 1.0
    return cell.place, -round(abs(math.log(ratio)), 9), -ratio


def _verdict(line: Line) -> str:
    return _TITLES[_first(line).place]


_KEYS: Mapping[str, Callable[[Line], tuple[object, ...]]] = {
    CHANGE: lambda line: _rank(_first(line)),
    "ratio": lambda line: (-max(cell.ratio or 0.0 for cell in line.cells.values()),),
    "time": lambda line: (-(line.baseline_ns or 0.0),),
    "name": lambda line: (line.name,),
    "suite": lambda line: (),
}
_NAMES: Mapping[str, Callable[[Line], str]] = {
    VERDICT: _verdict,
    "category": lambda line: line.category or "no category",
    "area": lambda line: " ".join(filter(None, (line.category, line.area))),
    "none": lambda line: "",
}
