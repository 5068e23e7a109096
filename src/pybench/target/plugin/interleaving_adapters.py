"""How the three kinds of rows are run sample by sample.

A row calls ``benchmark(...)``, ``benchmark.pedantic(...)`` or ``kernel(...)``. Its
adapter sizes a sample (the numbers of one, "count" among them, which is at most
`most`), runs one, and finishes with what the row gets. `rounds` is the most that its
samples may count in this process, all together; None for as many as are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pybench.records.samples import Sample
from pybench.target.plugin.interleaving_timer import (
    SampleTimer,
    blocked,
    blocked_since,
    undisturbed,
)
from pybench.target.plugin.kernel import find_kernel, native_or_fail
from pybench.target.process import clocks
from pybench.target.process.pedantic import Pedantic

if TYPE_CHECKING:
    from pybench.target.process.rounds import KernelResult

# Counts are whole multiples of this from it on, so that a twentieth more calls is an
# exact count too: that is how a change of 5 % is injected.
MULTIPLE = 20

# A sample that sets up for each call may take so many times what it times.
SETUP_SHARE = 8
# A kernel sets up once a sample, however many rounds there are: where that is long, the
# sample is longer too, up to so many times the target.
KERNEL_LONGEST = 3

# A sample of so many calls begins with one that is not timed: the partner has just had
# this CPU and its caches. With fewer it would cost a sizeable part of the sample.
REFILL_FROM = 5

# Kernels run in rounds of this length: a few of them are a sample. Each round has a
# start line, where threads meet and objects are made anew; short ones took longer to
# prepare than to time. No loop goes on for longer without a look at Ctrl-C.
KERNEL_ROUND_NS = 1_000_000
KERNEL_FIRST = 256
# A step of a kernel's loop: counted windows double it.
KERNEL_LEAST = 8

# Nothing is timed in one go for longer, so that Ctrl-C and the end of the controller
# are seen.
COUNT_MOST = 10**9


class CallAdapter:
    """``benchmark(function, *args, **kwargs)``: a sample is a number of calls."""

    rounds = None

    def __init__(
        self,
        benchmark: Any,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> None:
        self._benchmark = benchmark
        self._call = function, args, kwargs
        self._timer = SampleTimer()

    def size(self, target_ns: float, most: int) -> dict[str, int]:
        """Find how many calls fill a sample."""

        def timed(count: int) -> tuple[float, float]:
            wall = self.run({"count": count}, refill=False).wall_ns
            return wall, wall

        return {"count": find_count(timed, target_ns, most)}

    def run(self, numbers: Mapping[str, int], *, refill: bool = True) -> Sample:
        """Time so many calls."""
        timer, (function, args, kwargs) = self._timer, self._call
        times = repeat(None, numbers["count"])
        with undisturbed(is_collector_off=self._benchmark._disable_gc):
            if refill and numbers["count"] >= REFILL_FROM:
                function(*args, **kwargs)
            timer.start()
            for _ in times:
                function(*args, **kwargs)
            return timer.stop()

    def finish(self) -> Any:
        """Call it once more for the row."""
        function, args, kwargs = self._call
        return function(*args, **kwargs)


class PedanticAdapter:
    """``benchmark.pedantic(...)``: a sample is a number of rounds, one after another.

    No process does more rounds than its `most_rounds`; the calls of those are the ones
    that stock would make. Where there is no limit, the row's `rounds` is taken for an
    idea of how many are enough. Raises `ValueError` for what stock refuses, in its
    words.
    """

    def __init__(self, benchmark: Any, target: Callable[..., Any], **how: Any) -> None:
        row = self._row = Pedantic(target=target, **how)
        self.rounds = row.most_rounds
        self.least = {"count": 1, "iterations": row.iterations}
        self._benchmark = benchmark
        self._warmup_rounds = row.warmup_rounds
        self._done = 0
        self._timer = SampleTimer()
        # What the row gets, if no further call may be made for it.
        self._is_result_kept = self.rounds is not None and row.iterations == 1
        self._result: Any = None

    def size(self, target_ns: float, most: int) -> dict[str, int]:
        """Find how many rounds fill a sample."""

        def timed(count: int) -> tuple[float, float]:
            start = clocks.wall_ns()
            inside = self.run({"count": count}).wall_ns
            return inside, clocks.wall_ns() - start

        if most > 1:
            self._warm()
        count = find_count(timed, target_ns, most)
        return {"count": count, "iterations": self._row.iterations}

    def run(self, numbers: Mapping[str, int]) -> Sample:
        """Do a sample's rounds."""
        iterations = self._row.iterations
        count, asked = numbers["count"], numbers.get("iterations", iterations)
        if asked != iterations:
            raise ValueError(
                f"pedantic(iterations={iterations}) here, and {asked} where the "
                "row was calibrated: its rounds cannot be compared"
            )
        if self.rounds is not None and self._done + count > self.rounds:
            raise ValueError(
                f"pedantic(rounds={self.rounds}) and {self._done + count} are asked "
                "for: the run that is continued did not know of the limit, or the "
                "other arm has a higher one"
            )
        self._warm()
        self._done += count
        total = Sample(wall_ns=0, cpu_ns=0, waited_ns=0, blocked=0)
        for _ in range(count):
            total += self._round()
        return total

    def finish(self) -> Any:
        """Return what the target returned; call it if that was not kept."""
        if self._is_result_kept and self._done:
            return self._result
        self._warm()
        return self._row.round(1)

    def _warm(self) -> None:
        """Do the warm-up rounds that the row asks for, once."""
        while self._warmup_rounds:
            self._warmup_rounds -= 1
            self._round()

    def _round(self) -> Sample:
        target, timer, teardown = self._row.target, self._timer, self._row.teardown
        args, kwargs = self._row.arguments()
        with undisturbed(is_collector_off=self._benchmark._disable_gc):
            if self._is_result_kept:
                self._result = None  # so that the one before is freed outside
                timer.start()
                result = target(*args, **kwargs)
                sample = timer.stop()
                self._result = result
            else:
                timer.start()
                for _ in repeat(None, self._row.iterations):
                    target(*args, **kwargs)
                sample = timer.stop()
        if teardown is not None:
            teardown(*args, **kwargs)
        return sample


class KernelAdapter:
    """``kernel(name, ...)``: a sample is a count of its rounds, timed in C."""

    rounds = None

    def __init__(
        self,
        benchmark: Any,
        name: str,
        arguments: Mapping[str, object],
        iterations: int | None,
    ) -> None:
        native = native_or_fail()
        self._function = find_kernel(native, name)
        self._arguments = arguments
        self._iterations = iterations
        # The smallest sample, and which of its numbers makes it longer.
        self.least = {"iterations": iterations or KERNEL_LEAST, "count": 1}
        self.grows = "count" if iterations else "iterations"
        self._last: list[KernelResult] = []
        if benchmark.group is None:
            benchmark.group = native.KERNELS[name]["area"]

    def _call(self, iterations: int, rounds: int) -> list[KernelResult]:
        try:
            self._last = self._function(iterations, rounds=rounds, **self._arguments)
        except NotImplementedError as error:
            pytest.skip(f"n/a: {error}")
        return self._last

    def _window_ns(self, iterations: int, rounds: int) -> float:
        return min(result.elapsed_ns for result in self._call(iterations, rounds))

    def size(self, target_ns: float, most: int) -> dict[str, int]:
        """Find the iterations of a round, and how many rounds fill a sample."""
        from pybench.target.process import iterations as sizing

        chosen = self._iterations
        if chosen is None:
            # A change of known size is injected into these.
            chosen = whole_count(
                sizing.size(
                    self._window_ns, target_ns=KERNEL_ROUND_NS, first=KERNEL_FIRST
                )
            )
        began = clocks.wall_ns()
        windows = [result.elapsed_ns for result in self._call(chosen, 3)]
        setup_ns = clocks.wall_ns() - began - sum(windows)
        wanted = max(target_ns, min(setup_ns / SETUP_SHARE, KERNEL_LONGEST * target_ns))
        count = min(most, whole_count(wanted / max(min(windows), 1)))
        return {"iterations": chosen, "count": count}

    def run(self, numbers: Mapping[str, int]) -> Sample:
        """Run so many rounds."""
        count, operations = numbers["count"], numbers["iterations"]
        before = blocked()
        results = self._call(operations, count)
        given_up = blocked_since(before)
        # The driver knows no run-queue wait; a thread that never waits shows it as
        # the difference of its clocks.
        return Sample(
            wall_ns=round(sum(r.ns_per_operation for r in results) * operations),
            cpu_ns=round(sum(r.cpu_ns_per_operation for r in results) * operations),
            waited_ns=0,
            # The driver's own thread waits once, whatever they do: a kernel that waits
            # does so in every round.
            blocked=None if given_up is None else max(0, given_up - 1) // count,
        )

    def finish(self) -> list[KernelResult]:
        """Return the rounds of the last sample."""
        return self._last


class Adapter(Protocol):
    """What runs a row sample by sample."""

    @property
    def rounds(self) -> int | None:
        """The most that samples of this process may count in all; None for any."""

    def size(self, target_ns: float, most: int) -> dict[str, int]:
        """Find the numbers of a sample."""

    def run(self, numbers: Mapping[str, int]) -> Sample:
        """Run one."""

    def finish(self) -> Any:
        """End the row; return what it gets."""


def whole_count(count: float) -> int:
    """Return a count that a twentieth can be added to exactly, if it is that large."""
    if count < MULTIPLE:
        return max(1, round(count))
    return min(COUNT_MOST, round(count / MULTIPLE) * MULTIPLE)


def find_count(
    run: Callable[[int], tuple[float, float]], target_ns: float, most_count: int
) -> int:
    """Return how many times fill the target, at most `most_count`.

    `run` does it so many times, and returns the timed ns and those of all. It is asked
    for less than three times the most in all, and for nothing if that is one.
    """
    if most_count == 1:
        return 1
    count = 1
    while True:
        timed, whole = run(count)
        per_call = max(timed / count, 1e-3)
        # Else a row whose set-up is long would take minutes.
        most = SETUP_SHARE * target_ns / max(whole / count, 1e-3)
        wanted = min(target_ns / per_call, most)
        if timed >= target_ns / 10 or whole >= target_ns or count >= most_count:
            return min(most_count, whole_count(wanted))
        count = min(most_count, max(count * 2, min(count * 20, int(wanted / 5))))
