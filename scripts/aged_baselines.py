#!/usr/bin/env python3
"""How often a comparison with a saved baseline is wrong: suites drawn from records.

Each row of a run (`run.jsonl`) has the times of many fresh processes of one
interpreter. Some of them stand for the baseline, others for the session that is
compared with it, so that nothing differs but the machine. Half of the suites take the
baseline from the first half of the run and the session from the second, so that they
have the drift that was recorded between them, the machine controls too. The others draw
both from the whole run and plant a drift: the controls move by it, and each row by any
share of it, up or down. A change of 10 % in one row of each suite has to be found.

Processes are drawn from those of the row, never twice on one side. `--noise` shrinks
the recorded spread around each row's median, as the records at hand may be of a busy
machine.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pybench.comparison.mean_groups import YARDSTICK_GROUP
from pybench.records.run import Run
from pybench.records.run_file import read_run
from pybench.statistics.differences import DifferenceError, timed_ns
from pybench.statistics.unpaired import (
    INCONCLUSIVE,
    PROCESSES_LEAST,
    SLOWER,
    changes,
    drift_of,
    is_swallowed,
)

PLANTED = 1.1
MARGIN = 0.03
Side = tuple[list[float], list[float]]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The logarithm of the time of each process of one interpreter, by row."""

    rows: Mapping[str, list[float]]
    controls: Mapping[str, list[float]]
    threaded: frozenset[str]


@dataclass(kw_only=True)
class Tally:
    """What the suites of one kind came to."""

    suites: int = 0
    refused: int = 0
    false: int = 0
    planted: int = 0
    found: int = 0
    wide: int = 0
    drifts: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        """Return a line."""
        told = f"{self.found} of {self.planted}" if self.planted else "none was judged"
        return (
            f"{self.suites} suites, {self.false} with a false verdict; {self.refused} "
            f"refused for their drift (middle {statistics.median(self.drifts):.1%}); "
            f"+{PLANTED - 1:.0%} found in the others: {told}; in {self.wide} of the "
            "rest the spread of the row itself explains as much, as is said"
        )


def recorded(run: Run, arm: str, noise: float) -> Recorded:
    """Return the processes of an arm."""
    times: dict[str, list[float]] = {}
    for name, row in run.rows.items():
        found = []
        for pair in run.pairs_of(name):
            for process in pair.timed(arm):
                try:
                    took = [timed_ns(sample, row.clock) for sample in process]
                    found.append(math.log(statistics.median(took)))
                except (DifferenceError, ValueError):
                    continue  # no sample, or one without a time
        if found:
            middle = statistics.median(found)
            times[name] = [middle + noise * (value - middle) for value in found]
    controls = {
        name: values
        for name, values in times.items()
        if run.rows[name].group == YARDSTICK_GROUP
        and run.rows[name].threads == 1
        and len(values) > 1
    }
    return Recorded(
        rows={
            name: values
            for name, values in times.items()
            if run.rows[name].group != YARDSTICK_GROUP
            and len(values) >= 2 * PROCESSES_LEAST
        },
        controls=controls,
        threaded=frozenset(name for name in times if run.rows[name].threads > 1),
    )


def drawn(
    values: Sequence[float], chance: random.Random, most: int, *, by_time: bool
) -> Side:
    """Draw two sides of as many processes, of one row."""
    half = len(values) // 2
    parts = [*values] if by_time else chance.sample(values, len(values))
    count = min(most, half)
    return chance.sample(parts[:half], count), chance.sample(parts[half:], count)


def times(values: Sequence[float], moved: float = 0.0) -> list[float]:
    """Return seconds; the unit cancels out."""
    return [math.exp(value + moved) for value in values]


def judge_suite(
    source: Recorded, chance: random.Random, tally: Tally, options: argparse.Namespace
) -> None:
    """Draw one suite, judge it, and count."""
    by_time = bool(tally.suites % 2)
    planted = 0.0 if by_time else chance.uniform(-1, 1) * math.log1p(options.drift)
    controls = {}
    for name, values in source.controls.items():
        then, now = drawn(values, chance, options.processes, by_time=by_time)
        moved = statistics.median(now) + planted - statistics.median(then)
        controls[name] = (1.0, math.exp(moved))
    drift = drift_of(controls)
    suite, threaded = {}, set()
    for number in range(options.rows):
        name = chance.choice([*source.rows])
        then, now = drawn(source.rows[name], chance, options.processes, by_time=by_time)
        share = chance.uniform(-1, 1)
        suite[f"{number} {name}"] = times(then), times(now, share * planted)
        if name in source.threaded:
            threaded.add(f"{number} {name}")
    judged = changes(suite, drift, options.margin, threaded=threaded)
    tally.suites += 1
    tally.false += any(change.word != INCONCLUSIVE for change in judged.values())
    tally.drifts.append(math.expm1(drift or 0.0))
    if drift is None or is_swallowed(drift, options.margin):
        tally.refused += 1
        return
    name = next((name for name in suite if name not in threaded), "")
    if name:
        then, now = suite[name]
        suite[name] = then, [PLANTED * time for time in now]
        judged = changes(suite, drift, options.margin, threaded=threaded)
        tally.planted += 1
        is_found = judged[name].word == SLOWER
        tally.found += is_found
        tally.wide += not is_found and judged[name].explained >= PLANTED - 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw suites and say what they came to."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--suites", type=int, default=100)
    parser.add_argument("--rows", type=int, default=250)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--drift", type=float, default=0.02)
    parser.add_argument("--margin", type=float, default=MARGIN)
    parser.add_argument("--noise", type=float, nargs="+", default=[1.0, 0.5, 0.25])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    worst = 0.0
    for folder in options.runs:
        run = read_run(folder)
        for side in run.sides.values():
            if side.twin_of is not None:
                continue  # too few rows
            for noise in options.noise:
                source = recorded(run, side.name, noise)
                tally, chance = Tally(), random.Random(options.seed)
                for _ in range(options.suites):
                    judge_suite(source, chance, tally, options)
                print(f"{folder} {side.name}, noise {noise:g}: {tally}", flush=True)
                worst = max(worst, tally.false / tally.suites)
    return int(worst > 0.01)


if __name__ == "__main__":
    sys.exit(main())
