"""Rows can be told apart in every format, whatever their names have in common."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from markdown_it import MarkdownIt
from rich.console import Console

from pybench.comparison.pair_details import row_times
from pybench.comparison.saved_comparison import compare_saved
from pybench.notebook.loaded import Loaded
from pybench.records.contents import Contents
from pybench.records.saved_files import Saved, SavedRow
from pybench.records.site import Series
from pybench.report.exports.stock import pytest_benchmark_json
from pybench.report.markdown import markdown
from pybench.report.row_names import LONGEST_NAME, distinct, pytest_name, short_names
from pybench.report.site.pages import _shown
from pybench.report.tables import lines_of
from pybench.report.terminal import show

pytestmark = pytest.mark.once

LONG = "v" * 300
# Two files and two classes with tests of the same names, ids with colons, and ids that
# differ in their middle alone.
ALIKE = (
    "bench/first/test_pack.py::test_pack[a::b]",
    "bench/second/test_pack.py::test_pack[a::b]",
    "bench/first/test_pack.py::TestTuple::test_sort",
    "bench/first/test_pack.py::TestSet::test_sort",
    "bench/first/test_pack.py::test_alone",
    f"bench/first/test_pack.py::test_pack[{LONG}1{LONG}]",
    f"bench/first/test_pack.py::test_pack[{LONG}2{LONG}]",
    "bench/first/test_pack.py::test_pack[\x1b]",
    "bench/first/test_pack.py::test_pack[\\x1b]",
)
SHOWN = (
    "first/test_pack.py::test_pack[a::b]",
    "second/test_pack.py::test_pack[a::b]",
    "TestTuple::test_sort",
    "TestSet::test_sort",
    "alone",
)


@pytest.mark.parametrize("longest", [LONGEST_NAME, 60, 31])
def test_short_names_are_short_and_different(longest: int) -> None:
    names = short_names(ALIKE, longest)

    assert [*names] == [*ALIKE]
    assert len({*names.values()}) == len(ALIKE)
    assert max(map(len, names.values())) <= longest
    assert all(name.isprintable() for name in names.values())


def test_a_name_has_no_more_than_it_takes_to_tell_it() -> None:
    names = short_names(ALIKE)

    assert [names[row] for row in ALIKE[:5]] == [*SHOWN]
    assert short_names(ALIKE[:1]) == {ALIKE[0]: "pack[a::b]"}
    assert names[ALIKE[5]].startswith("first/test_pack.py::test_pack[vvv") or names[
        ALIKE[5]
    ].startswith("pack[vvv")
    assert names[ALIKE[5]].endswith("vvv]")


def test_a_name_does_not_depend_on_the_order_of_the_rows() -> None:
    assert short_names(ALIKE) == short_names(ALIKE[::-1])


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("a/test_x.py::test_one", "test_one"),
        ("a/test_x.py::TestA::TestB::test_one", "test_one"),
        ("a/test_x.py::test_encode[a::b]", "test_encode[a::b]"),
        ("a/test_x.py::TestA::test_encode[a::b-c[1]]", "test_encode[a::b-c[1]]"),
        ("lone", "lone"),
    ],
)
def test_a_name_of_pytest_is_whole(row: str, name: str) -> None:
    assert pytest_name(row) == name


def test_heads_that_are_cut_stay_different() -> None:
    sides = ["interpreter-of-monday", "interpreter-on-sunday", "interpreter-ox-sunday"]

    heads = distinct(sides, 12)

    assert len({*heads.values()}) == 3
    assert max(map(len, heads.values())) <= 12


# What each format calls the rows.


def in_terminal(contents: Contents) -> str:
    """Return the text of the terminal, without the breaks in long names."""
    assert contents.summary is not None
    file = io.StringIO()
    show(contents.summary, Console(file=file, width=100), everything=True)
    return file.getvalue()


def in_markdown(contents: Contents) -> Sequence[str]:
    """Return the first cells of its tables, as a reader of Markdown reads them."""
    assert contents.summary is not None
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(contents.summary))
    return [
        "".join(part.content for part in token.children or ())
        for token in tokens
        if token.type == "inline"
    ]


def in_page(contents: Contents) -> Sequence[str]:
    """Return what the table of the page calls its rows."""
    assert contents.summary is not None
    return [line.name for line in lines_of(contents.summary)]


def in_notebook(contents: Contents) -> str:
    """Return the table of a notebook."""
    return Loaded(contents=contents)._repr_html_()


FORMATS: dict[str, Callable[[Contents], str | Sequence[str]]] = {
    "terminal": in_terminal,
    "markdown": in_markdown,
    "page": in_page,
    "notebook": in_notebook,
}


@pytest.fixture(scope="module")
def alike(reported: Callable[..., Any]) -> Contents:
    """Return a run of such rows."""
    found = reported(dict.fromkeys(ALIKE, 1.25), pairs=6, twin=False)
    assert isinstance(found, Contents)
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_tells_rows_apart(alike: Contents, kind: str) -> None:
    text = FORMATS[kind](alike)

    for name in SHOWN:
        assert name in text
    assert "\x1b" not in text


def test_the_page_and_its_forest_call_a_row_the_same(alike: Contents) -> None:
    from pybench.report.charts.forest import forest_of

    drawn = forest_of(alike)

    assert drawn is not None
    names = {one["name"] for one in drawn["data"]["values"]}
    assert names == {*in_page(alike)} == {*short_names(ALIKE).values()}


def test_the_history_of_a_site_tells_rows_apart(alike: Contents) -> None:
    assert alike.summary is not None
    baseline, side = alike.summary.sides
    rows = {row: [None] for row in ALIKE}
    series = Series(
        baseline=baseline, side=side, machine=None, runs=(), categories={"": rows}
    )

    shown = [row["row"] for row in _shown(series)["categories"][""]]

    assert shown == [*short_names(ALIKE).values()]


def test_saved_files_tell_rows_apart() -> None:
    files = [
        Saved(
            path=Path(f"{name}.json"), tool="pytest-benchmark", interpreter="CPython",
            identity=None, machine={},
            rows={row: SavedRow(times_s=(1.0,)) for row in ALIKE[: 9 - number]},
            left_out={"bench/third/test_pack.py::test_pack[a::b]": "no time"},
        )
        for number, name in enumerate(("old\x1b[2J", "new"))
    ]  # fmt: skip
    comparison = compare_saved(files)
    file = io.StringIO()
    show(comparison, Console(file=file, width=200))

    for text in (file.getvalue(), markdown(comparison).replace("\\", "")):
        for name in (*SHOWN, "third/test_pack.py::test_pack[a::b]"):
            assert name.replace("_", "") in text.replace("_", "")
        assert "\x1b" not in text


def test_exported_names_are_those_of_pytest(recorded: Callable[..., Any]) -> None:
    run = recorded(dict.fromkeys(ALIKE, 1.0), pairs=2, twin=False)

    text = pytest_benchmark_json(run, "3.13", row_times(run, "3.13")[0])

    rows = json.loads(text)["benchmarks"]
    assert [row["fullname"] for row in rows] == [*ALIKE]
    assert [row["name"] for row in rows[:4]] == [
        "test_pack[a::b]", "test_pack[a::b]", "test_sort", "test_sort",
    ]  # fmt: skip


def test_no_escape_code_of_anything_reaches_a_notebook(
    reported: Callable[..., Any],
) -> None:
    """Names of sides, reasons and notes come from elsewhere, as those of rows do."""
    contents = reported(
        {f"bench/test_a.py::test_{name}": 1.25 for name in ("one", "missing")},
        contenders={"side\x9b2J\x1b[31m": False}, pairs=2, twin=False,
        notes=["a note \x1b]0;title\x07"],
    )  # fmt: skip
    text = in_notebook(contents)

    assert not {"\x1b", "\x9b", "\x07"} & {*text}
    assert "side\\x9b2J\\x1b[31m" in text
    assert "a note \\x1b]0;title\\x07" in text


@pytest.mark.parametrize("code", ["\x1b", "\x00", "\x9b", "\uffff", "\ud800"])
def test_a_chart_of_names_with_control_characters_is_drawn(code: str) -> None:
    """No SVG can hold one, and the library would abort the interpreter."""
    pytest.importorskip("vl_convert", reason="n/a: vl-convert is not installed here")
    from pybench.notebook.shown import svg_or_none
    from pybench.report.charts.drawing import svg_of

    name = f"a{code}b"
    spec = {
        "data": {"values": [{name: 1, "name": name}]},
        "mark": "bar",
        "title": name,
        "encoding": {"y": {"field": "name", "type": "nominal"}},
    }

    for svg in (svg_of(spec), svg_or_none(spec)):
        assert svg is not None
        assert code not in svg
        assert code.encode("unicode_escape").decode() in svg
