"""Texts in the cells of a CSV: no formula, no escape code, and none is lost."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.report.exports.cells import cell, text_of
from pybench.report.exports.frames import to_csv

pytestmark = pytest.mark.once

FORMULAS = ("=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1")
CODES = (
    "a\x1b[2J",
    "b\x9b31m",
    "c\u202e",
    "d\x00",
    "e\nf\x1b",
    "g\\x1b\x1b",
    "h\ud800",
)
PLAIN = ("test_one[a]", "a\\x1b", "é 🐍", "a=b", "x'y", "", "1e5", "e\nf")


@pytest.mark.parametrize("text", [*FORMULAS, *CODES, *PLAIN])
def test_what_is_written_reads_back(text: str) -> None:
    written = cell(text)

    assert isinstance(written, str)
    assert text_of(written) == text
    assert written.replace("\n", "").isprintable()
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert (written == text) is (text in PLAIN)


@pytest.mark.parametrize("value", [-1.5, -3, 0, None, True, float("inf")])
def test_what_is_no_text_is_as_it_was(value: object) -> None:
    assert cell(value) is value


@pytest.fixture(scope="module")
def contents(reported: Callable[..., Any]) -> Any:
    """Return a run whose sides and rows bear such names."""
    rows = dict.fromkeys((*FORMULAS, *CODES[:-1]), 1.25)
    named = {f"{row}/test_a.py::test_x": ratio for row, ratio in rows.items()}
    return reported(named, contenders={"=side": False}, pairs=6, twin=False)


def test_a_summary_as_csv_has_no_formula_and_no_code(contents: Any) -> None:
    lines = [*csv.DictReader(io.StringIO(to_csv(contents.summary)))]

    assert [text_of(one["row"]) for one in lines] == [
        row.row for row in contents.summary.rows
    ]
    for line in lines:
        texts = [v for k, v in line.items() if k in ("row", "category", "side")]
        assert not any(text.startswith(("=", "+", "-", "@", "\t")) for text in texts)
        assert all(text.isprintable() for text in texts)
        assert float(line["ratio"]) > 0


def test_the_history_of_a_site_has_none_either(contents: Any) -> None:
    pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")
    from pybench.records.site import SiteRun
    from pybench.report.site.pages import history

    run = SiteRun(
        name="=run", slug="run", summary=contents.summary, machine=None,
        unfinished="", page="",
    )  # fmt: skip

    (first, *_) = csv.DictReader(io.StringIO(history([run])))

    assert (first["run"], first["side"]) == ("'=run", "'=side")
    assert text_of(first["row"]) == contents.summary.rows[0].row
    assert float(first["ratio"]) > 0
