"""`--benchmark-metric=instructions`: counted again, saved, compared with a baseline."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pybench.children import Callgrind
from pybench.records.documents import DocumentError
from pybench.records.identity import identity_document
from pybench.records.instructions import KEY, RowInstructions, instructions_document
from pybench.target.plugin import count_pass
from pybench.target.plugin.baselines import baseline_counts
from pybench.target.plugin.changes import (
    count_changes,
    count_lines,
    rows_doing_more,
)
from pybench.target.plugin.controller import ControllerGoneError
from pybench.target.plugin.count_pass import CountEach
from pybench.target.plugin.rerun import FOUND, GIVEN, Rerun
from pybench.target.process.identity import read_identity

pytestmark = pytest.mark.once

Run = Callable[..., pytest.RunResult]

IDENTITY = replace(
    read_identity(), libc="glibc 2.36", cpu_features=("avx2", "sse2"), cpu_model="a"
)
VERSION = "valgrind-9.9"
SUITE = """
import pytest

@pytest.mark.parametrize("n", [1, 2, 3])
def test_row(benchmark, n):
    benchmark(abs, n)
"""


def baseline(folder: Path, **changes: Any) -> Path:
    """Write a baseline with the count of one row; `changes` are of its identity."""
    import platform

    counted = RowInstructions(counter=VERSION, processes=(1000.0, 1000.0))
    path = folder / "0001_base.json"
    info = {
        "pybench": identity_document(replace(IDENTITY, **changes)),
        "python_build": platform.python_build(),
        "python_compiler": platform.python_compiler(),
    }
    rows = [{"fullname": "row", "extra_info": {KEY: instructions_document(counted)}}]
    path.write_text(json.dumps({"machine_info": info, "benchmarks": rows}))
    return path


def test_another_machine_of_the_same_features_serves(tmp_path: Path) -> None:
    path = baseline(tmp_path, cpu_model="another", affinity=64, quota=3.5)

    counts = baseline_counts(path, IDENTITY)

    assert counts["row"].processes == (1000.0, 1000.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cpu_features": ("sse2",)}, "cpu_features: avx2 here alone"),
        ({"cpu_features": ("avx2", "fma", "sse2")}, "cpu_features: fma there alone"),
        ({"libc": "glibc 2.39"}, "libc: 'glibc 2.36' here, 'glibc 2.39' there"),
        ({"version": "3.9.9"}, "version: .* '3.9.9' there"),
        ({"libc": "", "cpu_features": ()}, "its libc is unknown"),
    ],
)
def test_what_moves_counts_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(DocumentError, match=f"{said}.*save one here"):
        baseline_counts(baseline(tmp_path, **changes), IDENTITY)


def test_a_baseline_without_counts_says_how_to_save_some(tmp_path: Path) -> None:
    path = baseline(tmp_path)
    document = json.loads(path.read_text())
    document["benchmarks"][0]["extra_info"] = {}
    path.write_text(json.dumps(document))

    with pytest.raises(DocumentError, match="has no instructions: save one here"):
        baseline_counts(path, IDENTITY)
    document["benchmarks"][0]["extra_info"] = {KEY: {"processes": ["many"]}}
    path.write_text(json.dumps(document))
    with pytest.raises(DocumentError, match="are no counts of instructions"):
        baseline_counts(path, IDENTITY)
    document["machine_info"] = {}
    path.write_text(json.dumps(document))
    with pytest.raises(DocumentError, match="written without pybench"):
        baseline_counts(path, IDENTITY)


def test_rows_are_compared_one_by_one() -> None:
    def counted(*processes: float, **more: str) -> RowInstructions:
        return RowInstructions(**{"counter": VERSION, **more}, processes=processes)

    then = {name: counted(1000, 1000) for name in ("same", "more", "little", "other")}
    now = {
        "same": counted(1000, 1000),
        "more": counted(1010, 1010),
        "little": counted(1002, 1002),
        "other": counted(1000, 1000, counter="valgrind-8"),
        "new": counted(1000, 1000),
    }

    changes = count_changes(now, then)

    words = {n: c.word for n, c in changes.items() if not isinstance(c, str)}
    assert words == {"same": "equal", "more": "more", "little": "more"}
    assert rows_doing_more(changes) == ["more"]
    text = "\n".join(count_lines(changes))
    assert "rows that execute more or less: 2 of 3" in text
    assert "does 1.00% more  more" in text
    assert "the baseline has no instructions of it" in text
    assert "counted by valgrind-8 here, by valgrind-9.9 there" in text


def test_every_row_is_asked_once(tmp_path: Path) -> None:
    """And what is known is on the disk before the next row begins."""
    (tmp_path / GIVEN).write_text(json.dumps(["a", "b"]))
    each = CountEach(tmp_path)

    def found() -> Any:
        return json.loads((tmp_path / FOUND).read_text())

    each.send(say="hello", rows={"a": {}, "b": {}, "c": {}})
    assert each.receive() == {"do": "rows", "rows": ["a", "b"]}
    each.send(say="ready", row="a")
    assert found()["current"] == "a"
    assert [each.receive()["do"], each.receive()["do"]] == ["count", "stop"]
    each.send(say="counted", counts=[20, 10], numbers={"count": 5}, reason="")
    each.send(say="ended", row="a", outcome="measured", facts={"operations": 2})
    each.send(say="ended", row="b", outcome="n/a", reason="too old", facts={})
    each.send(say="bye")

    assert found()["current"] == ""
    assert count_pass._per_iteration(found()["a"]) == 1
    assert found()["b"]["reason"] == "n/a: too old"
    with pytest.raises(ControllerGoneError):
        each.receive()


def test_a_process_that_ends_costs_its_row(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first process dies in the second row; the counts are printed and saved."""
    pytester.makepyfile(test_suite=SUITE)
    calls: list[list[str]] = []

    def run_again(config: Any, option: str, left: list[str], **more: Any) -> Rerun:
        calls.append([name.rpartition("[")[2] for name in left])
        found: dict[str, Any] = {"current": ""}
        for name in left:
            if name.endswith("[2]"):
                found["current"] = name
                return Rerun(status=-9, ended="was ended by SIGKILL", found=found)
            numbers = {"count": 2}
            found[name] = {"reason": "", "counts": [500], "numbers": numbers}
        return Rerun(status=0, ended="", found=found)

    monkeypatch.setattr(count_pass, "run_again", run_again)
    fake = Callgrind(version=VERSION, command=(), environ={})
    monkeypatch.setattr(count_pass, "find_callgrind", lambda folder: fake)

    result = run("--benchmark-metric=instructions", "--benchmark-json=out.json")

    assert result.ret == 0
    assert calls == [["1]", "2]", "3]"], ["3]"], ["1]", "3]"]]
    result.stdout.fnmatch_lines(
        [
            "per iteration, counted by valgrind-9.9; they are no times",
            "row*1* 250.0 *250.0",
            "row*2* under callgrind its process was ended by SIGKILL",
        ]
    )
    rows = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    assert rows[0]["extra_info"][KEY]["processes"] == [250.0, 250.0]
    assert rows[1]["extra_info"][KEY]["reason"].endswith("SIGKILL")


def test_without_valgrind_the_session_fails_and_says_so(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_suite=SUITE)
    monkeypatch.setattr(shutil, "which", lambda name: None)

    result = run("--benchmark-metric=instructions")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*valgrind, which is not installed*"])


def test_what_cannot_be_compared_ends_before_the_first_row(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(test_suite=SUITE)
    assert run("--benchmark-save=times").ret == 0

    result = run("--benchmark-metric=instructions", "--benchmark-compare=times")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*cannot be compared*; save one here with*"])
    assert run("--pybench-fail-on=more", "--benchmark-compare=times").ret == 4
