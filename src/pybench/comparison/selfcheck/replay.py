"""Thousands of suites drawn from recorded pairs, each judged by the tool itself.

The pairs are of an interpreter with itself, so which arm is which is a label: drawing
its sign anew gives a suite that could as well have happened. An injected change is
added to the logarithms of a row. Rows and pairs are drawn with replacement.
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
from pybench.records.run import Run
from pybench.records.run_file import read_run
from pybench.records.usage import UsageError
from pybench.statistics.decision import EQUIVALENT, FASTER, SLOWER, Verdict, decide
from pybench.statistics.plan import Plan

Floats = NDArray[np.float64]

# Fewer pairs than this say little of the tails that a suite needs.
PAIRS_LEAST = 20

# Rows of a suite with an injected change; about one in ten, as in a live one.
INJECTED_SHARE = 0.1
# Suites that are enough for power, which is far from 0 and from 1.
POWER_SUITES = 100
CURVE_PAIRS = (12, 16, 20, 28, 40)
CURVE_CHANGES = (0.03, 0.05)


class ReplayError(UsageError, ValueError):
    """Records that nothing can be drawn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The pairs of one row.

    Parameters
    ----------
    values : array, shape (pairs,)
        Log ratios.
    first : array, shape (pairs,)
        1 where the baseline's sample came first, -1 where the contender's did.
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
        If its two arms are not one file, or no row has pairs enough.
    """
    ours, theirs = run.baseline, run.contenders[0]
    if ours.python != theirs.python:
        raise ReplayError(
            f"{ours.python} and {theirs.python} are not one interpreter: record one "
            "with itself, by pybench selfcheck live PY --suites 1 --pairs 30"
        )
    plan = plan_of(run)
    rows = []
    for row, values in differences(run, theirs.name).items():
        record = run.rows[row]
        first = [
            1.0 if pair.order.index(ours.name) < pair.order.index(theirs.name) else -1.0
            for pair in run.pairs_of(row)
            if theirs.name in pair.samples
        ]
        if len(values) < PAIRS_LEAST or len(values) != len(first):
            continue
        if {*record.outcomes.values()} != {MEASURED}:
            continue
        rows.append(
            Recorded(
                row=row,
                kind=class_of(record),
                margin=margin_of(record, plan),
                values=np.asarray(values),
                first=np.asarray(first),
            )
        )
    if not rows:
        raise ReplayError(f"no row has {PAIRS_LEAST} pairs: record with --pairs 30")
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A suite; each by the name of the row in it. Rows not in `truth` are unchanged."""

    differences: dict[str, Floats]
    truth: dict[str, float]
    rows: dict[str, Recorded]


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
        injected: Callable[[Recorded], float] = lambda row: 1.0,
        share: float = 0.0,
        fixed_order: bool = False,
        pairs: int | None = None,
    ) -> Drawn:
        """Draw one suite.

        Parameters
        ----------
        injected : callable
            The ratio to inject into a row, if it is one of the `share`.
        fixed_order : bool
            Let the baseline always be first, as without the coin.
        pairs : int or None
            How many each row gets; None is what the plan may look at.
        """
        count = self.plan.most_pairs if pairs is None else pairs
        drawn = Drawn(differences={}, truth={}, rows={})
        for number in range(self.size):
            row = self.rows[int(self.rng.integers(len(self.rows)))]
            picked = self.rng.integers(len(row.values), size=count)
            if fixed_order:
                values = (row.values * row.first)[picked]
            else:
                values = row.values[picked] * self.rng.choice([-1.0, 1.0], count)
            name = f"{number} {row.row}"
            if self.rng.random() < share:
                drawn.truth[name] = injected(row)
                values = values + math.log(drawn.truth[name])
            drawn.differences[name] = values
            drawn.rows[name] = row
        return drawn

    def judge(
        self,
        differences: Mapping[str, Floats],
        rows: Mapping[str, Recorded],
        plan: Plan | None = None,
    ) -> dict[str, Verdict]:
        """Decide as a comparison does."""
        margins = {name: row.margin for name, row in rows.items()}
        lists = {name: values.tolist() for name, values in differences.items()}
        return decide(lists, plan or self.plan, margins)


def false_suites(
    source: Source, suites: int, **how: object
) -> tuple[int, dict[str, Tally]]:
    """Count the suites with any false verdict, and tally their rows by class."""
    false = 0
    tallies: dict[str, Tally] = {}
    for _ in range(suites):
        drawn = source.draw(**how)  # type: ignore[arg-type]
        wrong = False
        for name, verdict in source.judge(drawn.differences, drawn.rows).items():
            tally = tallies.setdefault(drawn.rows[name].kind, Tally())
            tally.add(verdict, drawn.truth.get(name, 1.0))
            wrong |= name not in drawn.truth and verdict.word in (SLOWER, FASTER)
        false += wrong
    return false, tallies


def is_mirrored(source: Source) -> bool:
    """Tell whether exchanging the arms mirrors every verdict to the last bit."""
    opposite = {SLOWER: FASTER, FASTER: SLOWER}
    drawn = source.draw(injected=lambda row: 1.05, share=INJECTED_SHARE)
    there = source.judge(drawn.differences, drawn.rows)
    mirrored = {name: -values for name, values in drawn.differences.items()}
    back = source.judge(mirrored, drawn.rows)
    again = source.judge(drawn.differences, drawn.rows)
    return there == again and all(
        back[name].word == opposite.get(verdict.word, verdict.word)
        and math.isclose(back[name].ratio * verdict.ratio, 1, rel_tol=1e-12)
        for name, verdict in there.items()
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
    kinds = sorted({row.kind for row in rows})
    counts = ", ".join(f"{sum(r.kind == kind for r in rows)} {kind}" for kind in kinds)
    least = min(len(row.values) for row in rows)
    yield f"{len(rows)} rows ({counts}), at least {least} pairs each; seed {seed}"
    for kind in kinds:
        yield _spread(kind, [row.values for row in rows if row.kind == kind])

    def source(number: int) -> Source:
        rng = np.random.default_rng((seed, number))
        return Source(rows=rows, size=size, plan=plan, rng=rng)

    yield f"mirrored and repeatable: {'yes' if is_mirrored(source(0)) else 'NO'}"
    false, tallies = false_suites(source(1), suites)
    yield f"nothing injected: suites with a false verdict {rate(false, suites)}"
    yield from _rates(tallies)
    few = max(1, suites // 10)
    for change in (0.05, 0.03):
        false, tallies = false_suites(
            source(2), few, injected=_injected(change), share=INJECTED_SHARE
        )
        yield (
            f"injected +{change:.0%} (other classes: twice their margin): suites with "
            f"a false verdict {rate(false, few)}"
        )
        yield from _rates(tallies)
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
    yield "a lone change among the rows, decided once at so many pairs:"
    curve = source(5)
    for pairs in CURVE_PAIRS:
        yield _power(curve, pairs, min(few, POWER_SUITES))


def _injected(change: float) -> Callable[[Recorded], float]:
    return lambda row: 1 + (change if row.kind == COMPUTING else 2 * row.margin)


def _spread(kind: str, rows: Sequence[Floats]) -> str:
    """Say how wide the pairs spread, which is what the margin of a class rests on."""
    spreads = [
        float(np.median(np.abs(values - np.median(values)))) * 1.4826 for values in rows
    ]
    low, middle, high = np.quantile(spreads, [0.1, 0.5, 0.9])
    return (
        f"  {kind}: pairs spread by {low:.1%}, {middle:.1%}, {high:.1%} "
        "(a tenth, half, nine tenths of the rows)"
    )


def _rates(tallies: Mapping[str, Tally]) -> Iterator[str]:
    for kind, tally in sorted(tallies.items()):
        same, planted = tally.same.total(), tally.planted.total()
        parts = [
            f"equivalent {rate(tally.same[EQUIVALENT], same)}, false {tally.false} "
            f"of {same} ({tally.false_beyond} by the margin or more)"
        ]
        if planted:
            parts.append(
                f"injected: slower {rate(tally.planted[SLOWER], planted)}, faster "
                f"{tally.planted[FASTER]}, equivalent {tally.planted[EQUIVALENT]}"
            )
        parts += [
            f"intervals that hold the truth {tally.covered / tally.intervals:.1%}",
            f"{tally.pairs / tally.rows:.1f} pairs a row",
        ]
        yield f"  {kind}: {'; '.join(parts)}"


def _power(source: Source, pairs: int, suites: int) -> str:
    """Say how often a lone change in a suite is found at so many pairs."""
    plan = source.plan.for_pairs(pairs)
    counts = dict.fromkeys(CURVE_CHANGES, 0)
    for _ in range(suites):
        drawn = source.draw(pairs=pairs)
        computing = [n for n, row in drawn.rows.items() if row.kind == COMPUTING]
        for name in computing[:1]:
            for change in counts:
                values = drawn.differences[name] + math.log1p(change)
                verdicts = source.judge(
                    {**drawn.differences, name: values}, drawn.rows, plan
                )
                counts[change] += verdicts[name].word == SLOWER
    return f"  {pairs} pairs: " + ", ".join(
        f"+{change:.0%} found {rate(count, suites)}" for change, count in counts.items()
    )
