"""One row of a suite in a process of its own: pytest's words, and what it wrote."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pybench.interpreters import Interpreter
from pybench.profiles.child_programs import ChildError, check_end
from pybench.records.documents import parse_json

# Of the plugin: the node id of the row that a session runs.
ROW_OPTION = "--pybench-row"


def locate(suite: Path, fullname: str) -> tuple[str, ...]:
    """Return words that make pytest run one row, from any working directory.

    pytest is given the row's file and, as an option of ours, its node id: on the
    command line ``//``, ``::`` or a bracket in it would be read as parts of a path. The
    id begins in pytest's root, which is the suite or above it, and stays the same only
    with it.
    """
    file = fullname.partition("::")[0]
    suite = suite.absolute()
    for folder in (suite, *suite.parents):
        path = folder / file
        # A path that pytest would cut: it is found with the whole suite.
        if path.is_file() and "[" not in str(path) and "::" not in str(path):
            return (str(path), f"--rootdir={folder}", f"{ROW_OPTION}={fullname}")
    return (str(suite), f"{ROW_OPTION}={fullname}")


def row_command(
    interpreter: Interpreter, start: Sequence[str], words: Sequence[str], folder: Path
) -> list[str]:
    """Return a command whose journal and saves go to a folder of ours.

    `start` is what follows the interpreter to start a session, of an `Environment`.
    """
    quiet = ("-q", "-p", "no:cacheprovider", f"--benchmark-storage={folder}/storage")
    return [str(interpreter.path), *start, *words, *quiet]


def read_output(
    status: int | None, output: Path, log: Path, timeout_s: float
) -> dict[str, Any]:
    """Return what a row wrote; `ChildError` if it ended badly or wrote nothing."""
    check_end(status, log.read_text(encoding="utf-8", errors="replace"), timeout_s)
    try:
        document = parse_json(output.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise ChildError("it wrote nothing; is its pybench an old one?")
    return document
