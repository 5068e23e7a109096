"""The fixture of the category `scaling`, which has two tasks for two threads."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[2] / "benchmarks" / "scaling" / "conftest.py"

SUITE = """
import threading
import pytest

pytestmark = pytest.mark.pybench(data_limit=20)

def test_halves(scale):
    done = [set(), set()]

    def half(index):
        return lambda: done[index].add(threading.get_ident())

    scale(half(0), half(1), operations=10)
    assert [len(idents) for idents in done] == [1, 1]
    assert done[0] != done[1]
"""


@pytest.mark.skipif(
    len(getattr(os, "sched_getaffinity", lambda pid: "12")(0)) < 2,
    reason="n/a: the rows of scaling need two CPUs",
)
def test_each_thread_has_its_task_and_the_row_its_operations(
    pytester: pytest.Pytester,
) -> None:
    shutil.copy(CONFTEST, pytester.path / "conftest.py")
    pytester.makepyfile(test_row=SUITE)

    result = pytester.runpytest_inprocess(
        "--benchmark-max-time=0.01", "--benchmark-json=out.json"
    )

    result.assert_outcomes(passed=1)
    document = json.loads((pytester.path / "out.json").read_text())
    (row,) = document["benchmarks"]
    assert row["extra_info"]["operations"] == 10
    assert row["extra_info"]["scaling"]["threads"] == 2
