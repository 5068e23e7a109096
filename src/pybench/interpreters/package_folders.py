"""Packages in a folder of their own, for one part of a suite.

Pins that do not go together cannot share an environment. Each set of them is installed
once per interpreter, and is seen only by the process that has the folder on its path.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pybench.interpreters.making import (
    READY,
    PrepareError,
    cache_folder,
    digest,
    locked,
    sweep,
)
from pybench.interpreters.packages import read_packages
from pybench.interpreters.probe import Interpreter
from pybench.interpreters.wheels import builder


def build_name(interpreter: Interpreter) -> str:
    """Name a build for a folder: two of one version may differ."""
    return f"{interpreter.build}-{digest(*map(str, interpreter.identity))[:6]}"


def packages_folder(
    interpreter: Interpreter,
    words: Sequence[str],
    *,
    on_install: Callable[[], None] = lambda: None,
    cache: Path | None = None,
) -> Path:
    """Install packages, with what they need, or find them installed.

    Parameters
    ----------
    interpreter : Interpreter
        Whose build the packages are for. What it has itself does not count.
    words : sequence of str
        Requirements and paths, as for ``pip install``.
    on_install : callable
        Called before they are installed, which takes a while.
    cache : Path, optional
        In place of `cache_folder`.

    Returns
    -------
    Path
        The folder for ``sys.path``.

    Raises
    ------
    PrepareError
        Ends with what pip said.
    """
    cache = cache or cache_folder()
    asked = read_packages(words)
    key = digest(asked.words, asked.content)
    folder = cache / "packages" / f"{build_name(interpreter)}-{key}"
    with locked(folder) as making:
        if (folder / READY).exists():
            return folder
        on_install()
        sweep(folder.parent, READY)
        shutil.rmtree(folder, ignore_errors=True)
        line = [
            str(builder(interpreter, cache)), "-I", "-m", "pip",
            "--python", str(interpreter.path), "--disable-pip-version-check",
            "install", "-q", "--target", str(folder), *asked.words,
        ]  # fmt: skip
        try:
            making.run(line, f"{interpreter.label}: installing {', '.join(words)}")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        folder.mkdir(exist_ok=True)  # nothing is installed where a marker says so
        (folder / READY).touch()
    return folder


def short_reason(error: PrepareError) -> str:
    """Return the line that says why packages could not be installed.

    pip's own comes first, else the compiler's.
    """
    step, *lines = str(error).splitlines()
    told = [line.strip() for line in lines if _NO_REASON not in line]
    for mark in ("ERROR:", "error:"):
        if marked := [line for line in told if mark in line]:
            reason = marked[0].removeprefix("ERROR:").strip()
            break
    else:
        reason = [step, *told][-1]
    unreachable = "; is the package index reachable?" * (_NOTHING_FOUND in reason)
    return reason + unreachable


# pip says first that something failed, and what only later.
_NO_REASON = "subprocess-exited-with-error"
_NOTHING_FOUND = "(from versions: none)"
