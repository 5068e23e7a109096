"""The rows of a comparison in words, a cell per contender: what every format shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pybench.records.outcomes import ReasonKind
from pybench.records.saved_comparison import (
    SavedComparison,
    SavedRowSummary,
    ranked,
)
from pybench.records.summary import RowSummary, Summary
from pybench.records.texts import printable
from pybench.report.labels import (
    UNREPLICATED,
    duration,
    interval,
    point,
    saved_point,
)
from pybench.report.row_names import short_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row of one contender.

    `point` is sign and ratio, `around` the interval or what explains a change, `word`
    what qualifies the ratio. `notes` are for below the row.
    """

    verdict: str
    point: str
    around: str
    time: str
    word: str = ""
    pairs: str = ""
    reason: str = ""
    is_withheld: bool = False
    notes: Sequence[str] = ()

    def text(self, *parts: str, between: str = " ") -> str:
        """Return those of these parts that there are."""
        return between.join(filter(None, (getattr(self, part) for part in parts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of all contenders; `name` tells it from the others, and is short."""

    row: str
    name: str
    category: str
    baseline: str
    cells: Mapping[str, Cell]

    def text(self, arm: str, *parts: str) -> str:
        """Return these parts of one cell; of an arm without the row nothing."""
        return self.cells[arm].text(*parts) if arm in self.cells else ""


def lines_of(comparison: Summary | SavedComparison) -> list[Line]:
    """Return the rows of a run in its order, those of saved files largest first."""
    if isinstance(comparison, SavedComparison):
        return _of_saved(comparison)
    by_row: dict[str, dict[str, RowSummary]] = {}
    for row in comparison.rows:
        by_row.setdefault(row.row, {})[row.side] = row
    names = short_names(by_row)
    arms = [arm.name for arm in comparison.sides[1:]]
    return [
        Line(
            row=row,
            name=names[row],
            category=known.category,
            baseline=duration(known.baseline_ns),
            cells={arm: _cell(cells[arm]) for arm in arms if arm in cells},
        )
        for row, cells in by_row.items()
        for known in [next(iter(cells.values()))]
    ]


def _cell(row: RowSummary) -> Cell:
    notes = [printable(row.reason)] if row.reason else []
    if row.pairs_to_settle is not None:
        notes.append(f"about {row.pairs_to_settle} pairs to settle")
    return Cell(
        verdict=row.verdict,
        point=point(row),
        around=interval(row),
        time=duration(row.side_ns),
        pairs=str(row.pairs or ""),
        reason=row.reason,
        is_withheld=any(of.kind == ReasonKind.WITHHELD for of in row.reasons),
        notes=notes,
    )


def names_of(comparison: SavedComparison) -> dict[str, str]:
    """Return the names of all rows of saved files, of those not compared too."""
    rows = [row.row for row in comparison.rows]
    rows += [row for part in comparison.one_sided for row in part.rows]
    return short_names([*rows, *(row.row for row in comparison.left_out)])


def _of_saved(comparison: SavedComparison) -> list[Line]:
    names = names_of(comparison)
    return [
        Line(
            row=known.row,
            name=names[known.row],
            category=known.part,
            baseline=duration(known.baseline_s * 1e9),
            cells={arm: _saved_cell(cell) for arm, cell in cells.items()},
        )
        for cells in ranked(comparison)
        for known in [next(iter(cells.values()))]
    ]


def _saved_cell(row: SavedRowSummary) -> Cell:
    return Cell(
        verdict=row.word,
        point=saved_point(row),
        around="" if row.explained is None else f"±{row.explained:.1%}",
        time=f"{duration(row.side_s * 1e9):>7}",
        word=UNREPLICATED * row.unreplicated,
        reason=row.reason,
    )
