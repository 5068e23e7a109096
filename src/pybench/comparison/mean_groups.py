"""Which mean a row counts in: ratios of unlike things have no mean that says anything.

One contended reference count that is ninety times slower would make a category look
half as fast, and a kernel in which no interpreter takes part would pull it towards 1.
"""

from __future__ import annotations

import re

from pybench.records.row_names import row_name

# Rows of one thread in which Python computes: the mean of a suite and its categories.
PYTHON = "python"
# Each has a mean of its own, under this name.
CONTENDED = "contended and scaling"
NATIVE = "kernels without Python"
STARTUP = "start-up"
WAITING = "waiting"
KINDS_APART = (CONTENDED, STARTUP, WAITING, NATIVE)
# In none of them: it shows the machine.
CONTROL = "control"

# Rows of our suite that no interpreter takes part in.
YARDSTICK_GROUP = "yardstick"

# The categories of our suite that are kinds.
_STARTUP_CATEGORY, _SCALING_CATEGORY = "startup", "scaling"

# Kernels that run without the interpreter, by the names of their rows. A test holds
# this against the suite.
_NATIVE_ROW = re.compile(
    r"::test_benchmark_("
    r"threading_counters_\w+"
    r"|threading_locks_(free(?=\[pthread\])|contended_plain)"
    r"|memory_ordering_(?!objects|counted|neighbours)\w+"
    r"|memory_refcount_word"
    r"|scaling_(hardware|bandwidth)"
    r"|examples_kernel(_threads)?"
    r")(\[|$)"
)


def category(row: str) -> str:
    """Return the folder of a row's file: in our suite, its category."""
    return row_name(row).category


def kind_of(row: str, group: str | None, *, threads: int, waits: bool) -> str:
    """Return the kind of a row: `PYTHON`, one of `KINDS_APART`, or `CONTROL`.

    `threads` are those that it declares; `waits` is whether it waits for a disk, a
    socket or a child.
    """
    if group == YARDSTICK_GROUP:
        return CONTROL
    if _NATIVE_ROW.search(row):
        return NATIVE
    if threads > 1 or category(row) == _SCALING_CATEGORY:
        return CONTENDED
    if category(row) == _STARTUP_CATEGORY:
        return STARTUP
    return WAITING if waits else PYTHON
