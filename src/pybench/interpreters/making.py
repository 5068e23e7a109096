"""A folder in the cache that is being made: its lock, and the tools that fill it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybench import children
from pybench.interpreters.probe import Interpreter
from pybench.records.files import lock_file
from pybench.records.usage import UsageError

TIMEOUT_S = 900.0
READY = "ready"  # the file of a folder that is whole


class PrepareError(UsageError):
    """An environment that could not be made; with what the tool said."""


def cache_folder() -> Path:
    """Return where environments and wheels are kept."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The convention says that a relative one is to be ignored.
    if not Path(base).is_absolute():
        base = os.path.expanduser("~/.cache")  # noqa: PTH111 - never raises
    return Path(base) / "pybench"


def is_ready(folder: Path, python: Path) -> bool:
    """Tell whether an environment is whole; its base may be gone since."""
    return (folder / READY).exists() and python.exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What pip would install: `word` names it to pip."""

    name: str
    version: str
    word: str
    is_requested: bool
    is_editable: bool = False


def found_in(report: Mapping[str, Any]) -> list[Found]:
    """Read pip's report of an installation that it did not do."""
    found = []
    for entry in report["install"]:
        facts, origin = entry["metadata"], entry["download_info"]
        name, version = facts["name"], facts["version"]
        is_direct = entry["is_direct"]
        found.append(
            Found(
                name=name,
                version=version,
                word=_direct(name, origin) if is_direct else f"{name}=={version}",
                is_requested=entry["requested"],
                is_editable=bool(origin.get("dir_info", {}).get("editable")),
            )
        )
    return found


def _direct(name: str, origin: Mapping[str, Any]) -> str:
    """Write where a package comes from that is from no index."""
    url, vcs = origin["url"], origin.get("vcs_info")
    if vcs:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if sub := origin.get("subdirectory"):
        url += f"#subdirectory={sub}"
    return url if origin.get("dir_info", {}).get("editable") else f"{name} @ {url}"


def has_pip(python: Path) -> bool:
    """Tell whether an environment has pip; uv makes it without."""
    return not children.run([python, "-I", "-c", "import pip"]).problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """A folder that is being made: whoever holds its lock runs the tools that fill it.

    The tools inherit the lock: should this process be killed, the next one waits until
    they have ended. What they leave of temporary files lies in the folder. `find_links`
    are folders of wheels.
    """

    folder: Path
    lock: int
    find_links: Sequence[Path] = ()
    timeout_s: float = TIMEOUT_S

    @property
    def links(self) -> list[str]:
        """The words by which pip and uv look into the folders of wheels."""
        each = [("--find-links", str(folder)) for folder in self.find_links]
        return [word for both in each for word in both]

    def installer(self, python: Path) -> list[str]:
        """Return the command that installs into an environment."""
        uv = shutil.which("uv")
        if uv:
            return [uv, "pip", "install", "-q", *self.links, "--python", str(python)]
        # -I: no file of the current folder stands in for pip.
        return [
            str(python), "-I", "-m", "pip", "install", "-q",
            "--disable-pip-version-check", *self.links,
        ]  # fmt: skip

    def create(self, interpreter: Interpreter) -> None:
        """Make an empty virtual environment."""
        shutil.rmtree(self.folder, ignore_errors=True)
        base = str(interpreter.path)
        uv = shutil.which("uv")
        if uv:
            line = [
                uv, "venv", "-q", "--no-project", "--python", base, str(self.folder)
            ]  # fmt: skip
        else:
            line = [base, "-I", "-m", "venv", str(self.folder)]
        self.run(line, f"{interpreter.label}: making an environment")

    def resolve(
        self,
        pip: Sequence[str],
        interpreter: Interpreter,
        words: Sequence[str],
        step: str,
    ) -> list[Found]:
        """Return what pip would install for an interpreter, which has the rest."""
        if not words:
            return []
        report = self.folder / "report.json"
        line = [
            *pip, "--python", str(interpreter.path), "--disable-pip-version-check",
            "install", "-q", *self.links, "--dry-run", "--report", str(report), *words,
        ]  # fmt: skip
        # What is asked for counts as had.
        self.run(line, step, PYTHONPATH=str(self.folder / "with"))
        return found_in(json.loads(report.read_text(encoding="utf-8")))

    def install(
        self,
        pip: Sequence[str],
        interpreter: Interpreter,
        found: Sequence[Found],
        to: str,
        step: str,
    ) -> None:
        """Install exactly that into a folder."""
        if not found:
            return
        words = [["-e", one.word] if one.is_editable else [one.word] for one in found]
        line = [
            *pip, "--python", str(interpreter.path), "--disable-pip-version-check",
            "install", "-q", *self.links, "--no-deps",
            "--target", str(self.folder / to),
            *(word for both in words for word in both),
        ]  # fmt: skip
        self.run(line, f"{step} {', '.join(one.name for one in found)}")

    def run(self, command: Sequence[str], step: str, **variables: str) -> None:
        """Run a tool to its end; `PrepareError` has what it said."""
        scratch = self.folder.with_name(f"{self.folder.name}.tmp")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        # The user's own settings of pip that contradict a folder.
        settings = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
        try:
            tool = children.run(
                command,
                merged=True,
                timeout_s=self.timeout_s,
                env=os.environ | settings | {"TMPDIR": str(scratch)} | variables,
                pass_fds=[self.lock],
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if tool.status is None:
            raise PrepareError(f"{step}: {command[0]} {tool.problem}")
        if tool.problem:
            raise PrepareError(f"{step} failed:\n{_reasons(tool.stdout)}")


def _reasons(output: str) -> str:
    """Return the lines that say why: the compiler's errors, else the last ones."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\b(error|ERROR)\b", line)]
    shown = (errors or lines)[:15] if errors else lines[-15:]
    return "\n".join(f"    {line[:200]}" for line in shown)


def digest(*parts: object) -> str:
    """Return a short hash of what something is made from."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@contextlib.contextmanager
def locked(
    folder: Path, *, wait: bool = True, find_links: Sequence[Path] = ()
) -> Iterator[Making]:
    """Keep two runs from making one folder at once; `BlockingIOError` if not to wait.

    Whatever a run that was killed has left of temporary files is removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        if not lock_file(file.fileno(), wait=wait):
            raise BlockingIOError(f"{folder} is being made")
        yield Making(folder=folder, lock=file.fileno(), find_links=find_links)


def sweep(parent: Path, done: str) -> None:
    """Remove what runs that were killed have left half made: without a file `done`."""
    for left in [path for path in parent.iterdir() if path.is_dir()]:
        folder = left.with_name(left.name.removesuffix(".tmp"))
        # Whoever holds its lock is making it now.
        with contextlib.suppress(BlockingIOError), locked(folder, wait=False):
            if left != folder or not any(left.glob(done)):
                shutil.rmtree(left, ignore_errors=True)
