"""What refs mean, what is said of those that mean nothing, and that checkouts go."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pybench.interpreters import git as subject
from pybench.interpreters.git import RefError, checked_out, find_repository, read_refs
from pybench.records.refs import newest
from tests.interpreters.repositories import MODULE, commit, git, make

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(shutil.which("git") is None, reason="n/a: git is not here"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a repository with the commits `old` and `main`."""
    make(tmp_path / "tree")
    return tmp_path / "tree"


def test_refs_are_commits_under_names(tree: Path) -> None:
    found = find_repository(tree / "benchmarks")
    refs = read_refs(found, ["old", "HEAD", "base=HEAD~1"])

    old, new = git(tree, "rev-parse", "old"), git(tree, "rev-parse", "main")
    assert [(ref.name, ref.commit) for ref in refs] == [
        ("old", old),
        ("HEAD", new),
        ("base", old),
    ]
    assert found.package == Path()
    assert found.here == Path("benchmarks")
    assert "old and base are the same content" in subject.notes_of(found, refs)[0]


def test_a_ref_named_twice_is_two_arms(tree: Path) -> None:
    refs = read_refs(find_repository(tree), ["HEAD", "HEAD"])

    assert [ref.name for ref in refs] == ["HEAD#1", "HEAD#2"]


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("man", "near it are main"),
        ("feature", "near it are user/feature"),
        ("--all", "no branch, tag or commit"),
        ("", "no branch, tag or commit"),
        ("HEAD:pyproject.toml", "no branch, tag or commit"),
        ("HEAD~99", "no branch, tag or commit"),
    ],
)
def test_a_ref_that_is_not_there(tree: Path, ref: str, said: str) -> None:
    git(tree, "branch", "user/feature")
    with pytest.raises(RefError, match=said):
        read_refs(find_repository(tree), [ref])


def test_a_shallow_clone_says_how_to_get_the_rest(tree: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth", "1", tree.as_uri(), str(clone))
    with pytest.raises(RefError, match=r"git fetch --unshallow.*fetch-depth: 0"):
        read_refs(find_repository(clone), ["HEAD~1"])


def test_no_repository_no_commit_no_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RefError, match="not a git repository"):
        find_repository(tmp_path)
    git(tmp_path, "init", "-q")
    with pytest.raises(RefError, match="has no commit yet"):
        read_refs(find_repository(tmp_path), ["WORKTREE"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RefError, match="needs git, which is not on PATH"):
        find_repository(tmp_path)


def test_a_tree_of_somebody_else_says_what_git_advises(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(RefError, match=r"dubious ownership.*safe\.directory"):
        find_repository(tree)


def test_a_variable_of_a_hook_means_no_other_repository(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    make(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))

    assert find_repository(tree).own == tree / ".git"


def test_the_tree_as_it_is(tree: Path, tmp_path: Path) -> None:
    """Changed, new, removed and executable files; neither ignored ones nor runs."""
    repository = find_repository(tree)
    (clean,) = read_refs(repository, ["WORKTREE"])
    (head,) = read_refs(repository, ["HEAD"])
    assert clean.content == head.content
    (tree / ".gitignore").write_text("ignored\n")
    (tree / "ignored").write_text("")
    (tree / "small" / "__init__.py").write_text(MODULE.format(400))
    (tree / "small" / "new name.py").write_text("new")
    (tree / "small" / "link").symlink_to("new name.py")
    (tree / "backend.py").unlink()
    (tree / ".benchmarks").mkdir()
    (tree / ".benchmarks" / "run").write_text("")
    for made in ("env/pyvenv.cfg", "env/lib/x.py", "build/lib/x.py", "a.egg-info/x"):
        (tree / made).parent.mkdir(parents=True, exist_ok=True)
        (tree / made).touch()
    (tree / "out").mkdir()
    (tree / "out" / "run").write_text("")
    (ref,) = read_refs(repository, ["WORKTREE"], without=[tree / "out"])
    assert newest([ref, head]) is ref
    assert "HEAD does not hold what is not committed (2 files" in str(
        subject.notes_of(repository, [head])
    )

    to = tmp_path / "checkout"
    with checked_out(repository, ref, to, without=[tree / "out"]) as checkout:
        names = {
            str(path.relative_to(checkout))
            for path in checkout.rglob("*")
            if not path.is_dir()
        }
        assert names == {
            ".git", ".gitignore", "pyproject.toml", "benchmarks/test_small.py",
            "small/__init__.py", "small/new name.py", "small/link",
        }  # fmt: skip
        assert "400" in (checkout / "small" / "__init__.py").read_text()
    assert not to.exists()
    assert git(tree, "worktree", "list").count("\n") == 0
    (tree / "small" / "__init__.py").write_text(MODULE.format(500))
    with (
        pytest.raises(RefError, match="have changed since"),
        checked_out(repository, ref, to, without=[tree / "out"]),
    ):
        pass


def test_a_checkout_goes_whatever_comes(tree: Path, tmp_path: Path) -> None:
    repository, to = find_repository(tree), tmp_path / "checkout"
    (ref,) = read_refs(repository, ["old"])
    hook = tree / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)

    def interrupted() -> None:
        with checked_out(repository, ref, to):
            assert "200" in (to / "small" / "__init__.py").read_text()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not to.exists()
    assert not (tmp_path / "ran").exists()
    # What a killed run has left is replaced.
    git(tree, "worktree", "add", "-q", "--detach", str(to), "main")
    (to / "left").touch()
    with checked_out(repository, ref, to):
        assert not (to / "left").exists()
    shutil.rmtree(to, ignore_errors=True)
    assert git(tree, "worktree", "list").count("\n") == 0


def test_a_submodule_comes_from_what_is_here(tree: Path, tmp_path: Path) -> None:
    """Without a network; one that is not here is named with the way out."""
    part = tmp_path / "part"
    make(part)
    git(tree, "submodule", "add", "-q", str(part), "extern/part")
    commit(tree, "with a part")
    repository, to = find_repository(tree), tmp_path / "checkout"
    (ref,) = read_refs(repository, ["HEAD"])
    with checked_out(repository, ref, to):
        assert "300" in (to / "extern/part/small/__init__.py").read_text()
    # One that is changed in the tree.
    (tree / "extern/part/small/__init__.py").write_text(MODULE.format(400))
    (changed,) = read_refs(repository, ["WORKTREE"])
    assert changed.content != ref.content
    with checked_out(repository, changed, to):
        assert "400" in (to / "extern/part/small/__init__.py").read_text()
    git(tree, "submodule", "deinit", "-q", "-f", "extern/part")
    with checked_out(repository, ref, to):  # git keeps it
        assert (to / "extern/part/small/__init__.py").is_file()
    shutil.rmtree(tree / ".git" / "modules")
    with (
        pytest.raises(RefError, match=r"extern/part at \w+ is not here: git submodule"),
        checked_out(repository, ref, to),
    ):
        pass
    assert not to.exists()


def test_the_package_may_lie_in_a_folder(tree: Path) -> None:
    """Settings of tools alone make none."""
    inner = tree / "packages" / "one"
    (inner / "benchmarks").mkdir(parents=True)
    (inner / "setup.py").touch()
    (inner / "benchmarks" / "pyproject.toml").write_text("[tool.ruff]\n")

    found = find_repository(inner / "benchmarks")

    assert found.package == Path("packages/one")
    assert found.here == Path("packages/one/benchmarks")
