"""What rows there are, for ``pybench list``: written as JSON, and nothing is run.

`needs` of a row is what its markers say: libraries, the GIL off. Whether this process
has a library is asked by its name alone; a row may still find out that it cannot run.
"""

import importlib.util
from dataclasses import asdict
from pathlib import Path

import pytest

from pybench.records.row_list import Alias, Listed, ListedRow
from pybench.target.plugin.marking import is_kernel_row, is_row, thread_count
from pybench.target.plugin.options import LIST_TO
from pybench.target.plugin.outcomes import na_reason
from pybench.target.plugin.selection import matches, place_of, read_aliases
from pybench.target.plugin.session import Session
from pybench.target.process.identity import (
    extension,
    extension_left_out,
    extension_missing,
)


class Listing:
    """Writes what was collected to `path`."""

    def __init__(self, path: Path, session: Session) -> None:
        self._path = path
        self._session = session

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write the rows, the aliases, and what cannot be collected."""
        rows = [item for item in session.items if is_row(item)]
        listed = Listed(
            rows=tuple(map(_described, rows)),
            aliases=_aliases(rows),
            uncollected=self._session.uncollected,
        )
        self._session.write(LIST_TO, self._path, asdict(listed))


def _described(item: pytest.Item) -> ListedRow:
    category, area, operation = place_of(item)
    function = getattr(item, "function", None)
    text = (getattr(function, "__doc__", None) or "").strip()
    needs = [str(what) for marker in item.iter_markers("needs") for what in marker.args]
    lacks = _lacks(item, needs)
    if item.get_closest_marker("requires_ft"):
        needs.append("the GIL off")
    return ListedRow(
        id=item.nodeid,
        category=category,
        area=area,
        operation=operation,
        text=text.partition("\n")[0],
        needs=tuple(needs),
        lacks=lacks,
        threads=thread_count(item),
        kernel=is_kernel_row(item),
        quick=item.get_closest_marker("quick") is not None,
    )


def _lacks(item: pytest.Item, needs: list[str]) -> str | None:
    """Return why a row is known to be n/a here, None if nothing speaks against it."""
    for marker in item.iter_markers("skip"):
        reason = str(marker.kwargs.get("reason") or "".join(map(str, marker.args[:1])))
        return na_reason(reason) or reason or "it is skipped"
    for marker in item.iter_markers("skipif"):
        # A text is a condition that only pytest evaluates, when the row runs.
        if any(not isinstance(value, str) and value for value in marker.args):
            reason = str(marker.kwargs.get("reason", ""))
            return na_reason(reason) or reason or "it is skipped"
    if is_kernel_row(item) and extension() is None:
        return extension_left_out() or extension_missing()
    missing = [name for name in needs if not _has(name)]
    return f"{' and '.join(missing)} not installed" if missing else None


def _has(module: str) -> bool:
    """Tell whether a module is there to be imported; an empty folder is none."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


def _aliases(rows: list[pytest.Item]) -> dict[str, Alias]:
    """Return per alias the selector it stands for and the number of rows it means."""
    aliases: dict[str, Alias] = {}
    for suite in dict.fromkeys(item.path.parent.parent for item in rows):
        places = [place_of(item) for item in rows if item.path.parent.parent == suite]
        for alias, selector in read_aliases(suite).items():
            number = sum(matches(selector, place) for place in places)
            aliases[alias] = Alias(selector=selector, rows=number)
    return aliases
