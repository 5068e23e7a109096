"""Which rows a suite has, as its plugin lists them in a child that runs none."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pybench import children
from pybench.comparison.suites import Suite
from pybench.records.row_list import Listed, parse_list
from pybench.records.usage import UsageError

# Collecting imports all files of a suite, and what they import.
_TIMEOUT_S = 300.0

# pytest's status if all was collected, some of it, or nothing.
_COLLECTED = (0, 1, 2, 5)


class ListingError(UsageError):
    """A suite that cannot be collected; the text is what pytest says of it."""


def list_rows(python: Path, suite: Suite, words: Sequence[str]) -> Listed:
    """Collect a suite; `words` are options of pytest that choose among its rows.

    Raises
    ------
    ListingError
        If nothing of it can be collected, or the words choose nothing.
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
        if result.status not in _COLLECTED or not output.exists():
            raise ListingError(_problem(result.stdout, result.status))
        try:
            listed = parse_list(json.loads(output.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError) as error:
            raise ListingError(f"pytest wrote no list of rows: {error}") from None
        if listed.uncollected and not listed.rows:
            where, why = next(iter(listed.uncollected.items()))
            raise ListingError(f"{where} cannot be collected: {why}")
        return listed


def _problem(output: str, status: int) -> str:
    """Return the error of pytest, else the last line that it wrote."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "E  "))]
    last = [*errors, *lines[-1:]][:1]
    return f"pytest ended with status {status}: {''.join(last) or 'no message'}"
