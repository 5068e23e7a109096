"""A folder of runs: what a site shows of it, and the list of the files of a site.

Schema history
--------------
1. The names of the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pybench.records.summary import RowSummary, SideSummary, Summary
from pybench.records.texts import moment

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What pybench wrote into a folder: only that is ever written over."""

    pybench: str = "site"
    schema: int = SCHEMA
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a run was measured: what has to be equal for runs to be comparable."""

    cpu_model: str
    affinity: int
    quota: float | None
    architecture: str
    system: str

    @property
    def words(self) -> str:
        """The machine in one line."""
        quota = "" if self.quota is None else f", quota {self.quota:g}"
        return (
            f"{self.cpu_model}, {self.affinity} CPUs{quota}, {self.architecture} "
            f"{self.system}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRun:
    """One run, without its samples: of many runs they would fill the memory.

    `name` is its folder, relative to that of all runs, and `slug` the name of its
    page's file without the suffix. A summary alone does not say the machine.
    `unfinished` says why a run is not whole. `page` is HTML.
    """

    name: str
    slug: str
    summary: Summary
    machine: Machine | None
    unfinished: str
    page: str

    @property
    def moment(self) -> datetime:
        """When it began; the first of all times where that is not readable."""
        return moment(self.summary.started) or datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A run that cannot be read, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Runs that can be compared, the oldest first; arms are those of the newest.

    `categories` has each benchmark in each run, None where a run does not have it, and
    `changes` those that changed for good: when, by which ratio, with its interval.
    """

    baseline: SideSummary
    side: SideSummary
    machine: Machine | None
    runs: tuple[SiteRun, ...]
    categories: Mapping[str, Mapping[str, Sequence[RowSummary | None]]]
    changes: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All that was found in a folder; runs and series newest first."""

    title: str
    runs: tuple[SiteRun, ...]
    series: tuple[Series, ...]
    problems: tuple[Problem, ...]
