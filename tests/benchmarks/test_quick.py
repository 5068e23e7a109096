"""The short list: sixty rows that exist, of every category, and what runs them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = ROOT / "benchmarks" / "quick.txt"

# Their rows are n/a unless somebody installed a package: sixty shall be measured.
OPTIONAL = {"numpy", "pytorch"}


def collected(*arguments: str) -> list[str]:
    """Collect the suite and return the names of the rows."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "benchmarks", "--collect-only", "-q"),
            *("--import-mode=importlib", "-p", "no:cacheprovider", *arguments),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split("::")[1] for line in done.stdout.splitlines() if "::" in line]


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


@pytest.mark.parametrize("option", ["-m quick", "--pybench-quick"])
def test_marker_and_option_select_the_list(quick: list[str], option: str) -> None:
    """So each of the sixty exists, and both ways are the same list."""
    assert sorted(collected(*option.split())) == quick


def test_nothing_slow_is_in_it() -> None:
    """A row that says it takes seconds has no place in a list of one minute."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "benchmarks", "-q", "-m", "quick and slow"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout
