"""A kernel row: size it, run its rounds in C, replay them through the stock table.

`kernel("refcount_pair", target="owned")` runs all rounds in one call of `_pybench` and
then lets `benchmark.pedantic` time a function that only advances `_pybench.stopwatch`,
so that table, JSON, comparison and histogram show nanoseconds per operation with none
of Python's own cost.
"""

from __future__ import annotations

import difflib
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pybench.target.plugin.command_line import said_value
from pybench.target.process.collector import collector_off
from pybench.target.process.identity import (
    extension,
    extension_left_out,
    extension_missing,
    gil_enabled,
)

if TYPE_CHECKING:
    from pybench.target.process.iterations import IterationStore
    from pybench.target.process.rounds import Budget, KernelResult

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


def native_or_fail() -> ModuleType:
    """Return `_pybench`, or fail the test with the command that builds it.

    Where it was left out on purpose, the row is n/a.
    """
    __tracebackhide__ = True  # a skip is reported at the test's line
    native = extension()
    if native is None:
        if reason := extension_left_out():
            pytest.skip(f"n/a: {reason}")
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


class KernelRows:
    """Runs the kernel rows of a session, whose options the user gave in `words`."""

    def __init__(
        self, words: Sequence[str], store: IterationStore, usable_cpus: int
    ) -> None:
        self._words = words
        self._store = store
        self._usable_cpus = usable_cpus
        self._floor: list[float] | None = None

    def run(
        self,
        item: pytest.Item,
        benchmark: Any,
        name: str,
        arguments: Mapping[str, object],
        iterations: int | None,
        rounds: int | None,
    ) -> list[KernelResult]:
        """Run one kernel row from sizing to replay; return the rounds it is made of."""
        __tracebackhide__ = True
        from pybench.target.process.iterations import WINDOW_NS
        from pybench.target.process.rounds import collect_rounds, summarise

        try:
            native = native_or_fail()
            function = find_kernel(native, name)
            if benchmark.group is None:
                benchmark.group = native.KERNELS[name]["area"]
            if benchmark.disabled:
                once = _DISABLED_ITERATIONS if iterations is None else iterations
                kept = function(once, rounds=1, **arguments)
                benchmark.pedantic(lambda: kept)
                return kept
            if benchmark._timer is not native.stopwatch:
                pytest.fail(
                    "the fixture `kernel` must be an argument of the test: it is too "
                    "late for its clock when it is asked for by name",
                    pytrace=False,
                )
            # The kernels read the affinity themselves; the quota is known here alone.
            if hasattr(native, "limit_cpus"):  # not in an extension of an older version
                native.limit_cpus(self._usable_cpus)
            with collector_off() as gc_on:
                floor_ns = self._floor_ns(native)
                chosen = iterations
                if chosen is None:
                    chosen = self._iterations(function, name, arguments)
                budget = self._budget(item, benchmark)
                window = float(WINDOW_NS)
                if warmup_rounds := budget.warmup_rounds(chosen):
                    warm = function(chosen, rounds=warmup_rounds, **arguments)
                    window = min(result.elapsed_ns for result in warm)
                collected = collect_rounds(
                    lambda count: function(chosen, rounds=count, **arguments),
                    budget.rounds(window) if rounds is None else rounds,
                    budget.least_rounds,
                )
            record = summarise(
                collected,
                kernel=name,
                arguments=arguments,
                iterations=chosen,
                floor_ns=floor_ns,
                usable_cpus=self._usable_cpus,
                gil_on=gil_enabled(),
                gc_on=gc_on,
            )
            benchmark.extra_info["pybench"] = asdict(record)
            _replay(native, benchmark, collected.kept)
            return collected.kept
        except NotImplementedError as error:
            pytest.skip(f"n/a: {error}")
        finally:
            # Else the stock fixture complains that a row which failed did not use it.
            benchmark._mode = benchmark._mode or "kernel(...)"

    def _floor_ns(self, native: ModuleType) -> float | None:
        """Measure the empty loop once; None if it cannot be had."""
        if self._floor is None:
            empty = getattr(native, "yardstick_empty", None)
            results = empty(_FLOOR_ITERATIONS, rounds=_FLOOR_ROUNDS) if empty else []
            self._floor = [result.ns_per_operation for result in results]
        return statistics.median(self._floor) if self._floor else None

    def _iterations(
        self,
        function: Callable[..., list[KernelResult]],
        name: str,
        arguments: Mapping[str, object],
    ) -> int:
        from pybench.target.process.iterations import row_key, size

        def window_ns(iterations: int, rounds: int) -> float:
            results = function(iterations, rounds=rounds, **arguments)
            return min(result.elapsed_ns for result in results)

        row = row_key(name, arguments)
        return self._store.get(row) or self._store.put(row, size(window_ns))

    def _budget(self, item: pytest.Item, benchmark: Any) -> Budget:
        """Return what a row may spend; stock keeps its options in the fixture alone."""
        from pybench.target.process.rounds import Budget

        marker = item.get_closest_marker("benchmark")
        in_marker = marker.kwargs.get("warmup") if marker else None
        warmup = said_value(self._words, "--benchmark-warmup")
        # Stock has no warm-up by default, a kernel has one round of it.
        is_off = in_marker is False or (
            in_marker is None
            and not benchmark._warmup
            and warmup is not None
            and warmup.strip().lower() != "auto"
        )
        return Budget(
            seconds=benchmark._max_time,
            least_rounds=benchmark._min_rounds,
            warmup_iterations=0 if is_off else int(benchmark._warmup) or 1,
        )


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
