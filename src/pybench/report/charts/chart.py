"""One chart, with the table that says the same, and the part of a page it is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What a page is divided into and in which order, and what each part is called.
HEADINGS = {
    "forest": "Which differences are real",
    "parts": "Where it changed",
    "scaling": "Threads",
    "memory": "Memory",
    "gc": "Pauses of the collector",
    "imports": "Start-up and imports",
    "scenarios": "Scenarios, and where the time goes",
    "method": "How far to trust it",
    "environment": "Environment",
}
VIEWS = (*HEADINGS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What one question is answered by.

    `view` is the part of a page that it belongs to, one of `VIEWS`; `description` says
    how to read it. `spec` is Vega-Lite 5 with its data, None where the table says all.
    """

    view: str
    title: str
    description: str
    spec: Mapping[str, Any] | None
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
