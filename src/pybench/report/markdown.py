"""Markdown for a pull request or a job summary: changed rows first, cut to a length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pybench.records.run import TIME
from pybench.records.saved_comparison import SavedComparison
from pybench.records.summary import EQUIVALENT, Summary
from pybench.records.texts import printable
from pybench.report.labels import shortened
from pybench.report.row_order import sections_of
from pybench.report.tables import Line, lines_of
from pybench.report.words import counted, means_lines, words_of

# The limit of a comment on GitHub is 65 536.
MOST_CHARACTERS = 65_000
# Below it a verdict, a legend and one row of each kind would not fit.
LEAST_CHARACTERS = 1_000

# Long enough for any row of the suite; parameters of others may be of any length.
_CELL = 160
_LINE = 300
# Rows without a ratio that a line of their reason names.
_NAMED = 6
_ELSEWHERE = "do not fit here: --format json"
_ROOM_FOR_MORE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """A table: what stands around it, its rows, and what one of them is called."""

    before: Sequence[str]
    rows: Sequence[str]
    after: Sequence[str] = ()
    called: str = "rows"


def markdown(
    comparison: Summary | SavedComparison,
    *,
    most_characters: int = MOST_CHARACTERS,
    sort: str | None = None,
    group: str | None = None,
) -> str:
    """Return a comparison as Markdown of at most so many characters.

    The verdict comes first, then what qualifies it, tables, and what signs mean. Rows
    are sorted and grouped as by `sections_of`.

    Raises
    ------
    ValueError
        If they are fewer than `LEAST_CHARACTERS`.
    """
    if most_characters < LEAST_CHARACTERS:
        raise ValueError(
            f"{most_characters} characters are too few for a verdict and a table: "
            f"{LEAST_CHARACTERS} or more"
        )
    words = words_of(comparison)
    lines = [*words.head, *words.alone, *words.marks, *filter(None, [words.command])]
    if isinstance(comparison, SavedComparison):
        sections = _of_saved(comparison, words.mean_heads, words.means, sort, group)
    else:
        lines += means_lines(comparison)
        is_timed = TIME in comparison.metrics
        sections = _of_run(comparison, sort, group) if is_timed else []
        sections += [
            _Section(
                before=["", *_head(heads, right=range(1, len(heads)))],
                rows=[_line(texts, name=name) for name, *texts in rows],
                called=called,
            )
            for heads, rows, called in (
                (words.value_heads, words.values, "values"),
                (words.count_heads, words.counts, "counts"),
            )
        ]
    sections = [section for section in sections if section.rows]
    text = [f"**{plain(shortened(words.verdict, most_characters // 4))}**", ""]
    tail = ["", plain(words.legend), ""]
    room = most_characters - _size([*text, *tail])
    room -= _ROOM_FOR_MORE * (len(sections) + 1)
    # What qualifies a table goes before all but its first row.
    first = sum(_size([*s.before, *s.rows[:1], *s.after]) for s in sections)
    qualifying = [f"{plain(shortened(line, _LINE))}  " for line in lines]
    kept = _fitting(qualifying, room - min(room // 2, first))
    text += kept
    if len(kept) < len(lines):
        text.append(f"{len(lines) - len(kept)} more lines {_ELSEWHERE}")
    room -= _size(kept)
    for section in sections:
        frame = [*section.before, *section.after]
        fit = _fitting(section.rows, room - _size(frame))
        if fit:
            text += [*section.before, *fit, *section.after]
            room -= _size([*frame, *fit])
        if len(fit) < len(section.rows):
            left = len(section.rows) - len(fit)
            text += ["", f"{left} more {section.called} {_ELSEWHERE}."]
    return "\n".join([*text, *tail])


def _of_run(summary: Summary, sort: str | None, group: str | None) -> list[_Section]:
    """Return a line for each row and contender, equals folded, a line per reason."""
    baseline = summary.sides[0].name
    heads = ["row", "side", baseline, "side's time", "time ratio"]
    has_counts = bool(summary.counter)
    head = _head(heads + ["instructions"] * has_counts, right=(2, 3))
    tables: list[_Section] = []
    same: list[str] = []
    without: list[str] = []
    for section in sections_of(lines_of(summary), sort=sort, group=group):
        if section.why:
            names = [code(line.name) for line in section.lines[:_NAMED]]
            if more := len(section.lines) - len(names):
                names.append(f"{more} more")
            cells = [str(len(section.lines)), plain(shortened(section.why, _LINE))]
            without.append(f"| {' | '.join([*cells, ', '.join(names)])} |")
            continue
        changed: list[str] = []
        for line in section.lines:
            for arm, cell in line.cells.items():
                ratio = f"{cell.text('point', 'around')} {cell.verdict}"
                ratio += f": {cell.reason}" if cell.reason else ""
                ratio += f"; {cell.hosts}" if cell.hosts else ""
                texts = [arm, line.baseline, cell.time, ratio]
                row = _line(texts + [cell.count] * has_counts, name=line.name)
                (same if cell.verdict == EQUIVALENT else changed).append(row)
        title = [f"**{plain(section.heading)}**", ""] if section.title else []
        tables.append(_Section(before=["", *title, *head], rows=changed))
    count = f"<details><summary>{counted(len(same))} equivalent</summary>"
    return [
        *tables,
        _Section(
            before=["", *_head(["rows", "without a ratio", "which"], right=(0,))],
            rows=without,
            called="reasons",
        ),
        _Section(
            before=["", count, "", *head],
            rows=same,
            after=["", "</details>"],
            called="equivalent rows",
        ),
    ]


def _of_saved(
    comparison: SavedComparison,
    mean_heads: Sequence[str],
    means: Sequence[Sequence[str]],
    sort: str | None,
    group: str | None,
) -> list[_Section]:
    """Return the means, then a line for each row."""
    files = [file.name for file in comparison.files]
    lines = lines_of(comparison)

    def of(line: Line) -> str:
        texts = (
            line.text(file, "time", "point", "word", "around") for file in files[1:]
        )
        return _line([line.baseline, *texts], name=line.name)

    head = _head(["row", *files], right=(1,))
    return [
        _Section(
            before=["", *_head(mean_heads, right=(2,))],
            rows=[_line(cells) for cells in means],
            called="means",
        ),
        *(
            _Section(
                before=[
                    "",
                    *([f"**{plain(section.heading)}**", ""] * bool(section.title)),
                    *head,
                ],
                rows=[*map(of, section.lines)],
            )
            for section in sections_of(lines, sort=sort, group=group or "none")
        ),
    ]


def _head(texts: Sequence[str], right: Sequence[int]) -> list[str]:
    rules = ("--:" if number in right else "---" for number, _ in enumerate(texts))
    return [_line(texts), f"|{'|'.join(rules)}|"]


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


def _line(texts: Sequence[str], *, name: str | None = None) -> str:
    """Return a line of a table; the name, if there is one, is its first cell."""
    cells = [] if name is None else [code(name)]
    cells += [plain(shortened(text, _CELL)) for text in texts]
    return f"| {' | '.join(cells)} |"


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
