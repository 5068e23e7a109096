"""Records of schema 1 stay readable, those too that have none of the later fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison.judging import judge
from pybench.comparison.summary import exit_code, summarise
from pybench.records.outcomes import ReasonKind
from pybench.records.run import Run
from pybench.records.run_file import read_run
from pybench.records.summary import read_summary, write_summary

HEADER = {
    "pybench": "run", "schema": 1, "version": "0.1", "started": "then", "command": [],
    "seed": 1, "margin": 0.03, "pairs": 2, "suite": "benchmarks",
}  # fmt: skip
IDENTITY = {
    "implementation": "CPython", "version": "3.14.0", "soabi": "cpython-314",
    "build_flags": [], "free_threaded": False, "gil_enabled": True, "jit": "absent",
    "extension": None, "cpu_model": "A CPU", "machine": "x86_64", "system": "Linux",
    "affinity": 2, "quota": None,
}  # fmt: skip
SAMPLES = [[{"wall_ns": 5000, "cpu_ns": 5000, "waited_ns": 0}] * 3]


def row(name: str, **changes: Any) -> dict[str, Any]:
    """Return the record of a row as the first versions wrote it."""
    return {
        "record": "row", "row": name, "group": None, "apart": False, "pinned": True,
        "margin": None, "metric": "cpu", "operations": 1, "threads": 1,
        "numbers": {"count": 20}, "per_sample_ns": 5e6,
        "outcomes": {"a": "measured", "b": "measured"}, "reasons": {}, **changes,
    }  # fmt: skip


def read(folder: Path, *records: dict[str, Any]) -> Run:
    """Return what is read of a run with two arms."""
    sides = [
        {"record": "side", "name": name, "python": "/python", "identity": IDENTITY}
        for name in "ab"
    ]
    lines = [json.dumps(record) for record in (HEADER, *sides, *records)]
    (folder / "run.jsonl").write_text("\n".join(lines) + "\n")
    return read_run(folder)


def test_pairs_without_the_later_fields_are_judged(tmp_path: Path) -> None:
    pairs = [
        {
            "record": "pair", "row": "t.py::a", "pair": number, "order": ["a", "b"],
            "apart": False, "cpu": 0, "hash_seed": 1, "numbers": {"count": 20},
            "samples": {"a": SAMPLES, "b": SAMPLES},
        }
        for number in (1, 2)
    ]  # fmt: skip
    run = read(tmp_path, row("t.py::a"), *pairs)

    [shown] = summarise(run, judge(run)).rows
    assert (shown.ratio, shown.pairs) == (1.0, 2)


@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        ("void: GIL turned on by module x", ReasonKind.GIL_TURNED_ON, 3),
        ("suspended", ReasonKind.SUSPENDED, 3),
        ("ended with exit 1", ReasonKind.LOST, 3),
    ],
)
def test_kind_of_a_lost_pair_is_read_from_its_reason(
    tmp_path: Path, reason: str, kind: ReasonKind, code: int
) -> None:
    lost = {"record": "lost", "row": "t.py::a", "pair": 1, "side": "b"}
    run = read(tmp_path, row("t.py::a"), lost | {"reason": reason})

    assert [record.kind for record in run.lost] == [kind]
    judgement = judge(run)
    assert bool(judgement.withheld) == (kind == ReasonKind.GIL_TURNED_ON)
    summary = summarise(run, judgement)
    assert exit_code(summary, fail_on=None, strict=False) == code


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("void: GIL turned on by module x", ReasonKind.GIL_TURNED_ON),
        ("void: its times cannot be", ReasonKind.VOID),
    ],
)
def test_kind_of_a_void_row_is_read_from_its_reason(
    tmp_path: Path, reason: str, kind: ReasonKind
) -> None:
    outcomes = {"a": "measured", "b": "void"}
    run = read(tmp_path, row("t.py::a", outcomes=outcomes, reasons={"b": reason}))

    assert run.rows["t.py::a"].reason_kind("b") == kind


def test_summary_without_kinds_says_what_became_of_a_row(tmp_path: Path) -> None:
    outcomes = {"a": "measured", "b": "error"}
    reasons = {"b": "error: no such file"}
    run = read(tmp_path, row("t.py::a", outcomes=outcomes, reasons=reasons))
    path = write_summary(summarise(run, judge(run)), tmp_path)
    document = json.loads(path.read_text())
    for old in document["rows"]:
        del old["reasons"]
    path.write_text(json.dumps(document))

    assert [old.outcome for old in read_summary(path).rows] == ["error"]
