"""`pybench compare` and `pybench pythons` as somebody types them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli import compare as comparing
from pybench.cli import status
from pybench.comparison.live import Progress
from pybench.records.run_file import RecordWriter
from tests.runs import arm_records, header_record, pair_record, row_record

Pybench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each command run in an empty folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other interpreter be found: to ask each of this machine takes long."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    monkeypatch.setenv("PYBENCH_PYTHONS", "")
    for name in ("HOME", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Write a run of 12 pairs: one row slower by a tenth, one equal, one n/a."""
    ratios = {"slow": 1.1, "equal": 1.0}
    known = {"operations": 10, "numbers": {"count": 20}}
    missing = {
        "metric": None,
        "outcomes": {"a": "n/a", "b": "n/a"},
        "reasons": {"a": "n/a: no such thing"},
    }
    with RecordWriter(tmp_path / "run", header_record()) as writer:
        for arm in arm_records("a", "b"):
            writer.append(arm)
        for name in (*ratios, "missing"):
            row = f"memory/test_area.py::test_{name}"
            more = {} if name in ratios else missing
            writer.append(row_record(row, **known | more))
        for number in range(1, 13):
            for name, ratio in ratios.items():
                row = f"memory/test_area.py::test_{name}"
                base = 5e6 + 1_000 * number
                times = {"a": [base] * 6, "b": [base * (ratio + number / 10_000)] * 6}
                writer.append(pair_record(row, number, times, numbers={"count": 20}))
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
@pytest.mark.usefixtures("no_others")
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


@pytest.mark.usefixtures("no_others")
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


def test_folder_that_has_a_run_is_left_alone(pybench: Pybench, recorded: Path) -> None:
    record = (recorded / "run.jsonl").read_bytes()
    sides = [f"{name}={sys.executable}" for name in "ab"]
    done = pybench("compare", *sides, "-o", str(recorded))

    assert done.returncode == status.USAGE
    assert "--resume" in done.stderr
    assert (recorded / "run.jsonl").read_bytes() == record


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
