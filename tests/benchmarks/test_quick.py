"""The short list: sixty rows that exist, of every category, and what runs them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.benchmarks.conftest import collected

ROOT = Path(__file__).parents[2]
LIST = ROOT / "benchmarks" / "quick.txt"

# Their rows are n/a unless somebody installed a package: sixty shall be measured.
OPTIONAL = {"numpy", "pytorch"}


@pytest.fixture(scope="module")
def quick() -> list[str]:
    """Return the list as it is in the file."""
    return LIST.read_text().splitlines()


def test_there_are_sixty_in_order(quick: list[str]) -> None:
    """Sorted by name, which begins with the category; each once, and no comments."""
    assert len(quick) == 60
    assert quick == sorted(set(quick))


def test_every_category_is_there(quick: list[str]) -> None:
    """At least two rows of each, save those that need a package."""
    categories = {path.parent.name for path in ROOT.glob("benchmarks/*/test_*.py")}
    found = Counter(name.split("_")[2] for name in quick)

    assert set(found) == categories - OPTIONAL
    assert [name for name, count in found.items() if count < 2] == []


@pytest.mark.parametrize(
    "words", [("-m", "quick and not slow"), ("--pybench-quick",)], ids="_".join
)
def test_marker_and_option_select_the_list(
    quick: list[str], words: tuple[str, ...]
) -> None:
    """So each of the sixty exists, none takes seconds, and both ways are one list."""
    assert sorted(i.split("::")[1] for i in collected(*words)) == quick
