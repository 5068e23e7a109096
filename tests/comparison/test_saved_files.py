"""Saved files: what is read of them, and what each that cannot be is told."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison.judging import COMPUTATION, MEMORY, STARTUP
from pybench.comparison.mean_groups import CONTENDED, NATIVE
from pybench.comparison.saved_comparison import LIMITS, compare_saved
from pybench.comparison.summary import exit_code
from pybench.records import saved_files
from pybench.records.documents import DocumentError
from pybench.records.identity import identity_document
from pybench.records.saved_comparison import CONTROL, SavedComparison, SavedRowSummary
from pybench.records.saved_files import (
    Saved,
    SavedRow,
    holds_run,
    is_saved,
    read_saved,
)
from pybench.statistics.unpaired import FASTER, INCONCLUSIVE, ONE_PROCESS, SLOWER
from pybench.target.process.identity import read_identity

INFO = {
    "python_implementation": "CPython",
    "python_version": "3.12.1",
    "machine": "x86_64",
    "system": "Linux",
    "cpu": {"brand_raw": "Some CPU"},
}
ALU = "benchmarks/memory/test_yardstick.py::test_alu"
CHURN = "benchmarks/memory/test_churn.py::test_churn"
BARE = "benchmarks/startup/test_bare.py::test_bare"
CALL = "benchmarks/interpreter/test_calls.py::test_call"


def stock(medians: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a document of pytest-benchmark."""
    return {
        "machine_info": INFO,
        "commit_info": {},
        "benchmarks": [
            {
                "group": "yardstick" if name == ALU else None,
                "name": name.rpartition("::")[2],
                "fullname": name,
                "stats": {"median": median, "stddev": math.nan},
            }
            for name, median in medians.items()
        ],
        "version": "5.3.1",
        **more,
    }


def repeated(times: dict[str, list[float]]) -> dict[str, Any]:
    """Return a document of pytest-benchmark whose session was repeated."""
    rows = [{"fullname": n, "process_medians_s": t} for n, t in times.items()]
    # What the stock median is of is another matter: it must not be used.
    return stock(dict.fromkeys(times, 77.0), pybench={"schema": 1, "rows": rows})


def pyperf(benchmarks: dict[str, list[Any]], **metadata: Any) -> dict[str, Any]:
    """Return a document of pyperf: per benchmark the values of its runs."""
    common = {
        "python_implementation": "cpython",
        "python_version": "3.13.0 (64-bit) revision 1",
        "cpu_model_name": "Some CPU",
        "platform": "Linux-6.1-x86_64",
    }
    calibration = {"metadata": {"calibrate_loops": 4}, "warmups": [[4, 9.0]]}
    return {
        "benchmarks": [
            {
                "metadata": {"name": name},
                "runs": [
                    calibration,
                    *({"values": v, "warmups": [[4, 99.0]]} for v in runs),
                ],
            }
            for name, runs in benchmarks.items()
        ],
        "metadata": common | metadata,
        "version": "1.0",
    }


def write(path: Path, document: object) -> Path:
    """Write a document, or a text that is none."""
    text = document if isinstance(document, str) else json.dumps(document)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_pytest_benchmark_is_read(tmp_path: Path) -> None:
    """Also where a field that nobody needs is NaN, which JSON has not."""
    found = read_saved(write(tmp_path / "old", stock({CHURN: 2e-6, ALU: 1e-9})))

    assert found.tool == "pytest-benchmark"
    assert found.interpreter == "CPython 3.12.1"
    assert found.identity is None
    assert found.machine["CPU"] == "Some CPU"
    assert found.rows == {
        CHURN: SavedRow(times_s=(2e-6,)),
        ALU: SavedRow(times_s=(1e-9,), group="yardstick"),
    }


def test_our_identity_says_what_the_interpreter_is(tmp_path: Path) -> None:
    identity = read_identity()
    info = INFO | {"pybench": identity_document(identity)}
    found = read_saved(
        write(tmp_path / "old.json", stock({CHURN: 1.0}, machine_info=info))
    )

    assert found.identity == identity
    assert found.interpreter.startswith(identity.interpreter)


def test_processes_stand_before_the_stock_median(tmp_path: Path) -> None:
    document = repeated({CHURN: [1.0, 2.0, 3.0]})
    document["pybench"]["rows"].append({"fullname": CALL, "status": "n/a"})
    found = read_saved(write(tmp_path / "old.json", document))

    assert found.rows[CHURN].times_s == (1.0, 2.0, 3.0)


def test_a_file_of_pyperf_is_read(tmp_path: Path) -> None:
    """A run is a process; warm-ups and the calibration are none of its values."""
    document = pyperf({"a": [[1.0, 2.0, 3.0], [5.0]], "b": [[0.5]]})
    found = read_saved(write(tmp_path / "old.json", document))

    assert found.tool == "pyperf"
    assert found.interpreter == "CPython 3.13.0"
    assert found.machine == {"CPU": "Some CPU", "system": "Linux"}
    assert {name: row.times_s for name, row in found.rows.items()} == {
        "a": (2.0, 5.0),
        "b": (0.5,),
    }


def test_the_only_benchmark_of_pyperf_has_its_name_at_the_top(tmp_path: Path) -> None:
    document = pyperf({"": [[1.0]]}, name="alone")
    del document["benchmarks"][0]["metadata"]

    assert [*read_saved(write(tmp_path / "f", document)).rows] == ["alone"]


HYPERFINE = {"results": [{"command": "true", "median": 0.001}]}
ASV = {"commit_hash": "0", "env_name": "py", "results": {}, "version": 2}
GOOGLE = {"context": {}, "benchmarks": [{"name": "BM", "real_time": 1.0}]}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "empty"),
        (" \n", "empty"),
        (json.dumps(stock({CHURN: 1.0}))[:-9], "truncated"),
        ('{"machine_info": "Linu', "truncated"),
        ("ns per call: 12", "not JSON.*pyperf"),
        ("[" * 100_000, "not JSON|truncated"),
        ('{"pybench":"run","schema":1}\n{}\n', "the record of a run.*give its folder"),
        ([], "another tool: a list"),
        ({}, "another tool.*nothing"),
        (HYPERFINE, "another tool.*'results'"),
        (ASV, "another tool.*'commit_hash', 'env_name', 'results'"),
        (GOOGLE, "another tool.*'context'"),
        ({"pybench": "summary", "rows": []}, "what a comparison of pybench said"),
        (stock({}), "no rows"),
        (pyperf({}), "no rows"),
        (stock({CHURN: -1.0}), r"test_churn: -1\.0 is no time"),
        (stock({CHURN: 0.0}), r"0\.0 is no time"),
        (stock({CHURN: math.nan}), "nan is no time"),
        (stock({CHURN: math.inf}), "inf is no time"),
        (stock({CHURN: 10**400}), "is no time"),
        (stock({CHURN: True}), "True is no time"),
        (stock({CHURN: "1.0"}), r"'1\.0' is no time"),
        (stock({CHURN: None}), "None is no time"),
        (repeated({CHURN: [1.0, -2.0]}), r"-2\.0 is no time"),
        (stock({}, benchmarks=[{"fullname": "x"}]), "row 1.*'stats'.*save it again"),
        (stock({CHURN: 1.0}, pybench={"schema": 9}), "schema 9, and this one reads 1"),
        (stock({CHURN: 1.0}, machine_info={"pybench": {"schema": 9}}), "schema 9"),
        (stock({CHURN: 1.0}, machine_info={"pybench": {"schema": 1}}), "identity|impl"),
        (pyperf({"a": [[1.0, math.nan]]}), "a: nan is no time"),
        (pyperf({"a": []}), "a: no run has values"),
        (pyperf({"a": [[7_360_512]]}, unit="byte"), "a: measured in 'byte'.*seconds"),
        (pyperf({"a": [[1.0]]}) | {"version": "2.0"}, "format '2.0'.*'1.0'"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, document: object, said: str
) -> None:
    """Each message begins with the file."""
    path = write(tmp_path / "some.json", document)

    with pytest.raises(DocumentError, match=rf"(?s)^\S*some\.json.*({said})"):
        read_saved(path)


@pytest.mark.parametrize("make", [stock, pyperf])
def test_equal_names_are_refused(tmp_path: Path, make: Any) -> None:
    document = make({"a": [[1.0]]} if make is pyperf else {"a": 1.0})
    document["benchmarks"] *= 3

    with pytest.raises(DocumentError, match=r"more than once, such as 'a' \(3 times\)"):
        read_saved(write(tmp_path / "f.json", document))


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"gone\.json: No such file"):
        read_saved(tmp_path / "gone.json")
    with pytest.raises(DocumentError, match="a folder, and not of a run"):
        read_saved(tmp_path)
    (tmp_path / "small.json.gz").write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(DocumentError, match="gunzip"):
        read_saved(tmp_path / "small.json.gz")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A file with a hole costs nothing; one that grows as it is read is met too."""
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(saved_files.MOST_BYTES + 1)

    with pytest.raises(DocumentError, match=r"huge\.json: larger than 500 MB"):
        read_saved(tmp_path / "huge.json")


def test_files_are_told_by_their_content(tmp_path: Path) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    executable = write(tmp_path / "results", stock({CHURN: 1.0}))
    executable.chmod(0o755)
    run = write(tmp_path / "some", '{"pybench":"run","schema":1}\n')

    assert is_saved(executable)
    assert is_saved(write(tmp_path / "notes", "text"))
    assert is_saved(tmp_path / "missing.json")
    assert not is_saved(tmp_path / "missing")
    assert not is_saved(python)
    assert not is_saved(tmp_path / "environment")
    assert holds_run(run)
    assert not holds_run(executable)
    assert not holds_run(tmp_path / "missing.json")


def sides(tmp_path: Path, *documents: object) -> list[Saved]:
    """Write and read files called f0, f1, ..."""
    return [
        read_saved(write(tmp_path / f"f{number}.json", document))
        for number, document in enumerate(documents)
    ]


def row(comparison: SavedComparison, name: str) -> SavedRowSummary:
    """Return the one row of that name."""
    (found,) = [one for one in comparison.rows if one.row == name]
    return found


STEADY = [1.0, 1.01, 0.99, 1.005]


def test_one_process_a_side_keeps_its_ratios(tmp_path: Path) -> None:
    """Inconclusive with the reason, both times, and marked."""
    then = stock({CHURN: 1e-6, BARE: 0.01, CALL: 2e-7, ALU: 1e-9})
    now = stock({CHURN: 3e-6, BARE: 0.02, CALL: 1e-7, ALU: 1.1e-9})
    comparison = compare_saved(sides(tmp_path, then, now))
    churn = row(comparison, CHURN)

    assert comparison.limits == LIMITS
    assert comparison.verdict == "f1 against f0: 3 inconclusive, 1 control"
    assert (churn.word, churn.reason) == (INCONCLUSIVE, ONE_PROCESS)
    assert churn.ratio == pytest.approx(3.0)
    assert (churn.baseline_s, churn.side_s) == (1e-6, 3e-6)
    assert churn.explained is None
    assert all(one.unreplicated for one in comparison.rows)
    assert comparison.reasons == {"f1": {ONE_PROCESS: 3}}
    assert comparison.files[1].drift == pytest.approx(0.1)


def test_the_breakdown_has_three_parts(tmp_path: Path) -> None:
    """Rows without Python are in none of them."""
    other = CALL.replace("interpreter", "gil")
    then = stock({CHURN: 1.0, BARE: 1.0, CALL: 1.0, other: 1.0, ALU: 1.0})
    now = stock({CHURN: 3.0, BARE: 2.0, CALL: 4.0, other: 1.0, ALU: 9.0})
    means = compare_saved(sides(tmp_path, then, now)).means

    assert [(m.part, m.rows, m.unreplicated) for m in means] == [
        (MEMORY, 1, 1),
        (STARTUP, 1, 1),
        (COMPUTATION, 2, 2),
    ]
    assert [m.ratio for m in means] == pytest.approx([3.0, 2.0, 2.0])


def test_benchmarks_of_pyperf_are_all_computation(tmp_path: Path) -> None:
    """Whatever their names look like."""
    document = pyperf({"memory/x.py::a": [[1.0]]})
    (mean,) = compare_saved(sides(tmp_path, document, document)).means

    assert mean.part == COMPUTATION


def test_processes_let_changes_be_told(tmp_path: Path) -> None:
    """With steady yardsticks; swapping the files mirrors the words."""
    then = repeated({CHURN: STEADY, CALL: STEADY, BARE: STEADY, ALU: STEADY})
    now = repeated(
        {
            CHURN: [2 * time for time in STEADY],
            CALL: [0.5 * time for time in STEADY],
            BARE: STEADY,
            ALU: STEADY,
        }
    )
    files = sides(tmp_path, then, now)
    comparison, mirrored = compare_saved(files), compare_saved(files[::-1])

    assert row(comparison, CHURN).word == row(mirrored, CALL).word == SLOWER
    assert row(comparison, CALL).word == row(mirrored, CHURN).word == FASTER
    assert row(comparison, BARE).word == INCONCLUSIVE
    assert row(comparison, ALU).word == CONTROL
    assert not any(one.unreplicated for one in comparison.rows)
    assert row(comparison, CHURN).explained is not None
    assert exit_code(comparison, fail_on="slower", strict=False) == 1
    assert exit_code(comparison, fail_on=None, strict=True) == 3
    assert exit_code(comparison, fail_on=None, strict=False) == 0
    assert exit_code(mirrored, fail_on="faster", strict=True) == 1


def test_the_margin_counts(tmp_path: Path) -> None:
    steady = [1.0, 1.001, 0.999, 1.0]
    then = repeated({CHURN: steady, ALU: [1.0] * 4})
    now = repeated({CHURN: [1.1 * time for time in steady], ALU: [1.0] * 4})
    files = sides(tmp_path, then, now)

    assert row(compare_saved(files, 0.03), CHURN).word == SLOWER
    assert "margin" in row(compare_saved(files, 0.2), CHURN).reason


def test_another_machine_is_no_verdict(tmp_path: Path) -> None:
    then = repeated({CHURN: STEADY, ALU: STEADY})
    now = repeated({CHURN: [9 * time for time in STEADY], ALU: STEADY})
    now["machine_info"] = INFO | {"cpu": {"brand_raw": "Other CPU"}}
    comparison = compare_saved(sides(tmp_path, then, now))

    assert row(comparison, CHURN).word == INCONCLUSIVE
    assert row(comparison, CHURN).ratio == pytest.approx(9.0)
    assert "'Other CPU' there, 'Some CPU' here" in row(comparison, CHURN).reason
    assert comparison.notes[0].startswith("f1 was measured on another machine")


def test_rows_of_one_file_alone_are_listed(tmp_path: Path) -> None:
    then, now = stock({CHURN: 1.0, BARE: 1.0}), stock({CHURN: 1.0, CALL: 1.0})
    parts = compare_saved(sides(tmp_path, then, now)).one_sided

    assert [(part.only_in, part.rows) for part in parts] == [
        ("f0", (BARE,)),
        ("f1", (CALL,)),
    ]


def test_each_file_is_compared_with_the_first(tmp_path: Path) -> None:
    files = sides(tmp_path, *(stock({CHURN: time}) for time in (1.0, 2.0, 4.0)))
    comparison = compare_saved(files)

    assert {r.side: r.ratio for r in comparison.rows} == pytest.approx(
        {"f1": 2.0, "f2": 4.0}
    )


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in "ab":
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "r.json", stock({CHURN: 1.0}))
    paths = [tmp_path / folder / "r.json" for folder in "ab"]
    apart = compare_saved([read_saved(path) for path in paths])
    same = compare_saved([read_saved(paths[0])] * 2)

    assert [file.name for file in apart.files] == [str(path) for path in paths]
    assert [file.name for file in same.files] == ["r#1", "r#2"]


def test_files_without_a_common_row_are_refused(tmp_path: Path) -> None:
    """With three names of each side."""
    then = stock({f"a{number}": 1.0 for number in range(5)})
    files = sides(tmp_path, then, pyperf({"b": [[1.0]]}))

    said = r"f1\.json and \S*f0\.json have no row in common: b there, a0, a1, a2 and 2"
    with pytest.raises(DocumentError, match=said):
        compare_saved(files)


def test_one_file_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"f0\.json: one file has nothing"):
        compare_saved(sides(tmp_path, stock({CHURN: 1.0})))


GOOD = {CHURN: 1.0, CALL: 2.0}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (0.0, "0.0 is no time"),
        (math.nan, "nan is no time"),
        (-1.0, "-1.0 is no time"),
        (None, "None is no time"),
        (10**400, "is no time"),
        ("fast", "'fast' is no time"),
    ],
)
def test_a_row_that_is_no_time_is_left_out_by_name(
    tmp_path: Path, bad: object, said: str
) -> None:
    """Whichever of the files has it, the other rows are compared."""
    for documents in ((stock(GOOD), stock(GOOD | {CALL: bad})),
                      (stock(GOOD | {CALL: bad}), stock(GOOD))):  # fmt: skip
        found = compare_saved(sides(tmp_path, *documents))

        assert [one.row for one in found.rows] == [CHURN]
        (left_out,) = found.left_out
        assert left_out.row == CALL
        assert said in left_out.reason
        assert len(left_out.reason) < 160
        assert found.one_sided == ()


@pytest.mark.parametrize(
    ("odd", "name", "said"),
    [
        ({"metadata": {"name": "b"}, "runs": []}, "b", "only its calibration"),
        ({"metadata": {"name": "b"}, "runs": [{"values": [0.0]}]}, "b", "no time"),
        ({"metadata": {"name": "b"}}, "b", "no 'runs'"),
        ({"metadata": {"name": "b", "unit": "byte"}, "runs": [{"values": [1]}]}, "b",
         "measured in 'byte'"),
        ({"runs": [{"values": [1.0]}]}, "benchmark 2", "no name"),
        (7, "benchmark 2", "no 'runs'"),
    ],
)  # fmt: skip
def test_a_benchmark_of_pyperf_without_times_is_left_out(
    tmp_path: Path, odd: object, name: str, said: str
) -> None:
    document = pyperf({"a": [[1.0]]})
    document["benchmarks"].append(odd)

    found = read_saved(write(tmp_path / "f.json", document))

    assert [*found.rows] == ["a"]
    assert [*found.left_out] == [name]
    assert said in found.left_out[name]


def test_rows_of_one_name_are_left_out_and_the_others_kept(tmp_path: Path) -> None:
    document = stock(GOOD)
    document["benchmarks"].append(document["benchmarks"][0])

    found = read_saved(write(tmp_path / "f.json", document))

    assert [*found.rows] == [CALL]
    assert found.left_out[CHURN].startswith("2 rows bear this name")


def test_odd_processes_and_rows_are_left_out(tmp_path: Path) -> None:
    document = repeated({CHURN: STEADY, CALL: STEADY})
    document["pybench"]["rows"][1]["process_medians_s"] = "soon"
    document["benchmarks"].append("a word")

    found = read_saved(write(tmp_path / "f.json", document))

    assert [*found.rows] == [CHURN]
    assert {*found.left_out} == {CALL, "row 3"}


def test_rows_of_threads_and_kernels_have_means_of_their_own(tmp_path: Path) -> None:
    native = "benchmarks/memory/test_o.py::test_benchmark_memory_ordering_paged"
    contended = "benchmarks/memory/test_churn.py::test_both"
    then = stock({CHURN: 1.0, native: 1.0, contended: 1.0, BARE: 1.0})
    now = stock({CHURN: 2.0, native: 1.0, contended: 92.0, BARE: 3.0})
    for document in (then, now):
        document["benchmarks"][2]["extra_info"] = {"threads": 2}

    means = compare_saved(sides(tmp_path, then, now)).means

    assert {mean.part: mean.ratio for mean in means} == pytest.approx(
        {MEMORY: 2.0, STARTUP: 3.0, CONTENDED: 92.0, NATIVE: 1.0}
    )


def test_a_baseline_of_another_day_says_its_age_and_the_drift(tmp_path: Path) -> None:
    """Refused where the machine moved by the margin; told where the margin is wider."""
    then = repeated({CHURN: STEADY, ALU: STEADY})
    now = repeated({CHURN: [2 * t for t in STEADY], ALU: [1.05 * t for t in STEADY]})
    then["datetime"], now["datetime"] = "2026-11-20T10:00:00+00:00", "2026-11-30T12:00"
    files = sides(tmp_path, then, now)
    refused, told = compare_saved(files), compare_saved(files, 0.15)

    assert refused.notes == (
        "when f1 was measured, the baseline was 10 days old",
        "f1: the machine moved by 5.0%, and the margin is 3.0%: measure both sides "
        "again, or take a wider margin",
    )
    assert row(refused, CHURN).word == INCONCLUSIVE
    assert row(refused, CHURN).reason in refused.reasons["f1"]
    assert row(told, CHURN).word == SLOWER
    assert told.files[0].spread == pytest.approx(0.0085, abs=0.001)


def test_another_kernel_is_another_machine(tmp_path: Path) -> None:
    """The kernel of an operating system makes other times."""
    then = repeated({CHURN: STEADY, ALU: STEADY})
    now = repeated({CHURN: [2 * t for t in STEADY], ALU: STEADY})
    then["machine_info"] = {**INFO, "release": "6.1"}
    now["machine_info"] = {**INFO, "release": "6.12"}
    comparison = compare_saved(sides(tmp_path, then, now))

    assert row(comparison, CHURN).word == INCONCLUSIVE
    assert "kernel '6.12' there, '6.1' here" in comparison.notes[0]
