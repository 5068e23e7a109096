"""Shares the rows of a suite out among machines, by what they took before."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Mapping

from pybench.comparison.mean_groups import YARDSTICK_GROUP
from pybench.comparison.pairs import timed_samples
from pybench.comparison.schedule import ROWS_PER_PROCESS
from pybench.records.run import PairRecord, RowRecord, Run, RunHeader
from pybench.records.shard_plan import ShardPlan
from pybench.records.usage import UsageError

# Starting and ending the sessions of a batch costs about as much as so many rows.
_ROWS_OF_A_START = 8


class ShardingError(UsageError, ValueError):
    """Rows that cannot be shared out so; the text says why and what can be."""


def costs_s(run: Run) -> dict[str, float]:
    """Return what each row takes: as measured, else as its calibration says.

    Rows that no arm can run cost what is spent on all: their share of a session.
    """
    taken = {row: _measured_s(run, row) for row in run.rows}
    measured = [pairs for pairs in map(len, run.pairs.values()) if pairs]
    pairs = statistics.median(measured) if measured else 1.0
    arms = len(run.sides)
    for row, record in run.rows.items():
        if not taken[row] and record.is_any_measured:
            taken[row] = pairs * arms * _calibrated_s(record)
    usual = statistics.median([cost for cost in taken.values() if cost] or [1.0])
    start = usual * _ROWS_OF_A_START / ROWS_PER_PROCESS
    return {row: cost + start for row, cost in taken.items()}


def _measured_s(run: Run, row: str) -> float:
    return sum(map(_pair_s, run.pairs_of(row)))


def _pair_s(pair: PairRecord) -> float:
    """Return what a pair took; in old records only what was timed is known."""
    samples = (s for processes in pair.samples.values() for p in processes for s in p)
    return pair.took_s or sum(sample.wall_ns for sample in samples) / 1e9


def _calibrated_s(record: RowRecord) -> float:
    turn_ns = max(record.per_turn_ns, record.per_sample_ns)
    return turn_ns / 1e9 * (1 + timed_samples(turn_ns))


def make_plan(
    header: RunHeader, arms: tuple[str, ...], run: Run, shards: int
) -> ShardPlan:
    """Share the rows of a run out: the longest first, each to who has least.

    That takes at most a third longer than the best sharing there is. Rows that show the
    machine are measured everywhere. Raises `ShardingError` for more shards than rows.
    """
    costs = costs_s(run)
    everywhere = [r for r in costs if run.rows[r].group == YARDSTICK_GROUP]
    rows = sorted(costs.keys() - {*everywhere}, key=lambda row: (-costs[row], row))
    if shards > len(rows):
        raise ShardingError(
            f"{shards} shards of {len(rows)} rows: a row is measured on one machine, "
            f"so ask for {len(rows) or 1} or fewer"
        )
    whole, loads = _shared_out(rows, costs, shards)
    common = sum(costs[row] for row in everywhere)
    return ShardPlan(
        header=header,
        arms=arms,
        shards=tuple(tuple(sorted(shard)) for shard in whole),
        everywhere=tuple(sorted(everywhere)),
        costs_s=tuple(round(load + common, 3) for load in loads),
    )


def most_shards(run: Run) -> int:
    """Return into how many shards its rows can be shared out."""
    return max(1, sum(row.group != YARDSTICK_GROUP for row in run.rows.values()))


def _shared_out(
    rows: list[str], costs: Mapping[str, float], shards: int
) -> tuple[list[list[str]], list[float]]:
    whole: list[list[str]] = [[] for _ in range(shards)]
    loads = [0.0] * shards
    waiting = [(0.0, 0, number) for number in range(shards)]
    for row in rows:
        load, count, number = heapq.heappop(waiting)
        whole[number].append(row)
        loads[number] = load + costs[row]
        # Of equal loads the one with fewer rows: none may stay empty.
        heapq.heappush(waiting, (loads[number], count + 1, number))
    return whole, loads
