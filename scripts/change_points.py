#!/usr/bin/env python3
"""How often a change point is false or missed: series drawn from a recorded run.

Each run of a series is one row's estimate from pairs that are drawn again from those of
a record, around no change. Every second series has a step at a random place. In half of
the series the machine changes, which shifts all that follows and is known: the parts
are searched apart, as the history does with series of each machine.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pybench.comparison.judging import class_of, differences
from pybench.records.run_file import read_run
from pybench.statistics.change_points import (
    LEAST,
    Floats,
    Step,
    smallest_step,
    steps,
)
from pybench.statistics.ranks import estimate

PAIRS = 12
MARGIN = 0.03
MACHINES_DIFFER = 0.05
# A step counts as found if it is told at most so many runs off.
NEAR = 2


def series(
    noise: Floats, chance: np.random.Generator, step: float
) -> tuple[list[Floats], int | None, float]:
    """Return a series in the parts of each machine, and the step's place and size."""
    count = int(chance.integers(30, 91))
    values = np.array([estimate(chance.choice(noise, PAIRS)) for _ in range(count)])
    moved = int(chance.integers(8, count - 8)) if chance.random() < 0.5 else 0
    place, size = None, 0.0
    if step:
        while place is None or (moved and abs(place - moved) < LEAST):
            place = int(chance.integers(LEAST, count - LEAST + 1))
        size = math.log1p(step) * float(chance.choice([-1, 1]))
        values[place:] += size
    if moved:
        values[moved:] += chance.normal(0, MACHINES_DIFFER)
    parts = [values[:moved], values[moved:]] if moved else [values]
    return [part for part in parts if len(part)], place, size


def told(parts: Sequence[Floats], margin: float) -> Iterator[tuple[int, Step]]:
    """Yield the place and what is told of it."""
    begin = 0
    for part in parts:
        for step in steps(np.exp(part).tolist(), margin):
            yield begin + step.index, step
        begin += len(part)


def is_visible(
    parts: Sequence[Floats], place: int | None, size: float, margin: float
) -> bool:
    """Tell whether the series says of itself that it shows such a step there."""
    begin = 0
    for part in parts:
        if place is not None and begin <= place < begin + len(part):
            after = min(place - begin, begin + len(part) - place)
            least = smallest_step(np.exp(part).tolist(), margin, after)
            return least is not None and math.log1p(least) <= abs(size)
        begin += len(part)
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw series and say what was told of them, by the class of their row."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--step", type=float, default=0.05)
    parser.add_argument("--margin", type=float, default=MARGIN)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    run = read_run(options.run)
    rows = [
        (class_of(run.rows[row]), np.asarray(values) - np.median(values))
        for row, values in differences(run, run.contenders[0].name).items()
        if len(values) >= PAIRS
    ]
    if not rows:
        parser.error(f"{options.run}: no row has {PAIRS} pairs")
    chance = np.random.default_rng(options.seed)
    counts: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
    for number in range(options.series):
        kind, noise = rows[int(chance.integers(len(rows)))]
        stepped = number % 2
        parts, place, size = series(noise, chance, options.step * stepped)
        found = [*told(parts, options.margin)]
        near = [s for at, s in found if place is not None and abs(at - place) <= NEAR]
        held = sum(math.log(s.low) <= size <= math.log(s.high) for s in near[:1])
        row = [not stepped, not stepped and bool(found), stepped, stepped and not near]
        visible = is_visible(parts, place, size, options.margin)
        row += [bool(near), bool(held), visible, visible and not near]
        for name in (kind, "all"):
            counts.setdefault(name, np.zeros(8, dtype=np.int64))
            counts[name] += np.array([*map(int, row)])
    for kind, tally in counts.items():
        still, false, stepping, missed, told_near, intervals, *shown = tally.tolist()
        print(
            f"{kind}: false alarm in {false} of {still} series without a step; "
            f"{missed} of {stepping} steps of {options.step:.0%} missed, {shown[1]} of "
            f"the {shown[0]} that the series says it shows; the interval held "
            f"{intervals} of {told_near}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
