"""Which runs may stand in one line: those of the same arms on the same machine."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

from pybench.records.run import MARGIN
from pybench.records.site import Series, SiteRun
from pybench.records.summary import RowSummary, SideSummary
from pybench.statistics.change_points import LEAST, Step, steps


def series_of(runs: Sequence[SiteRun]) -> Iterator[Series]:
    """Yield the series of runs that are given newest first, the newest first.

    A run whose machine is not known stands alone.
    """
    groups: defaultdict[Hashable, list[tuple[SiteRun, SideSummary]]]
    groups = defaultdict(list)
    for run in runs:
        baseline, *contenders = run.summary.sides
        where: Hashable = run.machine if run.machine is not None else run.name
        for arm in contenders:
            groups[build_of(baseline), build_of(arm), where].append((run, arm))
    yield from map(_series, groups.values())


def build_of(arm: SideSummary) -> tuple[Hashable, ...]:
    """Return what makes an arm the same one in another run.

    Its last number is left out: from 3.15.0 to 3.15.1 is what a history is for.
    """
    language = re.search(r"\d+\.\d+", arm.interpreter)
    return (
        arm.name,
        language and language[0],
        arm.free_threaded,
        arm.gil_enabled,
        arm.jit,
        frozenset(arm.build_flags),
    )


def changes_of(ratios: Sequence[float | None], margin: float) -> tuple[list[Step], str]:
    """Return where a ratio changed for good, and why nobody looked, "" if one did."""
    if sum(ratio is not None for ratio in ratios) < 2 * LEAST:
        return [], f"changes are searched from {2 * LEAST} runs on"
    try:
        return steps(ratios, margin), ""
    except ImportError as error:
        return [], (
            f"changes are not searched: {error.name} is not installed: pip install "
            "'pybench-native[store]'"
        )


def _changed(runs: Sequence[SiteRun], line: Sequence[RowSummary | None]) -> list[str]:
    margin = next((cell.margin for cell in reversed(line) if cell and cell.margin), 0)
    ratios = [None if cell is None else cell.ratio for cell in line]
    return [
        f"{runs[step.index].moment:%Y-%m-%d}: ratio times {step.ratio:.3f} "
        f"[{step.low:.3f}, {step.high:.3f}]"
        for step in changes_of(ratios, margin or MARGIN)[0]
    ]


def _series(group: Sequence[tuple[SiteRun, SideSummary]]) -> Series:
    newest, arm = group[0]
    runs = tuple(run for run, _ in reversed(group))
    cells: dict[tuple[str, str], list[RowSummary | None]] = {}
    for number, run in enumerate(runs):
        for row in run.summary.rows:
            if row.side == arm.name:
                line = cells.setdefault((row.category, row.row), [None] * len(runs))
                line[number] = row
    categories: dict[str, dict[str, list[RowSummary | None]]] = {}
    for (category, name), line in sorted(cells.items()):
        categories.setdefault(category, {})[name] = line
    changed = {
        name: told
        for (_, name), line in cells.items()
        if (told := _changed(runs, line))
    }
    return Series(
        baseline=newest.summary.sides[0],
        side=arm,
        machine=newest.machine,
        runs=runs,
        categories=categories,
        changes=changed,
    )
