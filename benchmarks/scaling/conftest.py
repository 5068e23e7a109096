"""Does a pattern get faster with a second thread? Both are measured alternately.

A row here is one pattern, done by two threads at once. Its one-thread time is measured
in the same row, round by round, on the same harness: the ratio of neighbours is what
scaling is, and its spread is published with it. A single sample of each, taken one
after the other, would also show how the machine changed.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

THREADS = 2

# Pairs of one-thread and two-thread windows, after one that is not counted.
ROUNDS = 15

Task = Callable[[], object]
Scale = Callable[..., None]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say of each row here how many threads it has."""
    if "scale" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.threads(THREADS))


def suite_conftest() -> ModuleType:
    """Import the suite's conftest, which has the crews, as a module of its own."""
    name = "pybench_suite_conftest"
    if name not in sys.modules:
        path = Path(__file__).parents[1] / "conftest.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def speedups(one_ns: Sequence[float], two_ns: Sequence[float]) -> list[float]:
    """Return for each pair of windows how much more was done in the same time.

    Both threads do what the one does, so twice the work: 2.0 is perfect, 1.0 is what
    taking turns gives, and below 1.0 two threads do less than one alone.
    """
    return [THREADS * one / two for one, two in zip(one_ns, two_ns, strict=True)]


@pytest.fixture
def scale(benchmark: BenchmarkFixture) -> Iterator[Scale]:
    """Return what measures a task on one thread and on two, alternately.

    `scale(first, second, operations=1000)` gives each thread a task of so many
    operations; without `second` both do the same one. The row's time is that of an
    operation while both run; `extra_info["scaling"]` has the speed-up over one thread:
    its median and quartiles over the rounds, and the one-thread time.
    """
    shared: Any = suite_conftest()
    if shared.usable_cpu_count() < THREADS:
        pytest.skip(
            f"n/a: scaling needs {THREADS} CPUs, this process may use "
            f"{shared.usable_cpu_count()}"
        )
    crews: list[Any] = []

    def measure(first: Task, second: Task | None = None, *, operations: int) -> None:
        cpus = shared.cpus_for(THREADS)
        one = shared.Crew((first,), cpus[:1])
        crews.append(one)
        two = shared.Crew((first, second or first), cpus)
        crews.append(two)
        one_ns: list[int] = []
        two_ns: list[int] = []

        def alone() -> None:
            start = time.perf_counter_ns()
            one.run()
            one_ns.append(time.perf_counter_ns() - start)

        def together() -> None:
            start = time.perf_counter_ns()
            two.run()
            two_ns.append(time.perf_counter_ns() - start)

        stock: Any = benchmark
        stock.extra_info["operations"] = operations
        stock.extra_info["threads"] = THREADS
        stock.extra_info["cpus"] = cpus
        alone()
        together()
        one_ns.clear()
        two_ns.clear()
        # The set-up of a round is the one-thread window before it.
        stock.pedantic(together, setup=alone, rounds=ROUNDS)
        stock.extra_info["scaling"] = scaling(one_ns, two_ns, operations)

    yield measure
    for crew in crews:
        crew.dismiss()


def scaling(
    one_ns: Sequence[float], two_ns: Sequence[float], operations: int
) -> dict[str, float]:
    """Return what `extra_info["scaling"]` holds."""
    # A controller that runs the row by turns may have timed one more of one kind.
    pairs = min(len(one_ns), len(two_ns))
    found = speedups(one_ns[:pairs], two_ns[:pairs])
    low, middle, high = (
        statistics.quantiles(found, n=4) if pairs > 1 else (found[0],) * 3
    )
    return {
        "threads": THREADS,
        "speedup": round(middle, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "one_thread_ns": statistics.median(one_ns) / operations,
        "rounds": pairs,
    }
