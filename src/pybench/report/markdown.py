"""Markdown for a pull request or a job summary: changed rows first, cut to a length."""

from __future__ import annotations

from collections.abc import Sequence

from pybench.report.wording import LEGEND, duration, facts, operation, ratio
from pybench.runner.summary import RowSummary, Summary
from pybench.verdicts import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER

# The limit of a comment on GitHub is 65 536.
MOST_CHARACTERS = 65_000
_ORDER = {SLOWER: 0, FASTER: 1, INCONCLUSIVE: 2, "none": 3, EQUIVALENT: 4}


def markdown(summary: Summary, *, most_characters: int = MOST_CHARACTERS) -> str:
    """Return a summary as Markdown of at most so many characters."""
    baseline = summary.sides[0].name
    head = [f"**{plain(summary.verdict)}**", ""]
    head += [f"{plain(line)}  " for line in facts(summary)]
    head += [
        f"{side.name}: {side.interpreter}, "
        f"{'GIL on' if side.gil_enabled else 'GIL off'} "
        f"{' '.join(side.build_flags)}".rstrip()
        + "  "
        for side in summary.sides
    ]
    head += ["", f"| row | side | {baseline} | side's time | time ratio |"]
    head += ["|---|---|--:|--:|---|"]
    tail = ["", LEGEND, ""]
    rows = sorted(summary.rows, key=lambda row: (_ORDER[row.verdict], row.row))
    lines = [_line(row) for row in rows]
    return fitted(head, lines, tail, most_characters)


def fitted(
    head: Sequence[str], lines: Sequence[str], tail: Sequence[str], most_characters: int
) -> str:
    """Join as many of the lines as fit between head and tail; say how many do not."""
    room = most_characters - sum(len(line) + 1 for line in (*head, *tail)) - 80
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            left = len(lines) - len(kept)
            more = f"{left} more rows do not fit here: --format json."
            return "\n".join([*head, *kept, "", more, *tail])
        kept.append(line)
    return "\n".join([*head, *kept, *tail])


def _line(row: RowSummary) -> str:
    said = f"{ratio(row)} {row.verdict}" + (f": {row.reason}" if row.reason else "")
    cells = [
        operation(row.row),
        row.side,
        duration(row.baseline_ns),
        duration(row.side_ns),
        said,
    ]
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"


def plain(text: str) -> str:
    """Return a text of which nothing is read as Markdown or HTML."""
    for character in "\\`*_{}[]<>|#":
        if character not in "[]":
            text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
