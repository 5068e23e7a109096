"""One run, several formats: the same numbers and verdicts, whatever the names."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

import msgspec
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from pybench.comparison.judging import judge
from pybench.comparison.summary import summarise
from pybench.records.spent import KINDS, PHASES
from pybench.records.summary import Summary
from pybench.report.exports.frames import to_csv
from pybench.report.labels import SIGNS
from pybench.report.markdown import LEAST_CHARACTERS, markdown
from pybench.report.row_names import operation
from pybench.report.row_order import SORTS, in_order
from pybench.report.terminal import show

# What a format says of a row on a side: sign, ratio and interval, as they are shown.
Said = dict[tuple[str, str], tuple[str, ...]]

HOSTILE = (
    "benchmarks/odd/test_odd.py::test_odd[<script>alert(1)</script>]",
    "benchmarks/odd/test_odd.py::test_odd[a|b`c``d\\|e]",
    "benchmarks/odd/test_odd.py::test_odd['\"🐍\x1b[31m\n| x | y |]",
    "benchmarks/odd/test_odd.py::test_odd[@somebody www.example.com [x](y)]",
    f"benchmarks/odd/test_odd.py::test_odd[{'parameter ' * 600}]",
)


def judged(run: Any) -> Summary:
    """Return what a run says."""
    return summarise(run, judge(run))


@pytest.fixture(
    scope="module",
    params=[["3.14t"], ["3.14", "3.14t", "3.15"], [f"3.{n}" for n in range(14, 20)]],
)
def summary(recorded: Callable[..., Any], request: pytest.FixtureRequest) -> Summary:
    """Return what runs of one, three and six contenders say."""
    return judged(recorded(contenders={one: one[-1] == "t" for one in request.param}))


def terminal(summary: Summary, *, width: int = 100, **options: Any) -> str:
    """Return what the terminal shows."""
    file = io.StringIO()
    show(summary, Console(file=file, width=width, **options), everything=True)
    return file.getvalue()


def numbers(text: str) -> tuple[str, ...]:
    """Return the numbers of a ratio and its interval."""
    return tuple(re.findall(r"\d+\.\d{3}", text))


def in_terminal(summary: Summary) -> Said:
    """Read the tables of the terminal, of one side or of several beside each other."""
    said: Said = {}
    sides: list[str] = []
    last = ""
    for line in terminal(summary).splitlines():
        words = line.split()
        if words[:1] == ["row"]:
            sides = words[2:3] if "ratio" in words else words[2:]
        elif line.startswith("geometric mean"):
            sides = []
        elif not words or re.search(r": \d+ rows?$", line.rstrip()):
            continue  # between sections
        elif sides and line.startswith(" ["):
            raise AssertionError("an interval without its ratio")
        elif sides and not line.startswith(" "):
            last = words[0]
            found = re.findall(r"([▲▼≈?-]) (\d+\.\d{3}|n/a)\*?( \[[^\]]*\])?", line)
            for side, (sign, ratio, around) in zip(sides, found, strict=False):
                said[last, side] = (sign, *numbers(ratio), *numbers(around))
        elif sides and line.lstrip().startswith("["):
            around = re.findall(r"\[[^\]]*\]", line)
            # Beneath the ratios of those sides that have one.
            for side, one in zip(sides, around, strict=True):
                said[last, side] += numbers(one)
    return said


def in_markdown(summary: Summary) -> Said:
    """Read the tables of the Markdown as a reader of Markdown does."""
    said: Said = {}
    for cells in rows_of(markdown(summary)):
        if len(cells) == 3:
            continue  # a reason of rows without a ratio
        sign, _, rest = cells[4].partition(" ")
        said[cells[0], cells[1]] = (sign, *numbers(rest))
    return said


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of all tables but their heads."""
    rows: list[list[str]] = []
    is_body = False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type in ("tbody_open", "tbody_close"):
            is_body = token.type == "tbody_open"
        elif is_body and token.type == "tr_open":
            rows.append([])
        elif is_body and token.type == "inline":
            rows[-1].append("".join(one.content for one in token.children or ()))
            assert {one.type for one in token.children or ()} <= {"text", "code_inline"}
    return rows


def of_records(records: list[dict[str, Any]]) -> Said:
    """Say of records what the formats for readers say."""
    return {
        (operation(one["row"]), one["side"]): (
            SIGNS[one["verdict"]],
            *(
                f"{float(one[name]):.3f}"
                for name in ("ratio", "low", "high")
                if one[name] not in ("", None)
            ),
        )
        for one in records
    }


def in_csv(summary: Summary) -> Said:
    """Read the CSV."""
    return of_records([*csv.DictReader(io.StringIO(to_csv(summary)))])


def in_json(summary: Summary) -> Said:
    """Read the summary's own JSON."""
    return of_records(msgspec.json.decode(msgspec.json.encode(summary))["rows"])


class _Cells(HTMLParser):
    """The rows of the page's table of all cells; the sign is in the cell's text."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._is_in_table = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._is_in_table = ("id", "rows") in attrs
        elif tag == "tr" and self._is_in_table:
            self.rows.append([])
        elif tag in ("td", "th") and self._is_in_table:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_in_table = self._is_in_table and tag != "table"

    def handle_data(self, data: str) -> None:
        if self._is_in_table and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def in_page(summary: Summary) -> Said:
    """Read the page as it is where scripts are off."""
    pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")
    from pybench.records.contents import Contents
    from pybench.report.page import page

    parser = _Cells()
    parser.feed(page(Contents(title="a title", summary=summary)))
    sides = [side.name for side in summary.sides[1:]]
    said: Said = {}
    for name, *line in parser.rows[1:]:
        cells = line[2:]  # none in the heading of a group
        # Of one side, its time stands before the ratio, and the pairs behind.
        for side, cell in zip(
            sides, cells if len(sides) > 1 else cells[1:], strict=False
        ):
            sign, _, rest = cell.partition(" ")
            said[name, side] = (sign, *numbers(rest))
    return said


# A further format is one more line.
FORMATS: dict[str, Callable[[Summary], Said]] = {
    "terminal": in_terminal,
    "markdown": in_markdown,
    "page": in_page,
    "csv": in_csv,
    "json": in_json,
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_says_the_same(summary: Summary, kind: str) -> None:
    wanted = of_records([msgspec.to_builtins(row) for row in summary.rows])

    assert len(wanted) == len(summary.rows)
    if kind in ("terminal", "markdown"):
        wanted = {cell: said for cell, said in wanted.items() if len(said) > 1}
    assert FORMATS[kind](summary) == wanted


def test_the_verdict_comes_first(summary: Summary) -> None:
    start = summary.verdict[:40]

    assert terminal(summary).startswith(start)
    assert markdown(summary).startswith(f"**{start}")


def test_the_terminal_says_what_qualifies_its_table(summary: Summary) -> None:
    text = terminal(summary)

    assert f"noise floor {summary.noise_floor:.1%}" in text
    assert f"smallest visible change {summary.smallest_visible:.1%}" in text
    assert "without a ratio: 1 row" in text
    arms = ", ".join(side.name for side in summary.sides[1:])
    assert f"{arms}: n/a: needs what is not here: memory_missing" in " ".join(
        text.split()
    )


def test_without_a_copy_the_noise_floor_is_unknown(
    recorded: Callable[..., Any],
) -> None:
    assert "noise floor unknown" in terminal(judged(recorded(twin=False)))


@pytest.mark.parametrize("width", [60, 100, 200])
def test_the_terminal_is_no_wider_than_it_is(summary: Summary, width: int) -> None:
    lines = terminal(summary, width=width).splitlines()

    assert max(map(cell_len, lines)) <= min(width, 100)


def test_nothing_rests_on_colour(
    summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    coloured = terminal(summary, force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    without = terminal(summary, force_terminal=True, color_system="standard")

    assert "\x1b[1;31m" in coloured
    assert not re.search(r"\x1b\[(\d+;)*[349]\d", without)
    bare = re.compile(r"\x1b\[[\d;]*m")
    assert bare.sub("", coloured) == bare.sub("", without) == terminal(summary)


def test_hostile_names_stay_names(recorded: Callable[..., Any]) -> None:
    summary = judged(recorded(dict.fromkeys(HOSTILE, 1.25)))

    shown = terminal(summary)
    text = markdown(summary)

    assert "\x1b" not in shown
    assert max(map(cell_len, shown.splitlines())) <= 100
    found = sorted(cells[0] for cells in rows_of(text))
    assert found == sorted(operation(row) for row in HOSTILE)
    assert max(map(len, text.splitlines())) < 600


def test_hostile_names_of_sides_stay_names(recorded: Callable[..., Any]) -> None:
    name = "<img src=x>|`@everybody`\x1b[2J"
    summary = judged(recorded(contenders={name: False}))

    assert "\x1b" not in terminal(summary)
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(summary))
    inside = [child for token in tokens for child in token.children or ()]
    assert not [one for one in inside if one.type in ("html_inline", "link_open")]
    assert not [one for one in inside if "@e" in one.content]


@pytest.mark.parametrize("most", [LEAST_CHARACTERS, 1_500, 4_000, 20_000])
def test_markdown_is_never_longer_than_it_may_be(
    recorded: Callable[..., Any], most: int
) -> None:
    run = recorded(
        dict.fromkeys(HOSTILE, 1.25),
        contenders={f"{'|`<@' * 40}{number}": False for number in range(6)},
    )
    summary = replace(judged(run), notes=("a note \\ " * 200,) * 20)

    text = markdown(summary, most_characters=most)

    assert len(text) <= most
    assert "do not fit here" in text
    assert "more time" in text


def test_markdown_folds_what_did_not_change(recorded: Callable[..., Any]) -> None:
    text = markdown(judged(recorded()))

    before, details, after = re.split(r"</?details>", text)
    assert "interpreter_slower" in before
    assert max(before.index("slower`"), before.index("faster`")) < before.index("noisy")
    assert "interpreter_same" in details
    assert "interpreter_same" not in before
    assert "▲ more time" in after


def test_markdown_of_too_few_characters_is_refused(
    recorded: Callable[..., Any],
) -> None:
    with pytest.raises(ValueError, match="1000 or more"):
        markdown(judged(recorded()), most_characters=LEAST_CHARACTERS - 1)


def test_a_thousand_rows_are_shown_and_cut(recorded: Callable[..., Any]) -> None:
    summary = judged(recorded())
    rows = tuple(
        replace(row, row=f"{row.row}_{number}")
        for number in range(200)
        for row in summary.rows
    )
    many = replace(summary, rows=rows)

    assert terminal(many).count("▲ 1.2") == 200
    assert 64_000 < len(markdown(many)) <= 65_000
    assert to_csv(many).count("\n") == 1_001


def large(recorded: Callable[..., Any]) -> Summary:
    """Return a run with many rows of each kind, as the suite has them: unsorted."""
    summary = judged(recorded())
    names = [f"{'x' * (number % 90)}{number}" for number in range(120)]
    return replace(
        summary,
        rows=tuple(
            replace(
                row, row=f"{row.row}_{name}", ratio=row.ratio and row.ratio + n / 99
            )
            for n, name in enumerate(names)
            for row in summary.rows
        ),
    )


def shown(summary: Summary, **options: Any) -> list[str]:
    """Return the lines of a terminal where not all is asked for."""
    file = io.StringIO()
    show(summary, Console(file=file, width=100), **options)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_large_table_is_read_in_a_minute(recorded: Callable[..., Any]) -> None:
    summary = large(recorded)

    lines = shown(summary)

    assert len(lines) < 120
    assert max(map(cell_len, lines)) <= 100
    text = "\n".join(lines)
    titles = [text.index(word) for word in ("\nconfirmed: 240", "\nundecided: 120")]
    assert titles == sorted(titles)
    assert "  and 200 more: --all" in text
    assert " 120  3.14t: n/a: needs what is not here" in text
    assert "about" not in text.partition("more time")[0]
    found = [float(one) for one in re.findall(r"[▲▼] (\d+\.\d{3})", text)]
    assert found == sorted(found, key=lambda ratio: -abs(math.log(ratio)))


def test_where_the_time_went_fits_and_adds_up(recorded: Callable[..., Any]) -> None:
    spent = {
        kind: dict.fromkeys(PHASES, 100.0 * number)
        for number, kind in enumerate(KINDS, start=1)
    }
    known = replace(judged(recorded()), spent=spent)

    lines = shown(known, verbose=True)

    text = "\n".join(lines)
    assert max(map(cell_len, lines)) <= 100
    assert re.search(r"^around samples .* 2100\.0$", text, re.MULTILINE)
    assert re.search(r"^timed share .* 11%$", text, re.MULTILINE)
    assert "around samples" not in "\n".join(shown(known))
    of_old = "\n".join(shown(judged(recorded()), verbose=True))
    assert "not recorded in this run" in of_old


def in_page_order(summary: Summary, **options: Any) -> list[str]:
    """Return the names of the page's rows as they stand."""
    pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")
    from pybench.records.contents import Contents
    from pybench.report.page import page

    parser = _Cells()
    parser.feed(page(Contents(title="a title", summary=summary), **options))
    return [cells[0] for cells in parser.rows[1:] if len(cells) > 1]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("group", ["verdict", "category", "none"])
def test_every_format_has_one_order(
    recorded: Callable[..., Any], sort: str, group: str
) -> None:
    summary = judged(recorded())
    wanted = [operation(row.row) for row in in_order(summary, sort, group).rows]

    page = in_page_order(summary, sort=sort, group=group)
    tables = "\n".join(shown(summary, everything=True, sort=sort, group=group))
    cells = rows_of(markdown(summary, sort=sort, group=group))

    assert page == wanted
    with_ratio = wanted[:-1]  # the last one is n/a
    assert sorted(with_ratio, key=tables.index) == with_ratio
    changed = [name for name in with_ratio if not name.endswith("same")]
    assert [of[0] for of in cells if len(of) == 5 and "same" not in of[0]] == changed


def test_what_an_order_is(recorded: Callable[..., Any]) -> None:
    summary = judged(recorded())

    def names(sort: str, group: str = "none") -> list[str]:
        rows = in_order(summary, sort, group).rows
        return [row.row.rpartition("_")[2] for row in rows]

    assert names("suite") == ["slower", "faster", "same", "noisy", "missing"]
    assert names("ratio")[0] == "slower"
    assert names("ratio")[-2:] == ["faster", "missing"]
    assert names("name") == ["faster", "same", "slower", "noisy", "missing"]
    assert {*names("change")[:2]} == {"slower", "faster"}
    assert names("change")[2:] == ["noisy", "same", "missing"]
    assert names("name", "category")[-2:] == ["noisy", "missing"]


def test_no_rows_at_all_are_a_verdict_and_a_legend(
    recorded: Callable[..., Any],
) -> None:
    summary = replace(judged(recorded()), rows=(), means=(), verdict="nothing compared")

    assert terminal(summary).startswith("nothing compared")
    assert markdown(summary).startswith("**nothing compared**")
    assert "|" not in markdown(summary).partition("\n\n")[2].replace("\\|", "")
