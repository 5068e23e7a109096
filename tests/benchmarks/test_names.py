"""Names, groups and docstrings of the suite's rows."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob("benchmarks/*/test_*.py"))

# A name of this length leaves the default table within 110 columns.
LONGEST = 52


def name_of(path: Path) -> str:
    """Name a file by its folder too: two may have one area."""
    return f"{path.parent.name}-{path.stem}"


@pytest.fixture
def rows(row_ids: list[str]) -> list[tuple[Path, str]]:
    """Return each row's file and name."""
    return [(ROOT / path, name) for path, name in (i.split("::") for i in row_ids)]


def test_rows_are_named_after_their_category(rows: list[tuple[Path, str]]) -> None:
    """`test_benchmark_<category>_<operation>`, the folder being the category."""
    strangers = [
        name
        for path, name in rows
        if not name.startswith(f"test_benchmark_{path.parent.name}_")
    ]

    assert rows
    assert strangers == []


def test_names_are_unique_and_fit_the_table(rows: list[tuple[Path, str]]) -> None:
    """No name is used twice, and none is longer than its column."""
    counts = Counter(name for _, name in rows)

    assert [name for name, count in counts.items() if count > 1] == []
    assert [name for name in counts if len(name) > LONGEST] == []


def functions(path: Path) -> list[ast.FunctionDef]:
    """List the rows that a file defines."""
    tree = ast.parse(path.read_text())
    return [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_row_says_what_to_expect(path: Path) -> None:
    """Each row has a docstring of more than a line."""
    silent = [
        node.name
        for node in functions(path)
        if "\n" not in (ast.get_docstring(node) or "")
    ]

    assert silent == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_group_is_the_area_word_of_the_file(path: Path) -> None:
    """A group that a file sets is the word in the file's own name."""
    groups = {
        node.value.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword)
        and node.arg == "group"
        and isinstance(node.value, ast.Constant)
    }

    assert groups <= {path.stem.removeprefix("test_")}
