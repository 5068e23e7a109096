"""The documents name rows that exist, and link to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(ROOT.glob("docs/*.md"))
ROW = re.compile(r"`(test_benchmark_\w+)")
LINK = re.compile(r"\]\(([^)#]+)\)")


def defined_rows() -> set[str]:
    """Collect the names of all rows from the source."""
    found: set[str] = set()
    for path in ROOT.glob("benchmarks/*/test_*.py"):
        found.update(re.findall(r"^def (test_benchmark_\w+)", path.read_text(), re.M))
    return found


def test_there_are_documents_and_rows() -> None:
    """The other tests here would pass on nothing."""
    assert {"core_concepts.md", "free_threading_context.md"} <= {
        path.name for path in DOCUMENTS
    }
    assert len(defined_rows()) > 300


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_rows_that_are_named_exist(path: Path) -> None:
    named = set(ROW.findall(path.read_text()))

    assert sorted(named - defined_rows()) == []


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "README.md"], ids=lambda p: p.stem)
def test_links_inside_the_project_lead_somewhere(path: Path) -> None:
    inside = [link for link in LINK.findall(path.read_text()) if "://" not in link]

    assert [link for link in inside if not (path.parent / link).exists()] == []
