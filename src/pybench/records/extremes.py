"""How far apart two processes of one interpreter lay on a machine, kept per machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pybench.records.documents import DocumentError, read_document

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The largest ratio of two processes of one row, by the wall clock.

    `row` is where it was, `rows` and `processes` how many were looked at, `started`
    when, and `machine` has the facts of `machine_of`.
    """

    ratio: float
    row: str
    rows: int
    processes: int
    started: str
    machine: Mapping[str, str]
    pybench: str = "extremes"
    schema: int = SCHEMA


def read_extreme(path: Path) -> Extreme:
    """Read a file; `DocumentError` if it is none of a self-check."""
    return read_document(
        path,
        Extreme,
        remedy="remove it, and run `pybench selfcheck live` again",
        check=_check,
    )


def _check(extreme: Extreme) -> None:
    if extreme.ratio < 1:
        raise DocumentError(f"a ratio of {extreme.ratio}, and 1 is the least")
