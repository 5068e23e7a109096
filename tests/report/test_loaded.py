"""`pybench.load` shows a run as the other formats do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

import pybench
from pybench.report.exports.frames import row_records


@pytest.fixture
def saved_file(tmp_path: Path) -> Callable[[str, Mapping[str, float]], Path]:
    """Return what writes a file of pytest-benchmark; seconds by row."""

    def write(name: str, rows: Mapping[str, float]) -> Path:
        path = tmp_path / f"{name}.json"
        benchmarks = [
            {
                "name": row,
                "fullname": f"test_calls.py::{row}",
                "group": None,
                "extra_info": {},
                "stats": {"median": s, "data": [s] * 5, "iterations": 1, "rounds": 5},
            }
            for row, s in rows.items()
        ]
        document = {
            "machine_info": {
                "python_version": "3.13.0",
                "python_implementation": "CPython",
            },
            "commit_info": {},
            "benchmarks": benchmarks,
            "datetime": "2026-11-20T12:00:00",
            "version": "5.3.1",
        }
        path.write_text(json.dumps(document))
        return path

    return write


def test_loaded_run_has_the_verdicts_of_its_summary(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    recorded(folder=tmp_path)

    found = pybench.load(tmp_path)
    bundle = found._repr_mimebundle_()

    assert found.summary is not None
    assert found.summary.verdict in bundle["text/html"]
    assert [r["verdict"] for r in found.records()] == [
        row.verdict for row in found.summary.rows
    ]
    drawn = bundle["application/vnd.vegalite.v5+json"]["data"]["values"]
    assert len(drawn) == sum(row.ratio is not None for row in found.summary.rows)


def test_loaded_run_has_the_records_that_exports_have(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    recorded(folder=tmp_path)

    found = pybench.load(tmp_path)

    assert found.summary is not None
    assert found.records() == row_records(found.summary)
    assert {record["free_threaded"] for record in found.records()} == {True}


def test_saved_files_are_compared_and_one_alone_is_listed(
    saved_file: Callable[..., Path],
) -> None:
    old, new = saved_file("old", {"calls": 1e-6}), saved_file("new", {"calls": 2e-6})

    both, one = pybench.load(old, new), pybench.load(old)

    assert both.saved is not None
    assert both.records()[0]["ratio"] == pytest.approx(2.0)
    assert "nothing to compare them with" in one.verdict
    assert one.records()[0]["median_s"] == pytest.approx(1e-6)
    assert "calls" in one._repr_mimebundle_()["text/html"]
    with pytest.raises(ValueError, match="no ratios to draw"):
        one.plot()


def test_profile_alone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps({"pybench": "doctor", "schema": 1, "findings": []}))

    found = pybench.load(path)

    assert found.verdict == "machine (doctor)"
    assert [profile.kind for profile in found.profiles] == ["doctor"]
    with pytest.raises(ValueError, match="profiles"):
        found.records()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "old.json"),
        ('{"benchmarks": [', "old.json: truncated"),
        ('{"pybench": "doctor", "schema": 99}', "of schema 99"),
        ('{"name": "of something else"}', "old.json"),
    ],
)
def test_what_is_no_result_is_refused_by_name(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "old.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=says):
        pybench.load(path)


def test_picture_is_drawn_without_a_page(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("vl_convert", reason="n/a: vl-convert is not installed here")
    recorded(folder=tmp_path)

    svg = pybench.load(tmp_path).plot(most=2).svg()

    assert svg.startswith("<svg")
    assert "http" not in svg.replace("http://www.w3.org/", "")
