"""Which rows a suite has, as its plugin lists them in a child that runs none."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pybench import children
from pybench.comparison.suites import Suite
from pybench.records.row_list import Listed, parse_list

# Collecting imports all files of a suite, and what they import.
_TIMEOUT_S = 300.0

# pytest's status if no test was collected.
_NOTHING = 5


class ListingError(Exception):
    """A suite that cannot be collected; the text is what pytest says of it."""


def list_rows(python: Path, suite: Suite, words: Sequence[str]) -> Listed:
    """Collect a suite; `words` are options of pytest that choose among its rows.

    Raises
    ------
    ListingError
        If it cannot be collected, or the words choose nothing.
    """
    with tempfile.TemporaryDirectory(prefix="pybench-list-") as folder:
        output = Path(folder) / "rows.json"
        command = [
            *(str(python), "-m", "pytest", *suite.words, "--collect-only", "-q"),
            *("-p", "no:cacheprovider", f"--pybench-list-to={output}"),
            f"--benchmark-storage={folder}/storage",
            *words,
        ]
        result = children.run(command, timeout_s=_TIMEOUT_S, merged=True)
        if result.status is None:
            raise ListingError(f"{suite.text} cannot be collected: {result.problem}")
        if result.status not in (0, _NOTHING):
            raise ListingError(_problem(result.stdout, result.status))
        try:
            document = json.loads(output.read_text(encoding="utf-8"))
            return parse_list(document)
        except (OSError, ValueError, KeyError) as error:
            raise ListingError(f"pytest wrote no list of rows: {error}") from None


def _problem(output: str, status: int) -> str:
    """Return the error of pytest, else the last line that it wrote."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "E  "))]
    last = [*errors, *lines[-1:]][:1]
    return f"pytest ended with status {status}: {''.join(last) or 'no message'}"
