"""`pybench compare` and `pybench pythons` as somebody types them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli import compare as comparing
from pybench.cli import status
from pybench.comparison.live import Progress
from pybench.records.run import (
    PairRecord,
    RecordWriter,
    RowRecord,
    RunHeader,
    SideRecord,
)
from pybench.records.samples import Sample
from pybench.target.process.identity import read_identity

Pybench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each command run in an empty folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def sample(ns: float) -> Sample:
    """Return a sample that had the CPU all the time."""
    return Sample(wall_ns=round(ns), cpu_ns=round(ns), waited_ns=0)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Write a run of 12 pairs: one row slower by a tenth, one equal, one n/a."""
    header = RunHeader(
        version="1",
        started="now",
        command=("x",),
        seed=1,
        margin=0.03,
        pairs=None,
        suite="s",
    )
    ratios = {"slow": 1.1, "equal": 1.0}
    with RecordWriter(tmp_path / "run", header) as writer:
        for name in "ab":
            writer.append(SideRecord(name=name, python="/p", identity=read_identity()))
        for row in (*ratios, "missing"):
            there = row in ratios
            outcome = "measured" if there else "n/a"
            writer.append(
                RowRecord(
                    row=f"memory/test_area.py::test_{row}",
                    group=None,
                    apart=False,
                    pinned=True,
                    margin=None,
                    metric="cpu" if there else None,
                    operations=10,
                    threads=1,
                    numbers={"count": 20},
                    per_sample_ns=5e6,
                    outcomes={"a": outcome, "b": outcome},
                    reasons={} if there else {"a": "n/a: no such thing"},
                )
            )
        for number in range(1, 13):
            for row, ratio in ratios.items():
                base = 5_000_000 + 1_000 * number
                sides = {"a": base, "b": base * (ratio + number / 10_000)}
                writer.append(
                    PairRecord(
                        row=f"memory/test_area.py::test_{row}",
                        pair=number,
                        order=("a", "b"),
                        apart=False,
                        cpu=None,
                        hash_seed=number,
                        numbers={"count": 20},
                        samples={n: ((sample(v),) * 6,) for n, v in sides.items()},
                    )
                )
    return tmp_path / "run"


def test_a_recorded_run_is_judged_again(pybench: Pybench, recorded: Path) -> None:
    done = pybench("compare", str(recorded), "--all")

    assert done.returncode == status.OK, done.stderr
    first, *rest = done.stdout.splitlines()
    verdict, _, mean = f"{first.rstrip()} {rest[0]}".partition(" (")
    assert verdict == (
        "b against a: 1 slower, 1 equivalent, 1 without a verdict of 3 rows; a is "
        "ahead: b takes 4.9% more time"
    )
    assert mean == "geometric mean 1.049 of 2 single-threaded rows of Python)"
    table = "\n".join(rest)
    assert "▲ 1.10" in table
    assert "≈ 1.00" in table
    assert "n/a: no such thing" in table
    assert "25 µs" in table
    assert max(map(len, rest)) <= 130


@pytest.mark.parametrize(
    "words",
    [
        ["3.13", "-k", "a b"],
        ["3.13", "-o", "x", "--resume", "-k", "a b"],
        ["3.13", "-ox", "-k", "a b"],
    ],
)
def test_the_command_that_goes_on_names_the_folder_once(words: list[str]) -> None:
    said = comparing.going_on(words, Path("out"))

    assert said == "pybench compare 3.13 -k 'a b' -o out --resume"


def test_progress_says_what_is_measured_and_what_a_budget_leaves() -> None:
    progress = Progress(
        stage="pair 7, batch", done=1, whole=4, settled=60, rows=90, elapsed_s=9.0,
        left_s=30.0, measured="calls, churn ...", undecided=11,
    )  # fmt: skip

    assert comparing.standing(progress) == (
        "calls, churn ..., 60 of 90 rows settled, the budget will leave about 11 "
        "undecided"
    )
    assert comparing.standing(replace(progress, rows=0)) == ""


def test_rows_are_sorted_where_they_are_shown(
    pybench: Pybench, recorded: Path, tmp_path: Path
) -> None:
    order = ["--sort", "name", "--group", "none"]
    run = str(recorded)

    table = pybench("compare", run, "--all", *order).stdout
    text = pybench("report", run, "--format", "md", *order).stdout
    file = pybench("export", run, "--to", "csv", *order, "-o", "-").stdout
    refused = [
        pybench("compare", run, "--format", "json", *order),
        pybench("export", run, "--to", "pyperf", *order, "-o", "-"),
    ]

    assert table.index("≈ 1.0") < table.index("▲ 1.1")
    assert file.index("_equal") < file.index("_slow")
    assert text.index("slow` |") < text.index("equal` |")  # what is equal is folded
    for done in refused:
        assert done.returncode == status.USAGE
        assert "--sort" in done.stderr


def test_markdown_and_json_say_the_same(pybench: Pybench, recorded: Path) -> None:
    text = pybench("compare", str(recorded), "--format", "md").stdout
    document = json.loads(pybench("compare", str(recorded), "--format", "json").stdout)

    assert text.startswith("**b against a: 1 slower, 1 equivalent")
    verdicts = {
        row["row"].rpartition("::")[2]: row["verdict"] for row in document["rows"]
    }
    assert verdicts == {
        "test_slow": "slower",
        "test_equal": "equivalent",
        "test_missing": "none",
    }
    assert document["regressions"] == 1
    assert "`slow` | b |" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], status.OK),
        (["--fail-on", "slower"], status.CONFIRMED),
        (["--fail-on", "faster"], status.OK),
        (["--fail-on", "different"], status.CONFIRMED),
        (["--strict"], status.OK),
    ],
)
def test_exit_status(
    pybench: Pybench, recorded: Path, words: list[str], code: int
) -> None:
    assert pybench("compare", str(recorded), *words).returncode == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name at least one interpreter"),
        (("9.9",), "'9.9' is no interpreter"),
        (("nowhere/python",), "nowhere/python: no such file"),
        ((sys.executable, "--margin", "300%"), "300%"),
        ((sys.executable, "--budget", "soon"), "'soon' is no time"),
        ((sys.executable, "--pairs", "0"), "pairs must be"),
        ((sys.executable, "--fail-on", "luck"), "luck"),
        ((sys.executable, "--suite", "elsewhere"), "no benchmarks at"),
    ],
)
def test_usage_errors(
    pybench: Pybench, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """Each says what is wrong, without a traceback, before anything is measured."""
    if said != "no benchmarks at":
        (tmp_path / "benchmarks").mkdir()
    done = pybench("compare", *words)

    assert done.returncode == status.USAGE, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_record_of_another_kind_is_refused(pybench: Pybench, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.jsonl").write_text('{"pybench": "run", "schema": 99}\n')
    done = pybench("compare", "run")

    assert done.returncode == status.USAGE
    assert "schema 99" in done.stderr


def test_pythons_lists_this_one(pybench: Pybench) -> None:
    """With all facts as JSON; the environment that runs this may not be its base."""
    done = pybench("pythons", "--json")

    assert done.returncode == status.OK, done.stderr
    versions = {one["version"] for one in json.loads(done.stdout)}
    assert sys.version.split()[0] in versions


def test_packages_are_dealt_out() -> None:
    assert comparing.packages_of([], 2) == [[], []]
    assert comparing.packages_of(["a b==1"], 2) == [["a", "b==1"]] * 2
    assert comparing.packages_of(["a==1", "./a"], 2) == [["a==1"], ["./a"]]
    with pytest.raises(status.UsageError, match="3 times for 2 interpreters"):
        comparing.packages_of(["a", "b", "c"], 2)


LIVE = """
import sys
from pathlib import Path
from pybench.interpreters import prepare
made = prepare.Environment(python=Path(sys.executable), made=False)
prepare.prepare = lambda interpreter, **how: made
from pybench.cli import main
main()
"""


@pytest.fixture
def live(tmp_path: Path) -> list[str]:
    """Return a command that compares this Python with itself on a suite of one row."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "test_one.py").write_text(
        "def test_one(benchmark): benchmark(sum, range(1000))\n"
    )
    (tmp_path / "live.py").write_text(LIVE)
    sides = [f"{name}={sys.executable}" for name in "ab"]
    return [sys.executable, "live.py", "compare", *sides, "-o", "out"]


def run_live(command: list[str], folder: Path, **how: Any) -> Any:
    """Run it to its end."""
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=200, **how
    )


def test_live_comparison_ends_with_a_summary(live: list[str], tmp_path: Path) -> None:
    done = run_live([*live, "--pairs", "2"], tmp_path)

    assert done.returncode in (status.OK, status.NO_VERDICT), done.stderr
    assert done.stdout.startswith("b against a: 1 ")
    document = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert document["rows"][0]["pairs"] == 2
    again = run_live([*live, "--pairs", "2"], tmp_path)
    assert again.returncode == status.USAGE
    assert "--resume" in again.stderr


def test_interrupted_comparison_is_resumed(live: list[str], tmp_path: Path) -> None:
    child = subprocess.Popen(
        [*live, "--pairs", "3"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    record = tmp_path / "out" / "run.jsonl"
    while not record.exists() or '"record":"pair"' not in record.read_text():
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=300)

    assert child.returncode == status.INTERRUPTED, said
    assert "--resume" in said
    assert "Traceback" not in said
    assert record.read_text().count('"record":"pair"') < 3
    done = run_live([*live, "--resume"], tmp_path)
    assert done.returncode in (status.OK, status.NO_VERDICT), done.stderr
    assert record.read_text().count('"record":"pair"') == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "md", "--max-chars", "10"], "1000 or more"),
        (["--max-chars", "5000"], "is of --format md, not of table"),
    ],
)
def test_a_length_that_cannot_be_is_refused(
    pybench: Pybench, recorded: Path, words: list[str], said: str
) -> None:
    done = pybench("compare", str(recorded), *words)

    assert done.returncode == status.USAGE
    assert said in done.stderr
