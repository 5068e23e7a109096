"""Everything that one report shows, put together before any format sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pybench.records.pair_details import RowDetail
from pybench.records.run import Run
from pybench.records.saved_comparison import SavedComparison
from pybench.records.saved_files import Saved
from pybench.records.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedUp:
    """How much more so many threads do in the same time than one, on one arm."""

    pattern: str
    arm: str
    threads: int
    speed_up: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A record of `pybench profile`, `scenario` or `doctor`, under its file's name.

    `document` is what the file holds, `record` what is read of it.
    """

    kind: str
    name: str
    document: Mapping[str, Any]
    record: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What was given, and what was computed of it; what was not given is empty.

    A `summary.json` alone has no `run`, and so no `details` (the pairs behind the
    verdicts) and no `gains` of more threads. `saved` is what two or more of the `files`
    say. `notes` are what to know first, such as that a run is not finished. `shown` are
    the rows that a page has room for, None for all of them.
    """

    title: str
    summary: Summary | None = None
    run: Run | None = None
    details: tuple[RowDetail, ...] = ()
    gains: tuple[SpeedUp, ...] = ()
    saved: SavedComparison | None = None
    files: tuple[Saved, ...] = ()
    profiles: tuple[Profile, ...] = ()
    notes: tuple[str, ...] = ()
    shown: frozenset[str] | None = None
