"""The faces of files that were saved one after the other.

Every ratio is shown and none of them has a colour: most of them are of one process a
side, and a colour would say more than is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pybench.records.saved_comparison import (
    OneSided,
    PartMean,
    SavedComparison,
    SavedFile,
    SavedRowSummary,
    ranked,
)
from pybench.records.texts import printable
from pybench.report.labels import (
    UNREPLICATED,
    duration,
    operation,
    saved_point,
)
from pybench.report.markdown import MOST_CHARACTERS, Section, cells, fitted
from pybench.report.row_names import short_names
from pybench.report.terminal import WIDTH

LEGEND = (
    "▲ more time  ▼ less time  ? cannot tell  - control, no Python in it; ratio of "
    "times to the first file, below 1 is less; ±: a change that the spread between "
    "processes and the drift of the machine explain"
)

# What names of rows get beside the columns of the files, where they are so long.
_MOST_NAME = 40
_GAP = 2

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
    names = _row_names(comparison)
    console.print(Text(printable(comparison.verdict), style="bold"), soft_wrap=True)
    for line in _head(comparison, names):
        console.print(_text(line))
    console.print()
    console.print(_table(comparison, names))
    console.print()
    console.print(_means_table(comparison))
    for part in comparison.one_sided:
        console.print(_text(_one_sided(part, None if everything else _NAMED, names)))
    console.print(Text(LEGEND))
    *marks, command = _tail(comparison)
    for line in marks:
        console.print(_text(line))
    # In one piece, to be copied.
    console.print(_text(command), soft_wrap=True)


def _text(line: str) -> Text:
    return Text(printable(line))


def saved_markdown(
    comparison: SavedComparison, *, most_characters: int = MOST_CHARACTERS
) -> str:
    """Return what saved files say as Markdown of at most so many characters."""
    names = [file.name for file in comparison.files]
    rows_called = _row_names(comparison)
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
        before=["", cells(["row", *names]), "|---|--:|" + "---|" * (len(names) - 1)],
        rows=[
            cells(_row_cells(sides, names), name=_row_name(sides, rows_called))
            for sides in ranked(comparison)
        ],
    )
    alone = [_one_sided(part, _NAMED, rows_called) for part in comparison.one_sided]
    return fitted(
        comparison.verdict,
        [*_head(comparison, rows_called), *alone, *_tail(comparison)],
        [means, rows],
        LEGEND,
        most_characters=most_characters,
    )


def _head(comparison: SavedComparison, names: Mapping[str, str]) -> list[str]:
    """Return the lines that qualify everything below them."""
    lines = [comparison.limits, f"margin {comparison.margin:.1%}"]
    lines += [_file(index, file) for index, file in enumerate(comparison.files)]
    lines += comparison.notes
    lines += _left_out(comparison, names)
    lines += [
        f"{side}: {_count(count)} inconclusive: {reason}"
        for side, reasons in comparison.reasons.items()
        for reason, count in reasons.items()
    ]
    return lines


def _left_out(comparison: SavedComparison, names: Mapping[str, str]) -> list[str]:
    """Name the rows that cannot be compared, the first ones of each file."""
    lines = []
    for file in comparison.files:
        rows = [one for one in comparison.left_out if one.file == file.name]
        lines += [
            f"left out of {file.name}: {names[one.row]}: {one.reason}"
            for one in rows[:_NAMED]
        ]
        more = len(rows) - _NAMED
        if more > 0:
            lines.append(
                f"left out of {file.name}: {_count(more)} more (--format json)"
            )
    return lines


def _file(index: int, file: SavedFile) -> str:
    role = "contender" if index else "baseline "
    line = (
        f"{_number(index)} {role} {file.name}: {file.interpreter}, {file.tool}, "
        f"{_count(file.rows)}"
    )
    if not index:
        return line
    if file.drift is None:
        return f"{line}, drift of the machine unknown"
    return (
        f"{line}, drift of the machine {file.drift:.1%} (controls: {file.yardsticks})"
    )


def _tail(comparison: SavedComparison) -> list[str]:
    """Return what the mark means, or why there is none, and what to do next."""
    extreme = comparison.extreme
    if extreme is None:
        mark = (
            "nothing is marked for its size: there is no self-check of the machine of "
            "the first file (pybench selfcheck live PY)"
        )
    else:
        mark = (
            f"! larger than {extreme.ratio:.3g}, the most that two single processes of "
            f"one interpreter differed by on this machine ({extreme.processes} "
            f"processes of {_count(extreme.rows)}, {operation(extreme.row)}, "
            f"{extreme.started}); no verdict"
        )
    return [mark, f"for verdicts: {comparison.command}"]


def _row_name(sides: Mapping[str, SavedRowSummary], names: Mapping[str, str]) -> str:
    return names[next(iter(sides.values())).row]


def _row_names(comparison: SavedComparison) -> dict[str, str]:
    """Return the names of all rows that are shown anywhere."""
    rows = [row.row for row in comparison.rows]
    rows += [row for part in comparison.one_sided for row in part.rows]
    return short_names([*rows, *(one.row for one in comparison.left_out)])


def _row_cells(
    sides: Mapping[str, SavedRowSummary],
    names: Sequence[str],
    *,
    has_word: bool = True,
    has_time: bool = True,
) -> list[str]:
    """Return the first file's time, and per other file its time and ratio."""
    some = next(iter(sides.values()))
    found = [duration(some.baseline_s * 1e9)]
    for name in names[1:]:
        row = sides.get(name)
        if row is None:
            found.append("")
            continue
        words = [f"{duration(row.side_s * 1e9):>7}"] * has_time
        point = saved_point(row)
        words.append(point if has_word else point.removesuffix(f" {UNREPLICATED}"))
        if row.explained is not None:
            words.append(f"±{row.explained:.1%}")
        found.append(" ".join(words))
    return found


def _table(comparison: SavedComparison, rows_called: Mapping[str, str]) -> Table:
    """Lay the rows out, a column per file, as much in it as there is room for.

    Heads are never cut: where the names have no room, the columns have the numbers
    that the head lines give to the files.
    """
    names = [file.name for file in comparison.files]
    numbers = [_number(index) for index, _ in enumerate(names)]
    rows = ranked(comparison)
    longest = max(cell_len(_row_name(sides, rows_called)) for sides in rows)
    room = WIDTH - min(longest, _MOST_NAME)
    for heads, has_word, has_time in (
        (names, True, True),
        (names, False, True),
        (numbers, False, True),
    ):
        body, taken = _laid_out(
            rows, names, heads, has_word=has_word, has_time=has_time
        )
        if taken <= room:
            break
    else:
        heads = numbers
        body, taken = _laid_out(rows, names, heads, has_word=False, has_time=False)
    # One that has still no room is wider than the others.
    width = max(WIDTH, taken + WIDTH - room)
    table = Table(box=None, pad_edge=False, width=width, header_style="bold")
    table.add_column("row", overflow="fold", ratio=1)
    for number, head in enumerate(heads):
        justify: Literal["left", "right"] = "left" if number else "right"
        table.add_column(_text(head), justify=justify, no_wrap=True)
    for sides, texts in zip(rows, body, strict=True):
        table.add_row(
            *map(Text, (_row_name(sides, rows_called), *texts))
        )  # brackets: no markup
    return table


def _laid_out(
    rows: Sequence[Mapping[str, SavedRowSummary]],
    names: Sequence[str],
    heads: Sequence[str],
    *,
    has_word: bool,
    has_time: bool,
) -> tuple[list[list[str]], int]:
    """Return the cells of the files' columns, and what width they take."""
    body = [
        _row_cells(sides, names, has_word=has_word, has_time=has_time) for sides in rows
    ]
    widths = [
        max(map(cell_len, column)) + _GAP for column in zip(heads, *body, strict=True)
    ]
    return body, sum(widths)


def _number(index: int) -> str:
    return f"[{index + 1}]"


def _means_table(comparison: SavedComparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("part", "file", "geometric mean", "rows"):
        table.add_column(head, overflow="fold")
    for mean in comparison.means:
        table.add_row(*map(_text, _mean_cells(mean)))
    return table


def _mean_cells(mean: PartMean) -> list[str]:
    rows = _count(mean.rows)
    if mean.unreplicated == mean.rows:
        rows += f", {UNREPLICATED}"
    elif mean.unreplicated:
        rows += f", {mean.unreplicated} {UNREPLICATED}"
    return [mean.part, mean.side, f"{mean.ratio:.3f}", rows]


def _one_sided(part: OneSided, most: int | None, names: Mapping[str, str]) -> str:
    named = [names[row] for row in part.rows[:most]]
    left = len(part.rows) - len(named)
    more = f" and {left} more (--all, --format json)" if left else ""
    count = _count(len(part.rows))
    return f"only in {part.only_in}: {count}: {', '.join(named)}{more}"


def _count(rows: int) -> str:
    return f"{rows} row{'s' * (rows != 1)}"
