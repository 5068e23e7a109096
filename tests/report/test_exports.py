"""`pybench export`: what other programs read, read by them."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli import main
from pybench.comparison.contents import read_contents
from pybench.records.summary import Summary, ValueSummary, write_summary
from pybench.records.values import RowValue
from pybench.report.exports import frames

Export = Callable[..., str]
SLOWER = "benchmarks/interpreter/test_calls.py::test_benchmark_interpreter_slower"
HOSTILE = 'benchmarks/odd/test_odd.py::test_odd[a,"b"|`c`\n<script>x</script> 🐍]'


def ended(*words: object) -> int:
    """Return the status that a command ends with."""
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def run_folder(recorded: Callable[..., Any], tmp_path: Path) -> Path:
    """Record a run of five rows."""
    folder = tmp_path / "run"
    recorded(folder=folder)
    return folder


@pytest.fixture
def summary(run_folder: Path) -> Summary:
    """Return what the run says."""
    found = read_contents([run_folder]).summary
    assert found is not None
    return found


def both_sides(folder: Path, kind: str, into: Path) -> list[str]:
    """Export baseline and contender; return the files."""
    files = []
    for side in ("3.13", "3.14t"):
        path = into / f"{side}.json"
        assert ended("export", folder, "--to", kind, "--side", side, "-o", path) == 0
        files.append(str(path))
    return files


def test_pyperf_compares_two_sides(run_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyperf", reason="n/a: pyperf is not installed here")
    files = both_sides(run_folder, "pyperf", tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "pyperf", "compare_to", *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    said = done.stdout.partition(SLOWER)[2].splitlines()
    assert any("1.25x slower" in line for line in said[:3]), done.stdout


def test_pyperf_finds_a_run_per_process_and_the_warm_ups(
    run_folder: Path, tmp_path: Path
) -> None:
    pyperf = pytest.importorskip("pyperf", reason="n/a: pyperf is not installed here")
    file, _ = both_sides(run_folder, "pyperf", tmp_path)

    row = pyperf.BenchmarkSuite.load(file).get_benchmark(SLOWER)

    assert row.get_nrun() == 20
    assert row.get_nvalue() == 200
    assert {run.warmups[0][0] for run in row.get_runs()} == {1000}


def test_pytest_benchmark_compares_two_sides(run_folder: Path, tmp_path: Path) -> None:
    files = both_sides(run_folder, "pytest-benchmark", tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", *files,
         "--columns=median,rounds,iterations", "--group-by=fullname"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "test_benchmark_interpreter_slower" in done.stdout
    assert "(1.25)" in done.stdout
    assert "1000" in done.stdout


def test_pytest_benchmark_takes_an_export_for_a_baseline(
    run_folder: Path, tmp_path: Path
) -> None:
    file, _ = both_sides(run_folder, "pytest-benchmark", tmp_path)
    suite = tmp_path / "test_one.py"
    suite.write_text("def test_one(benchmark): benchmark(int)")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", suite,
         f"--benchmark-compare={file}"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Comparing against benchmarks from" in done.stdout + done.stderr


def test_an_export_has_the_times_of_the_summary(
    run_folder: Path, summary: Summary, tmp_path: Path
) -> None:
    """Medians of all timed samples; the warm-up is a fifth longer and not in them."""
    files = both_sides(run_folder, "pytest-benchmark", tmp_path)

    base, side = (json.loads(Path(file).read_text())["benchmarks"] for file in files)

    medians = [
        {one["fullname"]: one["stats"]["median"] for one in f} for f in (base, side)
    ]
    for row in summary.rows:
        if row.baseline_ns is not None and row.side_median_ns is not None:
            assert medians[0][row.row] * 1e9 == pytest.approx(row.baseline_ns)
            assert medians[1][row.row] * 1e9 == pytest.approx(row.side_median_ns)
    assert len(medians[0]) == 4


def test_our_own_comparison_reads_both(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("pytest-benchmark", "pyperf"):
        files = both_sides(run_folder, kind, tmp_path)
        capsys.readouterr()

        assert ended("compare", *files, "--format", "json") == 0

        rows = json.loads(capsys.readouterr().out)["rows"]
        found = {row["row"]: row for row in rows}[SLOWER]
        # Not a verdict: without control rows nobody knows how the machine drifted.
        assert not found["unreplicated"]
        assert found["baseline_processes"] == 20
        assert found["ratio"] == pytest.approx(1.25, rel=0.02)


def test_rows_that_have_no_times_are_named(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both_sides(run_folder, "pyperf", tmp_path)

    said = capsys.readouterr().err
    assert "left out: benchmarks/memory/test_sizes.py" in said
    assert "needs what is not here" in said


def test_a_sample_of_no_time_is_no_time(
    recorded: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(folder=tmp_path / "run")
    path = tmp_path / "run" / "run.jsonl"
    lines = path.read_text().splitlines()
    for place, line in enumerate(lines):
        document = json.loads(line)
        if document.get("record") == "pair" and document["row"] == SLOWER:
            document["samples"]["3.13"][0][3]["cpu_ns"] = 0
            lines[place] = json.dumps(document)
            break
    path.write_text("\n".join(lines) + "\n")

    files = both_sides(tmp_path / "run", "pyperf", tmp_path)

    assert "a sample took no time by the cpu clock" in capsys.readouterr().err
    assert SLOWER not in Path(files[0]).read_text()


def test_rows_that_are_no_times_are_exported_with_their_values(
    summary: Summary,
) -> None:
    both = {
        "3.13": RowValue(value=7, unit="bytes"),
        "3.14t": RowValue(value=9, unit="bytes"),
    }
    values = (
        ValueSummary(row="memory/test_a.py::test_new", values=both),
        ValueSummary(row=summary.rows[0].row, values={"3.13": both["3.13"]}),
    )

    first, *_, last = frames.row_records(replace(summary, values=values))

    assert (first["baseline_value"], first["side_value"]) == (7.0, None)
    assert first["ratio"] == summary.rows[0].ratio
    assert (last["row"], last["verdict"]) == ("memory/test_a.py::test_new", "none")
    assert (last["baseline_value"], last["side_value"]) == (7.0, 9.0)
    assert (last["unit"], last["interpreter"]) == ("bytes", first["interpreter"])
    assert {*last} == {*frames.COLUMNS}


def test_csv_has_every_number_of_the_summary(
    run_folder: Path, summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("export", run_folder, "--to", "csv", "-o", "-") == 0

    records = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert len(records) == len(summary.rows)
    for record, row in zip(records, summary.rows, strict=True):
        assert record["row"] == row.row
        assert record["verdict"] == row.verdict
        assert record["ratio"] == ("" if row.ratio is None else str(row.ratio))
        assert record["gil_enabled"] == "False"


def test_frames_have_the_same_rows_and_kinds(summary: Summary, tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="n/a: pandas is not installed here")
    pytest.importorskip("polars", reason="n/a: polars is not installed here")
    parquet = pytest.importorskip(
        "pyarrow.parquet", reason="n/a: pyarrow is not installed here"
    )
    records = frames.row_records(summary)

    assert frames.to_polars(summary).to_dicts() == records
    assert [*frames.to_pandas(summary)["row"]] == [one["row"] for one in records]
    path = tmp_path / "rows.parquet"
    path.write_bytes(frames.to_parquet(summary))
    assert parquet.read_table(path).to_pylist() == records


def test_frames_of_no_rows_have_columns(summary: Summary) -> None:
    pytest.importorskip("pandas", reason="n/a: pandas is not installed here")
    pytest.importorskip("polars", reason="n/a: polars is not installed here")
    from dataclasses import replace

    empty = replace(summary, rows=())

    assert tuple(frames.to_pandas(empty).columns) == frames.COLUMNS
    assert tuple(frames.to_polars(empty).columns) == frames.COLUMNS
    assert frames.to_csv(empty).strip() == ",".join(frames.COLUMNS)


def test_the_action_draws_ratios_of_rows_with_a_verdict(
    run_folder: Path, summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("export", run_folder, "--to", "github-action", "-o", "-") == 0

    out = capsys.readouterr()
    entries = {entry["name"]: entry for entry in json.loads(out.out)}
    judged = [row for row in summary.rows if row.verdict != "none"]
    assert {*entries} == {f"{row.row} ({row.side})" for row in judged}
    for row in judged:
        entry = entries[f"{row.row} ({row.side})"]
        assert entry["value"] == row.ratio
        assert entry["unit"] == "time / 3.13"
        assert entry["extra"].startswith(row.verdict)
    assert "test_benchmark_memory_missing on 3.14t" in out.err


def a_tree() -> dict[str, Any]:
    """Return a record of imports: a module that imports two, one only without .pyc."""

    def cost(own: float) -> dict[str, Any]:
        return {"own": {"mean_ns": own}, "total": {"mean_ns": 0.0}}

    def module(name: str, warm: Any, cold: Any, *children: Any) -> dict[str, Any]:
        return {"name": name, "warm": warm, "cold": cold, "children": [*children]}

    tree = module(
        "a", cost(5.0), cost(50.0),
        module("a.b", cost(2.0), cost(20.0)),
        module("a.c", None, cost(7.0)),
    )  # fmt: skip
    times = {"mean_ns": 1.0, "half_ns": 0.0}
    clocks = {"wall": times, "cpu": times}
    kinds = ("warm", "cold", "compiling", "observed")
    return {
        "pybench": "imports", "schema": 1, "module": "a", "python": "3.14",
        "repeats": 2, "modules": 3, "startup": {}, "tree": [tree],
        **dict.fromkeys(kinds, clocks),
    }  # fmt: skip


def test_speedscope_gets_a_tree_whose_times_add_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "imports.json"
    path.write_text(json.dumps(a_tree()))

    assert ended("export", path, "--to", "speedscope", "-o", "-") == 0

    document = json.loads(capsys.readouterr().out)
    names = [frame["name"] for frame in document["shared"]["frames"]]
    warm, cold = document["profiles"]
    said = [(e["type"], names[e["frame"]], e["at"]) for e in warm["events"]]
    assert said == [
        ("O", "a", 0), ("O", "a.b", 0), ("C", "a.b", 2), ("C", "a", 7),
    ]  # fmt: skip
    assert (warm["endValue"], cold["endValue"]) == (7, 77)
    for profile in (warm, cold):
        stack: list[int] = []
        for event in profile["events"]:
            if event["type"] == "O":
                stack.append(event["frame"])
            else:
                assert stack.pop() == event["frame"]
        assert not stack


def test_names_with_anything_in_them_come_back(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    recorded({HOSTILE: 1.25}, folder=tmp_path / "run")
    path = tmp_path / "rows.csv"

    assert ended("export", tmp_path / "run", "--to", "csv", "-o", path) == 0
    files = both_sides(tmp_path / "run", "pytest-benchmark", tmp_path)

    with path.open(newline="") as file:
        assert [record["row"] for record in csv.DictReader(file)] == [HOSTILE]
    document = json.loads(Path(files[0]).read_text())
    assert [one["fullname"] for one in document["benchmarks"]] == [HOSTILE]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "pyperf"], "--side, one of 3.13, 3.14t"),
        (["--to", "pyperf", "--side", "3.9"], "--side 3.9: the run has 3.13"),
        (["--to", "csv", "--side", "3.13"], "--side means nothing to csv"),
        (["--to", "speedscope"], "one import tree"),
    ],
)
def test_a_format_that_does_not_fit_is_refused(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    words: list[str], said: str,
) -> None:  # fmt: skip
    path = tmp_path / "out"

    assert ended("export", run_folder, *words, "-o", path) == 2

    assert said in capsys.readouterr().err
    assert not path.exists()


def test_a_summary_alone_has_no_times(
    summary: Summary, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_summary(summary, tmp_path)

    words = ["--to", "pyperf", "--side", "3.13", "-o", "-"]
    assert ended("export", path, *words) == 2

    assert "give the folder of the run" in capsys.readouterr().err


def test_profiles_are_no_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "imports.json"
    path.write_text(json.dumps(a_tree()))

    assert ended("export", path, "--to", "csv", "-o", "-") == 2

    assert "is of a comparison" in capsys.readouterr().err


def test_a_missing_library_is_named(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "rows.parquet"

    assert ended("export", run_folder, "--to", "parquet", "-o", path) == 2

    assert "pip install pyarrow" in capsys.readouterr().err
    assert not path.exists()


def test_a_run_of_another_schema_is_refused(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_folder / "run.jsonl"
    path.write_text(path.read_text().replace('"schema":1', '"schema":99', 1))

    assert ended("export", run_folder, "--to", "csv", "-o", "-") == 2

    assert "schema 99" in capsys.readouterr().err


def test_a_run_that_is_still_being_written_is_exported(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (run_folder / "run.jsonl").open("ab") as file:
        file.write(b'{"record": "pair", "row": "be')

    assert ended("export", run_folder, "--to", "csv", "-o", "-") == 0

    out = capsys.readouterr()
    assert len([*csv.DictReader(io.StringIO(out.out))]) == 5
    assert "cut off" in out.err


def test_what_cannot_be_replaced_leaves_nothing_behind(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = tmp_path / "out"
    folder.mkdir()

    def full(self: Path, target: Path) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", full)

    assert ended("export", run_folder, "--to", "csv", "-o", folder / "rows.csv") == 2

    assert os.strerror(28) in capsys.readouterr().err
    assert [*folder.iterdir()] == []


def test_a_written_file_can_be_read_by_others(run_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"

    ended("export", run_folder, "--to", "csv", "-o", path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o644
