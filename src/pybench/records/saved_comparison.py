"""What saved files say of one another: `--format json` of a comparison of files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pybench.records.extremes import Extreme
from pybench.records.summary import FASTER, SLOWER

SCHEMA = 1

# What a row is called in which no interpreter takes part: it shows the machine.
CONTROL = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """One file.

    `drift` is the largest relative change of a row without Python since the first
    file, of `yardsticks` such rows of one thread; None where there are none, and for
    the first. `spread` is that of the processes of the middle row. `made` is when the
    file was made, as it says.
    """

    name: str
    path: str
    tool: str
    interpreter: str
    rows: int
    drift: float | None
    yardsticks: int
    spread: float | None = None
    made: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRowSummary:
    """One row of one file against the first; a ratio is its time over the first's.

    `word` is slower, faster, inconclusive or control; `explained` is the relative
    change that spread and drift explain, None where that is not known. A row is
    unreplicated where both sides are one process; such a row is `beyond` if its ratio
    is larger than that of any two processes of a self-check of this machine. Times are
    medians of the processes' medians, in seconds. `kind` is the mean that the row
    counts in, as in a summary.
    """

    row: str
    part: str
    group: str | None
    side: str
    word: str
    reason: str
    ratio: float
    explained: float | None
    unreplicated: bool
    beyond: bool
    baseline_s: float
    side_s: float
    baseline_processes: int
    side_processes: int
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartMean:
    """The geometric mean of the ratios of one part; controls are left out of it.

    The parts have rows of one thread in which Python computes, and start-up. Rows of
    several threads and kernels without Python have means of their own, after them.
    """

    side: str
    part: str
    ratio: float
    rows: int
    unreplicated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSided:
    """The rows that one of two files has, and the other has not."""

    only_in: str
    not_in: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A row of a file that cannot be compared, and why."""

    file: str
    row: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedComparison:
    """What saved files say of one another; the first of them is the baseline.

    `verdict` is one sentence; `limits` says what no row of this can show. `reasons`
    has per side why rows are inconclusive where that holds for all rows alike, and
    for how many. `extreme` is that of the machine, with which rows are `beyond`;
    `command` would give verdicts.
    """

    verdict: str
    limits: str
    counts: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, Mapping[str, int]]
    files: tuple[SavedFile, ...]
    means: tuple[PartMean, ...]
    rows: tuple[SavedRowSummary, ...]
    one_sided: tuple[OneSided, ...]
    margin: float
    command: str
    extreme: Extreme | None = None
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    pybench: str = "saved"
    schema: int = SCHEMA


def size(ratio: float) -> float:
    """Return how large a change is, up or down alike."""
    return abs(math.log(ratio))


def ranked(comparison: SavedComparison) -> list[dict[str, SavedRowSummary]]:
    """Return the rows by side, the largest changes first.

    What is told or marked comes before what is inconclusive, and controls last; of a
    row with several sides the largest counts, and more time comes before less.
    """
    by_row: dict[str, dict[str, SavedRowSummary]] = {}
    for row in comparison.rows:
        by_row.setdefault(row.row, {})[row.side] = row
    return sorted(by_row.values(), key=lambda sides: min(map(_rank, sides.values())))


def _rank(row: SavedRowSummary) -> tuple[int, float, float]:
    told = row.word in (SLOWER, FASTER) or row.beyond
    place = 0 if told else 2 if row.word == CONTROL else 1
    return place, -round(size(row.ratio), 9), -row.ratio
