"""The rows of a comparison in words, a cell per contender: what every format shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pybench.records.outcomes import FAILURES, ReasonKind
from pybench.records.saved_comparison import (
    CONTROL,
    SavedComparison,
    SavedRowSummary,
    ranked,
)
from pybench.records.summary import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    LESS,
    MORE,
    NO_VERDICT,
    SLOWER,
    RowSummary,
    Summary,
)
from pybench.records.texts import printable
from pybench.report.labels import (
    UNREPLICATED,
    count_words,
    duration,
    hosts_of,
    interval,
    point,
    saved_point,
)
from pybench.report.row_names import short_names

# What is read first: confirmed, undecided, what has a ratio and no verdict, equivalent.
_PLACES = {
    SLOWER: 0, FASTER: 0, INCONCLUSIVE: 1, NO_VERDICT: 2, CONTROL: 2, EQUIVALENT: 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row of one contender.

    `point` is sign and ratio, `around` the interval or what explains a change, `word`
    what qualifies the ratio; `ratio` is the number, None where there is none. `pairs`
    are those that it has, of about how many it takes. `place` says when it is read.
    """

    verdict: str
    place: int
    ratio: float | None
    point: str
    around: str
    time: str
    word: str = ""
    pairs: str = ""
    reason: str = ""
    hosts: str = ""
    is_withheld: bool = False
    count: str = ""
    differs: bool = False  # by its count
    uncounted: str = ""

    def text(self, *parts: str, between: str = " ") -> str:
        """Return those of these parts that there are."""
        return between.join(filter(None, (getattr(self, part) for part in parts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of all contenders; `name` tells it from the others, and is short.

    `why` says of a row without any ratio what became of it, on which arms, and
    `is_failed` that something went wrong.
    """

    row: str
    name: str
    category: str
    area: str
    baseline: str
    baseline_ns: float | None
    cells: Mapping[str, Cell]
    why: str = ""
    is_failed: bool = False

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
            area=known.group or "",
            baseline=duration(known.baseline_ns),
            baseline_ns=known.baseline_ns,
            cells={arm: _cell(cells[arm]) for arm in arms if arm in cells},
            why=_why(cells.values(), [arm.name for arm in comparison.sides]),
            is_failed=any(
                of.kind in FAILURES for cell in cells.values() for of in cell.reasons
            ),
        )
        for row, cells in by_row.items()
        for known in [next(iter(cells.values()))]
    ]


def _why(cells: Iterable[RowSummary], arms: Sequence[str]) -> str:
    """Say what became of a row without a ratio, once for the arms that it holds for."""
    there = [*cells]
    if any(cell.ratio is not None for cell in there):
        return ""
    of_text: dict[str, list[str]] = {}
    for cell in there:
        for reason in cell.reasons:
            text = reason.text.removeprefix(f"{reason.culprit}: ")
            of_text.setdefault(text, []).append(reason.culprit)
    if not of_text:
        return printable("; ".join(dict.fromkeys(cell.reason for cell in there)))
    whys = []
    for text, culprits in of_text.items():
        if {*culprits} >= {*arms}:
            where = "both sides" if len(arms) == 2 else "all sides"
        else:
            where = ", ".join(dict.fromkeys(filter(None, culprits)))
        whys.append(f"{where}: {text}" if where else text)
    return printable("; ".join(whys))


def _cell(row: RowSummary) -> Cell:
    needed = row.pairs_to_settle
    return Cell(
        verdict=row.verdict,
        place=_PLACES[row.verdict],
        ratio=row.ratio,
        point=point(row),
        around=interval(row),
        time=duration(row.side_ns),
        pairs=f"{row.pairs} of {needed}" if needed else str(row.pairs or ""),
        reason=row.reason,
        hosts="" if row.between is None else printable(hosts_of(row)),
        is_withheld=any(of.kind == ReasonKind.WITHHELD for of in row.reasons),
        count=count_words(row.instructions) if row.instructions else "",
        uncounted=printable(row.instructions.reason) if row.instructions else "",
        differs=bool(row.instructions and row.instructions.verdict in (MORE, LESS)),
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
            area=known.group or "",
            baseline=duration(known.baseline_s * 1e9),
            baseline_ns=known.baseline_s * 1e9,
            cells={arm: _saved_cell(cell) for arm, cell in cells.items()},
        )
        for cells in ranked(comparison)
        for known in [next(iter(cells.values()))]
    ]


def _saved_cell(row: SavedRowSummary) -> Cell:
    return Cell(
        verdict=row.word,
        place=0 if row.beyond else _PLACES[row.word],
        ratio=row.ratio,
        point=saved_point(row),
        around="" if row.explained is None else f"±{row.explained:.1%}",
        time=f"{duration(row.side_s * 1e9):>7}",
        word=UNREPLICATED * row.unreplicated,
        reason=row.reason,
    )
