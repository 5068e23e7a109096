"""A folder that is named and in which nothing is measured: the exit status says so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.records.journal import RowStatus
from pybench.records.outcomes import ERROR, MEASURED, NOT_AVAILABLE, SKIPPED
from pybench.target.plugin.outcomes import unmeasured_lines

Run = Callable[..., pytest.RunResult]

ROOT = Path("/suite")


def row(name: str, status: str, reason: str = "") -> RowStatus:
    """Make what became of a row."""
    return RowStatus(fullname=name, status=status, reason=reason)


NONE_OF = "numpy is not installed"
ROWS = [
    row("benchmarks/numpy/test_a.py::test_a", NOT_AVAILABLE, NONE_OF),
    row("benchmarks/numpy/test_b.py::test_b", NOT_AVAILABLE, NONE_OF),
    row("benchmarks/numpy/test_b.py::test_c", SKIPPED, "slow"),
    row("benchmarks/gil/test_a.py::test_a", MEASURED),
    row("benchmarks/gil/test_b.py::test_b", NOT_AVAILABLE, "needs the GIL off"),
    row("benchmarks/torch/test_a.py::test_a", NOT_AVAILABLE, "no torch"),
    row("benchmarks/torch/test_a.py::test_b", ERROR, "it broke"),
    row("benchmarks/skipped/test_a.py::test_a", SKIPPED, "not today"),
]


@pytest.mark.once
@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("benchmarks/numpy", f"{NONE_OF} (2 rows)"),
        ("benchmarks/numpy/", f"{NONE_OF} (2 rows)"),
        ("benchmarks/gil", None),  # one is measured
        ("benchmarks", None),
        ("benchmarks/torch", None),  # the error says it
        ("benchmarks/skipped", None),  # as the user's own marks have it
        ("benchmarks/nothing", None),  # as pytest has it
    ],
)
def test_path_in_which_nothing_is_measured(named: str, reason: str | None) -> None:
    """Every row of it is n/a or skipped, and one is n/a."""
    path = ROOT / named
    expected = [f"nothing was measured in {path}: {reason}"] if reason else []

    assert unmeasured_lines([path], ROWS, ROOT) == expected


@pytest.mark.once
def test_each_path_has_its_line_once() -> None:
    """Beside one in which something is measured."""
    paths = [ROOT / "benchmarks" / name for name in ("numpy", "gil", "numpy")]

    assert len(unmeasured_lines(paths, ROWS, ROOT)) == 1


@pytest.fixture
def suite(pytester: pytest.Pytester) -> None:
    """Lay out a category that is measured and one that is not."""
    (pytester.mkdir("has") / "test_a.py").write_text(
        "def test_row(benchmark): benchmark(int)\n"
    )
    (pytester.mkdir("lacks") / "test_b.py").write_text(
        "import pytest\n"
        "@pytest.mark.skip(reason='n/a: no such library')\n"
        "def test_row(benchmark): benchmark(int)\n"
    )


@pytest.mark.once
@pytest.mark.usefixtures("suite")
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["lacks"], 1),
        (["lacks", "has"], 1),
        (["lacks/test_b.py"], 0),
        (["."], 0),
        ([], 0),
        (["lacks", "--benchmark-disable"], 0),
        (["lacks", "--collect-only"], 0),
    ],
)
def test_exit_status_of_a_named_folder(run: Run, words: list[str], status: int) -> None:
    """And the reason is said."""
    result = run(*words)

    assert result.ret == status
    if status:
        result.stdout.fnmatch_lines(
            ["  note: nothing was measured in *lacks*: no such library (1 row)"]
        )
