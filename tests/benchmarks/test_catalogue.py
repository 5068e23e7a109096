"""The catalogue says what the docstrings say, and is up to date."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

FILE = '''"""What eggs cost.

More of it.
"""

import pytest

KINDS = {"a": 1, "b": 2}
OTHERS = [*KINDS, "c"]
pytestmark = [
    pytest.mark.benchmark(group="eggs"),
    pytest.mark.parametrize("layout", ["own", "shared"]),
]


def test_benchmark_food_boil() -> None:
    """Boil an egg | soft.

    One operation is one egg.
    """


@pytest.mark.parametrize("kind", KINDS)
def test_benchmark_food_fry(kind) -> None:
    """Fry it."""


@pytest.mark.parametrize("kind", OTHERS)
def test_benchmark_food_poach(kind) -> None:
    """Poach it."""


def boil() -> None:
    """Not a row."""
'''
WANTED = """### food

**eggs**: What eggs cost.

| benchmark | what it measures |
| --- | --- |
| `boil` (2) | Boil an egg \\| soft. |
| `fry` (4) | Fry it. |
| `poach` | Poach it. |"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Import the script, which is no module of the package."""
    path = ROOT / "scripts" / "catalogue.py"
    spec = importlib.util.spec_from_file_location("pybench_catalogue_script", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_catalogue_is_up_to_date() -> None:
    """Else `python scripts/catalogue.py` makes it so."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "catalogue.py", "--check"],
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr


def test_file_is_a_table_of_its_rows(script: ModuleType, tmp_path: Path) -> None:
    """A count where the source tells it, first lines, no bar that ends a cell."""
    (tmp_path / "food").mkdir()
    (tmp_path / "food" / "test_eggs.py").write_text(FILE)

    assert script.catalogue(tmp_path) == WANTED


def test_categories_have_their_order(script: ModuleType, tmp_path: Path) -> None:
    """The known ones as people read them, others behind."""
    for category in ("another", "gil", "interpreter"):
        (tmp_path / category).mkdir()
        (tmp_path / category / "test_eggs.py").write_text(FILE)

    lines = script.catalogue(tmp_path).splitlines()

    heads = [line for line in lines if line.startswith("###")]
    assert heads == ["### interpreter", "### gil", "### another"]


def test_hand_written_parts_stay(script: ModuleType) -> None:
    before, after = "# Title\n\nBy hand.\n\n", "\n\nBy hand too.\n"
    text = f"{before}{script.BEGIN}\nold\n{script.END}{after}"

    once = script.replaced(text, "new")

    assert once == f"{before}{script.BEGIN}\n\nnew\n\n{script.END}{after}"
    assert script.replaced(once, "new") == once


def test_file_without_marks_is_left_alone(script: ModuleType) -> None:
    with pytest.raises(SystemExit, match="no line '<!-- catalogue: begin"):
        script.replaced("# Title\n", "new")


def test_counts_are_those_of_the_collection(
    script: ModuleType, row_ids: list[str]
) -> None:
    """A number that the source seems to tell is the number that pytest finds."""
    collected = Counter(line.partition("[")[0] for line in row_ids)

    told = {}
    for path in sorted(ROOT.glob("benchmarks/*/test_*.py")):
        module = ast.parse(path.read_text())
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                count = script.row_count(node, module)
                name = f"{path.relative_to(ROOT).as_posix()}::{node.name}"
                if count is not None:
                    told[name] = count

    assert told == {name: collected[name] for name in told}
    assert len(told) > len(collected) / 2
