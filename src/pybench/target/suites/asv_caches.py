"""What `setup_cache` of a suite of asv made, and the folders that its rows run in.

It runs once in a process, and where a variable names a folder once in all processes
that share it: those of one arm of one run.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

VARIABLE = "PYBENCH_ASV_CACHE"


class Caches:
    """The folders of a session."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pybench-asv-")
        self._shared = os.environ.get(VARIABLE, "")
        self._made: dict[str | None, Path | str] = {}

    def close(self) -> None:
        """Remove the folders."""
        self._folder.cleanup()

    def folder(self, key: str | None, make: Callable[[Path], str]) -> Path:
        """Return the current folder of a row; what is cached lies in it.

        `key` names the cache, None for a row that has none; `make` puts it into a new
        folder, and returns the problem if there is one. Such a row fails.
        """
        if key not in self._made:
            folder = Path(self._folder.name, str(len(self._made)))
            self._made[key] = self._make(key, make, folder) or folder
        made = self._made[key]
        if isinstance(made, str):
            pytest.fail(f"setup_cache {made}", pytrace=False)
        return made

    def _make(self, key: str | None, make: Callable[[Path], str], folder: Path) -> str:
        """Make a folder; return the problem, if there is one."""
        if key is None:
            folder.mkdir()
            return ""
        if not self._shared:
            folder.mkdir()
            return make(folder)
        shared = Path(self._shared, hashlib.sha256(key.encode()).hexdigest()[:16])
        if not shared.is_dir():
            whole = Path(tempfile.mkdtemp(dir=self._shared))
            if problem := make(whole):
                return problem
            with contextlib.suppress(OSError):  # another session was quicker
                whole.rename(shared)
        # A copy, as rows may write into their folder.
        shutil.copytree(shared, folder)
        return ""


CACHES = pytest.StashKey[Caches]()
