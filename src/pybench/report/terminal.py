"""The terminal: verdict first, then tables of at most 100 columns, changes first.

A long table is cut where not all is asked for: what is read in a minute is its top.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pybench.records.run import TIME
from pybench.records.saved_comparison import SavedComparison
from pybench.records.summary import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER, Summary
from pybench.records.texts import printable
from pybench.report.labels import shortened
from pybench.report.row_names import distinct
from pybench.report.row_order import Section, of_arms, sections_of
from pybench.report.tables import Cell, Line, lines_of
from pybench.report.words import SPENT_HEADS, counted, spent_rows, words_of

WIDTH = 100
_STYLES = {SLOWER: "bold red", FASTER: "bold green", INCONCLUSIVE: "dim"}

# The columns for the name of a row (the least), for a time below the name of an arm
# such as 3.14t+gil, and between two cells.
_NAME, _TIME, _GAP = 22, 9, 2
# For the name of an arm above its times.
_HEAD = 12
# What names of rows get beside the columns of saved files, where they are so long.
_MOST_NAME = 40
# Rows of one table where not all are asked for, shared among its sections.
_MOST_ROWS, _LEAST_OF_SECTION = 80, 5
# Rows that a reason names.
_NAMED = 3


def show(
    comparison: Summary | SavedComparison,
    console: Console,
    *,
    everything: bool = False,
    sort: str | None = None,
    group: str | None = None,
    verbose: bool = False,
) -> None:
    """Print a comparison, its rows as `sections_of` sorts and groups them.

    Rows that are equivalent, those that one of two files has alone, and the smaller
    changes of a long table are only counted unless `everything` is asked for. With
    `verbose` there is a table of where the time of a run went.
    """
    words = words_of(comparison, everything=everything)
    lines = lines_of(comparison)
    width = min(WIDTH, console.width)
    _say(console, words.verdict, style="bold")
    for text in words.head:
        _say(console, text)
    if isinstance(comparison, SavedComparison):
        console.print()
        if sort or group:
            sections = sections_of(lines, sort=sort, group=group or "none")
        else:
            sections = [Section(title="", lines=lines)]  # ranked already
        console.print(_saved_table(comparison, sections))
    elif TIME in comparison.metrics:
        _show_rows(console, comparison, lines, width, (sort, group), all_=everything)
    for heads, rows in (
        (words.mean_heads, words.means),
        (words.value_heads, words.values),
        (words.count_heads, words.counts),
    ):
        if rows:
            console.print()
            console.print(_small_table(heads, rows), width=width)
    if verbose and isinstance(comparison, Summary):
        rows = spent_rows(comparison)
        _say(console, "" if rows else "where the time went: not recorded in this run")
        if rows:
            console.print(_small_table(SPENT_HEADS, rows), width=width)
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
    console: Console,
    summary: Summary,
    lines: Sequence[Line],
    width: int,
    order: tuple[str | None, str | None],
    *,
    all_: bool,
) -> None:
    """Print all contenders beside each other if there is room, or each by itself."""
    arms = [*summary.counts]
    is_alone = len(arms) == 1 or bool(summary.counter)
    between = None if is_alone else _that_fits(lines, len(arms), width)
    there = [line for line in lines if not line.why]
    baseline = summary.sides[0].name
    for of_group in [arms] if between else [[arm] for arm in arms]:
        known = of_arms(there, of_group)
        shown = [line for line in known if all_ or _is_telling(line)]
        sections = sections_of(shown, sort=order[0], group=order[1])
        most = max(_LEAST_OF_SECTION, _MOST_ROWS // max(1, len(sections)))
        if all_ or len(shown) <= most:
            most = len(shown)
        if shown:
            console.print()
            console.print(_table(baseline, of_group, sections, most, between, width))
        hidden = len(known) - len(shown)
        if hidden:
            are = "1 row is" if hidden == 1 else f"{hidden} rows are"
            _say(console, f"{are} equivalent (to see all: --all)")
        for text in [*_reasons(shown), *_hosts(shown, all_=all_)]:
            _say(console, text, style="dim")
    _show_without(console, [line for line in lines if line.why], width, all_=all_)


def _show_without(
    console: Console, lines: Sequence[Line], width: int, *, all_: bool
) -> None:
    """Print the rows that have no ratio on any arm, a line for each reason."""
    if not lines:
        return
    console.print()
    _say(console, f"without a ratio: {counted(len(lines))}", style="bold")
    for section in sections_of(lines):
        text = f"{len(section.lines):4}  {section.why}"
        if all_ or section.lines[0].is_failed:
            _say(console, f"{text}: {_named(section.lines, all_=all_)}")
        else:
            # What to install stands at the end of a reason, and is kept.
            _say(console, shortened(text, width))


def _reasons(lines: Sequence[Line]) -> Iterator[str]:
    """Say once for all cells why they have no verdict, or no ratio."""
    by_reason: dict[str, list[Line]] = {}
    for line in lines:
        for arm, cell in line.cells.items():
            if cell.reason:
                reason = cell.reason.removeprefix(f"{arm}: ")
                about = "" if cell.is_withheld or len(line.cells) == 1 else f"{arm}: "
                by_reason.setdefault(f"{about}{reason}", []).append(line)
            if cell.uncounted:
                by_reason.setdefault(f"no count: {cell.uncounted}", []).append(line)
    for reason, of in by_reason.items():
        yield f"{counted(len(of))}: {reason}: {_named(of)}"


def _hosts(lines: Sequence[Line], *, all_: bool) -> Iterator[str]:
    """Say of rows that several hosts measured what each of them says."""
    texts = [
        f"{line.name}{f', {arm}' * (len(line.cells) > 1)}: {cell.hosts}"
        for line in lines
        for arm, cell in line.cells.items()
        if cell.hosts
    ]
    yield from texts if all_ else texts[:_NAMED]
    if not all_ and len(texts) > _NAMED:
        yield f"what hosts say of {counted(len(texts) - _NAMED)} more: --all"


def _named(lines: Sequence[Line], *, all_: bool = False) -> str:
    names = [line.name for line in (lines if all_ else lines[:_NAMED])]
    more = len(lines) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _is_telling(line: Line) -> bool:
    cells = line.cells.values()
    return any(cell.verdict != EQUIVALENT or cell.differs for cell in cells)


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


def _table(
    baseline: str,
    arms: Sequence[str],
    sections: Sequence[Section],
    most: int,
    between: str | None,
    width: int,
) -> Table:
    """Lay out one arm with its time and its pairs, or the ratios of several.

    Of each section so many rows are shown; names of rows are cut to what is left.
    """
    lines = [line for section in sections for line in section.lines[:most]]
    if between is None:
        heads = distinct([baseline, arms[0]], _HEAD)
        columns = [heads[baseline], heads[arms[0]], "time ratio", "pairs"]
        cells = [_alone(line, line.cells[arms[0]]) for line in lines]
        if any(line.cells[arms[0]].count for line in lines):
            columns.append("instructions")
            for line, texts in zip(lines, cells, strict=True):
                texts.append(Text(line.cells[arms[0]].count))
        right: tuple[int, ...] = (1, 2, 4)
    else:
        names = distinct(arms, _widest(lines, between))
        columns = [shortened(printable(baseline), _TIME), *(names[arm] for arm in arms)]
        cells = [_beside(line, arms, between) for line in lines]
        right = (1,)
    table = _grid(width, columns, right)
    room = _room(width, columns, cells)
    short = distinct({line.row: line.name for line in lines}, room)
    rest = iter(cells)
    for section in sections:
        if section is not sections[0]:
            table.add_row()
        if section.title:
            table.add_row(Text(section.heading, style="bold"))
        for line in section.lines[:most]:
            table.add_row(Text(short[line.row]), *next(rest))
        if (more := len(section.lines) - most) > 0:
            table.add_row(Text(f"  and {more} more: --all", style="dim"))
    return table


def _alone(line: Line, cell: Cell) -> list[Text]:
    # Texts: brackets are markup otherwise.
    return [Text(line.baseline), Text(cell.time), _ratio(cell), Text(cell.pairs)]


def _beside(line: Line, arms: Sequence[str], between: str) -> list[Text]:
    ratios = (
        _ratio(line.cells[arm], between) if arm in line.cells else Text("")
        for arm in arms
    )
    return [Text(line.baseline), *ratios]


def _room(width: int, heads: Sequence[str], body: Iterable[Sequence[Text]]) -> int:
    """Return how many columns of a table are left for the names of its rows."""
    columns = zip(map(Text, heads), *body, strict=True)
    taken = sum(
        max(
            cell_len(part) for text in column for part in str(text).splitlines() or [""]
        )
        + _GAP
        for column in columns
    )
    return max(12, width - taken)


def _saved_table(comparison: SavedComparison, sections: Sequence[Section]) -> Table:
    """Lay the rows out, a column per file, as much in it as there is room for.

    Heads are never cut: where the names have no room, the columns have the numbers
    that the head lines give to the files.
    """
    lines = [line for section in sections for line in section.lines]
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
    rest = iter(body)
    for section in sections:
        if section.title:
            table.add_row(Text(section.heading, style="bold"))
        for line in section.lines:
            table.add_row(*map(Text, (line.name, *next(rest))))
    return table


def _small_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(Text(printable(head)), overflow="fold")
    for cells in rows:
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
