"""A child that does one piece of work each time its parent asks; run with its name.

For each byte on stdin it does the work once and answers with a byte on stdout; first
of all it says in a line of JSON how it runs. The end of its input is its end, and an
error is a traceback and a bad exit code. Work that computes something does it once
before, and fails where a later answer differs: what a JIT has compiled must not be
fast and wrong.
"""

import contextvars
import json
import os
import sys
import threading
import warnings
from collections.abc import Callable

TURNS = 50_000  # of a loop: 1 to 10 ms
BLOCKS = 2000  # some ms, next to which a pipe of 50 us is little
THREADS = 50
VARIABLES = 20


class Counter:
    """Something with a method and an attribute."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, number: int) -> None:
        """Add a number, within 16 bits."""
        self.value = (self.value + number) & 0xFFFF


def dispatch() -> int:
    """Do arithmetic on small integers, and branch on it."""
    state, total = 1, 0
    for _ in range(TURNS):
        state = (state * 5 + 1) & 0xFFFF
        if state & 4:
            total += state
        else:
            total -= 3
        total &= 0xFFFFF
    return total


def calls() -> int:
    """Call a method that reads and writes an attribute."""
    counter = Counter()
    for number in range(TURNS):
        counter.add(number & 7)
    return counter.value


def catch_warnings() -> None:
    """Enter a block that would keep changes of the warning filters to itself."""
    for _ in range(BLOCKS):
        with warnings.catch_warnings():
            pass


def start_threads() -> None:
    """Start and join threads, one after another, from a context with variables."""
    for _ in range(THREADS):
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()


def profiled_calls() -> int:
    """Call functions under the deterministic profiler."""
    import cProfile

    with cProfile.Profile():
        return calls()


# What is done, and how many operations that is.
WORK: dict[str, tuple[Callable[[], object], int]] = {
    "dispatch": (dispatch, TURNS),
    "calls": (calls, TURNS),
    "profiled-calls": (profiled_calls, TURNS),
    "catch-warnings": (catch_warnings, BLOCKS),
    "start-threads": (start_threads, THREADS),
}


def main() -> None:
    """Serve until the parent closes our input."""
    do, operations = WORK[sys.argv[1]]
    for number in range(VARIABLES):
        contextvars.ContextVar[int](f"variable_{number}").set(number)
    jit = getattr(sys, "_jit", None)
    state = {
        "operations": operations,
        "jit": jit is not None and jit.is_enabled(),
        "context_aware_warnings": getattr(sys.flags, "context_aware_warnings", 0),
        "thread_inherit_context": getattr(sys.flags, "thread_inherit_context", 0),
    }
    os.write(1, json.dumps(state).encode() + b"\n")
    expected = do()
    while os.read(0, 1):
        if do() != expected:
            raise RuntimeError(f"{sys.argv[1]} computed {expected!r}, then another")
        os.write(1, b"!")


if __name__ == "__main__":
    main()
