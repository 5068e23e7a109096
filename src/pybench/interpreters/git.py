"""The repository around the current folder: what its refs mean, and checkouts of them.

Nothing in the user's tree is changed. A checkout is a worktree of git elsewhere, which
is removed at the end, so that tools that make a version from tags find them.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pybench import children
from pybench.interpreters.packages import is_made
from pybench.records.refs import GitRef
from pybench.records.usage import UsageError

# The tree as it is. A branch of that name is refs/heads/WORKTREE.
WORKTREE = "WORKTREE"

_TIMEOUT_S = 600.0
_MOST_SAID = 400
# Set by a hook, for one, these would mean another repository than the folder's.
_PLACES = {
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE",
}  # fmt: skip
_SUBMODULE = "160000"
_ENVIRONMENT = "pyvenv.cfg"
# What a name of an arm may have in tables; longer refs are called by their commit.
_LONGEST = 31


class RefError(UsageError):
    """A ref that cannot be compared; says which, why and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository with a tree.

    `top` is the folder of its tree; `here` the current folder and `package` the one
    that has the package to build, both relative to it.
    """

    top: Path
    here: Path
    package: Path
    own: Path  # the repository itself, .git

    def git(self, *words: str) -> str:
        """Run git; `RefError` has what it said."""
        return _git(self.top, *words)


def find_repository(folder: Path) -> Repository:
    """Find the repository that a folder lies in."""
    if shutil.which("git") is None:
        raise RefError("--ref needs git, which is not on PATH")
    words = ("rev-parse", "--path-format=absolute", "--show-toplevel")
    try:
        top, own = _git(folder, *words, "--git-common-dir").splitlines()[:2]
    except RefError as error:
        raise RefError(
            f"--ref compares versions of a package that git has, and of {folder} it "
            f"says: {error}"
        ) from None
    here = Path(os.path.relpath(folder.resolve(), Path(top).resolve()))
    around = [here, *here.parents]
    package = next((p for p in around if _has_package(Path(top, p))), Path())
    return Repository(top=Path(top), own=Path(own), here=here, package=package)


def _has_package(folder: Path) -> bool:
    """Tell whether pip can build what a folder has."""
    if (folder / "setup.py").is_file():
        return True
    try:
        document = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    # Others have settings of tools alone.
    return "project" in document or "build-system" in document


def _git(folder: Path, *words: str) -> str:
    environ = {k: v for k, v in os.environ.items() if k not in _PLACES} | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
    }
    # No hook of the user's runs where we check something out.
    command = ["git", "-C", str(folder), "-c", f"core.hooksPath={os.devnull}", *words]
    done = children.run(
        command, env=environ, errors="surrogateescape", timeout_s=_TIMEOUT_S
    )
    if done.problem:
        # Advice is in its other lines.
        said = " ".join(done.stderr.split())[:_MOST_SAID] or done.problem
        raise RefError(said.removeprefix("fatal: "))
    return done.stdout


# What refs mean


def read_refs(
    repository: Repository, words: Sequence[str], *, without: Sequence[Path] = ()
) -> list[GitRef]:
    """Find what refs mean now.

    Parameters
    ----------
    words : sequence of str
        Whatever git takes for a commit, `WORKTREE`, or ``name=`` and one of these.
    without : sequence of Path
        Folders in the tree that are no part of `WORKTREE`, such as that of the run.

    Raises
    ------
    RefError
        If one means nothing; names those that are spelled alike.
    """
    found = [_read_ref(repository, word, without) for word in words]
    names = [ref.name for ref in found]
    return [
        ref if names.count(ref.name) == 1 else replace(ref, name=f"{ref.name}#{number}")
        for number, ref in enumerate(found, start=1)
    ]


def _read_ref(repository: Repository, word: str, without: Sequence[Path]) -> GitRef:
    name, text = "", word
    whole = word == WORKTREE
    commit = _commit(repository, "HEAD" if whole else word)
    if commit is None and not whole and "=" in word:
        name, _, text = word.partition("=")
        whole = text == WORKTREE
        commit = _commit(repository, "HEAD" if whole else text)
    if commit is None:
        raise RefError(_no_such(repository, text))
    name = name or text
    if len(name) > _LONGEST or not name.isprintable():
        name = commit[:12]
    committed = repository.git("show", "-s", "--format=%ct", commit)
    changes = changes_of(repository, without) if whole else ""
    return GitRef(
        name=name,
        asked=word,
        commit=commit,
        committed=int(committed),
        changes=changes,
    )


def _commit(repository: Repository, text: str) -> str | None:
    if not text or "\0" in text:
        return None
    line = ("rev-parse", "--verify", "--quiet", "--end-of-options")
    try:
        return repository.git(*line, f"{text}^{{commit}}").strip()
    except RefError:
        return None


def _no_such(repository: Repository, text: str) -> str:
    if text in (WORKTREE, "HEAD") and _commit(repository, "HEAD") is None:
        return f"--ref {text}: this repository has no commit yet"
    names = repository.git("for-each-ref", "--format=%(refname:short)").split()
    near = [name for name in names if name.endswith(f"/{text}")]
    near += difflib.get_close_matches(text, names, cutoff=0.5)
    message = f"--ref {text}: no branch, tag or commit of {repository.top}"
    if near := [*dict.fromkeys(near)][:3]:
        message += f"; near it are {', '.join(near)}"
    if is_shallow(repository):
        message += (
            "; this clone is shallow and lacks most commits: git fetch --unshallow "
            "--tags, or fetch-depth: 0 of actions/checkout"
        )
    elif text == "main" or text.startswith("origin/"):
        message += "; git fetch brings what the remote has"
    return message


def is_tree(ref: GitRef) -> bool:
    """Tell whether a ref is the tree, which may have changed since."""
    return WORKTREE in (ref.asked, ref.asked.partition("=")[2])


def is_shallow(repository: Repository) -> bool:
    """Tell whether commits are missing."""
    return repository.git("rev-parse", "--is-shallow-repository").strip() == "true"


def notes_of(repository: Repository, refs: Sequence[GitRef]) -> list[str]:
    """Say what a user may not have meant."""
    notes = []
    by_content: dict[str, list[str]] = {}
    for ref in refs:
        by_content.setdefault(ref.content, []).append(ref.name)
    notes += [
        f"{' and '.join(names)} are the same content: a build is compared with itself"
        for names in by_content.values()
        if len(names) > 1
    ]
    head = _commit(repository, "HEAD")
    at_head = [ref.name for ref in refs if ref.commit == head]
    if at_head and not any(map(is_tree, refs)):
        changed = repository.git("status", "--porcelain", "-z", "-uno").split("\0")
        if count := sum(bool(name) for name in changed):
            files = "one file" if count == 1 else f"{count} files"
            notes.append(
                f"{at_head[-1]} does not hold what is not committed ({files} of the "
                f"tree): --ref {WORKTREE} does"
            )
    return notes


def changes_of(repository: Repository, without: Sequence[Path]) -> str:
    """Return a digest of what is not committed, "" if all is."""
    changes = _Changes(repository, without)
    return changes.digest() if changes.names else ""


class _Changes:
    """What the tree has that its last commit has not: files by name, relative to it."""

    def __init__(self, repository: Repository, without: Sequence[Path]) -> None:
        self.top = repository.top
        git = repository.git
        changed = git("diff", "--name-only", "--no-renames", "-z", "HEAD")
        listed = git("ls-files", "-z", "-o", "--exclude-standard").split("\0")
        left_out = [*map(os.path.realpath, without)]
        # Virtual environments, which not all have in their .gitignore.
        left_out += [
            os.path.realpath(self.top / name.removesuffix(_ENVIRONMENT))
            for name in listed
            if Path(name).name == _ENVIRONMENT
        ]
        untracked = [
            name
            for name in listed
            if not is_made(name)
            and not any(_is_inside(self.top / name, folder) for folder in left_out)
        ]
        self.names = sorted({*changed.split("\0"), *untracked} - {""})

    def digest(self) -> str:
        """Return a digest of names and contents."""
        digest = hashlib.sha256()
        for name in self.names:
            for path in _files_of(self.top / name):
                digest.update(repr((name, str(path), _facts(path))).encode())
        return digest.hexdigest()[:16]

    def copy(self, to: Path) -> None:
        """Make a checkout of the last commit the tree as it is."""
        for name in self.names:
            source, target = self.top / name, to / name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
            for path in _files_of(source):
                copied = to / path.relative_to(self.top)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copied, follow_symlinks=False)


def _is_inside(path: Path, folder: str) -> bool:
    return f"{os.path.realpath(path)}{os.sep}".startswith(f"{folder}{os.sep}")


def _files_of(path: Path) -> Iterator[Path]:
    """Yield a file, or those of a repository within; none if it is gone."""
    if path.is_symlink() or path.is_file():
        yield path
    elif path.is_dir():
        listed = _git(path, "ls-files", "-z", "-co", "--exclude-standard").split("\0")
        for name in sorted({name for name in listed if name}):
            yield from _files_of(path / name)


def _facts(path: Path) -> tuple[str, bool]:
    if path.is_symlink():
        return str(path.readlink()), False
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, os.access(path, os.X_OK)


# Checkouts


@contextlib.contextmanager
def checked_out(
    repository: Repository, ref: GitRef, to: Path, *, without: Sequence[Path] = ()
) -> Iterator[Path]:
    """Make a worktree of a ref, which is removed at the end, whatever comes.

    `without` is as for `read_refs`. A worktree that a killed run has left is replaced.
    """
    try:
        try:
            remove(to, repository)
            to.parent.mkdir(parents=True, exist_ok=True)
            line = ("worktree", "add", "--quiet", "--force", "--detach")
            repository.git(*line, str(to), ref.commit)
            _fill_submodules(to, repository.own, repository.top)
            if ref.changes:
                changes = _Changes(repository, without)
                if changes.digest() != ref.changes:
                    raise RefError("files of the tree have changed since this began")
                changes.copy(to)
        except (RefError, OSError) as error:
            raise RefError(f"{ref.name} cannot be checked out: {error}") from None
        yield to
    finally:
        remove(to, repository)


def remove(checkout: Path, repository: Repository | None = None) -> None:
    """Remove a worktree, and what its repository knows of it, if that is there."""
    folder = repository.top if repository else checkout
    with contextlib.suppress(RefError):
        _git(folder, "worktree", "remove", "--force", "--force", str(checkout))
    shutil.rmtree(checkout, ignore_errors=True)


def _fill_submodules(checkout: Path, own: Path, tree: Path | None) -> None:
    """Fill in the submodules of a checkout from what the user's repository has of them.

    Nothing is fetched: git would note in the user's settings that it was.
    """
    listed = _git(checkout, "ls-files", "-z", "--stage").split("\0")
    wanted = [entry.split(None, 3) for entry in listed if entry.startswith(_SUBMODULE)]
    for _, commit, _, name in wanted:
        source = _submodule(checkout, name, own, tree)
        missing = (
            f"its submodule {name} at {commit[:12]} is not here: git submodule update "
            "--init --recursive"
        )
        if source is None:
            raise RefError(missing)
        target = checkout / name
        try:
            _git(checkout, "clone", "-q", "--shared", "-n", str(source), str(target))
            _git(target, "checkout", "-q", "--detach", commit)
        except RefError as error:
            raise RefError(f"{missing} ({error})") from None
        _fill_submodules(target, source, tree / name if tree else None)


def _submodule(checkout: Path, name: str, own: Path, tree: Path | None) -> Path | None:
    """Find the repository of a submodule: in the tree, or where git keeps those."""
    with contextlib.suppress(RefError, OSError):
        if tree and (tree / name / ".git").exists():
            line = ("rev-parse", "--path-format=absolute", "--git-common-dir")
            return Path(_git(tree / name, *line).strip())
    with contextlib.suppress(RefError):
        settings = ("config", "-f", ".gitmodules", "--get-regexp", r"\.path$")
        for line_of in _git(checkout, *settings).splitlines():
            key, _, path = line_of.partition(" ")
            kept = own / "modules" / key.removeprefix("submodule.")[: -len(".path")]
            if path == name and kept.is_dir():
                return kept
    return None
