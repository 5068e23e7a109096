"""The terminal: verdict first, then a table of at most 100 columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pybench.report.wording import LEGEND, duration, facts, operation, ratio
from pybench.runner.summary import RowSummary, Summary
from pybench.verdicts import FASTER, INCONCLUSIVE, SLOWER

WIDTH = 100
_STYLES = {SLOWER: "bold red", FASTER: "bold green", INCONCLUSIVE: "dim"}
# A table for one side each, above so many: columns would not fit.
_SIDES_MOST = 2


def show(summary: Summary, console: Console, *, everything: bool = False) -> None:
    """Print a summary.

    Parameters
    ----------
    everything : bool
        Also the rows that are equivalent, which are only counted otherwise.
    """
    console.print(Text(summary.verdict, style="bold"), soft_wrap=True)
    for line in facts(summary):
        console.print(Text(line), soft_wrap=True)
    _sides(summary, console)
    for side in summary.counts:
        rows = [row for row in summary.rows if row.side == side]
        shown = [row for row in rows if everything or _is_telling(row)]
        if shown:
            console.print()
            console.print(_table(summary, side, shown))
        hidden = len(rows) - len(shown)
        if hidden:
            console.print(f"{hidden} rows are equivalent (all of them: --all)")
    _means(summary, console)
    console.print(Text(LEGEND), soft_wrap=True)


def _is_telling(row: RowSummary) -> bool:
    return row.verdict != "equivalent"


def _sides(summary: Summary, console: Console) -> None:
    for index, side in enumerate(summary.sides):
        gil = "GIL on" if side.gil_enabled else "GIL off"
        flags = f", {' '.join(side.build_flags)}" if side.build_flags else ""
        role = "baseline " if index == 0 else "contender"
        line = f"{role} {side.name}: {side.interpreter}, {gil}{flags}"
        console.print(Text(line), soft_wrap=True)


def _table(summary: Summary, side: str, rows: list[RowSummary]) -> Table:
    table = Table(box=None, pad_edge=False, width=min(WIDTH, 100), header_style="bold")
    table.add_column("row", overflow="fold", ratio=1)
    table.add_column(summary.sides[0].name, justify="right", no_wrap=True)
    table.add_column(side, justify="right", no_wrap=True)
    table.add_column("time ratio", no_wrap=True)
    table.add_column("pairs", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(operation(row.row)),  # a Text: brackets are markup otherwise
            duration(row.baseline_ns),
            duration(row.side_ns),
            Text(ratio(row), style=_STYLES.get(row.verdict, "")),
            str(row.pairs or ""),
        )
        for note in _notes(row):
            table.add_row(Text(f"  {note}", style="dim"))
    return table


def _notes(row: RowSummary) -> Iterator[str]:
    if row.reason:
        yield row.reason
    if row.pairs_to_settle is not None:
        yield f"about {row.pairs_to_settle} pairs to settle"


def _means(summary: Summary, console: Console) -> None:
    if not summary.means:
        return
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("geometric mean", "side", "ratio", "rows"):
        table.add_column(head, no_wrap=True)
    for mean in summary.means:
        around = ""
        if mean.low is not None and mean.high is not None:
            around = f" [{mean.low:.3f}, {mean.high:.3f}]"
        name = mean.category or "whole suite"
        table.add_row(name, mean.side, f"{mean.ratio:.3f}{around}", str(mean.rows))
    console.print(table)
