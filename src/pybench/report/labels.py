"""Words and signs that every format shares; no meaning rests on colour alone."""

from __future__ import annotations

from pybench.records.saved_comparison import SavedRowSummary
from pybench.records.summary import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    NO_VERDICT,
    SAME,
    SLOWER,
    UNDECIDED,
    ControlSummary,
    CountSummary,
    MeanSummary,
    RowSummary,
)
from pybench.records.texts import duration as duration

# More time points up, as the ratio does.
SIGNS = {SLOWER: "▲", FASTER: "▼", EQUIVALENT: "≈", INCONCLUSIVE: "?", NO_VERDICT: "-"}

UNREPLICATED = "unreplicated"

# Of a row of saved files that is larger than two processes of this machine ever were.
BEYOND = "!"

LEGEND = (
    "▲ more time  ▼ less time  ≈ same within the margin  ? cannot tell  - no verdict; "
    "ratio of times to the baseline, below 1 is less; a side's time is the baseline's "
    "times the ratio; * below the margin; pairs 20 of 80: it has 20, and takes about 80"
)

COUNT_LEGEND = (
    "instructions: what one iteration executes, counted and no time; equal: within "
    "0.1 % in two processes of each side"
)

SAVED_LEGEND = (
    "▲ more time  ▼ less time  ? cannot tell  - control, no Python in it; ratio of "
    "times to the first file, below 1 is less; ±: a change that the spread between "
    "processes and the drift of the machine explain"
)


def ratio(row: RowSummary) -> str:
    """Return sign, ratio and interval; without a ratio what became of the row."""
    return " ".join(part for part in (point(row), interval(row)) if part)


def point(row: RowSummary) -> str:
    """Return sign and ratio, or sign and what became of the row."""
    if row.ratio is None:
        return f"{SIGNS[NO_VERDICT]} {row.outcome}"
    return f"{SIGNS[row.verdict]} {row.ratio:.3f}{'*' if row.below_margin else ''}"


def interval(of: RowSummary | MeanSummary | ControlSummary) -> str:
    """Return the interval of a ratio, empty where there is none."""
    if of.low is None or of.high is None:
        return ""
    return f"[{of.low:.3f}, {of.high:.3f}]"


def hosts_of(row: RowSummary) -> str:
    """Return what each of several hosts says of a row, and how far they differ."""
    each = ", ".join(f"{host.ratio:.3f} on {host.host}" for host in row.hosts)
    return (
        f"{each}; between hosts ±{row.between or 0:.1%} (I² {row.i_squared or 0:.0%})"
    )


def count_words(count: CountSummary) -> str:
    """Say what a count comes to, in words that claim nothing of time."""
    if count.ratio is None or count.low is None or count.high is None:
        return "no count" if count.reason else ""
    change = abs(count.ratio - 1)
    if count.verdict == SAME:
        return "equal"
    if count.verdict == UNDECIDED:
        return f"{count.low - 1:+.2%} to {count.high - 1:+.2%}"
    size = f"{change:.2%}" if change < 0.01 else f"{change:.1%}"
    return f"does {size} {count.verdict}"


def saved_point(row: SavedRowSummary) -> str:
    """Return sign and ratio of a row of saved files."""
    sign = BEYOND if row.beyond else SIGNS.get(row.word, SIGNS[NO_VERDICT])
    return f"{sign} {row.ratio:.3f}"


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, both of its ends kept."""
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 1]}…{text[len(text) - end :]}"
