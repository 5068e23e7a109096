"""The terminal: verdict first, then tables of at most 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pybench.records.summary import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    SLOWER,
    RowSummary,
    Summary,
)
from pybench.records.texts import printable
from pybench.report.labels import (
    LEGEND,
    duration,
    facts,
    interval,
    named_means,
    point,
    ratio,
    shortened,
)
from pybench.report.row_names import distinct, short_names

WIDTH = 100
_STYLES = {SLOWER: "bold red", FASTER: "bold green", INCONCLUSIVE: "dim"}

# The columns for the name of a row (the least), for a time, and between two cells.
_NAME, _TIME, _GAP = 22, 8, 2
# For the name of a side above its times.
_HEAD = 12
# Between a ratio and its interval: beside it, or where that is too wide beneath it.
_BETWEEN = (" ", "\n ")


def show(summary: Summary, console: Console, *, everything: bool = False) -> None:
    """Print a summary.

    Parameters
    ----------
    everything : bool
        Also the rows that are equivalent, which are only counted otherwise.
    """
    width = min(WIDTH, console.width)
    _say(console, summary.verdict, style="bold")
    for line in [*facts(summary), *_sides(summary)]:
        _say(console, line)
    sides = [*summary.counts]
    names = short_names(row.row for row in summary.rows)
    between = _between(summary, len(sides), width) if len(sides) > 1 else None
    is_beside = between is not None
    for group in [sides] if is_beside else [[side] for side in sides]:
        by_row: dict[str, dict[str, RowSummary]] = {}
        for row in summary.rows:
            if row.side in group:
                by_row.setdefault(row.row, {})[row.side] = row
        shown = {
            name: cells
            for name, cells in by_row.items()
            if everything or any(map(_is_telling, cells.values()))
        }
        if shown:
            console.print()
            if between is None:
                console.print(_alone(summary, group[0], shown, names, width))
            else:
                console.print(_beside(summary, group, shown, names, width, between))
                for line in _notes(shown, names):
                    _say(console, line, style="dim")
        hidden = len(by_row) - len(shown)
        if hidden:
            what = "1 row is" if hidden == 1 else f"{hidden} rows are"
            _say(console, f"{what} equivalent (to see all: --all)")
    _means(summary, console, width)
    _say(console, LEGEND)


def _say(console: Console, text: str, *, style: str = "") -> None:
    """Print a line, broken where it does not fit."""
    said = Text(printable(text), style=style, overflow="fold")
    console.print(said, width=min(WIDTH, console.width))


def _between(summary: Summary, sides: int, width: int) -> str | None:
    """Return what keeps ratio and interval apart so that all sides fit, if they do."""
    for between in _BETWEEN:
        cells = (_cell(row, between).splitlines() for row in summary.rows)
        widest = max((len(line) for lines in cells for line in lines), default=0)
        if _NAME + _GAP + _TIME + sides * (_GAP + widest) <= width:
            return between
    return None


def _cell(row: RowSummary, between: str) -> str:
    return between.join(filter(None, (point(row), interval(row))))


def _is_telling(row: RowSummary) -> bool:
    return row.verdict != EQUIVALENT


def _sides(summary: Summary) -> Iterator[str]:
    for index, side in enumerate(summary.sides):
        gil = "GIL on" if side.gil_enabled else "GIL off"
        flags = f", {' '.join(side.build_flags)}" if side.build_flags else ""
        role = "baseline " if index == 0 else "contender"
        yield f"{role} {side.name}: {side.interpreter}, {gil}{flags}"


def _grid(width: int) -> Table:
    table = Table(box=None, pad_edge=False, width=width, header_style="bold")
    table.add_column("row", overflow="fold", ratio=1)
    return table


def _alone(
    summary: Summary,
    side: str,
    rows: Mapping[str, Mapping[str, RowSummary]],
    names: Mapping[str, str],
    width: int,
) -> Table:
    """Lay out one side: its time, its ratio, and what is to be said of a row."""
    table = _grid(width)
    heads = distinct([summary.sides[0].name, side], _HEAD)
    for name in (summary.sides[0].name, side):
        table.add_column(Text(heads[name]), justify="right", no_wrap=True)
    table.add_column("time ratio", no_wrap=True)
    table.add_column("pairs", justify="right", no_wrap=True)
    for name, cells in rows.items():
        row = cells[side]
        table.add_row(
            Text(names[name]),  # a Text: brackets are markup otherwise
            duration(row.baseline_ns),
            duration(row.side_ns),
            Text(ratio(row), style=_STYLES.get(row.verdict, "")),
            str(row.pairs or ""),
        )
        for note in _notes_of(row):
            table.add_row(Text(f"  {note}", style="dim"))
    return table


def _beside(
    summary: Summary,
    sides: Sequence[str],
    rows: Mapping[str, Mapping[str, RowSummary]],
    names: Mapping[str, str],
    width: int,
    between: str,
) -> Table:
    """Lay out the ratios of several sides."""
    # As wide as the cells: the name of a side may be as long as it likes.
    cell = max(
        len(line) for row in summary.rows for line in _cell(row, between).splitlines()
    )
    table = _grid(width)
    baseline = summary.sides[0].name
    table.add_column(
        Text(shortened(printable(baseline), _TIME)), justify="right", no_wrap=True
    )
    heads = distinct(sides, cell)
    for side in sides:
        table.add_column(Text(heads[side]), no_wrap=True)
    for name_of_row, cells in rows.items():
        known = next(iter(cells.values()))
        table.add_row(
            Text(names[name_of_row]),
            duration(known.baseline_ns),
            *(
                Text(_cell(row, between), style=_STYLES.get(row.verdict, ""))
                for row in (cells[side] for side in sides)
            ),
        )
    return table


def _notes(
    rows: Mapping[str, Mapping[str, RowSummary]], names: Mapping[str, str]
) -> Iterator[str]:
    """Say below a table of several sides what is to be said of its rows."""
    for name, cells in rows.items():
        for side, row in cells.items():
            for note in _notes_of(row):
                said = note.removeprefix(f"{side}: ")
                yield f"{names[name]}, {side}: {said}"


def _notes_of(row: RowSummary) -> Iterator[str]:
    if row.reason:
        yield printable(row.reason)
    if row.pairs_to_settle is not None:
        yield f"about {row.pairs_to_settle} pairs to settle"


def _means(summary: Summary, console: Console, width: int) -> None:
    named = named_means(summary)
    if not named:
        return
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("geometric mean", "side", "ratio", "rows"):
        table.add_column(head, overflow="fold")
    for name, mean in named:
        said = f"{mean.ratio:.3f} {interval(mean)}".rstrip()
        cells = (name, mean.side, said, str(mean.rows))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table, width=width)
