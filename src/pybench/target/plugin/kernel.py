"""A kernel row: size it, run its rounds in C, replay them through the stock table.

`kernel("refcount_pair", target="owned")` runs all rounds in one call of `_pybench` and
then lets `benchmark.pedantic` time a function that only advances `_pybench.stopwatch`,
so that table, JSON, comparison and histogram show nanoseconds per operation with none
of Python's own cost.
"""

import difflib
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import ModuleType
from typing import Any, Protocol

import pytest

from pybench.target.process.collector import collector_off
from pybench.target.process.identity import extension, extension_missing, gil_enabled
from pybench.target.process.iterations import WINDOW_NS, IterationStore, row_key, size
from pybench.target.process.rounds import (
    Budget,
    KernelResult,
    collect_rounds,
    summarise,
)

# The empty loop: long enough that the clock does not show, short enough to be cheap.
_FLOOR_ITERATIONS = 1_000_000
_FLOOR_ROUNDS = 15

# Under --benchmark-disable a kernel is only shown to run.
_DISABLED_ITERATIONS = 1_000

# Options that pedantic ignores; silence would pass for obedience.
REFUSED_OPTIONS = {
    "timer": "--benchmark-timer",
    "precision": "--benchmark-precision",
    "min_time": "--benchmark-min-time",
}


class Kernel(Protocol):
    """What the fixture `kernel` is, for the annotations of benchmarks."""

    def __call__(
        self,
        name: str,
        /,
        *,
        iterations: int | None = None,
        rounds: int | None = None,
        **arguments: object,
    ) -> list[KernelResult]:
        """Measure one native kernel; see the fixture."""


class Floor:
    """The cost of the empty loop, measured once when first asked for."""

    def __init__(self) -> None:
        self._is_measured = False
        self._ns: float | None = None

    def ns(self, native: ModuleType) -> float | None:
        """Return ns per iteration of the empty loop, None if it cannot be had."""
        empty = getattr(native, "yardstick_empty", None)
        if not self._is_measured and empty is not None:
            results = empty(_FLOOR_ITERATIONS, rounds=_FLOOR_ROUNDS)
            self._ns = float(statistics.median(r.ns_per_operation for r in results))
        self._is_measured = True
        return self._ns


def native_or_fail() -> ModuleType:
    """Return `_pybench`, or fail the test with the command that builds it."""
    native = extension()
    if native is None:
        pytest.fail(extension_missing(), pytrace=False)
    return native


def find_kernel(native: ModuleType, name: str) -> Callable[..., list[KernelResult]]:
    """Return a kernel; an unknown name fails the test, a missing one skips it."""
    __tracebackhide__ = True  # a skip is reported at the test's line
    known = native.KERNELS.get(name)
    if known is None:
        near = difflib.get_close_matches(name, native.KERNELS, n=3)
        hint = f"; near: {', '.join(near)}" if near else ""
        pytest.fail(f"there is no kernel {name!r}{hint}", pytrace=False)
    if known["missing"]:
        pytest.skip(f"n/a: {known['missing']}")
    function: Callable[..., list[KernelResult]] = getattr(native, name)
    return function


def read_budget(benchmark: Any, *, is_warmup_off: bool) -> Budget:
    """Read a row's budget out of its fixture, whose options stock keeps private.

    `is_warmup_off` tells whether the user said so: stock has no warm-up by default, a
    kernel has one round of it.
    """
    return Budget(
        seconds=benchmark._max_time,
        least_rounds=benchmark._min_rounds,
        warmup_iterations=0 if is_warmup_off else int(benchmark._warmup) or 1,
    )


def run_row(
    name: str,
    arguments: Mapping[str, object],
    *,
    benchmark: Any,
    budget: Budget,
    store: IterationStore,
    floor: Floor,
    usable_cpus: int,
    iterations: int | None,
    rounds: int | None,
) -> list[KernelResult]:
    """Run one kernel row from sizing to replay; return the rounds it is made of."""
    __tracebackhide__ = True
    native = native_or_fail()
    function = find_kernel(native, name)
    if benchmark.group is None:
        benchmark.group = native.KERNELS[name]["area"]

    def call(count: int, of: int) -> list[KernelResult]:
        __tracebackhide__ = True
        return function(of, rounds=count, **arguments)

    def window_ns(iterations: int, rounds: int) -> float:
        return min(result.elapsed_ns for result in call(rounds, iterations))

    try:
        if benchmark.disabled:
            kept = call(1, _DISABLED_ITERATIONS if iterations is None else iterations)
            benchmark.pedantic(lambda: kept)
            return kept
        if benchmark._timer is not native.stopwatch:
            pytest.fail(
                "the fixture `kernel` must be an argument of the test: it is too late "
                "for its clock when it is asked for by name",
                pytrace=False,
            )
        # The kernels read the affinity themselves; the quota is known here alone.
        if hasattr(native, "limit_cpus"):  # not in an extension of an older version
            native.limit_cpus(usable_cpus)
        with collector_off() as gc_on:
            floor_ns = floor.ns(native)
            chosen = iterations
            if chosen is None:
                row = row_key(name, arguments)
                chosen = store.get(row) or store.put(row, size(window_ns))
            window = float(WINDOW_NS)
            warmup_rounds = budget.warmup_rounds(chosen)
            if warmup_rounds:
                warm = call(warmup_rounds, chosen)
                window = min(result.elapsed_ns for result in warm)
            wanted = budget.rounds(window) if rounds is None else rounds
            collected = collect_rounds(
                lambda count: call(count, chosen), wanted, budget.least_rounds
            )
    except NotImplementedError as error:
        pytest.skip(f"n/a: {error}")
    record = summarise(
        collected,
        kernel=name,
        arguments=arguments,
        iterations=chosen,
        floor_ns=floor_ns,
        usable_cpus=usable_cpus,
        gil_on=gil_enabled(),
        gc_on=gc_on,
    )
    benchmark.extra_info["pybench"] = asdict(record)
    _replay(native, benchmark, collected.kept)
    return collected.kept


def _replay(native: ModuleType, benchmark: Any, kept: list[KernelResult]) -> None:
    """Let the stock fixture time the rounds that have already been run."""
    rest = iter(kept)

    def advance() -> list[KernelResult]:
        # A profiler calls once more than there are rounds.
        result = next(rest, None)
        if result is not None:
            native.stopwatch_advance(result)
        return kept

    native.stopwatch_arm()
    try:
        benchmark.pedantic(advance, rounds=len(kept), iterations=1)
    finally:
        native.stopwatch_disarm()
