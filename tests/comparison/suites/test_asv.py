"""``--suite asv:PATH``: what it finds, and how its rows are compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")

from pybench.comparison.suites import SuiteError, find_suite
from pybench.comparison.suites.asv import PLUGIN, RUNNER, WEIGHING
from pybench.records.outcomes import ERROR, MEASURED, NOT_AVAILABLE, VALUE

Compare = Callable[..., Any]

CONFIGURATION = """{
    // Comments, and "strings" in them.
    "repo": "https://example.org//a", /* no
    folder */
    // "pythons": ["3.9"],
    "matrix": {"one": [], /* and [this] */},
    "benchmark_dir": "%s", // the folder
}
"""

SUITE = """
import os

sample_time = 0.001

def note(letter):
    with open({log!r} + str(os.getpid()), "a") as file:
        file.write(letter)

class Logged:
    def setup(self):
        note("s")

    def time_logged(self):
        note("c")

    def teardown(self):
        note("t")

class Some:
    params = [1, 2, 3]

    def setup(self, number):
        if number == 2:
            raise NotImplementedError("not two")
        if number == 3:
            raise ValueError("not three")

    def time_some(self, number):
        sum(range(100))

class Once:
    number = repeat = 1
    warmup_time = 0

    def time_once(self):
        self.calls = getattr(self, "calls", 0) + 1
        assert self.calls == 1

def timeraw_sum():
    return "sum(range(1000))"
timeraw_sum.number = 10

def track_pid():
    return 17
track_pid.unit = "things"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a suite, inside a package of another name."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "__init__.py").write_text("raise AssertionError\n")
    folder = tmp_path / "project" / "bench_suite"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    return folder


@pytest.mark.once
@pytest.mark.parametrize("named", ["bench_suite", ".", "./asv.conf.json"])
def test_a_suite_is_found(folder: Path, named: str) -> None:
    """By its folder, by that of its configuration or by that file."""
    configuration = folder.parent / "asv.conf.json"
    configuration.write_text(CONFIGURATION % "./bench_suite")

    suite = find_suite(f"asv:{folder.parent / named}")

    assert suite.paths == (str(folder),)
    assert suite.options[:2] == ("-p", PLUGIN)
    assert {f"--rootdir={folder.parent}", f"--pybench-asv-root={folder}"} <= {
        *suite.options
    }
    assert suite.packages == (RUNNER,)


@pytest.mark.once
def test_what_weighs_objects_needs_pympler(folder: Path) -> None:
    """It is no requirement of asv_runner."""
    (folder / "more.py").write_text("class Some:\n    def mem_some(self): pass\n")

    assert find_suite(f"asv:{folder}").packages == (RUNNER, WEIGHING)


@pytest.mark.once
def test_one_file_of_a_suite(folder: Path) -> None:
    """The outermost package is the suite then."""
    file = folder / "more.py"
    file.write_text("")

    assert find_suite(f"asv:{file}").paths == (str(file),)


@pytest.mark.once
@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("", "", "say where the suite is: asv:PATH"),
        ("nowhere", "", "there is no .*nowhere"),
        ("other", "", "neither an asv.conf.json nor"),
        ("other", CONFIGURATION % "missing", "benchmark_dir is .*missing, which is no"),
        ("other", "{", "asv.conf.json: Expecting property name"),
        ("other", '{"benchmark_dir": 3}', "benchmark_dir is 3, and must be a folder"),
    ],
)
def test_no_suite(tmp_path: Path, path: str, text: str, problem: str) -> None:
    """The message names what is wrong and with what."""
    other = tmp_path / "other"
    other.mkdir()
    if text:
        (other / "asv.conf.json").write_text(text)

    with pytest.raises(SuiteError, match=problem):
        find_suite(f"asv:{tmp_path / path if path else ''}")


def test_a_suite_is_compared(
    compare: Compare, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its times have verdicts, its values stand beside each other."""
    pytest.importorskip("asv_runner", reason="n/a: asv_runner is not installed here")
    from pybench.comparison.summary import summarise
    from pybench.records.contents import Contents
    from pybench.report.charts.comparison import comparison_charts
    from pybench.report.markdown import markdown

    log = tmp_path / "log-"
    (folder / "rows.py").write_text(SUITE.format(log=str(log)))
    (folder / "broken.py").write_text("import no_such_module\n")

    run, judgement = compare(named=f"asv:{folder}")

    rows = "bench_suite/rows.py::"
    assert {row: {*of.outcomes.values()} for row, of in run.rows.items()} == {
        f"{rows}Logged::time_logged": {MEASURED},
        f"{rows}Some::time_some[1]": {MEASURED},
        f"{rows}Some::time_some[2]": {NOT_AVAILABLE},
        f"{rows}Some::time_some[3]": {ERROR},
        f"{rows}Once::time_once": {MEASURED},
        f"{rows}timeraw_sum": {MEASURED},
        f"{rows}track_pid": {VALUE},
        "bench_suite/broken.py": {ERROR},
    }
    assert run.rows[f"{rows}Once::time_once"].rounds == 1
    assert run.rows[f"{rows}timeraw_sum"].operations == 10
    pairs = run.pairs[f"{rows}timeraw_sum"][1]
    assert all(
        sample.cpu_ns > 0 for sample in pairs.samples["a"][0] + pairs.samples["b"][0]
    )
    # Each sample of each process is behind a set-up.
    logs = [path.read_text() for path in tmp_path.glob(f"{log.name}*")]
    assert len(logs) >= 2
    assert all(re.fullmatch("(sc+t){2,}", text) for text in logs)

    assert f"{rows}track_pid" not in {cell.row for cell in judgement.cells}
    summary = summarise(run, judgement)
    (value,) = summary.values
    assert {arm: of.value for arm, of in value.values.items()} == {"a": 17, "b": 17}
    assert "| `track_pid` | 17 things | 17 things |" in markdown(summary)
    assert "`time_some[2]`" in markdown(summary)
    (values,) = [
        chart
        for chart in comparison_charts(Contents(title="", summary=summary))
        if chart.title.startswith("Values")
    ]
    assert values.rows == [("track_pid", "17 things", "17 things")]
