"""`pybench compare --ref` as somebody types it, with sessions of this Python.

A wheel is a copy of the package's files, put into a folder instead of an environment.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

import pybench.target.programs.start_pytest as starting
from pybench.cli import compare, compare_refs, status
from pybench.comparison.judging import judge
from pybench.comparison.live import Comparison
from pybench.comparison.summary import exit_code, summarise
from pybench.interpreters import prepare, refs
from pybench.interpreters.prepare import Environment, PrepareError
from pybench.interpreters.probe import Interpreter
from pybench.records.run_file import read_run
from tests.interpreters.repositories import MODULE, SUITE, commit, git, make

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(shutil.which("git") is None, reason="n/a: git is not here"),
]

Pybench = Callable[..., subprocess.CompletedProcess[str]]

ANOTHER_ROW = """
def test_more(benchmark):
    benchmark(small.more)
"""


def test_budget_is_of_measuring_and_not_of_building(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two interpreters share what is left of it; each takes 100 seconds to build."""
    now_s, budgets = [0.0], []

    def passes(seconds: float, answer: object) -> Any:
        now_s[0] += seconds
        return answer

    def measured(*_: object, budget_s: float, **__: object) -> int:
        budgets.append(budget_s)
        return int(passes(10.0, status.OK))

    requested = [SimpleNamespace(name=name) for name in ("3.14", "3.14t")]
    sources = SimpleNamespace(folder=tmp_path, suite_text=str, notes=())
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(compare, "find_interpreters", lambda _: requested)
    monkeypatch.setattr(compare, "begun", lambda *_: (None, None, ()))
    monkeypatch.setattr(compare, "check_same_arms", lambda *_: None)
    monkeypatch.setattr(compare, "take_turns", measured)
    monkeypatch.setattr(compare_refs, "sources_of", lambda *_: nullcontext(sources))
    monkeypatch.setattr(compare_refs, "names_of", lambda *_, **__: ["a", "b"])
    monkeypatch.setattr(
        compare_refs, "ready_refs", lambda *_: passes(100.0, ([1, 2], []))
    )
    options = argparse.Namespace(budget=60.0, suite="x", packages=[], resume=False)

    compare.live_refs(["3.14", "3.14t"], options, tmp_path / "run", None)

    assert budgets == [30.0, 50.0]


def test_extensions_of_different_days_are_noted() -> None:
    def run(*days: str) -> Any:
        arms = {
            name: SimpleNamespace(
                name=name,
                ref=name,
                asked=("small",),
                packages={"small": "1"},
                build={"compiled on": day} if day else {},
            )
            for name, day in zip(("old", "new"), days, strict=True)
        }
        return SimpleNamespace(sides=arms)

    (note,) = compare_refs.notes_of_arms(run("2026-01-01", "2026-02-01"))
    assert "old on 2026-01-01, new on 2026-02-01" in note
    assert compare_refs.notes_of_arms(run("2026-01-01", "2026-01-01")) == []
    assert compare_refs.notes_of_arms(run("", "2026-01-01")) == []


def copied(
    interpreter: Interpreter,
    checkout: AbstractContextManager[Path],
    *of: object,
    cache: Path,
    **_: object,
) -> Path:
    """Stand in for a build."""
    folder = cache / "built" / hashlib.sha256(repr(of).encode()).hexdigest()[:8]
    wheel = folder / "small-1.0-py3-none-any.whl"
    if wheel.exists():
        return wheel
    folder.mkdir(parents=True)
    with checkout as source, zipfile.ZipFile(wheel, "w") as archive:
        if not (source / "backend.py").exists():
            wheel.unlink()
            raise PrepareError("building it failed:\n    error: no such library")
        for file in (source / "small").iterdir():
            archive.write(file, f"small/{file.name}")
        archive.writestr("small-1.0.dist-info/METADATA", "Name: small\nVersion: 1.0\n")
        archive.writestr("small-1.0.dist-info/RECORD", "small/__init__.py,,\n")
    return wheel


def unpacked(
    interpreter: Interpreter, *, packages: Sequence[str], **_: Any
) -> Environment:
    """Stand in for an environment."""
    folder = Path(packages[0]).with_suffix("")
    with zipfile.ZipFile(packages[0]) as wheel:
        wheel.extractall(folder / "with")
    start = ("-P", str(starting.__file__), "--packages", str(folder))
    return Environment(
        python=interpreter.path, made=True, start=start, asked=("small",)
    )


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a repository with the commits `old` and `main`, and go there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.argv", ["pybench", "compare"])
    monkeypatch.setattr(refs, "build_wheel", copied)
    monkeypatch.setattr(prepare, "prepare", unpacked)
    # No control: each of its sessions takes as long as one that matters here.
    defaults = {**(Comparison.__init__.__kwdefaults__ or {}), "control": False}
    monkeypatch.setattr(Comparison.__init__, "__kwdefaults__", defaults)
    make(tmp_path / "tree")
    monkeypatch.chdir(tmp_path / "tree")
    return tmp_path / "tree"


def test_two_refs_are_compared(pybench: Pybench, tree: Path, tmp_path: Path) -> None:
    """Also from another folder of the tree, where each has its own copy."""
    out = tmp_path / "out"
    (tree / "conftest.py").write_text("import sys\nsys.path.insert(0, '')\n")
    new = commit(tree, "a conftest.py that puts the tree first")
    done = pybench("compare", "--ref", "old", "--ref", "HEAD", "--pairs", "1",
                   "-o", str(out))  # fmt: skip

    assert done.returncode == status.OK, done.stderr
    assert "baseline  old: CPython" in done.stdout
    assert f"built from HEAD at {new[:12]}" in " ".join(done.stdout.split())
    run = read_run(out)
    old, head = run.baseline, run.contenders[0]
    assert old.ref
    assert head.ref
    assert (old.ref.asked, head.ref.commit) == ("old", new)
    assert head.asked == ("small",)
    assert head.packages["small"] == "1.0"
    assert run.header.suite_from == "HEAD"
    (row,) = run.rows.values()
    assert row.is_measured("old", "HEAD")
    document = json.loads((out / "summary.json").read_text())
    assert [side["ref"] for side in document["sides"]] == ["old", "HEAD"]
    assert document["sides"][1]["commit"] == new
    assert git(tree, "worktree", "list").count("\n") == 0
    assert git(tree, "status", "--porcelain") == ""
    again = pybench("compare", str(out), "--format", "md")
    assert f"built from old at {old.ref.commit[:12]}" in again.stdout


def test_a_row_that_the_older_ref_cannot_run_is_no_failure(
    pybench: Pybench, tree: Path, tmp_path: Path
) -> None:
    (tree / "small" / "__init__.py").write_text(
        MODULE.format(200) + MODULE.format(9).replace("work", "more")
    )
    (tree / "benchmarks" / "test_small.py").write_text(SUITE + ANOTHER_ROW)
    words = ["compare", "--ref", "old", "--ref", "WORKTREE", "--pairs", "1"]
    done = pybench(*words, "-o", str(tmp_path / "out"), "--all")

    assert done.returncode == status.OK, done.stderr
    said = " ".join(done.stdout.split())
    assert "the suite is that of WORKTREE, and this row fails on the older ref" in said
    assert "has no attribute 'more'" in said
    # Were the suite of the older one, the row would have been there and be gone.
    run = read_run(tmp_path / "out")
    run.header = replace(run.header, suite_from="old")
    summary = summarise(run, judge(run))
    assert exit_code(summary, fail_on=None, strict=False) == status.FAILED


def test_the_copy_of_the_tree_is_refused(
    pybench: Pybench, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tree))
    done = pybench("compare", "--ref", "old", "--ref", "HEAD", "--pairs", "1",
                   "-o", str(tmp_path / "out"))  # fmt: skip

    assert done.returncode == status.NO_VERDICT
    assert f"old imports small from {tree}/small/__init__.py" in done.stderr
    assert "PYTHONPATH" in done.stderr


def test_a_grid_compares_the_refs_on_each_interpreter(
    pybench: Pybench, tree: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["compare", f"a={sys.executable}", f"b={sys.executable}", "--pairs", "1"]
    words += ["--ref", "old", "--ref", "old", "-o", str(out)]
    done = pybench(*words, "--format", "json", "--fail-on", "slower")

    assert done.returncode == status.OK, done.stderr
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    names = [[side["name"] for side in document["sides"]] for document in documents]
    assert names == [["a old#1", "a old#2"], ["b old#1", "b old#2"]]
    assert (
        "the same content: a build is compared with itself" in documents[0]["notes"][0]
    )
    assert read_run(out / "b").pairs
    again = pybench(*words)
    assert again.returncode == status.USAGE
    assert "has a run already" in again.stderr


def test_what_a_run_began_with_is_what_it_goes_on_with(
    pybench: Pybench, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commits, though a branch has moved; a tree that has changed is refused."""
    taking = Comparison._take_pairs
    monkeypatch.setattr(Comparison, "_take_pairs", _interrupted)
    out = tmp_path / "out"
    words = ["compare", "--ref", "old", "--ref", "main", "--pairs", "1"]
    done = pybench(*words, "-o", str(out))
    assert done.returncode == status.INTERRUPTED
    assert "go on: pybench compare" in done.stderr
    assert git(tree, "worktree", "list").count("\n") == 0
    began = git(tree, "rev-parse", "main")
    commit_of_now = git(tree, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "more")
    git(tree, "update-ref", "refs/heads/main", commit_of_now)
    monkeypatch.setattr(Comparison, "_take_pairs", taking)
    done = pybench("compare", "-o", str(out), "--resume")
    assert done.returncode == status.OK, done.stderr
    assert f"main is at {commit_of_now[:12]} now; this run goes on with" in done.stderr
    ref = read_run(out).contenders[0].ref
    assert ref is not None
    assert ref.commit == began
    done = pybench("compare", "--ref", "old", "-o", str(out), "--resume")
    assert done.returncode == status.USAGE
    assert "--ref: the run was begun with old main" in done.stderr


def _interrupted(self: Comparison) -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ref", "old"], "one ref alone is compared with nothing"),
        (["--ref", "old", "--ref", "mian"], "near it are main"),
        (["--ref", "old", "--ref", "main", "--suite", "./speed"],
         "main (COMMIT) has no ./speed, and the suite is taken from it"),
        (["--ref", "old", "--ref", "main", "--suite-from", "x"],
         "none of the refs that are named: old, main"),
        (["--suite-from", "old"], "--suite-from says which --ref has the suite"),
        (["--ref", "old", "--ref", "main", "--with", "a", "--with", "b", "--with", "c"],
         "--with was given 3 times for 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared(
    pybench: Pybench, tree: Path, words: list[str], said: str
) -> None:
    done = pybench("compare", *words)

    assert done.returncode == status.USAGE
    commit_of_main = git(tree, "rev-parse", "main")[:12]
    assert said.replace("COMMIT", commit_of_main) in done.stderr
    assert not (tree / ".benchmarks").exists()


def test_a_build_that_fails_leaves_nothing_to_compare(
    pybench: Pybench, tree: Path
) -> None:
    (tree / "backend.py").unlink()
    done = pybench("compare", "--ref", "old", "--ref", "WORKTREE")

    assert done.returncode == status.FAILED
    assert "error: no such library" in done.stderr
    assert "WORKTREE (" in done.stderr
    assert git(tree, "worktree", "list").count("\n") == 0
