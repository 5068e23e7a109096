"""Rows shared out among machines: balanced, each once, those of no plan too."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison.sharding import ShardingError, costs_s, make_plan
from pybench.records.documents import DocumentError
from pybench.records.run import Run
from pybench.records.shard_plan import ShardPlan, read_plan, read_shard
from tests.runs import arm_records, header_record, pair_record, row_record

HEADER = header_record()


def run_of(turns_ms: dict[str, float], group: str | None = None) -> Run:
    """Return a run whose rows were calibrated: so long is one turn of each."""
    run = Run(header=HEADER)
    for arm in arm_records("a", "b"):
        run.add(arm)
    for row, ms in turns_ms.items():
        times = {"per_sample_ns": min(ms, 5) * 1e6, "per_turn_ns": ms * 1e6}
        run.add(row_record(row, group=group, **times))
    return run


def planned(run: Run, shards: int) -> ShardPlan:
    """Return a plan of two arms."""
    return make_plan(HEADER, ("3.13", "3.14t"), run, shards)


def test_shards_take_about_as_long_as_each_other() -> None:
    """Most rows are short, and some take a hundred times as long."""
    draws = random.Random(20261130)
    rows = {f"f.py::test_{n}": 5 * draws.paretovariate(0.9) for n in range(400)}
    rows = {row: min(ms, 500) for row, ms in rows.items()}
    plan = planned(run_of(rows), 4)

    assert max(plan.costs_s) < 1.02 * sum(plan.costs_s) / 4
    assert sorted(row for shard in plan.shards for row in shard) == sorted(rows)
    assert planned(run_of(rows), 4) == plan


def test_each_row_is_of_one_shard_one_that_was_not_planned_too() -> None:
    plan = planned(run_of({f"f.py::test_{n}": 5 for n in range(9)}), 3)
    rows = [*(row for shard in plan.shards for row in shard), "new", "é\ud800", ""]
    wants = [plan.wants(number) for number in (1, 2, 3)]
    times = Counter(row for row in rows for is_wanted in wants if is_wanted(row))

    assert times == dict.fromkeys(rows, 1)


def test_machine_is_shown_on_each() -> None:
    run = run_of({"y.py::test_alu": 5}, group="yardstick")
    run.rows |= run_of({f"f.py::test_{n}": 5 for n in range(4)}).rows
    plan = planned(run, 2)

    assert plan.everywhere == ("y.py::test_alu",)
    assert all(plan.wants(shard)("y.py::test_alu") for shard in (1, 2))


def test_what_was_measured_counts_and_not_what_was_expected() -> None:
    run = run_of({"f.py::test_long": 5, "f.py::test_short": 5, "f.py::test_gone": 5})
    run.rows["f.py::test_gone"] = replace(
        run.rows["f.py::test_gone"], outcomes={"a": "n/a", "b": "n/a"}
    )
    for row, pairs in (("f.py::test_long", 40), ("f.py::test_short", 6)):
        for pair in range(1, pairs + 1):
            times = dict.fromkeys("ab", [5e6] * 11)
            run.add(pair_record(row, pair, times))
    costs = costs_s(run)
    start = costs["f.py::test_gone"]

    assert 0 < start < costs["f.py::test_short"]
    assert costs["f.py::test_long"] - start == pytest.approx(4.4)
    assert costs["f.py::test_short"] - start == pytest.approx(0.66)


def test_more_shards_than_rows_are_refused() -> None:
    with pytest.raises(ShardingError, match="ask for 2 or fewer"):
        planned(run_of({"a": 5, "b": 5}), 3)


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "9/8", "3", "x", "1/2", "-1/3", "1/3/3"]
)
def test_shard_that_is_not_there_is_named(text: str) -> None:
    plan = planned(run_of({f"f.py::test_{n}": 5 for n in range(9)}), 3)

    with pytest.raises(DocumentError, match="the plan has 3 shards: 1/3 to 3/3"):
        read_shard(text, plan)
    assert read_shard(" 03/3 ", plan) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: len(text) // 2], "not JSON, or cut off"),
        (lambda text: b'{"pybench": "summary"}', "not a document .* 'plan'"),
        (lambda text: b"[1]", "not a document"),
        (lambda text: text.replace(b'"schema":1', b'"schema":9'), "schema 9"),
        (lambda text: text.replace(b"test_1", b"test_0"), "two shards have the row"),
        (lambda text: text.replace(b'"arms":["3.13","3.14t"]', b'"arms":[]'), "no int"),
        (lambda text: text.replace(b"0.03", b"3.0"), "margin must lie"),
    ],
)
def test_plan_that_is_none_is_refused(
    tmp_path: Path, change: object, said: str
) -> None:
    import msgspec

    plan = planned(run_of({"f.py::test_0": 5, "f.py::test_1": 5}), 2)
    path = tmp_path / "plan.json"
    path.write_bytes(msgspec.json.encode(plan))
    assert read_plan(path) == plan
    assert read_plan(path).digest == plan.digest
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]

    with pytest.raises(DocumentError, match=rf"(?s){said}.*make it again with"):
        read_plan(path)
