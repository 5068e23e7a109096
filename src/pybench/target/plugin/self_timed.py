"""Rows that time themselves: told how many calls to make, they say what those took.

So are the rows of other tools' suites, whose functions set something up, time a part of
what they do and return its seconds. Under ``pybench compare`` each answer is a sample,
elsewhere it is a round of pytest-benchmark.
"""

import cProfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pybench.records.samples import Sample
from pybench.target.plugin.interleaving_adapters import (
    COUNT_MOST,
    REFILL_FROM,
    SETUP_SHARE,
    whole_count,
)
from pybench.target.plugin.interleaving_timer import undisturbed
from pybench.target.plugin.stock_rows import add_rounds, used_once
from pybench.target.process import clocks

# A round is as long as a sample of a comparison.
ROUND_NS = 5e6

# So many times the calls of the step before are tried when a sample is sized.
_STEP = 4

Timed = Callable[[int], Sample]


class TimedAdapter:
    """Asks the row's function for samples of a number of calls."""

    rounds = None

    def __init__(self, benchmark: Any, timed: Timed) -> None:
        self._benchmark = benchmark
        self._timed = timed

    def size(self, target_ns: float, most: int) -> dict[str, int]:
        """Find how many calls fill a sample.

        What is set up once for a sample is no matter, such as an event loop; what is
        set up for each call may take `SETUP_SHARE` times the target, all together.
        """
        # What is done only once, such as an import, is no set-up of either kind.
        if self._run(1).wall_ns >= target_ns:
            return {"count": 1}
        count, most_setup = 1, SETUP_SHARE * target_ns
        timed, setup = self._timed_and_setup(count)
        per_call = 0.0
        while timed < target_ns / 10 and count < most:
            before, setup_before = count, setup
            count = min(most, count * _STEP)
            timed, setup = self._timed_and_setup(count)
            per_call = max(0.0, setup - setup_before) / (count - before)
            if per_call * count > most_setup:
                break
        wanted = target_ns * count / max(timed, 1)
        if per_call:
            wanted = min(wanted, most_setup / per_call)
        return {"count": min(most, whole_count(wanted))}

    def _timed_and_setup(self, count: int) -> tuple[int, int]:
        start = clocks.wall_ns()
        sample = self._run(count)
        setup = clocks.wall_ns() - start - sample.wall_ns
        # Without the time in which others had the CPU: it would seem filled too early.
        idle = max(0, sample.wall_ns - sample.cpu_ns)
        return sample.wall_ns - min(sample.waited_ns, idle), setup

    def run(self, numbers: Mapping[str, int]) -> Sample:
        """Run so many calls; `ValueError` if it says that they took no time."""
        if numbers["count"] >= REFILL_FROM:
            self._run(1)
        sample = self._run(numbers["count"])
        if sample.wall_ns <= 0:
            raise ValueError(
                f"the row says that {numbers['count']} calls took {sample.wall_ns} ns"
            )
        return sample

    def _run(self, count: int) -> Sample:
        with undisturbed(is_collector_off=self._benchmark._disable_gc):
            return self._timed(count)

    def finish(self) -> None:
        """Return nothing: nobody gets a result of such a row."""


def measure(config: pytest.Config, benchmark: Any, timed: Timed) -> None:
    """Measure a row; `timed` makes so many calls and returns what they took.

    `benchmark` is the row's fixture of pytest-benchmark. Raises `ValueError` if a
    sample says that it took no time.
    """
    interleaving: Any = config.pluginmanager.get_plugin("pybench-interleaving")
    with used_once(benchmark, "self-timed"):
        adapter = TimedAdapter(benchmark, timed)
        if interleaving is not None:
            interleaving.serve(benchmark, adapter)
        elif benchmark.disabled:
            timed(1)
        else:
            _add_rounds(benchmark, adapter, timed)


def _add_rounds(benchmark: Any, adapter: TimedAdapter, timed: Timed) -> None:
    """Run rounds as stock's options say: for so long, and at least so many."""
    until = clocks.wall_ns() + benchmark._max_time * 1e9
    numbers = adapter.size(ROUND_NS, COUNT_MOST)
    rounds: list[float] = []
    while len(rounds) < benchmark._min_rounds or clocks.wall_ns() < until:
        rounds.append(adapter.run(numbers).wall_ns / 1e9)
    add_rounds(benchmark, rounds, numbers["count"])
    if benchmark.cprofile:
        profile = cProfile.Profile()
        profile.runcall(timed, 1)
        benchmark._save_cprofile(profile)
