"""`pybench plan` and a shard of it: what is written, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli import status
from pybench.cli.compare import begun
from pybench.records.run_file import RecordWriter, read_run
from pybench.records.shard_plan import read_plan
from tests.runs import arm_records, header_record, row_record

pytestmark = pytest.mark.once

Pybench = Callable[..., Any]
HEADER = header_record(
    margin=0.05, pairs=20, suite="suite", options=("--pybench-quick",)
)


@pytest.fixture
def plan(pybench: Pybench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plan two shards from a run of six rows that were only calibrated."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_rows.py").write_text("def test(benchmark): ...\n")
    with RecordWriter(tmp_path / "earlier", HEADER) as writer:
        for arm in arm_records("a", "b"):
            writer.append(arm)
        for number in range(6):
            writer.append(row_record(f"suite/test_rows.py::test_{number}"))
    done = pybench(
        "plan", "3.13", "3.14t", "--shards", "2", "--from", "earlier", "--pairs", "20"
    )
    assert done.returncode == status.OK, done.stderr
    assert "wrote plan.json: 6 rows in 2 shards" in done.stderr
    return tmp_path / "plan.json"


def test_plan_has_all_that_shards_ask_for(plan: Path) -> None:
    made = read_plan(plan)

    assert made.arms == ("3.13", "3.14t")
    assert [*map(len, made.shards)] == [3, 3]
    assert (made.header.suite, made.header.pairs) == ("suite", 20)
    assert made.header.options == ("--pybench-quick",)


def test_shard_begins_as_the_plan_says(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own draws, its own host, its suite wherever it lies here."""
    from pybench.cli import compare, compare_shard, make_parser

    monkeypatch.setenv("PYBENCH_HOST", "a host")
    (plan.parent / "elsewhere").mkdir()
    (plan.parent / "suite").rename(plan.parent / "elsewhere" / "suite")
    words = ["--plan", str(plan), "--shard", "2/2", "--suite", "elsewhere/suite"]
    options = make_parser().parse_args(["compare", *words])
    compare_shard.take_over(options)
    run, suite, selecting = begun(options, Path("out"))

    assert options.what == ["3.13", "3.14t"]
    assert suite.text == "elsewhere/suite"
    assert selecting == ["--pybench-quick"]
    assert (run.header.shard, run.header.plan) == ("2/2", read_plan(plan).digest)
    assert (run.header.host, run.header.boot) == ("a host", "")
    assert run.header.pairs == 20
    wants = compare_shard.wants(options)
    assert [*filter(wants, read_plan(plan).shards[0])] == []
    assert all(map(wants, read_plan(plan).shards[1]))
    # It is resumed as the same shard, on the same host.
    RecordWriter(plan.parent / "out", run.header).__exit__()
    options.resume = True
    assert compare.begun(options, Path("out"))[0].header == run.header
    monkeypatch.setenv("PYBENCH_HOST", "other")
    with pytest.raises(
        status.UsageError, match="on the host a host, and this is other"
    ):
        compare.begun(options, Path("out"))
    options.number = 1
    with pytest.raises(status.UsageError, match=r"shard 2/2 .* asks for shard 1/2"):
        compare.begun(options, Path("out"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shard", "9/8"], "--shard 9/8: the plan has 2 shards: 1/2 to 2/2"),
        ([], "say which of its shards: --shard 1/N"),
        (["--shard", "1/2", "--margin", "9%"], "--margin: the plan was made with 0.03"),
        (["--shard", "1/2", "-k", "x"], "-k: the plan was made with --pybench-quick"),
        (["--shard", "1/2", "--strict"], "--strict: a shard .* is not judged"),
        (["--shard", "1/2", "--format", "md"], "--format: a shard"),
        (["--shard", "1/2", "--ref", "x"], "--ref: a shard compares the interpreters"),
        (["--shard", "1/2", "--suite", "nowhere"], "no benchmarks at"),
    ],
)
def test_shard_that_cannot_be_measured_is_refused(
    pybench: Pybench, plan: Path, words: list[str], said: str
) -> None:
    done = pybench("compare", "--plan", str(plan), *words)

    assert done.returncode == status.USAGE
    assert re.search(said, done.stderr), done.stderr


def test_another_suite_or_version_is_refused(pybench: Pybench, plan: Path) -> None:
    words = ("compare", "--plan", str(plan), "--shard", "1/2")
    (plan.parent / "suite" / "test_rows.py").write_text("def test_new(): ...\n")
    assert "is not the suite that" in pybench(*words).stderr
    document = json.loads(plan.read_text())
    document["header"]["version"] = "99"
    plan.write_text(json.dumps(document))
    assert "made by pybench 99, and this is" in pybench(*words).stderr


def test_rows_of_an_earlier_run_are_not_chosen_anew(
    pybench: Pybench, plan: Path
) -> None:
    words = ("plan", "3.13", "3.14", "--shards", "2", "--from", "earlier")
    assert "choose rows without --from" in pybench(*words, "--quick").stderr
    assert (
        "ask for 6 or fewer" in pybench(*words[:3], "--shards", "7", *words[5:]).stderr
    )
    assert read_run(Path("earlier")).header == HEADER
