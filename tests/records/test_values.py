"""A value that is no time: what is one, and how it is written."""

from __future__ import annotations

import math

import pytest

from pybench.records.values import RowValue, ValueOfRowError, read_value, value_text


@pytest.mark.once
@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (17, "things", "17 things"),
        (1234567, "unit", "1,234,567"),
        (0.1234567, "", "0.123457"),
        (-2.5e20, "J", "-2.5e+20 J"),
        (2**20, "bytes", "1 MiB"),
    ],
)
def test_a_value_is_written_with_its_unit(number: float, unit: str, text: str) -> None:
    """Bytes in the unit that makes them short."""
    assert value_text(read_value({"value": number, "unit": unit})) == text


@pytest.mark.once
@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (None, "None is no number"),
        ({"value": "17", "unit": ""}, "'17' is no number"),
        ({"value": True, "unit": ""}, "True is no number"),
        ({"value": math.inf, "unit": ""}, "inf is no number"),
        ({"value": 10**400, "unit": ""}, "is no number"),
        ({"value": 1, "unit": 2}, "its unit is 2, and must be a text"),
    ],
)
def test_what_is_no_value(document: object, problem: str) -> None:
    """Says what it is instead."""
    with pytest.raises(ValueOfRowError, match=problem):
        read_value(document)


@pytest.mark.once
def test_a_whole_value() -> None:
    """Stays the number that it was."""
    assert read_value({"value": 3, "unit": ""}) == RowValue(value=3, unit="")
