"""Two callables against each other: in turn in one process, or in pairs of processes.

One process is one process: what it says of two callables may be different in the next.
So samples of this one give a ratio and no verdict; pairs of fresh processes give what
`pybench.statistics` decides on them.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pybench.notebook.charts import differences_spec
from pybench.notebook.isolated import measure_isolated, order
from pybench.notebook.measurement import IN_PROCESS, Measurement
from pybench.notebook.session import measure_in_turn
from pybench.notebook.shown import Shown, table_html
from pybench.notebook.subject import name_of
from pybench.records.samples import Sample
from pybench.records.texts import duration
from pybench.target.process.lazy_results import sentence

UNREPLICATED = "inconclusive (unreplicated)"
_ROW = "callables"

# A difference of a few per cent in a row of its own is decided by so many.
PAIRS = 12
_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableComparison(Shown):
    """What two callables took; ratios are the time of `b` over that of `a`.

    Parameters
    ----------
    a, b : str
        Their names.
    word : str
        A verdict of `pybench.statistics`, or "inconclusive (unreplicated)".
    ratio : float
        Of pairs of processes the verdict's estimate, else the median over the rounds.
    low, high : float or None
        Interval of the ratio; None in one process, where there is none to be had.
    ratios : tuple of float
        One per pair of processes, or per round.
    a_ns, b_ns : float
        Time of a call: the median of `a`, and that times the ratio, so that they point
        where the ratio does.
    pairs : int
        Pairs of processes; 0 in one process.
    margin : float
        Changes below it count as equal.
    smallest_visible : float or None
        Relative change that so many pairs would have shown nine times in ten.
    clock : str
        "wall" or "cpu".
    place : str
        Where this was measured, and under which interpreter.
    made : tuple of str
        Of each whose calls only make what was then run to its end, a sentence.
    """

    a: str
    b: str
    word: str
    ratio: float
    low: float | None
    high: float | None
    ratios: tuple[float, ...]
    a_ns: float
    b_ns: float
    pairs: int
    margin: float
    smallest_visible: float | None
    clock: str
    place: str
    made: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        interval = ""
        if self.low is not None and self.high is not None:
            interval = f" [{self.low:.3f}, {self.high:.3f}]"
        return (
            f"{self.b} against {self.a}: {self.word}, ratio {self.ratio:.3f}{interval}"
        )

    @property
    def limits(self) -> tuple[str, ...]:
        """What must be known to read the numbers, in sentences."""
        notes = [self.place, f"{self.clock} time; margin {self.margin:.1%}", *self.made]
        if not self.pairs:
            notes.append(
                "one process is one process: another may say otherwise. With "
                "isolated=True pairs of fresh processes are decided on"
            )
        elif self.smallest_visible is not None:
            notes.append(
                f"{self.pairs} pairs of processes; a change of "
                f"{self.smallest_visible:.1%} would have been seen nine times in ten"
            )
        else:
            notes.append(f"{self.pairs} pairs of processes: too few to see any change")
        return tuple(notes)

    def records(self) -> list[dict[str, Any]]:
        """Return one flat record per pair of processes, or per round."""
        unit = "pair" if self.pairs else "round"
        return [
            {"a": self.a, "b": self.b, unit: number, "ratio": ratio}
            for number, ratio in enumerate(self.ratios, 1)
        ]

    def _headline(self) -> str:
        return self.verdict

    def _tables(self) -> str:
        rows = [[self.a, duration(self.a_ns)], [self.b, duration(self.b_ns)]]
        return table_html(["", "time of a call"], rows, left=1)

    def _notes(self) -> tuple[str, ...]:
        return self.limits

    def _spec(self) -> dict[str, Any]:
        unit = "pair of processes" if self.pairs else "round"
        return differences_spec(self.ratios, self.margin, unit)

    def __str__(self) -> str:
        times = f"{self.a} {duration(self.a_ns)}, {self.b} {duration(self.b_ns)}"
        return "\n".join([self.verdict, times, *(f"! {note}" for note in self.limits)])


def in_turn(
    a: Callable[[], object],
    b: Callable[[], object],
    *,
    margin: float,
    rounds: int | None,
) -> CallableComparison:
    """Let two callables take turns in this process.

    Raises
    ------
    RuntimeError
        If something turned the GIL on meanwhile; names it.
    """
    first, second = measure_in_turn(a, b, rounds)
    if first.void:
        raise RuntimeError(f"void: {first.void}")
    ours, theirs = first.counts[0].rounds, second.counts[0].rounds
    ratios = tuple(
        theirs.value_ns / ours.value_ns
        for ours, theirs in zip(ours, theirs, strict=True)
    )
    ratio, a_ns = statistics.median(ratios), first.counts[0].median_ns
    return CallableComparison(
        a=first.name,
        b=second.name,
        word=UNREPLICATED,
        ratio=ratio,
        low=None,
        high=None,
        ratios=ratios,
        a_ns=a_ns,
        b_ns=a_ns * ratio,
        pairs=0,
        margin=margin,
        smallest_visible=None,
        clock="wall",
        place=f"{IN_PROCESS}; {_interpreter(first)}",
        made=_made(first, second),
    )


def in_pairs(
    a: Callable[[], object], b: Callable[[], object], *, margin: float, pairs: int
) -> CallableComparison:
    """Decide on pairs of fresh processes, one of each, in an order drawn for each pair.

    Raises
    ------
    ValueError
        For what another process cannot import, and pairs or a margin out of range.
    RuntimeError
        If a process died, or something turned its GIL on; names it.
    """
    import math

    from pybench.statistics.decision import decide
    from pybench.statistics.differences import choose_metric, exclusive_difference
    from pybench.statistics.plan import Plan

    plan = Plan(margin=margin).for_pairs(pairs)
    orders = [order(call, rounds=_ROUNDS) for call in (a, b)]
    # Sized once, on the first callable: both do the same number of calls.
    sized = _measured(orders[0]).counts[0].rounds[0].iterations
    orders = [replace(asked, iterations=sized) for asked in orders]
    taken: list[list[Measurement]] = [[], []]
    draws = random.Random()
    for _ in range(pairs):
        for index in draws.sample((0, 1), 2):
            taken[index].append(_measured(orders[index]))
    samples = [[*map(_samples, of_arm)] for of_arm in taken]
    metric = choose_metric(
        [s for of_process in of_arm for s in of_process] for of_arm in samples
    )
    differences = [
        exclusive_difference(ours, theirs, metric)
        for ours, theirs in zip(*samples, strict=True)
    ]
    verdict = decide({_ROW: differences}, plan)[_ROW]
    visible = verdict.smallest_visible
    a_ns = statistics.median(
        measurement.counts[0].cpu_ns
        if metric == "cpu"
        else measurement.counts[0].median_ns
        for measurement in taken[0]
    )
    return CallableComparison(
        a=name_of(a),
        b=name_of(b),
        word=verdict.word + (" (below the margin)" if verdict.below_margin else ""),
        ratio=verdict.ratio,
        low=verdict.low if math.isfinite(verdict.low) else None,
        high=verdict.high if math.isfinite(verdict.high) else None,
        ratios=tuple(math.exp(difference) for difference in differences),
        a_ns=a_ns,
        b_ns=a_ns * verdict.ratio,
        pairs=pairs,
        margin=verdict.margin,
        smallest_visible=visible if math.isfinite(visible) else None,
        clock=metric,
        place=f"pairs of fresh processes; {_interpreter(taken[0][0])}",
        made=_made(taken[0][0], taken[1][0]),
    )


def _measured(asked: Any) -> Measurement:
    measurement = measure_isolated(asked)
    if measurement.void:
        raise RuntimeError(f"{measurement.name} is void: {measurement.void}")
    return measurement


def _samples(measurement: Measurement) -> list[Sample]:
    return [
        Sample(
            wall_ns=round(r.value_ns * r.iterations),
            cpu_ns=round(r.cpu_ns * r.iterations),
            waited_ns=0,
        )
        for r in measurement.counts[0].rounds
    ]


def _made(*measurements: Measurement) -> tuple[str, ...]:
    return tuple(f"{m.name}: {sentence(m.makes)}" for m in measurements if m.makes)


def _interpreter(measurement: Measurement) -> str:
    gil = "GIL on" if measurement.gil_enabled else "GIL off"
    return f"{measurement.interpreter}, {gil}; {measurement.machine}"
