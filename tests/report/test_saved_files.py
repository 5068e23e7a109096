"""The formats of saved files: every ratio there, none coloured, all of one content."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from rich.console import Console

from pybench.comparison.saved_comparison import compare_saved
from pybench.records.extremes import Extreme
from pybench.records.saved_comparison import SavedComparison
from pybench.records.saved_files import Saved, SavedRow
from pybench.report.markdown import markdown
from pybench.report.terminal import show

STEADY = [1.0, 1.01, 0.99, 1.005]
YARDSTICK = "benchmarks/memory/test_yardstick.py::test_benchmark_memory_yardstick_alu"


def a_file(name: str, times: dict[str, list[float]]) -> Saved:
    """Return a file with these rows, and others that are its own."""
    rows = {f"benchmarks/memory/test_a.py::test_{n}": t for n, t in times.items()}
    return Saved(
        path=Path(f"{name}.json"),
        tool="pytest-benchmark",
        interpreter="CPython 3.12.1",
        identity=None,
        machine={},
        rows={
            **{row: SavedRow(times_s=tuple(t)) for row, t in rows.items()},
            YARDSTICK: SavedRow(times_s=(1.0,) * 4, group="yardstick"),
            **{f"x.py::test_{name}{n}": SavedRow(times_s=(1.0,)) for n in range(8)},
        },
    )


@pytest.fixture
def comparison() -> SavedComparison:
    """Compare two files: a row slower, one faster, one of one process a side."""
    long = "a_name_as_long_as_the_suite_allows_and_longer[parameter=values-of_it]"
    then = {"worse": STEADY, "better": STEADY, "once": [1e-6], long: [2e-3]}
    now = {
        "worse": [2 * time for time in STEADY],
        "better": [time / 2 for time in STEADY],
        "once": [5e-6],
        long: [3e-3],
    }
    return compare_saved(
        [a_file("before", then), a_file("after_with_a_very_long_name_of_a_file", now)]
    )


def shown(
    comparison: SavedComparison, *, everything: bool = False, colour: bool = False
) -> str:
    """Return what the terminal shows."""
    console = Console(
        file=io.StringIO(),
        width=100,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
    )
    show(comparison, console, everything=everything)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_every_ratio(comparison: SavedComparison) -> None:
    text = shown(comparison)

    assert "▲ 2.000" in text
    assert "▼ 0.500" in text
    assert "? 5.000 unreplicated" in text
    assert "? 1.500 unreplicated" in text
    assert "- 1.000" in text
    assert "1 µs" in text
    assert "5 µs" in text


def test_the_head_says_what_the_files_cannot_show(comparison: SavedComparison) -> None:
    text = " ".join(shown(comparison).split())

    assert text.startswith("after_with_a_very_long_name_of_a_file against before: 1")
    assert "measured one after the other" in text
    assert "`pybench compare PY PY` takes turns" in text
    assert "2 rows inconclusive: unreplicated: with one process per side" in text


def test_confirmed_rows_come_first(comparison: SavedComparison) -> None:
    text = shown(comparison)

    assert text.index("▲ 2.000") < text.index("▼ 0.500") < text.index("? 5.000")


def test_the_terminal_is_100_columns_wide(comparison: SavedComparison) -> None:
    assert max(map(len, shown(comparison, everything=True).splitlines())) <= 100


def test_no_colour_at_all(comparison: SavedComparison) -> None:
    """Bold is there, the ratios are plain: only resets and bold are written."""
    codes = {
        part.partition("m")[0] for part in shown(comparison, colour=True).split("\x1b[")
    }

    assert "1" in codes
    assert not any(code.startswith(("3", "4", "9")) for code in codes)


def test_the_breakdown_marks_what_is_unreplicated(comparison: SavedComparison) -> None:
    """Two of its four rows."""
    assert "4 rows, 2 unreplicated" in " ".join(shown(comparison).split())


def test_rows_of_one_file_are_counted_and_named(comparison: SavedComparison) -> None:
    few, all_of_them = shown(comparison), shown(comparison, everything=True)

    assert "only in before: 8 rows: before0, before1" in few
    assert "and 2 more" in few
    assert "before7" not in few
    assert "before7" in all_of_them


def test_markdown_says_the_same(comparison: SavedComparison) -> None:
    text = markdown(comparison)

    assert text.startswith("**after\\_with\\_a")
    assert "measured one after the other" in text
    for ratio in ("▲ 2.000", "▼ 0.500", "? 5.000 unreplicated", "- 1.000"):
        assert ratio in text
    assert "only in before: 8 rows" in text
    assert "| memory |" in text
    heads = [line for line in text.splitlines() if line.startswith("| row")]
    cells = [line for line in text.splitlines() if "2.000" in line]
    assert heads[0].count("|") == cells[0].count("|")


def test_markdown_is_cut_to_a_length(comparison: SavedComparison) -> None:
    """And says how many rows are left out."""
    whole = markdown(comparison)
    cut = markdown(comparison, most_characters=len(whole) - 100)

    assert len(cut) < len(whole)
    assert "more rows do not fit here" in cut


EXTREME = Extreme(
    ratio=4.0,
    row="benchmarks/gil/test_a.py::test_noisy",
    rows=20,
    processes=400,
    started="2026-01-01",
    machine={"CPU": "this"},
)


def three(names: Sequence[str], extreme: Extreme | None = None) -> SavedComparison:
    """Compare files of one process: a change of 39, of 2 and of a hundredth."""
    times = {"steady": [1e-6], "doubled": [1e-6], "huge": [1e-6]}
    files = [a_file(name, times) for name in names]
    factors: tuple[dict[str, float], ...]
    factors = ({}, {"doubled": 2.0}, {"doubled": 0.6, "huge": 39.0, "steady": 1.01})
    for file, factor in zip(files, [*factors, {}, {}, {}, {}], strict=False):
        rows: Any = file.rows
        for row, number in factor.items():
            name = f"benchmarks/memory/test_a.py::test_{row}"
            rows[name] = SavedRow(times_s=(number * 1e-6,))
    return compare_saved(files, extreme=extreme)


def table_lines(text: str) -> list[str]:
    """Return the head and the lines of the table of rows."""
    lines = text.splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("row "))
    return lines[begin : lines.index("", begin)]


def test_all_files_are_in_one_table_by_the_size_of_the_change() -> None:
    """A column each, with whole heads."""
    head, *rows = table_lines(shown(three(["r311", "r312", "r313"])))

    assert head.split() == ["row", "r311", "r312", "r313"]
    assert [line.split()[0] for line in rows] == [
        *("huge", "doubled", "steady", "memory_yardstick_alu"),
    ]
    assert "2.000" in rows[1]
    assert "0.600" in rows[1]


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_heads_are_whole_or_the_numbers_of_the_files(count: int) -> None:
    """However long the names are."""
    names = [f"{'long_name_' * 4}{number}" for number in range(count)]
    text = shown(three(names))
    head, *_ = table_lines(text)

    numbers = [f"[{number}]" for number in range(1, count + 1)]
    assert head.split()[1:] in (names, numbers)
    for number, name in zip(numbers, names, strict=True):
        assert f"{number} " in text
        assert name in text


def test_row_larger_than_ever_seen_is_marked_and_comes_first() -> None:
    """It has no verdict all the same, and what the mark means is said."""
    text = shown(three(["r311", "r312", "r313"], EXTREME))

    assert "! 39.000" in text
    assert "? 2.000" in text
    assert "r313 against r311: 3 inconclusive (1 marked !)" in text
    assert "! larger than 4, the most that two single processes" in text
    assert "400 processes of 20 rows" in " ".join(text.split())
    assert "! 39.000" in markdown(three(["a", "b", "c"], EXTREME))


def test_nothing_is_marked_without_a_self_check() -> None:
    """And a line says so, and how to get one."""
    text = " ".join(shown(three(["r311", "r312", "r313"])).split())

    assert "! " not in text
    assert "nothing is marked for its size" in text
    assert "pybench selfcheck live" in text


def test_command_that_gives_a_verdict_is_the_last_line() -> None:
    comparison = three(["r311", "r312", "r313"])

    assert shown(comparison).splitlines()[-1] == f"for verdicts: {comparison.command}"
    assert comparison.command in markdown(comparison).replace("\\", "")
