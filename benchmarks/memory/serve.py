"""A child with a heap of its own; run with a thing's name and arguments.

For each byte on stdin it does what the byte says and answers: `p` prepares what the
next act needs, `a` acts, each answered by `!`; `r` is answered by a line of JSON, what
the thing has counted. The end of its input is its end, and an error is a traceback and
a bad exit code. Nothing here is timed by the child: the parent times its requests.

The modules that few things need are imported in them: the heap is to be as small, and
the start as fast, as can be. For the same reason there is no dataclass in it.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from itertools import repeat

Action = Callable[[], object]


# What a heap hangs by for as long as the child lives.
HELD: list[object] = []


def nothing() -> None:
    """Do nothing."""


class Thing:
    """What a child does at each of the three requests."""

    def __init__(
        self,
        *,
        act: Action,
        prepare: Action = nothing,
        report: Action = dict,
    ) -> None:
        self.act = act
        self.prepare = prepare
        self.report = report


class Node:
    """An object with attributes, which may be part of a cycle."""

    def __init__(self, other: Node | None = None) -> None:
        self.other = other


class Finalized(Node):
    """A node with a finalizer, which does nothing and has to be called."""

    def __del__(self) -> None:
        """Do nothing."""


def heap(shape: str, count: int) -> object:
    """Make `count` objects that the collector has to look at, and what holds them.

    `lists` and `dicts` hang by one list, `chain` is a linked list and `tree` a binary
    tree, both made of lists.
    """
    if shape == "lists":
        return [[None] for _ in range(count)]
    if shape == "dicts":
        return [{"key": []} for _ in range(count // 2)]
    if shape == "chain":
        chain: list[object] = []
        for _ in range(count - 1):
            chain = [chain]
        return chain
    if shape == "tree":
        level: list[list[object]] = [[] for _ in range((count + 1) // 2)]
        while len(level) > 1:
            level = [[*pair] for pair in zip(level[::2], level[1::2], strict=True)]
        return level[0]
    raise ValueError(f"there is no shape {shape!r}")


def collecting(generation: int, times: int) -> Action:
    """Return a function that collects a generation so many times."""

    def act() -> None:
        for _ in repeat(None, times):
            gc.collect(generation)

    return act


def collect_bare(times: int) -> Thing:
    """Collect a heap of nothing but a bare interpreter."""
    gc.disable()
    return Thing(act=collecting(2, times))


def collect_young(young: int, old: int) -> Thing:
    """Collect the youngest generation, which stays alive, beside old objects."""
    gc.disable()
    HELD.append(heap("lists", old))
    gc.collect()

    def prepare() -> None:
        HELD[1:] = []
        HELD.append(heap("lists", young))

    return Thing(prepare=prepare, act=collecting(0, 1))


def collect_full(shape: str, count: int, state: str, times: int) -> Thing:
    """Collect a whole heap, `thawed` or `frozen`, of which nothing can be freed."""
    gc.disable()
    HELD.append(heap(shape, count))
    gc.collect()  # into the oldest generation
    if state == "frozen":
        gc.freeze()
    return Thing(
        act=collecting(2, times), report=lambda: {"frozen": gc.get_freeze_count()}
    )


def collect_garbage(kind: str, count: int) -> Thing:
    """Free objects that only cycles keep: lists, pairs of nodes, finalized ones."""
    gc.disable()
    collected: list[int] = []

    def prepare() -> None:
        if kind == "lists":
            cycles(count)
            return
        node = {"pairs": Node, "finalized": Finalized}[kind]
        for _ in repeat(None, count // 2):
            first = node()
            first.other = node(first)

    def act() -> None:
        collected.append(gc.collect())

    return Thing(prepare=prepare, act=act, report=lambda: {"collected": collected})


def cycles(count: int) -> None:
    """Make lists that only refer to themselves."""
    for _ in repeat(None, count):
        cycle: list[object] = []
        cycle.append(cycle)


def allocate(state: str, live: int, count: int) -> Thing:
    """Make lists that stay alive, the collector being in one of its states."""
    gc.disable()
    HELD.append(heap("lists", live))
    gc.collect()
    if state == "frozen":
        gc.freeze()
    if state != "disabled":
        gc.enable()

    def prepare() -> None:
        HELD[1:] = []

    def act() -> None:
        HELD.append([[] for _ in repeat(None, count)])

    return Thing(prepare=prepare, act=act, report=automatic)


def allocate_cycles(state: str, count: int) -> Thing:
    """Make objects that only the collector can free, with it `enabled` or not."""

    def prepare() -> None:
        gc.disable()
        gc.collect()
        if state == "enabled":
            gc.enable()

    return Thing(prepare=prepare, act=lambda: cycles(count), report=automatic)


def automatic() -> dict[str, object]:
    """Tell what makes the collector start by itself, and how often each kind ran."""
    return {
        "thresholds": gc.get_threshold(),
        "collections": [generation["collections"] for generation in gc.get_stats()],
    }


def call_back(number: int, times: int) -> Thing:
    """Collect a young generation that is empty, with so many callbacks."""
    gc.disable()
    calls = 0

    def callback(phase: str, info: dict[str, int]) -> None:
        nonlocal calls
        calls += 1

    gc.callbacks.extend([callback] * number)
    return Thing(act=collecting(0, times), report=lambda: {"calls": calls})


def hold_objects(expression: str, prepare: str, batch: int) -> Thing:
    """Make objects by an expression, a batch at each preparation, and hold them.

    The report has what `sys.getsizeof` says of one, and what tracemalloc counts after
    each of four batches that are made again for it.
    """
    import tracemalloc

    gc.disable()
    scope: dict[str, Callable[[list[object], int, int], None]] = {}
    source = (
        f"{prepare}\n"
        "def fill(held, start, stop):\n"
        "    for index in range(start, stop):\n"
        f"        held[index] = {expression}\n"
    )
    exec(compile(source, "<objects>", "exec"), scope)
    fill = scope["fill"]
    # As long as it will ever be, so that its own growth is in no reading.
    held: list[object] = [None] * (8 * batch)
    made = 0

    def make() -> None:
        nonlocal made
        fill(held, made, made + batch)
        made += batch

    def report() -> dict[str, object]:
        nonlocal made
        held[:] = [None] * len(held)
        made = 0
        traced = []
        tracemalloc.start()
        try:
            for _ in range(5):
                make()
                traced.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
        # The first batch also uses up the free lists, whose allocation is not seen.
        return {"sizeof": sys.getsizeof(held[0]), "traced": traced[1:]}

    return Thing(prepare=make, report=report, act=nothing)


def hold_threads(batch: int) -> Thing:
    """Start threads that wait: those of `p` for ever, those of `a` to be joined."""
    import threading

    def waiting() -> list[tuple[threading.Thread, threading.Lock]]:
        pairs = []
        for _ in range(batch):
            lock = threading.Lock()
            lock.acquire()
            thread = threading.Thread(target=lock.acquire, daemon=True)
            thread.start()
            pairs.append((thread, lock))
        return pairs

    def act() -> None:
        pairs = waiting()
        for _, lock in pairs:
            lock.release()
        for thread, _ in pairs:
            thread.join()

    return Thing(prepare=waiting, act=act)


def hold_interpreters() -> Thing:
    """Make an interpreter at each act, and keep it.

    3.12 and 3.13 have no public module for this; theirs makes interpreters with a GIL
    of their own too.
    """
    import importlib

    if sys.version_info >= (3, 14):
        create = importlib.import_module("concurrent.interpreters").create
    elif sys.version_info >= (3, 13):
        create = importlib.import_module("_interpreters").create
    else:
        create = importlib.import_module("_xxsubinterpreters").create
    return Thing(act=lambda: HELD.append(create()))


def transient(left: str, count: int) -> Thing:
    """Make many bytes objects, then drop all but `none` or `some` of them.

    Some is every 64th: with 128 bytes to each, one in 8 KiB.
    """
    import tracemalloc

    gc.disable()
    source = b",".join([b"x" * 80] * count)

    def act() -> None:
        made = source.split(b",")
        HELD[:] = made[::64] if left == "some" else []

    def report() -> dict[str, object]:
        peak = peak_rss_bytes()  # before tracemalloc adds its own
        tracemalloc.start()
        try:
            act()
            traced = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        return {"peak_rss": peak, "peak_traced": traced}

    return Thing(prepare=HELD.clear, act=act, report=report)


def peak_rss_bytes() -> int | None:
    """Read the largest RSS this process has had; None where it was not written.

    Not `ru_maxrss`: Linux hands that of the parent on to the child, and pytest's is
    larger than any of ours.
    """
    try:
        with open("/proc/self/status") as status:  # noqa: PTH123 - no pathlib here
            peaks = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    except OSError:
        return None
    return int(peaks[0]) * 1024 if peaks else None


THINGS: dict[str, Callable[..., Thing]] = {
    "collect-bare": collect_bare,
    "collect-young": collect_young,
    "collect-full": collect_full,
    "collect-garbage": collect_garbage,
    "allocate": allocate,
    "allocate-cycles": allocate_cycles,
    "call-back": call_back,
    "objects": hold_objects,
    "threads": hold_threads,
    "interpreters": hold_interpreters,
    "transient": transient,
}


def main() -> None:
    """Serve until the parent closes our input."""
    words = sys.argv[2:]
    arguments = [int(word) if word.isdecimal() else word for word in words]
    thing = THINGS[sys.argv[1]](*arguments)
    while request := os.read(0, 1):
        if request == b"r":
            import json

            os.write(1, json.dumps(thing.report()).encode() + b"\n")
            continue
        {b"p": thing.prepare, b"a": thing.act}[request]()
        os.write(1, b"!")
    # A million objects need not be freed one by one, nor threads be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
