"""`pybench merge`: shards and repeats become one run, which is judged once."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")
pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")

from pybench.cli import status
from pybench.comparison.judging import judge
from pybench.comparison.run_folders import read_site
from pybench.records.run import PairRecord, SideRecord
from pybench.records.run_file import RecordWriter, read_run
from pybench.target.process.identity import read_identity
from tests.runs import header_record, pair_record, row_record

pytestmark = pytest.mark.once

Part = Callable[..., Path]
Pybench = Callable[..., Any]
ARMS = ("3.13", "3.14t")
IDENTITY = replace(read_identity(), affinity=2, quota=None, cpu_model="Xeon")


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """Return what writes a run: the ratio of each row, on a host, as a shard or whole.

    `copy` is the ratio of the A/A control, which there is none of without.
    """

    def write(
        name: str,
        rows: Mapping[str, float],
        *,
        host: str = "",
        pairs: int = 20,
        cpu_model: str = "Xeon",
        record: Mapping[str, Any] | None = None,
        copy: float | None = None,
        **header: Any,
    ) -> Path:
        draws = random.Random(name)
        fields = {
            "seed": draws.randrange(10**9), "pairs": pairs, "host": host or name,
            "boot": "1",
        }  # fmt: skip
        identity = replace(IDENTITY, cpu_model=cpu_model)
        sides = {
            arm: SideRecord(name=arm, python="/p", identity=identity) for arm in ARMS
        }
        if copy is not None:
            sides["copy"] = replace(sides[ARMS[0]], name="copy", twin_of=ARMS[0])
        with RecordWriter(tmp_path / name, header_record(**fields | header)) as writer:
            for side in sides.values():
                writer.append(side)
            for row, ratio in rows.items():
                known = {"numbers": {"count": 10}} | dict(record or {})
                writer.append(row_record(row, ARMS, **known))
                ratios = {ARMS[0]: 1.0, ARMS[1]: ratio}
                if copy is not None:
                    ratios["copy"] = copy
                for pair in range(1, pairs + 1):
                    writer.append(_pair(draws, row, pair, ratios))
        return tmp_path / name

    return write


def _pair(
    draws: random.Random, row: str, pair: int, ratios: Mapping[str, float]
) -> PairRecord:
    times = {
        arm: [round(5e6 * ratio * draws.lognormvariate(0, 0.004))]
        for arm, ratio in ratios.items()
    }
    return pair_record(row, pair, times, numbers={"count": 10}, warmups=0)


def rows(*changed: float, same: int = 4, prefix: str = "") -> dict[str, float]:
    """Return the ratios of rows, those that change first."""
    ratios = [*changed, *[1.0] * same]
    return {f"a/test_a.py::test_{prefix}{n}": ratio for n, ratio in enumerate(ratios)}


def merged(pybench: Pybench, tmp_path: Path, *parts: Path) -> tuple[Any, Any]:
    """Merge and return what ended and the summary."""
    done = pybench("merge", *map(str, parts), "-o", str(tmp_path / "all"), "--all")
    path = tmp_path / "all" / "summary.json"
    return done, json.loads(path.read_text()) if path.is_file() else None


def verdicts(summary: Any) -> dict[str, str]:
    """Return the verdicts by row."""
    return {row["row"].rpartition("_")[2]: row["verdict"] for row in summary["rows"]}


def test_shards_are_judged_as_one_run_would_be(
    pybench: Pybench, part: Part, tmp_path: Path
) -> None:
    """To the last digit: what another host measured has no part in a row."""
    parts = [
        part(f"part {n}", rows(1.2, prefix=f"{n}x"), plan="p", shard=f"{n}/2")
        for n in (1, 2)
    ]
    done, summary = merged(pybench, tmp_path, *parts)

    assert done.returncode == status.OK, done.stderr
    assert [*verdicts(summary).values()] == (["slower"] + ["equivalent"] * 4) * 2
    assert [h["name"] for h in summary["hosts"]] == ["part 1", "part 2"]
    for row in summary["rows"]:
        assert [h["runs"] for h in row["hosts"]] == [[f"part {row['row'][-3]}"]]
        assert row["between"] is None
    alone = {
        cell.row: cell.verdict for of in parts for cell in judge(read_run(of)).cells
    }
    for cell in judge(read_run(tmp_path / "all")).cells:
        own = alone[cell.row]
        assert cell.verdict is not None
        assert own is not None
        assert (cell.verdict.ratio, cell.verdict.low) == (own.ratio, own.low)
    # A shard by itself has no verdicts.
    assert pybench("compare", str(parts[0])).returncode == status.NO_VERDICT


def test_joined_run_is_a_run_like_any_other(
    pybench: Pybench, part: Part, tmp_path: Path
) -> None:
    parts = [part(name, rows(1.2, prefix=name)) for name in ("one", "two")]
    merged(pybench, tmp_path, *parts)
    out = str(tmp_path / "all")

    assert pybench("compare", out).returncode == status.OK
    assert "host two: Xeon" in pybench("report", out, "--format", "md").stdout
    assert pybench("export", out, "--to", "csv", "-o", "-").stdout.count("\n") == 11
    times = pybench("export", out, "--to", "pyperf", "--side", "3.14t", "-o", "-")
    assert len(json.loads(times.stdout)["benchmarks"]) == 10
    site = read_site(tmp_path, lambda contents: "page")
    assert {run.name for run in site.runs} == {"one", "two", "all"}
    # Others are joined with it as with its parts.
    more = part("three", rows(1.2, prefix="three"))
    assert pybench("merge", out, str(more), "-o", f"{out}2").returncode == status.OK
    assert [s.name for s in read_run(Path(f"{out}2")).sources] == [
        "one",
        "two",
        "three",
    ]
    again = pybench("merge", f"{out}2", str(more), "-o", f"{out}3")
    assert "three and three are one run" in again.stderr
    resumed = pybench("compare", "a=x", "b=x", "-o", out, "--resume")
    assert "was joined from other runs" in resumed.stderr


def test_change_has_to_show_on_a_second_host(
    pybench: Pybench, part: Part, tmp_path: Path
) -> None:
    """Row 0 changed everywhere, 1 on one host, 2 in two ways; 3 and 4 nowhere."""
    a = part("a", rows(1.1, 1.2, 1.2, same=2), cpu_model="Xeon")
    b = part("b", rows(1.12, 1.0, 0.8, same=2), cpu_model="EPYC")
    c = part("c", rows(1.11, 1.0, 1.2, same=2), cpu_model="EPYC")
    done, summary = merged(pybench, tmp_path, a, b, c)

    assert [*verdicts(summary).values()] == [
        "slower", "inconclusive", "inconclusive", "equivalent", "equivalent",
    ]  # fmt: skip
    called, alone, torn = (row for row in summary["rows"][:3])
    assert called["ratio"] == pytest.approx(1.11, abs=0.005)
    assert [host["pairs"] for host in called["hosts"]] == [20, 20, 20]
    assert called["low"] < 1.11 < called["high"]
    assert called["pairs"] == 60
    assert alone["reason"] == "slower on a alone, and not shown on b, c"
    assert torn["reason"] == "slower on a, c, and faster on b"
    assert torn["i_squared"] > 0.9
    assert "between hosts ±" in " ".join(done.stdout.split())
    notes = " ".join(summary["notes"])
    assert "5 of 5 rows were measured on several hosts" in notes
    assert "differ by CPU model" in notes
    assert "1.2" in notes.partition("by CPU model")[2]


def test_repeats_on_one_host_need_no_second_one(
    pybench: Pybench, part: Part, tmp_path: Path
) -> None:
    """And together they say more than each of them: six pairs alone tell nothing."""
    days = [part(f"day{n}", rows(1.04), host="lab", pairs=6) for n in range(4)]
    _, summary = merged(pybench, tmp_path, *days)

    assert verdicts(summary)["0"] == "slower"
    (host,) = summary["rows"][0]["hosts"]
    assert (host["host"], host["pairs"]) == ("lab", 24)
    assert host["runs"] == ["day0", "day1", "day2", "day3"]
    assert summary["rows"][0]["between"] is None


def test_control_that_moved_withholds_its_own_run(
    pybench: Pybench, part: Part, tmp_path: Path
) -> None:
    good = part("good", rows(1.2, same=14, prefix="g"), copy=1.0)
    bad = part("bad", rows(1.2, same=14, prefix="b"), copy=1.1)
    done, summary = merged(pybench, tmp_path, good, bad)

    assert done.returncode == status.NO_VERDICT
    assert [*summary["withheld"]] == ["cpu rows of bad"]
    words = verdicts(summary)
    assert (words["g0"], words["b0"]) == ("slower", "none")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"suite": "elsewhere"}, "the suite is elsewhere there, benchmarks here"),
        ({"content": "2"}, "the content of the suite is 2 there, 1 here"),
        ({"version": "9"}, "pybench is 9 there, 0 here"),
        ({"margin": 0.05}, "the margin is 0.05 there, 0.03 here"),
        ({"pairs": 6}, "the number of pairs is 6 there, 20 here"),
        ({"packages": ("attrs",)}, "the packages are attrs there, none here"),
    ],
)
def test_what_was_asked_otherwise_is_refused(
    pybench: Pybench, part: Part, tmp_path: Path, other: dict[str, Any], said: str
) -> None:
    first = part("first", rows(same=1), content="1" if "content" in other else "")
    done, _ = merged(pybench, tmp_path, first, part("b b", rows(same=1), **other))

    assert done.returncode == status.USAGE
    assert f"b b cannot be joined with first: {said}" in done.stderr
    assert not (tmp_path / "all").exists()


def test_rows_that_are_not_the_same_are_void(
    pybench: Pybench, part: Part, tmp_path: Path
) -> None:
    first = part("first", rows(1.2, same=1))
    other = part("other", rows(1.2, same=1), record={"threads": 2})
    _, summary = merged(pybench, tmp_path, first, other)

    assert {*verdicts(summary).values()} == {"none"}
    assert "threads 1 and 2" in summary["rows"][0]["reason"]


def test_shards_that_are_missing_or_overlap_are_told(
    pybench: Pybench, part: Part, tmp_path: Path
) -> None:
    one = part("one", rows(1.2, prefix="x"), plan="p", shard="1/4")
    again = part("again", rows(1.2, prefix="x"), plan="p", shard="1/4")
    three = part("three", rows(1.2, prefix="y"), plan="p", shard="3/4")
    done, summary = merged(pybench, tmp_path, one, again, three)

    assert done.returncode == status.FAILED
    notes = " ".join(summary["notes"])
    assert (
        "2 shards are missing, with the rows that no other run has: 2, 4 of 4" in notes
    )
    assert "5 of 10 rows were measured on several hosts" in notes
    assert verdicts(summary) == {
        f"{of}{n}": "equivalent" if n else "slower" for of in "xy" for n in range(5)
    }


def test_half_a_line_is_left_out_and_a_broken_one_is_named(
    pybench: Pybench, part: Part, tmp_path: Path
) -> None:
    whole, torn = part("whole", rows(prefix="a")), part("torn", rows(prefix="b"))
    record = torn / "run.jsonl"
    record.write_bytes(record.read_bytes()[:-30])
    done, summary = merged(pybench, tmp_path, whole, torn)

    assert done.returncode == status.OK, done.stderr
    assert summary["rows"][-1]["hosts"][0]["pairs"] == 19
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join([*lines[:5], b"{]\n", *lines[5:]]))
    for words in ([torn], [tmp_path / "nowhere"], [whole, whole]):
        done = pybench("merge", *map(str, words), "-o", str(tmp_path / "x"))
        assert done.returncode == status.USAGE
        assert "error: " in done.stderr
    assert pybench("merge", str(whole), "-o", str(whole)).returncode == status.USAGE


def test_hosts_of_one_name_are_told_apart(
    pybench: Pybench, part: Part, tmp_path: Path
) -> None:
    """Virtual machines of one image; who gives a name means one machine."""
    vms = [part(f"vm{n}", rows(), host="runner", boot=f"{n}") for n in (1, 2)]
    named = part("named", rows(), host="lab 7\x1b[2J", boot="")
    done, summary = merged(pybench, tmp_path, *vms, named)

    assert [h["name"] for h in summary["hosts"]] == [
        "runner", "runner (2)", "lab 7\x1b[2J",
    ]  # fmt: skip
    assert "\x1b" not in done.stdout


def test_one_folder_has_one_writer(part: Part, tmp_path: Path) -> None:
    from pybench.records.documents import DocumentError

    folder = part("run", rows())
    with (
        RecordWriter(folder, None),
        pytest.raises(DocumentError, match="another pybench is writing it"),
    ):
        RecordWriter(folder, None)
    with RecordWriter(folder, None):
        pass
