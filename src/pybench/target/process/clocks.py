"""Clocks that a row cannot stop: what the tool itself reads around the row's work.

Rows patch the clock: by `monkeypatch.setattr`, by tools that exchange every module's
attribute that holds a function of `time`, by tools that exchange those functions in C.
The extension reads the system's clocks itself. Where it is not built, the functions of
`time` are kept in closures, which only the last of the three can reach.

Call both through the module: `use_extension` exchanges them.
"""

import time
from collections.abc import Callable

from pybench.target.process.identity import extension


def _kept(function: Callable[[], int]) -> Callable[[], int]:
    def read() -> int:
        return function()

    return read


# Whole nanoseconds since some point in the past.
wall_ns = _kept(time.perf_counter_ns)
# CPU time of this process, all of its threads, in whole nanoseconds.
process_cpu_ns = _kept(time.process_time_ns)


def use_extension() -> None:
    """Read the clocks by the extension, where it is built; before the first row.

    Not when this module is imported: pytest loads the plugin in sessions that have no
    benchmark, and those shall not load the extension.
    """
    global wall_ns, process_cpu_ns
    native = extension()
    # An extension that is older than this file has none of them.
    wall_ns = getattr(native, "wall_ns", wall_ns)
    process_cpu_ns = getattr(native, "process_cpu_ns", process_cpu_ns)
