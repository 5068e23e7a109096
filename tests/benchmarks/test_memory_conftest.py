"""What the fixtures of benchmarks/memory promise: a quiet collector, loud failures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.target.plugin.conftest import FAST_MACHINE_INFO

FOLDER = Path(__file__).parents[2] / "benchmarks" / "memory"


def run_rows(
    pytester: pytest.Pytester, rows: str, *options: str, apart: bool = False
) -> pytest.RunResult:
    """Run rows under the conftest of the folder, in this process or in another."""
    pytester.makepyfile(serve=(FOLDER / "serve.py").read_text(), test_rows=rows)
    pytester.makeconftest((FOLDER / "conftest.py").read_text() + FAST_MACHINE_INFO)
    run = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
    return run("-p", "no:pybench", *options)


def extra_info(pytester: pytest.Pytester, row: str) -> dict[str, Any]:
    """Return what a row says beside its time."""
    run_rows(pytester, row, "--benchmark-json=out.json").assert_outcomes(passed=1)
    document = json.loads((pytester.path / "out.json").read_text())
    found: dict[str, Any] = document["benchmarks"][0]["extra_info"]
    return found


def test_collector_is_on_again_after_a_row_that_failed(
    pytester: pytest.Pytester,
) -> None:
    """It is off in a row that asks for it, and on in the next, come what may."""
    result = run_rows(
        pytester,
        "import gc\n"
        "def test_failing(collector_off):\n"
        "    assert not gc.isenabled()\n"
        "    raise RuntimeError('no such luck')\n"
        "def test_next():\n"
        "    assert gc.isenabled()\n",
    )

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*no such luck*"])


def test_collector_that_was_off_stays_off(pytester: pytest.Pytester) -> None:
    """Who has turned it off finds it off after a row."""
    result = run_rows(
        pytester,
        "import gc\n"
        "import pytest\n"
        "@pytest.fixture(scope='module', autouse=True)\n"
        "def off():\n"
        "    gc.disable()\n"
        "    yield\n"
        "    gc.enable()\n"
        "def test_row(collector_off): pass\n"
        "def test_next():\n"
        "    assert not gc.isenabled()\n",
    )

    result.assert_outcomes(passed=2)


def test_child_that_fails_is_an_error_with_its_words(
    pytester: pytest.Pytester,
) -> None:
    """A thing that raises ends the row, and its traceback is in the message."""
    result = run_rows(
        pytester,
        "def test_row(benchmark, serving):\n"
        "    benchmark(serving('collect-full', 'knot', 10, 'thawed', 1).act)\n",
        apart=True,
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*there is no shape 'knot'*"])


def test_bytes_are_not_available_without_psutil(pytester: pytest.Pytester) -> None:
    """The row is measured, and says which command would bring the rest."""
    found = extra_info(
        pytester,
        "import sys\n"
        "def test_row(benchmark, serving, read_memory, monkeypatch):\n"
        "    monkeypatch.setitem(sys.modules, 'psutil', None)\n"
        "    child = serving('collect-bare', 1)\n"
        "    assert read_memory(child) == {}\n"
        "    benchmark.pedantic(child.act, rounds=2)\n",
    )

    assert "pip install psutil" in found["bytes_na"]


def test_memory_of_a_child_is_read(pytester: pytest.Pytester) -> None:
    """A child of a few megabytes has some, part of it of its own."""
    pytest.importorskip("psutil")
    found = extra_info(
        pytester,
        "def test_row(benchmark, serving, read_memory):\n"
        "    child = serving('collect-bare', 1)\n"
        "    benchmark.extra_info['bytes'] = read_memory(child)\n"
        "    benchmark.pedantic(child.act, rounds=2)\n",
    )

    sizes = found["bytes"]
    assert 2**20 < sizes["uss"] <= sizes["rss"] <= sizes["virtual"]
