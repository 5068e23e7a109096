"""Rows that keep state, change their names or say odd things cost only themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.cli import status
from pybench.comparison.calibration import UNSTABLE
from pybench.comparison.live import LOST_MOST
from pybench.comparison.pairs import ABSENT
from pybench.comparison.sessions import ComparisonError
from pybench.comparison.summary import exit_code, summarise
from pybench.records.outcomes import ERROR, MEASURED, SKIPPED
from pybench.records.run_file import read_run

Compare = Callable[..., Any]

SUITE = """
import uuid
import pytest

def test_once(benchmark, tmp_path):
    benchmark.pedantic((tmp_path / "made").mkdir, rounds=1)

def test_thrice(benchmark):
    calls = []
    benchmark.pedantic(calls.append, args=(1,), rounds=3)
    assert len(calls) <= 3

@pytest.mark.parametrize("name", ["//host/", "/./", "a::b", "[", " ", "\\\\", "-k"])
def test_name(benchmark, name):
    benchmark(len, name)

@pytest.mark.parametrize("of", [frozenset("pqrstuvw")], ids=lambda of: "".join(of))
def test_set(benchmark, of):
    benchmark(len, of)

@pytest.mark.parametrize("of", [1], ids=[str(uuid.uuid4())])
def test_uuid(benchmark, of):
    benchmark(abs, of)

def test_silent(benchmark):
    assert benchmark is not None

@pytest.mark.xfail(reason="is known", strict=True)
def test_expected(benchmark):
    benchmark(int)
    raise AssertionError

def test_operations(benchmark):
    benchmark.extra_info["operations"] = 0
    benchmark(int)

@pytest.mark.benchmark(group="half \\ud800")
def test_group(benchmark):
    benchmark(int)

@pytest.mark.pybench(margin=3)
def test_margin(benchmark):
    benchmark(int)

def test_leaves(benchmark):
    benchmark(pytest.exit, "no more")
"""
NAMES = ["//host/", "/./", "a::b", "[", " ", "\\\\", "-k"]


def test_odd_rows_cost_only_themselves(
    compare: Compare, suite: Path, tmp_path: Path
) -> None:
    """All of them in one suite, whose rows that are well are compared."""
    (suite / "test_odd.py").write_text(SUITE)
    run, judgement = compare()

    odd = "suite/test_odd.py::test_"
    assert read_run(tmp_path / "out").rows == run.rows
    assert not run.lost
    compared = {row for row, found in run.pairs.items() if found}
    assert compared == {
        "suite/test_rows.py::test_first",
        "suite/test_rows.py::test_second",
        f"{odd}once",
        f"{odd}thrice",
        *(f"{odd}name[{name}]" for name in NAMES),
    }
    once, thrice = run.pairs[f"{odd}once"][1], run.pairs[f"{odd}thrice"][1]
    assert {len(one[0]) for one in once.samples.values()} == {1}
    assert {len(one[0]) for one in thrice.samples.values()} == {3}
    expected = {
        "silent": (SKIPPED, "it never called benchmark"),
        "expected": (SKIPPED, "expected to fail: is known"),
        "operations": (ERROR, "extra_info['operations'] is 0, and must be"),
        "group": (ERROR, "its group is 'half \\ud800', which UTF-8 cannot hold"),
        "margin": (ERROR, "pybench(margin=3): expected a share"),
        "leaves": (ERROR, "this row ended its session, as pytest.exit"),
    }
    for name, (outcome, reason) in expected.items():
        assert run.rows[odd + name].outcomes == {"a": outcome, "b": outcome}
        for side in "ab":
            assert reason in run.rows[odd + name].reasons[side]
    for name in ("set", "uuid"):
        [record] = [r for row, r in run.rows.items() if f"test_{name}[" in row]
        assert record.outcomes == {"a": ERROR, "b": "missing"}
        assert record.reasons["a"].startswith(f"{ERROR}: {UNSTABLE} (there it is ")
    summary = summarise(run, judgement)
    assert exit_code(summary, fail_on=None, strict=False) == status.FAILED


QUIET = """
import pytest

def test_silent(benchmark):
    pass

@pytest.mark.xfail(reason="is known")
def test_expected(benchmark):
    raise AssertionError

@pytest.mark.skip(reason="not today")
def test_skipped(benchmark):
    benchmark(int)
"""


def test_rows_without_a_value_are_no_failure(compare: Compare, suite: Path) -> None:
    (suite / "test_quiet.py").write_text(QUIET)
    run, judgement = compare()

    reasons = {
        row.rpartition("::")[2]: record.reasons.get("b")
        for row, record in run.rows.items()
    }
    assert reasons == {
        "test_first": None,
        "test_second": None,
        "test_silent": "skipped: it never called benchmark",
        "test_expected": "skipped: expected to fail: is known",
        "test_skipped": "skipped: not today",
    }
    summary = summarise(run, judgement)
    assert exit_code(summary, fail_on=None, strict=False) == status.OK


# Its name is one of two, by the seed of the session: the sides agree when they are
# tried out, and a pair may have the other one.
LATE = """
import os
import pytest

SEED = int(os.environ["PYTHONHASHSEED"])

@pytest.mark.parametrize("of", [1], ids=["tried" if SEED < 9 else "later"])
def test_late(benchmark, of):
    benchmark(abs, of)
"""


def test_a_name_that_changes_after_all_was_tried_out_is_lost_alone(
    compare: Compare, suite: Path
) -> None:
    (suite / "test_late.py").write_text(LATE)
    run, judgement = compare()

    row = "suite/test_late.py::test_late[tried]"
    assert run.rows[row].outcomes == {"a": MEASURED, "b": MEASURED}
    assert [(lost.row, lost.pair, lost.reason) for lost in run.lost] == [
        (row, 1, ABSENT)
    ] * LOST_MOST
    assert judgement.cell(row, "b").reason.endswith(f": {ABSENT}")
    assert len(run.pairs) == 2


SAME = "def test_same(benchmark): benchmark(int)\n"
BROKEN = "import there_is_no_such_module\n"
ON_A = """
import os
if os.environ.get("LACKS"):
    raise ImportError("not on this side")
def test_lone(benchmark): benchmark(int)
"""


def test_a_file_that_cannot_be_collected_costs_only_itself(
    compare: Compare, suite: Path
) -> None:
    """Two files of one name are no such case: each has a process of its own."""
    for name in ("one", "two"):
        (suite / name).mkdir()
        (suite / name / "test_same.py").write_text(SAME)
    (suite / "test_broken.py").write_text(BROKEN)
    (suite / "test_lone.py").write_text(ON_A)
    run, _ = compare(b={"LACKS": "1"})

    assert {row for row, found in run.pairs.items() if found} == {
        "suite/test_rows.py::test_first",
        "suite/test_rows.py::test_second",
        "suite/one/test_same.py::test_same",
        "suite/two/test_same.py::test_same",
    }
    assert not run.lost
    broken = run.rows["suite/test_broken.py"]
    assert broken.outcomes == {"a": ERROR, "b": ERROR}
    for side in "ab":
        assert "cannot be collected: ModuleNotFoundError" in broken.reasons[side]
        assert "there_is_no_such_module" in broken.reasons[side]
    lone = run.rows["suite/test_lone.py::test_lone"]
    assert lone.outcomes == {"a": MEASURED, "b": ERROR}
    assert "cannot be collected: ImportError: not on this" in lone.reasons["b"]
    assert "suite/test_lone.py" not in run.rows


QUICK = """
import pytest
@pytest.mark.quick
def test_same(benchmark): benchmark(int)
def test_other(benchmark): benchmark(int)
"""


@pytest.mark.parametrize(
    ("words", "folders"),
    [
        (["-k=same and not other"], ["one", "two"]),
        (["--pybench-quick"], ["one", "two"]),
        # Of these the first session, which cannot collect the second file, has none.
        (["--pybench-select=two/same/same"], ["two"]),
        (
            ["--pybench-select=one/same/same", "--pybench-select=two/same/same"],
            ["one", "two"],
        ),
    ],
)
def test_a_selection_holds_in_every_file_of_one_name(
    compare: Compare, suite: Path, words: list[str], folders: list[str]
) -> None:
    """The file that another session collects would else lose it: all of it ran."""
    for name in ("one", "two"):
        (suite / name).mkdir()
        (suite / name / "test_same.py").write_text(QUICK)
    run, _ = compare(selecting=words)

    rows = [f"suite/{name}/test_same.py::test_same" for name in folders]
    assert [*run.rows] == rows
    assert all(len(run.pairs[row]) == 1 for row in rows)


def test_a_selector_of_no_file_at_all_is_refused(compare: Compare, suite: Path) -> None:
    """Also where a file could not be collected beside the others."""
    for name in ("one", "two"):
        (suite / name).mkdir()
        (suite / name / "test_same.py").write_text(QUICK)
    with pytest.raises(ComparisonError, match="no benchmark matches 'two/sam'"):
        compare(selecting=["--pybench-select=two/sam"])
