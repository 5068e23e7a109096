"""Words and signs that every face shares: one direction, no meaning by colour alone."""

from __future__ import annotations

import math
from collections import Counter

from pybench.runner.summary import NO_VERDICT, RowSummary, Summary
from pybench.verdicts import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER

# More time points up, as the ratio does.
SIGNS = {SLOWER: "▲", FASTER: "▼", EQUIVALENT: "≈", INCONCLUSIVE: "?", NO_VERDICT: "-"}

LEGEND = (
    "▲ more time  ▼ less time  ≈ same within the margin  ? cannot tell  - no verdict; "
    "ratio of times to the baseline, below 1 is less"
)

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def duration(ns: float | None) -> str:
    """Return a time in three digits with its unit."""
    if ns is None:
        return ""
    for size, unit in _UNITS:
        if abs(ns) >= size or unit == "ns":
            return f"{ns / size:.3g} {unit}"
    raise AssertionError("the last unit takes all")


def ratio(row: RowSummary) -> str:
    """Return sign, ratio and interval."""
    if row.ratio is None:
        return f"{SIGNS[NO_VERDICT]} none"
    around = ""
    if row.low is not None and row.high is not None:
        around = f" [{row.low:.3f}, {row.high:.3f}]"
    below = "*" if row.below_margin else ""
    return f"{SIGNS[row.verdict]} {row.ratio:.3f}{around}{below}"


def operation(row: str) -> str:
    """Return a row's name without what all names have in common."""
    return row.rpartition("::")[2].removeprefix("test_benchmark_").removeprefix("test_")


def _other_margins(summary: Summary) -> str:
    """Say how many rows have another margin than the run."""
    margins = Counter(row.margin for row in summary.rows if row.margin is not None)
    others = [
        f"{margin:.1%} for {count} rows"
        for margin, count in sorted(margins.items())
        if not math.isclose(margin, summary.margin)
    ]
    return f" ({', '.join(others)})" if others else ""


def facts(summary: Summary) -> list[str]:
    """Return the lines that qualify everything below them."""
    parts = [f"margin {summary.margin:.1%}{_other_margins(summary)}"]
    parts += [f"seed {summary.seed}"]
    if summary.noise_floor is not None:
        parts.append(f"largest change of a copy {summary.noise_floor:.1%}")
    if summary.smallest_visible is not None:
        parts.append(f"smallest change seen in a row {summary.smallest_visible:.1%}")
    lines = [" · ".join(parts)]
    lines += [f"{metric} rows: {why}" for metric, why in summary.withheld.items()]
    return [*lines, *summary.notes]
