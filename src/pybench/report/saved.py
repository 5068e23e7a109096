"""The faces of files that were saved one after the other.

Every ratio is shown and none of them has a colour: most of them are of one process a
side, and a colour would say more than is known.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pybench.report.markdown import MOST_CHARACTERS, Section, cells, fitted
from pybench.report.terminal import WIDTH
from pybench.report.wording import UNREPLICATED, duration, operation, saved_point
from pybench.runner.saved_comparison import (
    OneSided,
    PartMean,
    SavedComparison,
    SavedFile,
    SavedRowSummary,
)
from pybench.sequential import FASTER, INCONCLUSIVE, SLOWER

LEGEND = (
    "▲ more time  ▼ less time  ? cannot tell  - control, no Python in it; ratio of "
    "times to the first file, below 1 is less; explained: a change that the spread "
    "between processes and the drift of the machine explain"
)

_ORDER = {SLOWER: 0, FASTER: 1, INCONCLUSIVE: 2}

# Rows of one file alone that are named where not all are asked for.
_NAMED = 6


def show_saved(
    comparison: SavedComparison, console: Console, *, everything: bool = False
) -> None:
    """Print what saved files say.

    Parameters
    ----------
    everything : bool
        Also the name of each row that one file alone has.
    """
    console.print(Text(comparison.verdict, style="bold"), soft_wrap=True)
    for line in _head(comparison):
        console.print(Text(line))
    for file in comparison.files[1:]:
        console.print()
        console.print(_table(comparison, file.name))
    console.print()
    console.print(_means_table(comparison))
    for part in comparison.one_sided:
        console.print(Text(_one_sided(part, None if everything else _NAMED)))
    console.print(Text(LEGEND))


def saved_markdown(
    comparison: SavedComparison, *, most_characters: int = MOST_CHARACTERS
) -> str:
    """Return what saved files say as Markdown of at most so many characters."""
    first = comparison.files[0].name
    means = Section(
        before=[
            "",
            cells(["part", "file", "geometric mean", "rows"]),
            "|---|---|--:|---|",
        ],
        rows=[cells(_mean_cells(mean)) for mean in comparison.means],
        called="means",
    )
    rows = Section(
        before=[
            "",
            cells(["row", "file", first, "file's time", "ratio", "explained"]),
            "|---|---|--:|--:|---|--:|",
        ],
        rows=[
            cells(
                [row.side, *_row_cells(row), _explained(row)], name=operation(row.row)
            )
            for row in sorted(comparison.rows, key=_order)
        ],
    )
    alone = [_one_sided(part, _NAMED) for part in comparison.one_sided]
    return fitted(
        comparison.verdict,
        [*_head(comparison), *alone],
        [means, rows],
        LEGEND,
        most_characters=most_characters,
    )


def _head(comparison: SavedComparison) -> list[str]:
    """Return the lines that qualify everything below them."""
    lines = [comparison.limits, f"margin {comparison.margin:.1%}"]
    lines += [_file(index, file) for index, file in enumerate(comparison.files)]
    lines += comparison.notes
    lines += [
        f"{side}: {_count(count)} inconclusive: {reason}"
        for side, reasons in comparison.reasons.items()
        for reason, count in reasons.items()
    ]
    return lines


def _file(index: int, file: SavedFile) -> str:
    role = "contender" if index else "baseline "
    line = f"{role} {file.name}: {file.interpreter}, {file.tool}, {_count(file.rows)}"
    if not index:
        return line
    if file.drift is None:
        return f"{line}, drift of the machine unknown"
    return (
        f"{line}, drift of the machine {file.drift:.1%} (controls: {file.yardsticks})"
    )


def _order(row: SavedRowSummary) -> int:
    return _ORDER.get(row.word, len(_ORDER))


def _row_cells(row: SavedRowSummary) -> list[str]:
    return [
        duration(row.baseline_s * 1e9),
        duration(row.side_s * 1e9),
        saved_point(row),
    ]


def _explained(row: SavedRowSummary) -> str:
    return "" if row.explained is None else f"{row.explained:.1%}"


def _table(comparison: SavedComparison, side: str) -> Table:
    rows = sorted((row for row in comparison.rows if row.side == side), key=_order)
    is_explained = any(row.explained is not None for row in rows)
    table = Table(box=None, pad_edge=False, width=WIDTH, header_style="bold")
    table.add_column("row", overflow="fold", ratio=1)
    for name in (comparison.files[0].name, side):
        # As wide as a time: the name of a file may be as long as it likes.
        table.add_column(Text(name), justify="right", overflow="fold", max_width=10)
    table.add_column("time ratio", no_wrap=True)
    if is_explained:
        table.add_column("explained", justify="right", no_wrap=True)
    for row in rows:
        texts = [operation(row.row), *_row_cells(row)]
        texts += [_explained(row)] * is_explained
        table.add_row(*map(Text, texts))  # a Text: brackets are markup otherwise
    return table


def _means_table(comparison: SavedComparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("part", "file", "geometric mean", "rows"):
        table.add_column(head, overflow="fold")
    for mean in comparison.means:
        table.add_row(*map(Text, _mean_cells(mean)))
    return table


def _mean_cells(mean: PartMean) -> list[str]:
    rows = _count(mean.rows)
    if mean.unreplicated == mean.rows:
        rows += f", {UNREPLICATED}"
    elif mean.unreplicated:
        rows += f", {mean.unreplicated} {UNREPLICATED}"
    return [mean.part, mean.side, f"{mean.ratio:.3f}", rows]


def _one_sided(part: OneSided, most: int | None) -> str:
    names = [operation(row) for row in part.rows[:most]]
    left = len(part.rows) - len(names)
    more = f" and {left} more (--all, --format json)" if left else ""
    count = _count(len(part.rows))
    return f"only in {part.only_in}: {count}: {', '.join(names)}{more}"


def _count(rows: int) -> str:
    return f"{rows} row{'s' * (rows != 1)}"
