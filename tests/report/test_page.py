"""The page as a file: the same numbers, nothing from outside, nothing hostile in it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")
pytest.importorskip("vl_convert", reason="n/a: vl-convert is not installed here")

from pybench.comparison.contents import read_contents
from pybench.report.page import page
from pybench.report.row_names import operation
from pybench.report.templates import inert_json, packed
from pybench.report.words import facts

# A page of so many bytes still opens at once, and may be attached to anything.
MOST_BYTES = 2_000_000

HOSTILE = (
    "benchmarks/odd/test_odd.py::test_odd[<script>window.hit=1</script>]",
    "benchmarks/odd/test_odd.py::test_odd[</script><img src=x onerror=window.hit=1>]",
    "benchmarks/odd/test_odd.py::test_odd['\"🐍&amp;]",
    f"benchmarks/odd/test_odd.py::test_odd[{'parameter ' * 600}]",
)


class Reader(HTMLParser):
    """What a reader of the file finds in it."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: dict[str, str] = {}
        self.tags: list[str] = []
        self._table = ""
        self._script: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in found.items()]
        if tag == "table":
            self._table = found.get("id", "")
        if found.get("class") == "group":
            self._table = ""  # a heading between rows
        elif tag == "tr" and found.get("class") == "line":
            self._table = "rows"
        if tag == "tr" and self._table == "rows":
            self.rows.append([])
        if tag in ("td", "th") and self._table == "rows":
            self.rows[-1].append("")
        if tag == "script":
            self._script = found.get("id", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = ""
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data
        elif self._table == "rows" and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data
        else:
            self.texts.append(data)


def read(text: str) -> Reader:
    """Parse a page."""
    reader = Reader()
    reader.feed(text)
    return reader


def test_what_qualifies_the_result_is_said(reported: Callable[..., Any]) -> None:
    contents = reported(notes=("still being written",))

    said = " ".join(read(page(contents)).texts)

    assert contents.summary is not None
    assert contents.summary.verdict in said
    for line in [*facts(contents.summary), "still being written"]:
        assert line in said
    assert "needs what is not here" in page(contents)


def test_data_for_the_script_is_that_of_the_summary(
    reported: Callable[..., Any],
) -> None:
    contents = reported(contenders={"3.14t": True, "3.15": False})
    assert contents.summary is not None

    reader = read(page(contents))

    data = json.loads(reader.scripts["data"])
    known = {(row.row, row.side): row for row in contents.summary.rows}
    found = [
        (line["n"], side, cell)
        for line in data["rows"]
        for side, cell in zip(data["sides"], line["s"], strict=True)
    ]
    assert len(found) == len(known)
    for row, side, cell in found:
        of = known[row, side]
        assert data["words"][cell[0]] == of.verdict
        wanted = [of.ratio, of.low, of.high, of.side_ns]
        for value, one in zip(cell[1:5], wanted, strict=True):
            assert value == (one if one is None else pytest.approx(one, rel=1e-3))


def test_details_are_the_pairs_behind_the_verdicts(
    reported: Callable[..., Any],
) -> None:
    contents = reported()

    reader = read(page(contents))

    text = zlib.decompress(base64.b64decode(reader.scripts["details"])).decode()
    unpacked = json.loads(text)
    lines = [line["n"] for line in json.loads(reader.scripts["data"])["rows"]]
    assert contents.details
    for detail in contents.details:
        side = "" if detail.is_twin else detail.side
        found = unpacked[str(lines.index(detail.row))]
        assert found["pair"] == [pair.pair for pair in detail.pairs]
        assert found["first"] == [pair.first for pair in detail.pairs]
        assert found["sides"][side]["r"] == pytest.approx(
            [pair.ratio for pair in detail.pairs], abs=1e-4
        )


def test_nothing_is_fetched_and_the_policy_forbids_it(
    reported: Callable[..., Any],
) -> None:
    reader = read(page(reported()))

    fetching = {
        (tag, name, value)
        for tag, name, value in reader.attributes
        if name in ("src", "srcset", "href", "action", "data", "poster", "xlink:href")
        and not value.startswith("#")
    }
    policy = next(value for _, name, value in reader.attributes if "src 'n" in value)
    assert fetching == set()
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "link" not in reader.tags


def test_every_chart_has_a_table_or_the_rows(reported: Callable[..., Any]) -> None:
    reader = read(page(reported()))

    assert reader.tags.count("figure") >= 3
    assert reader.tags.count("svg") == reader.tags.count("figure")
    # Of the forest, the table of all rows is the table.
    assert reader.tags.count("details") - 1 == reader.tags.count("figure") - 1


def test_without_a_chart_library_tables_remain_and_it_is_said(
    reported: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pybench.report.page.is_here", lambda: False)
    monkeypatch.setattr("pybench.report.page.building.is_here", lambda: False)

    text = page(reported())

    reader = read(text)
    assert "svg" not in reader.tags
    assert len(reader.rows) == 6
    assert "vl-convert-python" in " ".join(reader.texts)
    assert reader.scripts.get("bundle", "") == ""


def test_hostile_names_stay_text(reported: Callable[..., Any]) -> None:
    contents = reported(
        dict.fromkeys(HOSTILE, 1.25), contenders={"</script><b>": False}
    )

    reader = read(page(replace(contents, title="<script>window.hit=1</script>")))

    assert reader.tags.count("script") == 4
    assert "img" not in reader.tags
    assert "b" not in reader.tags
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    names = {row[0] for row in reader.rows[1:]}
    assert names == {operation(row) for row in HOSTILE}
    assert max(map(len, names)) < 200
    assert json.loads(reader.scripts["data"])["sides"] == ["</script><b>"]


def test_equal_names_are_told_apart(reported: Callable[..., Any]) -> None:
    rows = ["benchmarks/a/test_a.py::test_same", "benchmarks/b/test_b.py::test_same"]

    reader = read(page(reported(dict.fromkeys(rows, 1.25))))

    assert sorted(row[0] for row in reader.rows[1:]) == [
        "test_a.py::test_same",
        "test_b.py::test_same",
    ]


def test_a_summary_alone_has_no_pairs_and_is_a_page(
    reported: Callable[..., Any],
) -> None:
    contents = reported()

    reader = read(page(replace(contents, run=None, details=())))

    assert len(reader.rows) == 6


def test_no_rows_at_all_are_a_page(reported: Callable[..., Any]) -> None:
    contents = reported()
    assert contents.summary is not None
    summary = replace(
        contents.summary, rows=(), means=(), parts=(), controls=(), verdict="nothing"
    )

    reader = read(page(replace(contents, summary=summary, details=())))

    assert "nothing" in " ".join(reader.texts)
    assert reader.rows == []


def test_a_record_that_is_not_whole_is_named_and_the_rest_shown(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    recorded(folder=tmp_path)
    torn = tmp_path / "profiles" / "gc.json"
    torn.parent.mkdir()
    torn.write_text('{"pybench": "profile-gc", "schema": 1}')

    contents = read_contents([tmp_path])
    reader = read(page(contents))

    assert f"left out: {torn}: the record of profile-gc is incomplete" in " ".join(
        reader.texts
    )
    assert len(reader.rows) == 1 + 5


def test_many_rows_of_many_sides_are_a_small_file(
    reported: Callable[..., Any],
) -> None:
    rows = {
        f"benchmarks/area{number % 9}/test_a.py::test_benchmark_some_row_{number}": (
            1.0 if number % 3 else 1.2
        )
        for number in range(30)
    }
    contents = reported(rows, contenders={f"3.{n}": False for n in range(14, 20)})
    assert contents.summary is not None
    fold = 15
    known = {detail.row for detail in contents.details}
    summary = replace(
        contents.summary,
        rows=tuple(
            replace(row, row=named(row.row, copy))
            for copy in range(fold)
            for row in contents.summary.rows
        ),
    )
    many = tuple(
        replace(detail, row=named(detail.row, copy))
        for copy in range(fold)
        for detail in contents.details
        if detail.row in known
    )
    run = replace_rows(contents.run, fold)

    text = page(replace(contents, summary=summary, details=many, run=run))

    assert text.count('<tr class="line"><th') >= 450
    assert len(text.encode()) <= MOST_BYTES


def named(row: str, copy: int) -> str:
    """Return the name of a copy, which no row has."""
    return f"{row}_{copy}" if copy else row


def replace_rows(run: Any, fold: int) -> Any:
    """Return a run that knows copies of its rows too."""
    rows = {
        named(name, copy): record
        for copy in range(fold)
        for name, record in run.rows.items()
    }
    return replace(run, rows=rows)


def test_two_thousand_rows_are_a_page(reported: Callable[..., Any]) -> None:
    contents = reported()
    assert contents.summary is not None
    rows = tuple(
        replace(row, row=f"{row.row}_{number}")
        for number in range(400)
        for row in contents.summary.rows
    )

    text = page(
        replace(contents, summary=replace(contents.summary, rows=rows), run=None)
    )

    assert text.count('<tr class="line"><th') >= 2_000


def saved(folder: Path, name: str, median_s: float) -> Path:
    """Write a file as pytest-benchmark writes it."""
    entry = {
        "name": "<b>row</b>",
        "fullname": "test_a.py::<b>row</b>",
        "group": None,
        "stats": {"median": median_s, "rounds": 5},
    }
    path = folder / f"{name}.json"
    document = {"machine_info": {}, "version": "5.3.1", "benchmarks": [entry]}
    path.write_text(json.dumps(document))
    return path


def test_files_of_other_tools_are_a_page(tmp_path: Path) -> None:
    paths = [saved(tmp_path, "old", 1e-6), saved(tmp_path, "new", 1.3e-6)]

    text = page(read_contents(paths))

    assert "unreplicated" in text
    assert "1.300" in text
    assert "&lt;b&gt;row&lt;/b&gt;" in text


def test_one_file_alone_is_a_page_of_its_rows(tmp_path: Path) -> None:
    said = " ".join(read(page(read_contents([saved(tmp_path, "old", 2e-6)]))).texts)

    assert "nothing to compare it with" in said
    assert "2 µs" in said


def test_packed_text_comes_back() -> None:
    text = "a </script> 🐍 \u2028 text"

    assert zlib.decompress(base64.b64decode(packed(text))).decode() == text
    assert json.loads(inert_json({"a": text})) == {"a": text}
    assert not re.search(r"[<>&\u2028]", inert_json(text))
