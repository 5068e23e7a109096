"""Rows that come to a value instead of a time: how a test says its value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pybench.records.values import KEY, RowValue, ValueOfRowError, read_value
from pybench.records.values import value_text as text_of

if TYPE_CHECKING:
    from pybench.records.journal import JournalRow


def report_value(item: pytest.Item, benchmark: Any, value: object, unit: str) -> None:
    """Note the value of a row; it fails if that is no number that can be shown."""
    benchmark._mode = "value"  # else stock says that it was not used
    document = {"value": value, "unit": unit}
    try:
        read_value(document)
    except ValueOfRowError as error:
        pytest.fail(f"the value of this row: {error}", pytrace=False)
    item.user_properties.append((KEY, document))


def said_value(of: pytest.Item | pytest.TestReport) -> object:
    """Return what a row has said, None if nothing."""
    return dict(of.user_properties).get(KEY)


def value_of_row(row: JournalRow) -> RowValue | None:
    """Return the value of a row that ended, None if it has none."""
    try:
        return read_value(row.extra_info.get(KEY))
    except ValueOfRowError:
        return None


def value_lines(rows: Iterable[JournalRow]) -> list[str]:
    """List the values, a line per row."""
    pairs = list(_rows_with_values(rows))
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"{name:<{width}}  {text}" for name, text in pairs]


def _rows_with_values(rows: Iterable[JournalRow]) -> Iterator[tuple[str, str]]:
    for row in sorted(rows, key=lambda row: row.fullname):
        value = value_of_row(row)
        if value is not None:
            yield row.fullname, text_of(value)
