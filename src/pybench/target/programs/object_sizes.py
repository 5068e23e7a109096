"""A child that holds more and more of one kind of thing, and reads what it occupies.

Run as a file by the interpreter under test, with one argument in JSON, an order of
`pybench.profiles.memory`; prints one line of JSON. It imports the standard library
alone. Each kind has a process of its own, since what is freed may stay with it.
"""

import gc
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any


class Plain:
    """An instance with a dict, or inline values where the version has them."""

    def __init__(self) -> None:
        self.first = None
        self.second = None


class Slotted:
    """The same with slots."""

    __slots__ = ("first", "second")

    def __init__(self) -> None:
        self.first = None
        self.second = None


def thread() -> object:
    """Start a thread that waits for ever."""
    lock = threading.Lock()
    lock.acquire()
    started = threading.Thread(target=lock.acquire, daemon=True)
    started.start()
    return started


def interpreter_maker() -> Callable[[], object]:
    """Return what makes an interpreter, by whatever name this version has for it."""
    for least, name in (
        ((3, 14), "concurrent.interpreters"),
        ((3, 13), "_interpreters"),
        ((3, 12), "_xxsubinterpreters"),
    ):
        if sys.version_info >= least:
            create: Callable[[], object] = importlib.import_module(name).create
            return create
    raise NotImplementedError("an interpreter of its own came with Python 3.12")


# What makes one, and how many are made between two readings: some megabytes, so that
# the pages and arenas that are begun do not count.
KINDS: dict[str, tuple[Callable[[], object], int]] = {
    "object": (object, 200_000),
    "float": (lambda: float(1), 200_000),
    "list of one": (lambda: [None], 100_000),
    "dict of one": (lambda: {"key": None}, 50_000),
    "instance": (Plain, 100_000),
    "instance with slots": (Slotted, 100_000),
    "thread": (thread, 10),
    "interpreter": (lambda: None, 3),
}


def hold(order: dict[str, Any]) -> dict[str, Any]:
    """Make a batch at a time; return how many there were at each reading.

    A reading is the text of ``smaps_rollup``, which the host takes apart.
    """
    make, batch = KINDS[order["kind"]]
    try:
        if order["kind"] == "interpreter":
            make = interpreter_maker()
        read_rollup()
    except NotImplementedError as error:
        return {"missing": str(error)}
    except OSError:
        return {"missing": "the system does not tell (no /proc/self/smaps_rollup)"}
    gc.disable()
    steps = order["steps"]
    # As long as it will ever be, so that its own growth is in no reading.
    held: list[object] = [None] * (batch * (steps + 1))
    counts, rollups = [], []
    for made in range(0, batch * (steps + 1), batch):
        for index in range(made, made + batch):
            held[index] = make()
        counts.append(made + batch)
        rollups.append(read_rollup())
    return {"counts": counts, "rollups": rollups}


def read_rollup() -> str:
    """Return what the system says of our memory."""
    with open("/proc/self/smaps_rollup") as file:  # noqa: PTH123 - no pathlib
        return file.read()


def main() -> None:
    """Do as ordered, print it, and end without waiting for anything."""
    sys.stdout.write(json.dumps(hold(json.loads(sys.argv[1]))) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
