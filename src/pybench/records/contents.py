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

    Parameters
    ----------
    title : str
        Of the page.
    summary : Summary or None
        Of a comparison.
    run : Run or None
        Its record; a `summary.json` alone has none, and so no details.
    details : tuple of RowDetail
        The pairs behind the verdicts.
    gains : tuple of SpeedUp
        What more threads gain.
    saved : SavedComparison or None
        What two or more saved files say.
    files : tuple of Saved
        The saved files themselves, one or more.
    profiles : tuple of Profile
        In the order of their names.
    notes : tuple of str
        What a reader has to know first, such as that the run is not finished.
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
