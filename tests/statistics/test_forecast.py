"""What is foreseen of rows that go on, held against what they come to.

Suites are drawn, taken round by round through the real decision, and timed by a cost of
each row: the same is replayed as a run is, without a clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")

import numpy as np

from pybench.comparison.forecast import Forecast, RowForecast
from pybench.statistics.decision import INCONCLUSIVE, Verdict, decide
from pybench.statistics.forecast import chances
from pybench.statistics.plan import Plan

PLAN = Plan()
BATCH_S = 3.0


@dataclass
class Replay:
    """A suite whose rows take turns as a comparison lets them."""

    seed: int
    rows: int = 80
    budget_s: float = math.inf
    taken: dict[str, int] = field(default_factory=dict)
    spent_s: float = 0.0
    known: dict[str, Verdict] = field(default_factory=dict)
    at_look: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Draw rows: most unchanged or clearly changed, spreads as recorded ones."""
        draws = np.random.default_rng(self.seed)
        self.values, self.pair_s = {}, {}
        for number in range(self.rows):
            spread = math.exp(draws.normal(math.log(0.012), 0.9))
            centre = draws.choice([0.0, draws.normal(0, 0.03), draws.normal(0, 0.3)])
            # Wild pairs, as a busy machine has them.
            noise = draws.standard_t(4, PLAN.most_pairs)
            self.values[f"row{number}"] = (centre + spread * noise).tolist()
            self.pair_s[f"row{number}"] = math.exp(draws.normal(-1.2, 0.5))
        self.taken = dict.fromkeys(self.values, 0)

    def verdicts(self) -> dict[str, Verdict]:
        """Decide on what was taken."""
        at_look = [
            max(n for n in (1, *PLAN.looks) if n <= max(taken, 1))
            for taken in self.taken.values()
        ]
        if at_look != self.at_look:
            self.at_look = at_look
            there = {row: self.values[row][:n] for row, n in self.taken.items() if n}
            self.known = decide(there, PLAN)
        return self.known

    def foreseen(self) -> Forecast:
        """Forecast from what was taken."""
        known = self.verdicts()
        rows = [row for row in self.taken if row not in known or known[row].is_open]
        found = chances(
            [self.values[row][: self.taken[row]] for row in rows],
            [PLAN.log_margin] * len(rows),
            PLAN,
            rows=len(self.taken),
            different=sum(verdict.is_different for verdict in known.values()),
        )
        return Forecast(
            rows=[
                RowForecast(
                    row=row, key="", taken=self.taken[row], pair_s=self.pair_s[row],
                    settled=found.settled[n].tolist(), open=found.open[n].tolist(),
                )
                for n, row in enumerate(rows)
            ],
            looks=PLAN.looks,
            batch_s=BATCH_S,
            round_s=0.0,
        )  # fmt: skip

    def rounds(self) -> Iterator[tuple[float, Forecast]]:
        """Take rounds until all is settled or the budget is spent."""
        for look, pairs in enumerate(PLAN.looks):
            while True:
                ahead = self.foreseen()
                targets = ahead.spend(self.budget_s - self.spent_s)
                due = [
                    row.row
                    for row in ahead.rows
                    if row.taken < pairs
                    and (math.isinf(self.budget_s) or targets.get(row.row, -1) >= look)
                ]
                if not due or self.spent_s >= self.budget_s:
                    break
                yield self.spent_s, ahead
                for row in due:
                    self.taken[row] += 1
                    self.spent_s += self.pair_s[row]
                self.spent_s += BATCH_S * math.ceil(len(due) / 40)

    def undecided(self) -> int:
        """Count the rows without a verdict."""
        settled = sum(v.word != INCONCLUSIVE for v in self.verdicts().values())
        return len(self.taken) - settled


def test_time_left_is_within_a_quarter_from_a_third_of_the_way_on() -> None:
    replay = Replay(1)

    told = [(spent_s, ahead.left_s()) for spent_s, ahead in replay.rounds()]

    whole_s = replay.spent_s
    late = [of for of in told if of[0] > whole_s / 3]
    assert len(late) > 20
    for spent_s, left_s in late:
        # A hundredth of the whole is what one row more or less takes at the end.
        true_s = whole_s - spent_s
        assert abs(left_s - true_s) <= max(0.25 * true_s, 0.01 * whole_s)


def test_what_a_budget_leaves_undecided_is_foreseen_and_little() -> None:
    whole = Replay(3)
    for _ in whole.rounds():
        pass
    budget_s = whole.spent_s / 2
    replay = Replay(3, budget_s=budget_s)

    told = [
        (ahead.undecided_after(budget_s - spent_s), ahead)
        for spent_s, ahead in replay.rounds()
        if ahead.is_known
    ]

    undecided, lost = replay.undecided(), whole.undecided()
    # Half the time, and most of the verdicts that there can be.
    assert undecided - lost < 0.35 * (replay.rows - lost)
    given_up = len(replay.taken) - len(replay.foreseen().rows)
    given_up -= sum(v.word != INCONCLUSIVE for v in replay.verdicts().values())
    assert told[len(told) // 2][0] + given_up == pytest.approx(undecided, rel=0.35)


def test_twice_the_time_settles_about_what_was_said() -> None:
    first = Replay(4, budget_s=150.0)
    for _ in first.rounds():
        pass
    before = first.undecided()
    ahead = first.foreseen()
    said = len(ahead.rows) - ahead.undecided_after(150.0)

    first.budget_s = first.spent_s + 150.0
    for _ in first.rounds():
        pass

    assert said > 3
    assert before - first.undecided() == pytest.approx(said, rel=0.35, abs=3)


def test_controls_come_first_then_the_nearest_verdict() -> None:
    def row(name: str, settled: float, *, is_control: bool = False) -> RowForecast:
        chance = [settled] * 5
        return RowForecast(
            row=name, key="", taken=0, pair_s=1.0, settled=chance, open=chance,
            is_control=is_control,
        )  # fmt: skip

    rows = [row("far", 0.1), row("near", 0.9), row("control", 0.0, is_control=True)]

    def chosen(budget_s: float) -> set[str]:
        ahead = Forecast(rows=rows, looks=PLAN.looks, batch_s=0.0, round_s=0.0)
        return {*ahead.spend(budget_s)}

    assert chosen(7) == {"control"}
    assert chosen(13) == {"control", "near"}
    assert chosen(100) == {"control", "near", "far"}
    assert chosen(5) == set()


def test_rows_without_pairs_are_taken_for_rows_like_the_others() -> None:
    quiet = [0.2, 0.201, 0.199]
    found = chances([quiet, [], quiet], [0.03] * 3, PLAN, rows=3, different=0)
    alone = chances([[]], [0.03], PLAN, rows=1, different=0)

    assert found.settled[1].tolist() == found.settled[0].tolist()
    assert found.settled[0][-1] == 1
    assert found.open[:, -1].tolist() == [0, 0, 0]
    assert alone.settled.shape == (1, 5)
