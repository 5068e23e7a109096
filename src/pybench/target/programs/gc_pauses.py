"""A child with a heap, in which the collector's pauses are recorded.

Run as a file by the interpreter under test, with one argument in JSON, an `Order` of
`pybench.profiles.gc_pauses`; prints one line of JSON. It imports the standard library
and `_pybench` alone, and little of the former: the collector looks at every module that
there is. Each heap has a process of its own, because what one leaves behind would
change the next.
"""

import gc
import json
import operator
import os
import sys
import time
from itertools import repeat
from typing import Any

import _pybench

# How much the first threshold is raised in the mode of that name.
RAISED = 10

# Between two collections that are asked for: long enough that two are two gaps.
_APART_S = 0.003

# With the GIL, how long the program under test has it before the victim gets it. The
# default of 5 ms would be added to each gap.
_SWITCH_S = 0.0001


class Node:
    """One of a binary tree of instances, which is what programs mostly make."""

    def __init__(self, depth: int) -> None:
        self.left = Node(depth - 1) if depth else None
        self.right = Node(depth - 1) if depth else None


def build(shape: str, count: int) -> object:
    """Make `count` objects that the collector has to look at; return what holds them.

    `lists` and `dicts` hang by one list; `chain` is a linked list and `tree` a binary
    tree, both of lists. `nodes` are binary trees of instances. `cycles` are lists that
    contain themselves, and nobody has them: garbage for the collector alone.
    """
    if shape == "lists":
        return [[None] for _ in repeat(None, count)]
    if shape == "dicts":
        return [{"key": []} for _ in repeat(None, count // 2)]
    if shape == "chain":
        chain: list[object] = []
        for _ in repeat(None, count - 1):
            chain = [chain]
        return chain
    if shape == "tree":
        nodes: list[list[object]] = [[] for _ in repeat(None, count)]
        for index in range(1, count):
            nodes[(index - 1) // 2].append(nodes[index])
        return nodes[0]
    if shape == "nodes":
        # Trees of 2**7 - 1 nodes each.
        return [Node(6) for _ in repeat(None, count // 127)]
    if shape == "cycles":
        for _ in repeat(None, count):
            cycle: list[object] = []
            cycle.append(cycle)
        return None
    raise ValueError(f"there is no shape {shape!r}")


def record(order: dict[str, Any]) -> dict[str, Any]:
    """Build a heap beside another one and collect it, with the recorder on.

    The one that is there first is old when the recording begins. Then the automatic
    part makes as much again, with the collector as the mode says, and the other part
    asks for full collections.
    """
    shape, size, mode = order["shape"], order["size"], order["mode"]
    gc.disable()
    held = [build("lists" if shape == "cycles" else shape, size)]
    gc.collect()
    if mode == "frozen":
        gc.freeze()
    if mode == "thresholds":
        first, *others = gc.get_threshold()
        gc.set_threshold(first * RAISED, *others)
    recorder = _pybench.pauses_recorder(max(10_000, size // 100))
    answer: dict[str, Any] = {"thresholds": gc.get_threshold()}

    def automatic_and_asked() -> None:
        if mode != "off":
            gc.enable()
        start_ns = time.monotonic_ns()
        held.append(build(shape, size))
        stop_ns = time.monotonic_ns()
        gc.disable()
        answer.update(start_ns=start_ns, stop_ns=stop_ns)
        answer["status_after"] = read_status()
        for _ in repeat(None, order["collections"]):
            time.sleep(_APART_S)
            gc.collect()
        time.sleep(_APART_S)

    gc.callbacks.append(recorder)
    forget_peak()
    answer["status_before"] = read_status()
    if order["watch"]:
        sys.setswitchinterval(_SWITCH_S)
        watched = _pybench.pauses_watch(
            automatic_and_asked, threshold_ns=order["threshold_ns"], capacity=50_000
        )
        answer.update(
            gaps=watched["gaps"], gaps_lost=watched["lost"], naps=watched["naps"]
        )
    else:
        automatic_and_asked()
    gc.callbacks.remove(recorder)
    recorded = _pybench.pauses_recorded(recorder)
    return answer | {"pauses": recorded["pauses"], "pauses_lost": recorded["lost"]}


def time_callbacks(order: dict[str, Any]) -> dict[str, Any]:
    """Build what is ordered with the recorder, an idle callback, and none, alternately.

    Of cycles every collection is as short as can be; another shape grows beside an old
    heap, as in `record`, so that some are of all that there is. The nanoseconds are
    this thread's CPU time: what the recorder takes is computing, and the wall clock
    would show the neighbours as well. A callback costs something whatever it does: the
    collector makes a dict for it and calls it twice.
    """
    shape, size = order["shape"], order["size"]
    gc.disable()
    held = build("lists", size)
    recorder = _pybench.pauses_recorder(10_000)
    callbacks: list[Any] = [recorder, operator.is_, None]
    rounds = []
    for number in range(order["rounds"] + 1):
        times_ns = [0, 0, 0]
        for arm in ((number + step) % 3 for step in range(3)):
            gc.collect()
            if callbacks[arm] is not None:
                gc.callbacks.append(callbacks[arm])
            gc.enable()
            start_ns = time.thread_time_ns()
            built = build(shape, size)
            times_ns[arm] = time.thread_time_ns() - start_ns
            gc.disable()
            del built
            gc.callbacks.clear()
        rounds.append(times_ns)
    recorded = _pybench.pauses_recorded(recorder)
    assert held
    seen = len(recorded["pauses"]) + recorded["lost"]
    # The first round was the warm-up.
    return {"rounds": rounds[1:], "collections": seen / len(rounds)}


def forget_peak() -> None:
    """Let the high-water mark of resident memory begin here, where the system can."""
    try:
        with open("/proc/self/clear_refs", "w") as file:  # noqa: PTH123 - no pathlib
            file.write("5")
    except OSError:
        pass  # then the mark is missing or too high


def read_status() -> str:
    """Return what the system says of this process; nothing where nobody tells."""
    try:
        with open("/proc/self/status") as status:  # noqa: PTH123 - no pathlib
            return status.read()
    except OSError:
        return ""


def main() -> None:
    """Do as ordered, print it, and end without freeing a million objects."""
    order = json.loads(sys.argv[1])
    answer = {"record": record, "callbacks": time_callbacks}[order["what"]](order)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
