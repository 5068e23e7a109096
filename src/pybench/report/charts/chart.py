"""One chart, with the table that says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The record of a profile, as JSON has it.
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What one question is answered by.

    Parameters
    ----------
    view : str
        The part of a page that it belongs to, one of `pybench.report.charts.VIEWS`.
    title : str
        What is drawn, and of what.
    description : str
        How to read it.
    spec : mapping or None
        Vega-Lite 5 with its data; None where a table says all.
    columns, rows : sequences of str
        The table.
    """

    view: str
    title: str
    description: str
    spec: Mapping[str, Any] | None
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
