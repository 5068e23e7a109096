"""The history of a row in words: a line per run, and when it changed for good."""

from __future__ import annotations

from collections.abc import Iterator

from pybench.records.history import Point, RowHistory
from pybench.records.texts import duration, printable

# The newest runs that are listed, unless all are asked for.
MOST_POINTS = 20


def history_lines(history: RowHistory, *, everything: bool = False) -> Iterator[str]:
    """Yield the lines of one history."""
    yield printable(history.row)
    sides = [history.side]
    if history.baseline != history.side:
        sides.append(history.baseline)
    yield printable(f"  {' against '.join(sides)}; {history.machine or 'no machine'}")
    shown = history.points if everything else history.points[-MOST_POINTS:]
    if len(shown) < len(history.points):
        yield f"  the newest {len(shown)} of {len(history.points)} runs (--all)"
    changed = {change.run: change for change in history.changes}
    for point in shown:
        mark = " <- changed" * (point.run in changed)
        yield printable(f"  {_when(point.started)}  {_said(point)}  {point.run}{mark}")
    for change in history.changes:
        yield (
            f"  changed with the run of {_when(change.started)}: ratio times "
            f"{change.ratio:.3f} [{change.low:.3f}, {change.high:.3f}]"
        )
    if not history.changes:
        yield f"  {history.searched or 'no change for good is seen'}"
    if history.smallest_step is not None:
        yield (
            f"  smallest step that these runs would show: {history.smallest_step:.1%}, "
            "with a quarter of them on one side of it"
        )


def _when(started: str) -> str:
    return started[:16].replace("T", " ")


def _said(point: Point) -> str:
    if point.ratio is None:
        return f"{duration(point.side_ns) or point.verdict:>30}"
    ends = "" if point.low is None else f" [{point.low:.3f}, {point.high:.3f}]"
    return f"{point.ratio:>7.3f}{ends:<16} {point.verdict:<12}"
