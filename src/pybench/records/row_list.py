"""Which rows a suite has, as its plugin lists them for the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pybench.records.documents import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRow:
    """A row; `lacks` says why it is known to be n/a here, None if it is not."""

    id: str
    category: str
    area: str
    operation: str
    text: str
    needs: tuple[str, ...]
    lacks: str | None
    threads: int | None
    kernel: bool
    quick: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """The selector that an alias stands for, and how many rows it means."""

    selector: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a suite has; `uncollected` says which parts it cannot tell of, and why."""

    rows: tuple[ListedRow, ...]
    aliases: Mapping[str, Alias]
    uncollected: Mapping[str, str] = field(default_factory=dict)


def parse_list(document: Mapping[str, Any]) -> Listed:
    """Read a list back; `ValueError` or `KeyError` if it is none."""
    return Listed(
        rows=tuple(parse(ListedRow, row, "a row") for row in document["rows"]),
        aliases={
            name: parse(Alias, alias, f"the alias {name}")
            for name, alias in document["aliases"].items()
        },
        uncollected=dict(document["uncollected"]),
    )
