"""What a number of threads gain over one, from windows that were measured in turns."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Calls of some threads: from the first that began until each had ended, in ns."""

    ends_ns: tuple[int, ...]

    @property
    def wall_ns(self) -> int:
        """Until the last thread had ended."""
        return max(self.ends_ns)


def window(stamps: Sequence[tuple[int, int]]) -> Window:
    """Make a window of what each thread read before its first and after its last call.

    A thread that began late has lost that time, so all count from the first beginning.
    """
    began = min(start for start, _ in stamps)
    return Window(tuple(max(end - began, 1) for _, end in stamps))


def fairness(ends_ns: Sequence[int]) -> float:
    """Return Jain's index of the threads' rates: 1 if equal, 1/n if one had it all.

    All have done the same number of calls, so a rate is one over its time.
    """
    rates = [1 / end for end in ends_ns]
    return sum(rates) ** 2 / (len(rates) * sum(rate**2 for rate in rates))


def speed_up(alone: Window, together: Window) -> float:
    """Return how much more was done in the same time than by one thread.

    Each thread does what the one does: n is perfect, 1.0 is what taking turns gives,
    and below it n threads do less than one alone.
    """
    return len(together.ends_ns) * alone.wall_ns / together.wall_ns


@dataclass(frozen=True, slots=True)
class Turn:
    """One thread and all of them, of the work and of the share-nothing control."""

    alone: Window
    together: Window
    control_alone: Window
    control_together: Window


def summarise(
    turns: Sequence[Turn], *, operations: int, gil_enabled: bool
) -> dict[str, float]:
    """Return what ``extra_info["scaling"]`` holds of turns in one process.

    `operations` are those of one thread in a window. The spread is that of the turns;
    it says how steady this process was, and not what the next one gives.
    """
    found = [speed_up(turn.alone, turn.together) for turn in turns]
    middle = statistics.median(found)
    spread = 0.0
    if len(found) > 1:
        low, _, high = statistics.quantiles(found, n=4, method="inclusive")
        spread = (high - low) / middle
    control = [speed_up(turn.control_alone, turn.control_together) for turn in turns]
    fair = [fairness(turn.together.ends_ns) for turn in turns]
    one_ns = statistics.median(turn.alone.wall_ns for turn in turns) / operations
    together_ns = statistics.median(turn.together.wall_ns for turn in turns)
    threads = len(turns[0].together.ends_ns)
    return {
        "threads": threads,
        "speedup": round(middle, 3),
        "control": round(statistics.median(control), 3),
        "fairness": round(statistics.median(fair), 3),
        "spread": round(spread, 3),
        "one_thread_ns": one_ns,
        "per_second": threads * operations * 1e9 / together_ns,
        "rounds": len(turns),
        "gil_enabled": gil_enabled,
    }
