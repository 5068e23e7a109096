"""A small suite and the sides that run it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROWS = """
def work():
    return sum(range(200))

def test_first(benchmark):
    benchmark(work)

def test_second(benchmark):
    benchmark.pedantic(work, setup=lambda: None, rounds=3)
"""

CONFTEST = """
def pytest_benchmark_generate_machine_info():
    return {"node": "here", "release": "1", "python_compiler": "cc", "cpu": {}}
"""

Compare = Callable[..., Any]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Write a suite of two rows; tests add to it."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_rows.py").write_text(ROWS)
    return folder


@pytest.fixture
def compare(suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    """Return what compares this Python with itself on that suite, without a control.

    Environment variables of a side are given as ``b={"NAME": "value"}``; the record is
    in the folder ``out`` and what is decided is returned with the run. `named` is what
    ``--suite`` names, if not that suite.
    """
    pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
    from pybench.comparison import pairs as measuring
    from pybench.comparison.judging import Judgement
    from pybench.comparison.live import Comparison
    from pybench.comparison.sessions import Arm
    from pybench.comparison.suites import find_suite
    from pybench.records.run import (
        NAME,
        RecordWriter,
        Run,
        RunHeader,
        read_run,
    )

    # On a busy machine a row may take any time: for that no pair ends early, and none
    # takes fewer samples.
    monkeypatch.setattr(measuring, "ROW_MOST_NS", 1e15)
    monkeypatch.setattr(measuring, "SAMPLES_NS", 1e15)

    def run(
        *,
        a: dict[str, str] | None = None,
        b: dict[str, str] | None = None,
        pairs: int | None = 1,
        seed: int = 1,
        injected: dict[str, tuple[int, int]] | None = None,
        folder: Path | None = None,
        control: bool = False,
        named: str | None = None,
        **options: Any,
    ) -> tuple[Run, Judgement]:
        header = RunHeader(
            version="0",
            started="now",
            command=("test",),
            seed=seed,
            margin=0.03,
            pairs=pairs,
            suite=str(suite),
        )
        python = Path(sys.executable)
        sides = [
            Arm(
                name=name,
                python=python,
                environ=os.environ | (more or {}),
            )
            for name, more in (("a", a), ("b", b))
        ]
        out = tmp_path / "out"
        is_resumed = (out / NAME).exists()
        known = read_run(out) if is_resumed else Run(header=header)
        with RecordWriter(out, None if is_resumed else header) as writer:
            comparison = Comparison(
                sides,
                find_suite(named or str(suite)),
                folder=folder or tmp_path,
                record=known,
                writer=writer,
                control=control,
                **options,
            )
            comparison.injected = injected or {}
            return known, comparison.run()

    return run
