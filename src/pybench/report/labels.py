"""Words and signs that every face shares: one direction, no meaning by colour alone."""

from __future__ import annotations

import math
from collections import Counter

from pybench.records.outcomes import ERROR, NOT_AVAILABLE, VOID
from pybench.records.saved_comparison import SavedRowSummary
from pybench.records.summary import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    NO_VERDICT,
    SLOWER,
    ControlSummary,
    MeanSummary,
    RowSummary,
    Summary,
)
from pybench.records.texts import duration as duration
from pybench.records.texts import printable

# More time points up, as the ratio does.
SIGNS = {SLOWER: "▲", FASTER: "▼", EQUIVALENT: "≈", INCONCLUSIVE: "?", NO_VERDICT: "-"}

UNREPLICATED = "unreplicated"

# Of a row of saved files that is larger than two processes of this machine ever were.
BEYOND = "!"

LEGEND = (
    "▲ more time  ▼ less time  ≈ same within the margin  ? cannot tell  - no verdict; "
    "ratio of times to the baseline, below 1 is less; a side's time is the baseline's "
    "times the ratio; * below the margin"
)


def ratio(row: RowSummary) -> str:
    """Return sign, ratio and interval; without a ratio what became of the row."""
    return " ".join(part for part in (point(row), interval(row)) if part)


def point(row: RowSummary) -> str:
    """Return sign and ratio, or sign and what became of the row."""
    if row.ratio is None:
        return f"{SIGNS[NO_VERDICT]} {_outcome(row)}"
    return f"{SIGNS[row.verdict]} {row.ratio:.3f}{'*' if row.below_margin else ''}"


def interval(of: RowSummary | MeanSummary | ControlSummary) -> str:
    """Return the interval of a ratio, empty where there is none."""
    if of.low is None or of.high is None:
        return ""
    return f"[{of.low:.3f}, {of.high:.3f}]"


def saved_point(row: SavedRowSummary) -> str:
    """Return sign and ratio of a row of saved files, and whether it has replicates."""
    sign = BEYOND if row.beyond else SIGNS.get(row.word, SIGNS[NO_VERDICT])
    return f"{sign} {row.ratio:.3f}{f' {UNREPLICATED}' if row.unreplicated else ''}"


def _outcome(row: RowSummary) -> str:
    words = (NOT_AVAILABLE, VOID, ERROR, "lost")
    return next((word for word in words if f"{word}:" in row.reason), "none")


# A row's name may have parameters of any length.
LONGEST_NAME = 120


def pytest_name(row: str) -> str:
    """Return what pytest calls a test: its function and parameters, without a class."""
    path, _, test = row.partition("::")
    # Parameters may have colons of their own.
    head, bracket, parameters = test.partition("[")
    return (head.rpartition("::")[2] + bracket + parameters) or path


def own_name(row: str) -> str:
    """Return a row's name without what all names have in common."""
    name = pytest_name(row)
    return name.removeprefix("test_benchmark_").removeprefix("test_") or name


def operation(row: str) -> str:
    """Return the name of a row that is shown alone; `short_names` has those of many."""
    return shortened(printable(own_name(row)), LONGEST_NAME)


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, both of its ends kept."""
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 1]}…{text[len(text) - end :]}"


# What the mean over all categories is of; in a summary of an earlier version, which
# has no kinds of rows, it is of whatever was measured.
OF_PYTHON, OF_ALL = "single-threaded Python", "whole suite"


def named_means(summary: Summary) -> list[tuple[str, MeanSummary]]:
    """Return the means of all sides, each with what its rows are."""
    has_kinds = any(row.kind for row in summary.rows)
    whole = OF_PYTHON if has_kinds or not summary.rows else OF_ALL
    return [
        *((mean.category or whole, mean) for mean in summary.means),
        *((mean.category, mean) for mean in summary.apart),
    ]


def means_lines(summary: Summary) -> list[str]:
    """Return the means of each side in a line or two, for faces without a table."""
    lines = []
    for side in summary.sides[1:]:
        for what, means in (("", summary.means), ("apart from these: ", summary.apart)):
            known = {id(mean) for mean in means if mean.side == side.name}
            said = [
                f"{name} {mean.ratio:.3f} ({mean.rows})"
                for name, mean in named_means(summary)
                if id(mean) in known
            ]
            if said:
                head = f"{side.name}, geometric means (rows): {what}"
                lines.append(head + ", ".join(said))
    return lines


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
    if summary.noise_floor is None:
        parts.append("noise floor unknown: no copy of the baseline ran")
    else:
        parts.append(f"noise floor {summary.noise_floor:.1%} (copy of the baseline)")
    if summary.smallest_visible is not None:
        parts.append(f"smallest visible change {summary.smallest_visible:.1%} (median)")
    lines = [" · ".join(parts)]
    lines += [f"{metric} rows: {why}" for metric, why in summary.withheld.items()]
    return [*lines, *summary.notes]
