"""The terminal: verdict first, then tables of at most 100 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pybench.records.saved_comparison import SavedComparison
from pybench.records.summary import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER, Summary
from pybench.records.texts import printable
from pybench.report.labels import shortened
from pybench.report.row_names import distinct
from pybench.report.tables import Cell, Line, lines_of
from pybench.report.words import words_of

WIDTH = 100
_STYLES = {SLOWER: "bold red", FASTER: "bold green", INCONCLUSIVE: "dim"}

# The columns for the name of a row (the least), for a time, and between two cells.
_NAME, _TIME, _GAP = 22, 8, 2
# For the name of an arm above its times.
_HEAD = 12
# What names of rows get beside the columns of saved files, where they are so long.
_MOST_NAME = 40


def show(
    comparison: Summary | SavedComparison, console: Console, *, everything: bool = False
) -> None:
    """Print a comparison.

    Rows that are equivalent, and those that one of two files has alone, are only
    counted unless `everything` is asked for.
    """
    words = words_of(comparison, everything=everything)
    lines = lines_of(comparison)
    width = min(WIDTH, console.width)
    _say(console, words.verdict, style="bold")
    for text in words.head:
        _say(console, text)
    if isinstance(comparison, SavedComparison):
        console.print()
        console.print(_saved_table(comparison, lines))
    else:
        _show_rows(console, comparison, lines, width, all_=everything)
    for heads, rows in (
        (words.mean_heads, words.means),
        (words.value_heads, words.values),
    ):
        if rows:
            console.print()
            console.print(_small_table(heads, rows), width=width)
    for text in [*words.alone, words.legend, *words.marks]:
        _say(console, text)
    if words.command:
        # In one piece, to be copied.
        console.print(Text(printable(words.command)), soft_wrap=True)


def _say(console: Console, text: str, *, style: str = "") -> None:
    """Print a line, broken where it does not fit."""
    shown = Text(printable(text), style=style, overflow="fold")
    console.print(shown, width=min(WIDTH, console.width))


def _show_rows(
    console: Console, summary: Summary, lines: Sequence[Line], width: int, *, all_: bool
) -> None:
    """Print all contenders beside each other if there is room, or each by itself."""
    arms = [*summary.counts]
    between = _that_fits(lines, len(arms), width) if len(arms) > 1 else None
    for group in [arms] if between else [[arm] for arm in arms]:
        known = [line for line in lines if not line.cells.keys().isdisjoint(group)]
        shown = [line for line in known if all_ or _is_telling(line, group)]
        if shown:
            console.print()
            baseline = summary.sides[0].name
            if between is None:
                console.print(_alone(baseline, group[0], shown, width))
            else:
                room = _widest(lines, between)
                console.print(_beside(baseline, group, shown, room, between, width))
                for line in shown:
                    for arm, cell in line.cells.items():
                        for note in cell.notes:
                            text = note.removeprefix(f"{arm}: ")
                            _say(console, f"{line.name}, {arm}: {text}", style="dim")
        hidden = len(known) - len(shown)
        if hidden:
            are = "1 row is" if hidden == 1 else f"{hidden} rows are"
            _say(console, f"{are} equivalent (to see all: --all)")


def _is_telling(line: Line, arms: Sequence[str]) -> bool:
    cells = (line.cells[arm] for arm in arms if arm in line.cells)
    return any(cell.verdict != EQUIVALENT for cell in cells)


def _that_fits(lines: Sequence[Line], arms: int, width: int) -> str | None:
    """Return what stands between ratio and interval so that all arms fit, if they do.

    The interval stands beside the ratio, or where that is too wide beneath it.
    """
    for between in (" ", "\n "):
        if _NAME + _GAP + _TIME + arms * (_GAP + _widest(lines, between)) <= width:
            return between
    return None


def _widest(lines: Sequence[Line], between: str) -> int:
    cells = (cell for line in lines for cell in line.cells.values())
    texts = (cell.text("point", "around", between=between) for cell in cells)
    return max((len(part) for text in texts for part in text.splitlines()), default=0)


def _grid(width: int, heads: Sequence[str], right: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False, width=width, header_style="bold")
    table.add_column("row", overflow="fold", ratio=1)
    for number, head in enumerate(heads, 1):
        justify: Literal["left", "right"] = "right" if number in right else "left"
        table.add_column(Text(printable(head)), justify=justify, no_wrap=True)
    return table


def _ratio(cell: Cell, between: str = " ") -> Text:
    text = cell.text("point", "around", between=between)
    return Text(text, style=_STYLES.get(cell.verdict, ""))


def _alone(baseline: str, arm: str, lines: Sequence[Line], width: int) -> Table:
    """Lay out one arm: its time, its ratio, and what is to be said of a row."""
    heads = distinct([baseline, arm], _HEAD)
    columns = (heads[baseline], heads[arm], "time ratio", "pairs")
    table = _grid(width, columns, right=(1, 2, 4))
    for line in lines:
        cell = line.cells[arm]
        # Texts: brackets are markup otherwise.
        name, then, now, pairs = map(
            Text, (line.name, line.baseline, cell.time, cell.pairs)
        )
        table.add_row(name, then, now, _ratio(cell), pairs)
        for note in cell.notes:
            table.add_row(Text(f"  {note}", style="dim"))
    return table


def _beside(
    baseline: str,
    arms: Sequence[str],
    lines: Sequence[Line],
    room: int,
    between: str,
    width: int,
) -> Table:
    """Lay out the ratios of several arms, whose names are no wider than their cells."""
    heads = distinct(arms, room)
    of_baseline = shortened(printable(baseline), _TIME)
    table = _grid(width, [of_baseline, *(heads[arm] for arm in arms)], right=(1,))
    for line in lines:
        ratios = (_ratio(line.cells[arm], between) for arm in arms)
        table.add_row(Text(line.name), Text(line.baseline), *ratios)
    return table


def _saved_table(comparison: SavedComparison, lines: Sequence[Line]) -> Table:
    """Lay the rows out, a column per file, as much in it as there is room for.

    Heads are never cut: where the names have no room, the columns have the numbers
    that the head lines give to the files.
    """
    names = [file.name for file in comparison.files]
    numbers = [f"[{number}]" for number in range(1, len(names) + 1)]
    room = WIDTH - min(max(cell_len(line.name) for line in lines), _MOST_NAME)
    body: list[list[str]] = []
    taken = 0
    heads = names
    for heads, parts in (
        (names, ("time", "point", "word", "around")),
        (names, ("time", "point", "around")),
        (numbers, ("time", "point", "around")),
        (numbers, ("point", "around")),
    ):
        body = [
            [line.baseline, *(line.text(file, *parts) for file in names[1:])]
            for line in lines
        ]
        columns = zip(heads, *body, strict=True)
        taken = sum(max(map(cell_len, column)) + _GAP for column in columns)
        if taken <= room:
            break
    # Nothing is coloured: most cells are of one process an arm.
    # One that has still no room is wider than the others.
    table = _grid(max(WIDTH, taken + WIDTH - room), heads, right=(1,))
    for line, texts in zip(lines, body, strict=True):
        table.add_row(*map(Text, (line.name, *texts)))
    return table


def _small_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(Text(printable(head)), overflow="fold")
    for cells in rows:
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
