"""What processes say of a speed-up: a median, its interval, and two modes.

Rows of `benchmark_threads` and `pybench scaling` record the same, in either plane.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

from pybench.records.means import Mean
from pybench.records.scaling import ScalingWindow, Work

# Two modes are this far apart, and so much farther than the processes of each.
_MODES_RATIO = 1.25
_MODES_GAP = 1.5

# An interval over processes holds what as many other processes give so often.
_COVERED = 0.9
# With fewer even the lowest and the highest do not.
LEAST_PROCESSES = 7


def of_turns(
    turns: Sequence[Mapping[str, Mapping[str, ScalingWindow]]], work: Work, threads: int
) -> float:
    """Return how much more threads of one process did than one, in the middle turn."""
    return statistics.median(
        threads * turn[work]["1"].ends_ns[0] / max(turn[work][str(threads)].ends_ns)
        for turn in turns
        if work in turn
    )


def median_of(values: Sequence[float]) -> Mean | None:
    """Return the median of what processes gave, one of each, with its interval."""
    if not values:
        return None
    low, high = interval(values) or (None, None)
    middle = statistics.median(values)
    return Mean(value=middle, low=low, high=high, repeats=len(values))


def interval(speed_ups: Sequence[float]) -> tuple[float, float] | None:
    """Return what the median of as many other processes lies between, nine in ten.

    `speed_ups` has one of each process; None where they are too few. Ranks alone
    count, so that it holds whatever the distribution: a row may have two modes.
    """
    ordered = sorted(speed_ups)
    best = None
    for rank in range(1, len(ordered) // 2 + 1):
        if 2 * _median_below(len(ordered), rank) > 1 - _COVERED:
            break
        best = ordered[rank - 1], ordered[-rank]
    return best


def _median_below(count: int, rank: int) -> float:
    """Return how often the median of new values is below the rank-th of the old ones.

    There are `count` of each, and every order of all of them is as likely. Of an even
    number the lower of the two in the middle is taken, which is below more often.
    """
    return sum(
        math.comb(rank - 1 + below, below)
        * math.comb(2 * count - rank - below, count - below)
        for below in range((count + 1) // 2, count + 1)
    ) / math.comb(2 * count, count)


def modes(speed_ups: Sequence[float]) -> dict[str, float]:
    """Return the two values that processes have, and how many each; {} if one has all.

    Which it is may depend on where objects lie in a process. A median between two modes
    would be a speed-up that no process has.
    """
    ordered = sorted(speed_ups)
    if len(ordered) < LEAST_PROCESSES or ordered[0] <= 0:
        return {}
    logs = [math.log(value) for value in ordered]
    # Two processes on either side at least: one alone may have been disturbed.
    gap, at = max((logs[at] - logs[at - 1], at) for at in range(2, len(logs) - 1))
    widest = max(logs[at - 1] - logs[0], logs[-1] - logs[at])
    if gap < max(math.log(_MODES_RATIO), _MODES_GAP * widest):
        return {}
    return {
        "mode_1": statistics.median(ordered[:at]),
        "mode_1_processes": at,
        "mode_2": statistics.median(ordered[at:]),
        "mode_2_processes": len(ordered) - at,
    }
