"""The refs that change nothing do change nothing, and what is counted of them."""

from __future__ import annotations

import argparse
import ast
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.interpreters.repositories import git

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def noop_refs(script_of: Callable[[str], ModuleType]) -> ModuleType:
    """Return the script as a module."""
    return script_of("noop_refs")


def functions(text: str) -> dict[str, str]:
    """Return what each function of a version of the package does."""
    nodes = [n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)]
    return {node.name: ast.dump(node) for node in nodes}


def test_a_no_op_is_another_text_of_the_same_code(noop_refs: ModuleType) -> None:
    no_op, *_, change = noop_refs.refs_of(3, 2)
    base = functions(noop_refs.module(None))
    changed = functions(noop_refs.module(change))

    assert len(base) == noop_refs.ROWS == len(noop_refs.BODIES)
    assert noop_refs.module(no_op) != noop_refs.module(None)
    assert functions(noop_refs.module(no_op)) == base
    differing = [name for name, does in changed.items() if does != base[name]]
    assert differing == [f"function_{change.changed}"]
    names: dict[str, Any] = {}
    exec(noop_refs.module(no_op), names)
    assert all(names[name]() is not None for name in base)


@pytest.mark.skipif(shutil.which("git") is None, reason="n/a: git is not here")
def test_a_repository_is_made_once(noop_refs: ModuleType, tmp_path: Path) -> None:
    noop_refs.make_repository(tmp_path / "small", noop_refs.refs_of(1, 1))
    before = git(tmp_path / "small", "for-each-ref")
    noop_refs.make_repository(tmp_path / "small", noop_refs.refs_of(2, 1))
    after = git(tmp_path / "small", "for-each-ref")

    assert {*before.splitlines()} < {*after.splitlines()}
    assert git(tmp_path / "small", "status", "--porcelain") == ""


def test_what_is_counted(noop_refs: ModuleType, tmp_path: Path) -> None:
    refs = noop_refs.refs_of(2, 1)
    words = {
        "no-op-01": ["equivalent", "inconclusive", "slower"],
        "change-01": ["slower", "faster", "equivalent"],
    }
    for name, verdicts in words.items():
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        rows = [
            {"row": f"test_small.py::test_function[{number}]", "verdict": word,
             "ratio": 1.05}
            for number, word in enumerate(verdicts)
        ]  # fmt: skip
        (folder / "summary.json").write_text(json.dumps({"rows": rows}))
    count = noop_refs.counted(tmp_path, refs)

    assert (count.refs, count.rows, count.undecided) == (2, 5, 1)
    assert (count.changes, count.found) == (1, 1)
    assert count.false == (
        "no-op-01: function 2 slower (1.050)",
        "change-01: function 1 faster (1.050)",
    )
    assert "2 false, 1 undecided" in noop_refs.lines_of(count)[0]


def test_parts_share_the_refs(noop_refs: ModuleType) -> None:
    assert noop_refs.part("2/3") == (2, 3)
    for text in ("0/2", "3/2", "one", "1/"):
        with pytest.raises(argparse.ArgumentTypeError, match=text):
            noop_refs.part(text)
