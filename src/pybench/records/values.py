"""The value of a row that is no time, such as bytes or a count: it has no verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pybench.records.texts import short, size_text

# Where a row's value is in what pytest knows of a test, and in a row's extra_info.
KEY = "pybench_value"

# In one unit or another, of anything that is counted.
_MOST = 1e30


class ValueOfRowError(ValueError):
    """What is no value of a row; the text says what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowValue:
    """A number and what it counts."""

    value: float
    unit: str


def read_value(document: object) -> RowValue:
    """Read a value; `ValueOfRowError` if it is none."""
    known: Mapping[str, Any] = document if isinstance(document, dict) else {}
    number, unit = known.get("value"), known.get("unit")
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    # Written so that a nan is none either.
    if not is_number or not abs(number) <= _MOST:  # type: ignore[arg-type]
        raise ValueOfRowError(f"{short(number)} is no number that can be shown")
    if not isinstance(unit, str):
        raise ValueOfRowError(f"its unit is {short(unit)}, and must be a text")
    return RowValue(value=number, unit=unit)  # type: ignore[arg-type]


def value_text(value: RowValue) -> str:
    """Write a value with its unit, bytes in the unit that makes them short."""
    if value.unit == "bytes":
        return size_text(value.value)
    number = value.value
    is_whole = float(number).is_integer() and abs(number) < 1e15
    text = f"{int(number):,}" if is_whole else f"{number:.6g}"
    return text if value.unit in ("", "unit") else f"{text} {value.unit}"
