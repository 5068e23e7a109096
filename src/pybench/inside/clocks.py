"""Clocks that a row cannot stop: what the tool itself reads around the row's work.

Rows patch the clock: by `monkeypatch.setattr`, by tools that exchange every module's
attribute that holds a function of `time`, by tools that exchange those functions in C.
The extension reads the system's clocks itself. Where it is not built, the functions of
`time` are kept in closures, which only the last of the three can reach.
"""

import time
from collections.abc import Callable

from pybench.inside.identity import extension


def _clock(native_name: str, own: Callable[[], int]) -> Callable[[], int]:
    native: Callable[[], int] | None = getattr(extension(), native_name, None)
    if native is not None:
        return native

    def read() -> int:
        return own()

    return read


# Whole nanoseconds since some point in the past.
wall_ns = _clock("wall_ns", time.perf_counter_ns)
# CPU time of this process, all of its threads, in whole nanoseconds.
process_cpu_ns = _clock("process_cpu_ns", time.process_time_ns)
