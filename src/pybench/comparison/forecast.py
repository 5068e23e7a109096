"""What a run that goes on will bring: time left, and where time is spent best.

From each row's spread, margin and cost; a forecast decides nothing.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from pybench.comparison.judging import Judgement, margin_of
from pybench.comparison.pairs import TIMED, WARMUPS, timed_samples
from pybench.comparison.schedule import ROWS_PER_PROCESS
from pybench.records.run import RowRecord, Run
from pybench.records.spent import ALL, COLLECTION, END, JUDGING, START
from pybench.statistics.forecast import chances
from pybench.statistics.plan import Plan

# Before a batch has been measured, what its processes cost.
_BATCH_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowForecast:
    """An open row: what a pair of it takes, and its chances by look.

    Rows of one `key` can share processes.
    """

    row: str
    key: Hashable
    taken: int
    pair_s: float
    settled: Sequence[float]
    open: Sequence[float]
    is_control: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """All open rows; `batch_s` is what processes cost, `round_s` what judging does."""

    rows: Sequence[RowForecast]
    looks: Sequence[int]
    batch_s: float
    round_s: float

    def left_s(self) -> float:
        """Return how long it takes until nothing is open."""
        return sum(self._look_s(number) for number in range(len(self.looks)))

    @property
    def is_known(self) -> bool:
        """Whether most rows have pairs enough to tell how much they spread."""
        return 2 * sum(row.taken > 1 for row in self.rows) > len(self.rows)

    def undecided_after(self, budget_s: float) -> float:
        """Return how many of the open rows will have no verdict after so long."""
        targets = self.spend(budget_s)
        settled = (
            row.settled[targets[row.row]] for row in self.rows if row.row in targets
        )
        return len(self.rows) - sum(settled)

    def spend(self, budget_s: float) -> dict[str, int]:
        """Choose the rows to measure, each with the look that it is to come to.

        Controls come to the first look, so that the run can be trusted; then time goes
        where a verdict is nearest: the best chance for its time. Choosing by what was
        measured is allowed: a look counts the pairs up to it whoever else is measured,
        and a row that never comes to it is told nothing.
        """
        targets: dict[str, int] = {}
        left_s = budget_s
        offers = [
            (math.inf, row, 0, self._cost_s(row, 0))
            for row in self.rows
            if row.is_control and row.taken < self.looks[0]
        ]
        offers += sorted(self._offers(), key=lambda of: -of[0])
        for _, row, look, cost_s in offers:
            paid_s = self._cost_s(row, 0) if row.row in targets else 0.0
            if look > targets.get(row.row, -1) and cost_s - paid_s <= left_s:
                targets[row.row] = look
                left_s -= cost_s - paid_s
        return targets

    def _offers(self) -> list[tuple[float, RowForecast, int, float]]:
        """Return for each row the look with the best chance for its time."""
        offers = []
        for row in self.rows:
            looks = [n for n, pairs in enumerate(self.looks) if pairs > row.taken]
            worth = [(row.settled[n] / self._cost_s(row, n), n) for n in looks]
            if worth:
                best, look = max(worth, key=lambda of: (of[0], -of[1]))
                if best > 0:
                    offers.append((best, row, look, self._cost_s(row, look)))
        return offers

    def _cost_s(self, row: RowForecast, look: int) -> float:
        pairs = max(0, self.looks[look] - row.taken)
        shared_s = self._batches(Counter(of.key for of in self.rows)) * self.batch_s
        return pairs * (row.pair_s + shared_s / len(self.rows)) or 1e-9

    def _batches(self, rows: Mapping[Hashable, float]) -> float:
        """Return how many batches a round of so many rows of each key has."""
        return sum(
            math.ceil(of / ROWS_PER_PROCESS) if of >= 1 else of for of in rows.values()
        )

    def _look_s(self, look: int) -> float:
        """Return what the rounds of one look take."""
        begun = self.looks[look - 1] if look else 0
        due = [
            (row, row.open[look - 1] if look else 1.0, self.looks[look] - from_)
            for row in self.rows
            for from_ in [max(row.taken, begun)]
            if self.looks[look] > from_
        ]
        taken_s = sum(share * pairs * row.pair_s for row, share, pairs in due)
        for number in range(1, max((pairs for *_, pairs in due), default=0) + 1):
            by_key: dict[Hashable, float] = {}
            for row, share, pairs in due:
                if pairs >= number:
                    by_key[row.key] = by_key.get(row.key, 0.0) + share
            batches = self._batches(by_key)
            taken_s += batches * self.batch_s + self.round_s * min(1.0, batches)
        return taken_s


def forecast(
    run: Run, judgement: Judgement, open_rows: Mapping[str, Sequence[str]]
) -> Forecast:
    """Return what is to be expected of the open rows, each with its open arms."""
    plan: Plan = judgement.plan
    cells = [(row, arm) for row, arms in open_rows.items() for arm in arms]
    found = chances(
        [judgement.numbers.get(arm, {}).get(row, ()) for row, arm in cells],
        [math.log1p(margin_of(run.rows[row], plan)) for row, _ in cells],
        plan,
        rows=max(1, sum(cell.verdict is not None for cell in judgement.cells)),
        different=sum(
            cell.verdict is not None and cell.verdict.is_different
            for cell in judgement.cells
        ),
    )
    by_row: dict[str, list[int]] = {}
    for place, (row, _) in enumerate(cells):
        by_row.setdefault(row, []).append(place)
    spent = run.spent.seconds
    shared_s = sum(
        phases.get(phase, 0.0)
        for kind, phases in spent.items()
        for phase in (START, COLLECTION, END)
        if kind != ALL
    )
    rounds = max((len(pairs) for pairs in run.pairs.values()), default=0)
    return Forecast(
        rows=[
            RowForecast(
                row=row,
                key=_key(run.rows[row]),
                taken=len(run.pairs.get(row, {})),
                pair_s=_pair_s(run, row, len(open_rows[row]) + 1),
                # A row of several arms is measured until the last one is settled.
                settled=found.settled[places].min(axis=0).tolist(),
                open=found.open[places].max(axis=0).tolist(),
                is_control=run.twin is not None and run.twin.name in open_rows[row],
            )
            for row, places in by_row.items()
        ],
        looks=plan.looks,
        batch_s=shared_s / run.batches if run.batches else _BATCH_S,
        round_s=spent.get(ALL, {}).get(JUDGING, 0.0) / max(1, rounds),
    )


def _key(record: RowRecord) -> Hashable:
    own = record.file if record.own_process else ""
    return record.session, own, record.apart, record.pinned


def _pair_s(run: Run, row: str, arms: int) -> float:
    """Return what a pair of a row takes: the last two did, or one would by its size."""
    pairs = [pair for pair in run.pairs_of(row)[-2:] if pair.took_s]
    if pairs:
        return statistics.fmean(pair.took_s for pair in pairs)
    record = run.rows[row]
    turn_ns = max(record.per_turn_ns, record.per_sample_ns)
    samples = WARMUPS + min(TIMED, timed_samples(turn_ns))
    return samples * arms * turn_ns / 1e9 * (2 if record.apart else 1)
