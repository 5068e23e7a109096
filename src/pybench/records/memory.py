"""The record of ``pybench profile memory``: what rows take, and one more of a kind.

Schema history
--------------
1. Means by row with the lines of the peak, and of each kind.
"""

from dataclasses import dataclass

from pybench.records.means import Mean, ProfiledPython

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of source, and what it had allocated when the row had most.

    ``brief`` is what the line itself gave back before it ended; its blocks are then
    not known, and 0.
    """

    file: str
    line: int
    bytes: int
    blocks: int
    brief: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMemory:
    """One row, from all its processes; ``means`` lacks what could not be had.

    Its keys are ``rss``, ``uss``, ``pss`` and ``traced`` with ``_peak`` and ``_grown``,
    both above what there was before the row, in bytes; and ``blocks_grown``, a number.
    Of ``traced_grown`` and ``blocks_grown`` what a row that does nothing leaves is
    taken off: it is pytest's. ``lines`` are those of the traced peak.
    """

    fullname: str
    means: dict[str, Mean]
    lines: tuple[Line, ...] = ()
    samples: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OneMore:
    """What one more of a kind takes, in bytes of USS; a reason where it is None."""

    kind: str
    bytes: Mean | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryProfile:
    """Rows and kinds; ``interval_s`` lies between two samples of USS and PSS."""

    interpreter: ProfiledPython
    interval_s: float = 0.0
    complete: bool = False
    rows: tuple[RowMemory, ...]
    each: tuple[OneMore, ...]
    pybench: str = "profile-memory"
    schema: int = SCHEMA
