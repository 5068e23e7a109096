"""Which runs may stand in one line: those of the same sides on the same machine."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from pybench.records.summary import RowSummary, SideSummary
from pybench.report.site.reading import Machine, SiteRun


@dataclass(frozen=True, slots=True, kw_only=True)
class RowHistory:
    """One benchmark in each run of a series; None where a run does not have it."""

    row: str
    cells: tuple[RowSummary | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Runs that can be compared, the oldest first; sides are those of the newest."""

    baseline: SideSummary
    side: SideSummary
    machine: Machine | None
    runs: tuple[SiteRun, ...]
    categories: dict[str, tuple[RowHistory, ...]]


def series_of(runs: Sequence[SiteRun]) -> list[Series]:
    """Return the series of runs that are given newest first, the newest first.

    A run whose machine is not known stands alone.
    """
    groups: defaultdict[Hashable, list[tuple[SiteRun, SideSummary]]]
    groups = defaultdict(list)
    for run in runs:
        baseline, *others = run.summary.sides
        where: Hashable = run.machine if run.machine is not None else run.name
        for side in others:
            groups[_build(baseline), _build(side), where].append((run, side))
    return [_series(group) for group in groups.values()]


def language(side: SideSummary) -> str:
    """Return the language of a side, such as "3.14"; empty if it does not say."""
    found = re.search(r"\d+\.\d+", side.interpreter)
    return found[0] if found else ""


def _build(side: SideSummary) -> Hashable:
    """Return what makes a side the same one in another run.

    Its last number is left out: from 3.15.0 to 3.15.1 is what a history is for.
    """
    return (
        side.name,
        language(side),
        side.free_threaded,
        side.gil_enabled,
        side.jit,
        frozenset(side.build_flags),
    )


def _series(group: Sequence[tuple[SiteRun, SideSummary]]) -> Series:
    newest, side = group[0]
    runs = tuple(run for run, _ in reversed(group))
    cells: dict[tuple[str, str], list[RowSummary | None]] = {}
    for number, run in enumerate(runs):
        for row in run.summary.rows:
            if row.side == side.name:
                line = cells.setdefault((row.category, row.row), [None] * len(runs))
                line[number] = row
    categories: dict[str, tuple[RowHistory, ...]] = {}
    for (category, name), line in sorted(cells.items()):
        history = RowHistory(row=name, cells=tuple(line))
        categories[category] = (*categories.get(category, ()), history)
    return Series(
        baseline=newest.summary.sides[0],
        side=side,
        machine=newest.machine,
        runs=runs,
        categories=categories,
    )
