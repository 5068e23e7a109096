"""One row of a suite in a process of its own: pytest's words, and what it wrote."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pybench.children import INTERRUPT, guarded
from pybench.comparison.suites import Suite
from pybench.interpreters import Interpreter
from pybench.profiles.child_programs import ChildError, check_end
from pybench.records.documents import parse_json

# Of the plugin: the node id of the row that a session runs, and where it writes what
# memory the row took.
ROW_OPTION = "--pybench-row"
MEMORY_OPTION = "--pybench-memory-to"

# Between two looks at a row.  Reading its memory holds up its page faults, which is why
# no time is taken there.
INTERVAL_S = 0.02


def locate(suite: Suite, fullname: str) -> tuple[str, ...]:
    """Return words that make pytest run one row, from any working directory.

    pytest is given the row's file and, as an option of ours, its node id: on the
    command line ``//``, ``::`` or a bracket in it would be read as parts of a path. The
    id begins in pytest's root, which is the suite or above it, and stays the same only
    with it.
    """
    file = fullname.partition("::")[0]
    row = f"{ROW_OPTION}={fullname}"
    for top in [Path(path).absolute() for path in suite.paths]:
        for folder in (top, *top.parents):
            path = folder / file
            # A path that pytest would cut: it is found with the whole suite.
            if path.is_file() and "[" not in str(path) and "::" not in str(path):
                return (*suite.options, str(path), f"--rootdir={folder}", row)
    return (*suite.words, row)


def row_command(
    interpreter: Interpreter, start: Sequence[str], words: Sequence[str], folder: Path
) -> list[str]:
    """Return a command whose journal and saves go to a folder of ours.

    `start` is what follows the interpreter to start a session, of an `Environment`.
    """
    quiet = ("-q", "-p", "no:cacheprovider", f"--benchmark-storage={folder}/storage")
    return [str(interpreter.path), *start, *words, *quiet]


def run_row(
    interpreter: Interpreter,
    start: Sequence[str],
    words: Sequence[str],
    option: str,
    timeout_s: float,
    *,
    watch: Callable[[int], None] = lambda guard: None,
) -> dict[str, Any]:
    """Run one row in a child, and return what it wrote where the option says.

    The child is the only one of a guard, which ends it if this process is killed;
    meanwhile `watch` is called with the guard's number every `INTERVAL_S`.

    Raises
    ------
    ChildError
        If it ends badly, not in time, or wrote nothing.
    """
    with tempfile.TemporaryDirectory(prefix="pybench-profile-") as name:
        folder = Path(name)
        output, log = folder / "output.json", folder / "log"
        words = [*words, f"{option}={output}"]
        command = row_command(interpreter, start, words, folder)
        status = None
        with (
            log.open("wb") as file,
            guarded(
                command, folder, stdout=file, stderr=subprocess.STDOUT
            ) as (guard, pipe),
        ):  # fmt: skip
            ends_s = time.monotonic() + timeout_s
            try:
                while status is None and time.monotonic() < ends_s:
                    watch(guard.pid)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        status = guard.wait(INTERVAL_S)
            finally:
                if status is None:
                    # With the end of the pipe behind it, this ends the row at once.
                    with contextlib.suppress(BrokenPipeError):
                        os.write(pipe, INTERRUPT)
        check_end(status, log.read_text(encoding="utf-8", errors="replace"), timeout_s)
        try:
            document = parse_json(output.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            document = None
    if not isinstance(document, dict):
        raise ChildError("it wrote nothing; is its pybench an old one?")
    return document
