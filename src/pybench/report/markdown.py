"""Markdown for a pull request or a job summary: changed rows first, cut to a length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pybench.records.summary import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    NO_VERDICT,
    SLOWER,
    RowSummary,
    Summary,
)
from pybench.records.texts import printable
from pybench.report.labels import (
    LEGEND,
    duration,
    facts,
    means_lines,
    ratio,
    shortened,
)
from pybench.report.row_names import short_names

# The limit of a comment on GitHub is 65 536.
MOST_CHARACTERS = 65_000
# Below it a verdict, a legend and one row of each kind would not fit.
LEAST_CHARACTERS = 1_000

_ORDER = {SLOWER: 0, FASTER: 1, INCONCLUSIVE: 2, NO_VERDICT: 3, EQUIVALENT: 4}
# Long enough for any row of the suite; parameters of others may be of any length.
_CELL = 160
_LINE = 300
_ELSEWHERE = "do not fit here: --format json"
_ROOM_FOR_MORE = 60
_FIRST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table: what stands around it, its rows, and what one of them is called."""

    before: Sequence[str]
    rows: Sequence[str]
    after: Sequence[str] = ()
    called: str = "rows"


def markdown(summary: Summary, *, most_characters: int = MOST_CHARACTERS) -> str:
    """Return a summary as Markdown of at most so many characters.

    Raises
    ------
    ValueError
        If they are fewer than `LEAST_CHARACTERS`.
    """
    lines = [*facts(summary), *means_lines(summary)]
    lines += [
        f"{side.name}: {side.interpreter}, "
        f"{'GIL on' if side.gil_enabled else 'GIL off'} {' '.join(side.build_flags)}"
        for side in summary.sides
    ]
    baseline = summary.sides[0].name
    head = [
        cells(["row", "side", baseline, "side's time", "time ratio"]),
        "|---|---|--:|--:|---|",
    ]
    names = short_names(row.row for row in summary.rows)
    rows = sorted(summary.rows, key=lambda row: (_ORDER[row.verdict], row.row))
    changed = [_line(row, names[row.row]) for row in rows if row.verdict != EQUIVALENT]
    same = [_line(row, names[row.row]) for row in rows if row.verdict == EQUIVALENT]
    sections = [Section(before=["", *head], rows=changed)]
    count = f"{len(same)} row{'s' * (len(same) != 1)} equivalent"
    sections.append(
        Section(
            before=["", f"<details><summary>{count}</summary>", "", *head],
            rows=same,
            after=["", "</details>"],
            called="equivalent rows",
        )
    )
    return fitted(
        summary.verdict, lines, sections, LEGEND, most_characters=most_characters
    )


def fitted(
    verdict: str,
    lines: Sequence[str],
    sections: Iterable[Section],
    legend: str,
    *,
    most_characters: int,
) -> str:
    """Join what fits: the verdict, what qualifies it, tables, and what signs mean.

    Raises
    ------
    ValueError
        If there are fewer characters than `LEAST_CHARACTERS`.
    """
    if most_characters < LEAST_CHARACTERS:
        raise ValueError(
            f"{most_characters} characters are too few for a verdict and a table: "
            f"{LEAST_CHARACTERS} or more"
        )
    sections = [section for section in sections if section.rows]
    said = [f"**{plain(shortened(verdict, most_characters // 4))}**", ""]
    tail = ["", plain(legend), ""]
    room = most_characters - _size([*said, *tail])
    room -= _ROOM_FOR_MORE * (len(sections) + 1)
    # What qualifies a table goes before all but its first row.
    first = sum(_size([*s.before, *s.rows[:_FIRST], *s.after]) for s in sections)
    qualifying = [f"{plain(shortened(line, _LINE))}  " for line in lines]
    kept = _fitting(qualifying, room - min(room // 2, first))
    said += kept
    if len(kept) < len(lines):
        said.append(f"{len(lines) - len(kept)} more lines {_ELSEWHERE}")
    room -= _size(kept)
    for section in sections:
        frame = [*section.before, *section.after]
        fit = _fitting(section.rows, room - _size(frame))
        if fit:
            said += [*section.before, *fit, *section.after]
            room -= _size([*frame, *fit])
        if len(fit) < len(section.rows):
            left = len(section.rows) - len(fit)
            said += ["", f"{left} more {section.called} {_ELSEWHERE}."]
    return "\n".join([*said, *tail])


def _size(lines: Iterable[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    """Return the first lines that fit."""
    kept = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _line(row: RowSummary, name: str) -> str:
    said = f"{ratio(row)} {row.verdict}" + (f": {row.reason}" if row.reason else "")
    return cells(
        [
            row.side,
            duration(row.baseline_ns),
            duration(row.side_ns),
            said,
        ],
        name=name,
    )


def cells(texts: Sequence[str], *, name: str | None = None) -> str:
    """Return a line of a table; the name, if there is one, is its first cell."""
    first = [] if name is None else [code(name)]
    return (
        "| "
        + " | ".join([*first, *(plain(shortened(text, _CELL)) for text in texts)])
        + " |"
    )


def code(text: str) -> str:
    """Return a text in backticks for a cell: no link, mention or tag is read in it."""
    text = printable(" ".join(text.split())).replace("|", "\\|")
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    # A space between, where the text has backticks itself at an end.
    pad = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def plain(text: str) -> str:
    """Return a text of which nothing is read as Markdown or HTML, and nobody called."""
    text = printable(" ".join(text.split()))
    text = re.sub(r"([\\`*_{}\[\]<>|#&~])", r"\\\1", text)
    text = text.replace("://", "\\://").replace("www.", "www\\.")
    return text.replace("@", "@\u200b")
