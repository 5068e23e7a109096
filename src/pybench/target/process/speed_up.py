"""What a number of threads gain over one, from windows that were measured in turns."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pybench.records.speed_ups import interval, modes

# What a thread may wait for a CPU, of its time: more, and others have the machine.
_WAITED_MOST = 0.1


@dataclass(frozen=True, slots=True)
class Stamps:
    """When a thread began and ended, and how long it waited for a CPU, in ns."""

    start_ns: int
    end_ns: int
    waited_ns: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Calls of some threads: from the first that began until each had ended, in ns.

    `waited_ns` is how long all of them together waited for a CPU.
    """

    ends_ns: tuple[int, ...]
    waited_ns: int = 0

    @property
    def wall_ns(self) -> int:
        """Until the last thread had ended."""
        return max(self.ends_ns)


def window(stamps: Sequence[Stamps]) -> Window:
    """Make a window of what each thread read before its first and after its last call.

    A thread that began late has lost that time, so all count from the first beginning.
    """
    began = min(stamp.start_ns for stamp in stamps)
    return Window(
        tuple(max(stamp.end_ns - began, 1) for stamp in stamps),
        sum(stamp.waited_ns for stamp in stamps),
    )


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


def disturbance(turns: Sequence[Turn]) -> str:
    """Say that threads did not get their CPUs in half of the turns; "" if they did."""
    shares = [
        (turn.together.waited_ns + turn.control_together.waited_ns)
        / (sum(turn.together.ends_ns) + sum(turn.control_together.ends_ns))
        for turn in turns
    ]
    share = statistics.median(shares)
    if share <= _WAITED_MOST:
        return ""
    return f"its threads waited for a CPU {share:.0%} of their time"


def summarise(
    turns: Sequence[Turn],
    *,
    operations: int,
    gil_enabled: bool,
    message_ns: Sequence[float] = (),
) -> dict[str, float]:
    """Return what ``extra_info["scaling"]`` holds of turns in one process.

    `operations` are those of one thread in a window; `message_ns` is what a message
    between two of the CPUs took, before the turns and after them. The spread is that
    of the turns; it says how steady this process was, and not what the next one gives.
    """
    speed_ups = [speed_up(turn.alone, turn.together) for turn in turns]
    middle = statistics.median(speed_ups)
    spread = 0.0
    if len(speed_ups) > 1:
        low, _, high = statistics.quantiles(speed_ups, n=4, method="inclusive")
        spread = (high - low) / middle
    control = [speed_up(turn.control_alone, turn.control_together) for turn in turns]
    fair = [fairness(turn.together.ends_ns) for turn in turns]
    one_ns = statistics.median(turn.alone.wall_ns for turn in turns) / operations
    together_ns = statistics.median(turn.together.wall_ns for turn in turns)
    threads = len(turns[0].together.ends_ns)
    distance = {"message_ns": statistics.median(message_ns)} if message_ns else {}
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
        **distance,
    }


def over_processes(
    facts: Mapping[str, Any], others: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what the speed-up of a row is when other processes measured it too.

    What a process found is `facts` of the first and `others` of those after it.
    """
    processes = [facts, *others]
    speed_ups = [process["speedup"] for process in processes]
    known: dict[str, Any] = {
        **facts,
        "speedup": statistics.median(speed_ups),
        "control": statistics.median(process["control"] for process in processes),
        "processes": len(processes),
        "process_speedups": speed_ups,
    }
    if all("message_ns" in process for process in processes):
        messages = [process["message_ns"] for process in processes]
        known["process_message_ns"] = messages
        known["message_least_ns"] = min(messages)
        known["message_most_ns"] = max(messages)
    known |= modes(speed_ups)
    between = interval(speed_ups)
    if between is not None:
        known["low"], known["high"] = between
    return known
