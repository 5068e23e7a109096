"""The rows of the real suite, and the names under which they were asked for."""

import sys
from pathlib import Path

import pytest

from pybench.cli.list import lines_of
from pybench.comparison.suite_rows import ListingError, list_rows
from pybench.comparison.suites import find_suite
from pybench.records.row_list import Alias, Listed, ListedRow

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "benchmarks"

ASKED = {
    "memory/ordering/false_sharing*": "threading/counters/counters_unpadded",
    "baseline/*": "interpreter/dispatch/arithmetic",
    "gil/lock_patterns": "threading/locks/lock_uncontended",
    "memory/ref_counting/*": "memory/refcount/refcount_owned",
    "pytorch/tensors": "pytorch/tensors/empty_small",
}


def test_names_that_were_asked_for_find_their_rows() -> None:
    """Every alias of the suite's table means a row, and every asked name finds one."""
    words = [f"--pybench-select={name}" for name in ASKED]

    listed = list_rows(Path(sys.executable), find_suite(str(SUITE)), words)

    places = {f"{row.category}/{row.area}/{row.operation}" for row in listed.rows}
    assert {*ASKED.values()} <= places
    assert not any(place.startswith("memory/ordering") for place in places)
    assert [name for name, alias in listed.aliases.items() if not alias.rows] == []
    torch = [row for row in listed.rows if row.category == "pytorch"]
    assert all(row.needs == ("torch",) for row in torch)


def test_suite_that_cannot_be_collected_is_an_error(tmp_path: Path) -> None:
    """With what pytest says of it."""
    (tmp_path / "test_odd.py").write_text("import no_such_module_here\n")

    with pytest.raises(ListingError, match="no_such_module_here"):
        list_rows(Path(sys.executable), find_suite(str(tmp_path)), [])

    # One that can be is listed all the same.
    (tmp_path / "test_even.py").write_text("def test_even(benchmark): pass\n")
    listed = list_rows(Path(sys.executable), find_suite(str(tmp_path)), [])
    assert [row.operation for row in listed.rows] == ["even"]
    (why,) = listed.uncollected.values()
    assert "no_such_module_here" in why


def listed_row(operation: str, **facts: object) -> ListedRow:
    """Make a row of category gil and area locks."""
    known: dict[str, object] = {
        "id": operation, "category": "gil", "area": "locks", "operation": operation,
        "text": "", "needs": (), "lacks": None, "threads": None, "kernel": False,
        "quick": False,
    }  # fmt: skip
    return ListedRow(**{**known, **facts})  # type: ignore[arg-type]


@pytest.mark.once
def test_lists_rows_needs_categories_and_other_names() -> None:
    rows = (
        listed_row("plain[1]"),
        listed_row("plain[2]", threads=2, needs=("psutil",)),
        listed_row("native", kernel=True, lacks="needs the GIL off"),
    )
    aliases = {
        "locks": Alias(selector="gil/locks", rows=3),
        "none": Alias(selector="memory", rows=0),
    }
    lines = [*lines_of(Listed(rows=rows, aliases=aliases))]

    assert [line.split() for line in lines if line.startswith("  ")] == [
        ["gil/locks/plain", "(2)", "psutil,", "2", "threads"],
        ["gil/locks/native", "_pybench"],
        ["gil", "3", "1", "n/a:", "needs", "the", "GIL", "off"],
        ["locks", "gil/locks", "(3)"],
    ]
