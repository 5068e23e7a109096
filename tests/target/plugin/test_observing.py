"""--pybench-memory-to: each row's peak, and no row without one."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pybench.target.process import memory

Run = Callable[..., pytest.RunResult]

SIZE = 8_000_000
SUITE = f"""
import pytest

def test_big(benchmark):
    assert len(benchmark(bytearray, b"x" * {SIZE})) == {SIZE}

def test_small(benchmark):
    benchmark(int)

def test_lacking(benchmark):
    pytest.skip("n/a: too old")

def test_failing(benchmark):
    raise ValueError

def test_plain():
    pass
"""


def seen(pytester: pytest.Pytester) -> dict[str, dict[str, Any]]:
    """Return what was written, by the name of the row."""
    document = json.loads((pytester.path / "memory.json").read_text())
    return {name.partition("::test_")[2]: row for name, row in document.items()}


def test_resident_peaks_are_written(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    """Rows alone, each with what was there before and the most it came to."""
    pytester.makepyfile(test_suite=SUITE)

    run_process("--benchmark-disable", "--pybench-memory-to=memory.json")

    rows = seen(pytester)
    assert {"big", "small"} <= set(rows) <= {"big", "small", "failing", "lacking"}
    big = rows["big"]
    assert set(big) >= {"rss_before_bytes", "rss_peak_bytes", "blocks_after"}
    assert big["begin_ns"] < big["end_ns"]
    assert big["rss_peak_bytes"] - big["rss_before_bytes"] > SIZE


def test_traced_peaks_are_written_instead_under_tracemalloc(
    pytester: pytest.Pytester, run: Run
) -> None:
    """Each row's own: the big one before does not show in the small one."""
    pytester.makepyfile(test_suite=SUITE)
    tracemalloc.start()
    try:
        run("--benchmark-disable", "--pybench-memory-to=memory.json")
    finally:
        tracemalloc.stop()

    grown = {
        name: row["traced_peak_bytes"] - row["traced_before_bytes"]
        for name, row in seen(pytester).items()
    }
    assert grown["big"] > SIZE
    assert grown["small"] < SIZE


def test_without_proc_the_peak_is_that_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It never falls, so a later row may show none of its own; but it is there."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "none")

    before = memory.begin()
    after = memory.peak(before)

    assert 0 < before["rss_before_bytes"] <= after["rss_peak_bytes"]


@pytest.mark.once
def test_file_that_cannot_be_written_fails_the_session(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("def test_row(benchmark): benchmark(int)")

    result = run("--pybench-memory-to=no/such/memory.json")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*note: --pybench-memory-to=no/such/*No such file*"])
