"""Does a pattern get faster with a second thread? Both are measured alternately.

A row here is one pattern, done by two threads at once, by the fixture that any suite
has for it, `benchmark_threads`: what one thread does is measured in turns with both,
beside a control that shares nothing.
"""

from collections.abc import Callable
from itertools import cycle

import pytest

from pybench.target.plugin import ThreadsFixture
from pybench.target.process.identity import count_affinity

THREADS = 2

Task = Callable[[], object]
Scale = Callable[..., None]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say of each row here how many threads it has."""
    if "scale" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.threads(THREADS))


def do(task: Task) -> None:
    """Be what both threads call."""
    task()


@pytest.fixture
def scale(benchmark_threads: ThreadsFixture) -> Scale:
    """Return what measures a task on one thread and on two, alternately.

    `scale(first, second, operations=1000)` gives each thread a task of so many
    operations; without `second` both do the same one. The row's time is that of an
    operation while both run; `extra_info["scaling"]` has the speed-up over one thread.
    """
    usable = count_affinity()
    if usable < THREADS:
        pytest.skip(f"n/a: scaling needs {THREADS} CPUs, this process may use {usable}")

    def measure(first: Task, second: Task | None = None, *, operations: int) -> None:
        tasks = cycle((first, second or first))  # pybench scaling has more threads
        benchmark_threads.extra_info["operations"] = operations
        benchmark_threads(do, threads=THREADS, setup=lambda: ((next(tasks),), {}))

    return measure
