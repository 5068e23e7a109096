"""Thousands of suites drawn from recorded pairs, each judged by the tool itself.

The pairs are of an interpreter with itself, so which side is which is a label: drawing
its sign anew gives a suite that could as well have happened. A planted change is added
to the logarithms of a row. What is drawn is drawn with replacement, rows and pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pybench.comparison.judging import (
    COMPUTING,
    class_of,
    differences,
    margin_of,
    plan_of,
)
from pybench.comparison.selfcheck.tally import Tally, rate
from pybench.records.outcomes import MEASURED
from pybench.records.run import Run, read_run
from pybench.statistics.decision import FASTER, SLOWER, Verdict, decide
from pybench.statistics.plan import Plan

Floats = NDArray[np.float64]

# Fewer pairs than this say little of the tails that a suite needs.
PAIRS_LEAST = 20

# Rows of a suite in which something is planted; about one in ten, as in a live one.
PLANTED_SHARE = 0.1
# Suites that are enough for power, which is far from 0 and from 1.
POWER_SUITES = 100
CURVE_PAIRS = (12, 16, 20, 28, 40)


class ReplayError(ValueError):
    """Records that nothing can be drawn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The pairs of one row.

    Parameters
    ----------
    values : array, shape (pairs,)
        Log ratios.
    first : array, shape (pairs,)
        1 where the baseline took the first turn, -1 where the contender did.
    """

    row: str
    kind: str
    margin: float
    values: Floats
    first: Floats

    @property
    def order_effect(self) -> float:
        """By how much whoever comes second takes longer, as a logarithm."""
        return float(np.mean(self.values * self.first))


def recorded(run: Run) -> list[Recorded]:
    """Return the rows of a run that have pairs enough.

    Raises
    ------
    ReplayError
        If its two sides are not one file, or no row has pairs enough.
    """
    contender = run.contenders[0]
    ours, theirs = run.baseline, contender
    if ours.python != theirs.python:
        raise ReplayError(
            f"{ours.python} and {theirs.python} are not one interpreter: record one "
            "with itself, by pybench selfcheck live PY --suites 1 --pairs 30"
        )
    plan = plan_of(run)
    found = []
    for row, values in differences(run, contender.name).items():
        orders = [
            pair.order
            for _, pair in sorted(run.pairs[row].items())
            if contender.name in pair.samples
        ]
        starts = [
            1.0 if order.index(ours.name) < order.index(contender.name) else -1.0
            for order in orders
        ]
        record = run.rows[row]
        if len(values) < PAIRS_LEAST or len(values) != len(starts):
            continue
        if {*record.outcomes.values()} != {MEASURED}:
            continue
        found.append(
            Recorded(
                row=row,
                kind=class_of(record),
                margin=margin_of(record, plan),
                values=np.asarray(values),
                first=np.asarray(starts),
            )
        )
    if not found:
        raise ReplayError(f"no row has {PAIRS_LEAST} pairs: record with --pairs 30")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What suites are drawn from."""

    rows: Sequence[Recorded]
    size: int
    plan: Plan
    rng: np.random.Generator

    def draw(
        self,
        *,
        planted: Callable[[Recorded], float] = lambda row: 1.0,
        share: float = 0.0,
        fixed_order: bool = False,
        pairs: int | None = None,
    ) -> tuple[dict[str, Floats], dict[str, float], dict[str, Recorded]]:
        """Draw one suite.

        Parameters
        ----------
        planted : callable
            The ratio to plant in a row, if it is one of the `share`.
        fixed_order : bool
            Let the baseline always be first, as without the coin.
        pairs : int or None
            How many each row gets; None is what the plan may look at.

        Returns
        -------
        (differences, truth, rows)
            Each by the name of the row in this suite.
        """
        count = self.plan.most_pairs if pairs is None else pairs
        differences: dict[str, Floats] = {}
        truth: dict[str, float] = {}
        drawn: dict[str, Recorded] = {}
        for number in range(self.size):
            row = self.rows[int(self.rng.integers(len(self.rows)))]
            picked = self.rng.integers(len(row.values), size=count)
            if fixed_order:
                values = (row.values * row.first)[picked]
            else:
                values = row.values[picked] * self.rng.choice([-1.0, 1.0], count)
            name = f"{number} {row.row}"
            if self.rng.random() < share:
                truth[name] = planted(row)
                values = values + math.log(truth[name])
            differences[name] = values
            drawn[name] = row
        return differences, truth, drawn

    def judge(
        self,
        differences: Mapping[str, Floats],
        drawn: Mapping[str, Recorded],
        plan: Plan | None = None,
    ) -> dict[str, Verdict]:
        """Decide as a comparison does."""
        margins = {name: row.margin for name, row in drawn.items()}
        rows = {name: values.tolist() for name, values in differences.items()}
        return decide(rows, plan or self.plan, margins)


def false_suites(
    source: Source, suites: int, **how: object
) -> tuple[int, dict[str, Tally]]:
    """Count the suites with any false verdict, and tally their rows by class."""
    false = 0
    tallies: dict[str, Tally] = {}
    for _ in range(suites):
        differences, truth, drawn = source.draw(**how)  # type: ignore[arg-type]
        verdicts = source.judge(differences, drawn)
        wrong = False
        for name, verdict in verdicts.items():
            tally = tallies.setdefault(drawn[name].kind, Tally())
            tally.add(verdict, truth.get(name, 1.0))
            wrong |= name not in truth and verdict.word in (SLOWER, FASTER)
        false += wrong
    return false, tallies


def is_mirrored(source: Source) -> bool:
    """Tell whether exchanging the sides mirrors every verdict to the last bit."""
    opposite = {SLOWER: FASTER, FASTER: SLOWER}
    differences, _, drawn = source.draw(planted=lambda row: 1.05, share=PLANTED_SHARE)
    there = source.judge(differences, drawn)
    back = source.judge({name: -d for name, d in differences.items()}, drawn)
    again = source.judge(differences, drawn)
    return there == again and all(
        back[name].word == opposite.get(one.word, one.word)
        and math.isclose(back[name].ratio * one.ratio, 1, rel_tol=1e-12)
        for name, one in there.items()
    )


def replay(folders: Sequence[str], suites: int, size: int, seed: int) -> Iterator[str]:
    """Yield the lines of the whole check, as they are known.

    Parameters
    ----------
    folders : sequence of str
        Runs of an interpreter with itself.
    suites : int
        How many for the rate of false ones; the other checks take a tenth.
    size : int
        Rows of each.

    Raises
    ------
    DocumentError, ReplayError
        If a record cannot be read or drawn from.
    """
    runs = [read_run(Path(folder)) for folder in folders]
    rows = [row for run in runs for row in recorded(run)]
    plan = Plan(margin=runs[0].header.margin)
    kinds = {row.kind for row in rows}
    counts = ", ".join(f"{sum(r.kind == k for r in rows)} {k}" for k in sorted(kinds))
    least = min(len(row.values) for row in rows)
    yield f"{len(rows)} rows ({counts}), at least {least} pairs each; seed {seed}"
    yield from _spread(rows)

    def source(number: int) -> Source:
        return Source(
            rows=rows,
            size=size,
            plan=plan,
            rng=np.random.default_rng((seed, number)),
        )

    yield f"mirrored and repeatable: {'yes' if is_mirrored(source(0)) else 'NO'}"
    false, tallies = false_suites(source(1), suites)
    yield f"nothing planted: suites with a false verdict {rate(false, suites)}"
    yield from _rates(tallies, "  ")
    few = max(1, suites // 10)
    for change in (0.05, 0.03):
        false, tallies = false_suites(
            source(2), few, planted=_planted(change), share=PLANTED_SHARE
        )
        yield (
            f"planted +{change:.0%} (other classes: twice their margin): suites with a "
            f"false verdict {rate(false, few)}"
        )
        yield from _rates(tallies, "  ")
    false = 0
    stopping = source(3)
    for _ in range(few):
        pairs = int(stopping.rng.integers(1, plan.most_pairs + 1))
        false += false_suites(stopping, 1, pairs=pairs)[0]
    yield f"stopped at random: suites with a false verdict {rate(false, few)}"
    effects = sorted(rows, key=lambda row: -abs(row.order_effect))[:3]
    false, _ = false_suites(source(4), few, fixed_order=True)
    yield f"always the same side first (must be worse): {rate(false, few)}"
    yield "  largest effects of the order: " + ", ".join(
        f"{math.expm1(row.order_effect):+.1%} {row.row.rpartition('::')[2]}"
        for row in effects
    )
    yield from _curve(source(5), min(few, POWER_SUITES))


def _planted(change: float) -> Callable[[Recorded], float]:
    def ratio(row: Recorded) -> float:
        return 1 + (change if row.kind == COMPUTING else 2 * row.margin)

    return ratio


def _spread(rows: Sequence[Recorded]) -> Iterator[str]:
    """Say how wide the pairs spread, which is what the margin of a class rests on."""
    for kind in sorted({row.kind for row in rows}):
        spreads = [
            float(np.median(np.abs(r.values - np.median(r.values)))) * 1.4826
            for r in rows
            if r.kind == kind
        ]
        low, middle, high = np.quantile(spreads, [0.1, 0.5, 0.9])
        yield (
            f"  {kind}: pairs spread by {low:.1%}, {middle:.1%}, {high:.1%} "
            "(a tenth, half, nine tenths of the rows)"
        )


def _rates(tallies: Mapping[str, Tally], indent: str) -> Iterator[str]:
    for kind, tally in sorted(tallies.items()):
        same, planted = sum(tally.same.values()), sum(tally.planted.values())
        said = (
            f"equivalent {rate(tally.same['equivalent'], same)}, false {tally.false} "
            f"of {same} ({tally.false_beyond} by the margin or more)"
        )
        if planted:
            said += (
                f"; planted: slower {rate(tally.planted[SLOWER], planted)}, faster "
                f"{tally.planted[FASTER]}, equivalent {tally.planted['equivalent']}"
            )
        said += f"; intervals that hold the truth {tally.covered / tally.intervals:.1%}"
        yield f"{indent}{kind}: {said}; {tally.pairs / tally.rows:.1f} pairs a row"


def _curve(source: Source, suites: int) -> Iterator[str]:
    """Yield power at fixed numbers of pairs, for a lone change in a suite."""
    yield "a lone change among the rows, decided once at so many pairs:"
    for pairs in CURVE_PAIRS:
        plan = source.plan.for_pairs(pairs)
        found = {0.03: 0, 0.05: 0}
        for _ in range(suites):
            differences, _, drawn = source.draw(pairs=pairs)
            computing = [n for n, row in drawn.items() if row.kind == COMPUTING]
            if not computing:
                continue
            for change in found:
                name = computing[0]
                planted = {**differences, name: differences[name] + math.log1p(change)}
                verdict = source.judge(planted, drawn, plan)[name]
                found[change] += verdict.word == SLOWER
        yield f"  {pairs} pairs: " + ", ".join(
            f"+{change:.0%} found {rate(count, suites)}"
            for change, count in found.items()
        )
