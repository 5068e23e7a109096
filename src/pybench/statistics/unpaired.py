"""What two sessions that ran one after the other can say of a row, and what not.

Nothing was interleaved: the machine of then and the machine of now are compared along
with the code. So a change counts only if it is larger than what the spread between
processes and the drift of rows without Python explain together, and none is told where
the machine drifted by the margin or more. A change that is not larger is
"inconclusive", never "equivalent": that would need `pybench compare`.

The plugin and the host both decide by it: it imports the standard library alone.
"""

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pybench.statistics.intervals import student_quantile

SLOWER = "slower"
FASTER = "faster"
INCONCLUSIVE = "inconclusive"

# Chance that any row of a suite is called slower or faster when none is, as long as
# the yardsticks saw all of the drift.
ERROR = 0.01

# Below this many processes of a side their spread says next to nothing: with two, the
# bound of a suite lies at hundreds of their standard deviations. A single process, as
# heavy as the tails of processes are, made every fifth suite without a change alarm.
PROCESSES_LEAST = 4

ONE_PROCESS = (
    "unreplicated: with one process per side a change of the code looks like one of "
    "the machine"
)


# All processes of a session may get CPUs at one distance, and those of the next session
# at another: the medians of such a row in two halves of one run differed tenfold, and
# those of no yardstick by more than an eighth.
THREADS = (
    "of several threads: what they take depends on which CPUs a session gets, and no "
    "yardstick shows that; `pybench compare` takes turns"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is known of one row.

    Parameters
    ----------
    word : str
        "slower", "faster" or "inconclusive".
    reason : str
        Why it is inconclusive; empty otherwise.
    ratio : float
        Median of the contender's processes over the median of the baseline's.
    explained : float
        Relative change that spread and drift explain; infinite where it is unknown.
    """

    word: str
    reason: str
    ratio: float
    explained: float


def drift_of(yardsticks: Mapping[str, tuple[float, float]]) -> float | None:
    """Return by how much the machine changed: the largest change as a logarithm.

    `yardsticks` are the times then and now of rows of one thread that no interpreter
    takes part in; without any, nobody knows, and it is None.
    """
    moves = [abs(math.log(now) - math.log(then)) for then, now in yardsticks.values()]
    return max(moves, default=None)


def is_swallowed(drift: float, margin: float) -> bool:
    """Tell whether a drift, a logarithm, is as large as the margin."""
    return drift >= math.log1p(margin)


def advice(drift: float | None, margin: float) -> str:
    """Say whether both sides have to be measured again; empty as long as not."""
    if drift is None or drift < math.log1p(margin) / 2:
        return ""
    moved = f"the machine moved by {math.expm1(drift):.1%}"
    if is_swallowed(drift, margin):
        return (
            f"{moved}, and the margin is {margin:.1%}: measure both sides again, or "
            "take a wider margin"
        )
    return (
        f"{moved}, more than half of the margin of {margin:.1%}: measure both sides "
        "again soon"
    )


def spread_of(rows: Mapping[str, Sequence[float]]) -> float | None:
    """Return the spread of processes in the middle row, as a relative change.

    None where no row has processes enough.
    """
    spreads = [
        statistics.stdev(map(math.log, times))
        for times in rows.values()
        if len(times) >= PROCESSES_LEAST
    ]
    return math.expm1(statistics.median(spreads)) if spreads else None


def changes(
    rows: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    drift: float | None,
    margin: float = 0.03,
    contenders: int = 1,
    threaded: Collection[str] = (),
) -> dict[str, Change]:
    """Judge the rows of two sessions.

    Parameters
    ----------
    rows : mapping of str to (sequence of float, sequence of float)
        Per row the median times of the processes of the baseline and of the
        contender, in one unit.
    drift : float or None
        What `drift_of` said.
    margin : float
        Changes below it are not told, however sure.
    contenders : int
        How many are judged against this baseline, one of them here: whoever compares
        six has six times the chances.
    threaded : collection of str
        The rows of several threads, of which nothing is told.

    Raises
    ------
    ValueError
        For a row without times, or with one that is not positive and finite.
    """
    for name, arms in rows.items():
        for times in arms:
            if not times or not all(0 < t < math.inf for t in times):
                raise ValueError(f"{name}: times must be positive, not {[*times]}")
    error = ERROR / max(1, len(rows) * contenders)
    return {
        name: _change(then, now, drift, margin, error, is_threaded=name in threaded)
        for name, (then, now) in rows.items()
    }


def _change(
    then: Sequence[float],
    now: Sequence[float],
    drift: float | None,
    margin: float,
    error: float,
    *,
    is_threaded: bool,
) -> Change:
    moved = math.log(statistics.median(now)) - math.log(statistics.median(then))
    reason = ""
    allowed = math.inf
    if len(then) == 1 and len(now) == 1:
        reason = ONE_PROCESS
    elif is_threaded:
        reason = THREADS
    elif min(len(then), len(now)) < PROCESSES_LEAST:
        few, of = min((len(then), "of the baseline"), (len(now), "here"))
        reason = (
            f"{few} process{'es' * (few > 1)} {of}: {PROCESSES_LEAST} are the least "
            "that show the spread"
        )
    elif drift is None:
        reason = "no yardstick rows on both sides: the drift of the machine is unknown"
    elif is_swallowed(drift, margin):
        reason = advice(drift, margin)
    else:
        allowed = _spread(then, now, error) + drift
        if abs(moved) <= allowed:
            reason = f"spread and drift explain {_expm1(allowed):.1%}"
        elif abs(moved) < math.log1p(margin):
            reason = f"below the margin of {margin:.1%}"
    return Change(
        word=INCONCLUSIVE if reason else SLOWER if moved > 0 else FASTER,
        reason=reason,
        ratio=math.exp(moved),
        explained=_expm1(allowed),
    )


def _spread(then: Sequence[float], now: Sequence[float], error: float) -> float:
    """Return how far the means of the processes may lie apart by chance."""
    arms = [[math.log(time) for time in arm] for arm in (then, now)]
    degrees = sum(len(arm) - 1 for arm in arms)
    squares = sum(statistics.variance(arm) * (len(arm) - 1) for arm in arms)
    scale = math.sqrt(squares / degrees * sum(1 / len(arm) for arm in arms))
    return student_quantile(1 - error / 2, degrees) * scale


def _expm1(value: float) -> float:
    return math.expm1(value) if value < 700 else math.inf
