"""Pairs of processes that take turns: the only place where something is measured.

A lot is a handful of rows, measured by one fresh process of each side. The processes
are alive together and take turns sample by sample, on one CPU if the rows have one
thread, on all of them otherwise: who waits for a turn sleeps. Rows that say that they
cannot be alive twice (a fixed port, a file) have two processes of each side instead,
one after the other in an order such as A B B A, so that what drifts steadily cancels.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from pybench.comparison.suspension import Suspension
from pybench.comparison.worker import RowEndedError, StartError, Worker, WorkerError
from pybench.records.messages import COUNTS, Ended, RowFacts
from pybench.records.outcomes import ERROR, MEASURED, ReasonKind
from pybench.records.run import LostRecord, PairRecord
from pybench.records.samples import Sample

# A sample of each side, about as long as a time slice of the scheduler.
TARGET_NS = 5e6

# One warm-up and ten timed. With five, two thirds of a pair's variance came from within
# the processes, and a pair costs more than its samples; above ten little is gained.
WARMUPS = 1
TIMED = 10
# Of rows whose pairs so far lie many spreads off; even, as half of them begin with one
# side and half with the other.
TIMED_CLEAR = 4
# Rows of which one turn takes longer get fewer of them: at most about so long in all.
# What counts is the turn and not what it times: a kernel that lays out a third of a
# second's worth of memory for five milliseconds took as long as twenty other rows.
TURNS_NS = 240e6
TIMED_LEAST = 2
# How long a sample may be on any side before the next ones do fewer calls. Counts are
# sized on the baseline: what takes five milliseconds there may take seconds elsewhere,
# and a change so large needs no precision. Only what is timed counts here: what a
# kernel lays out before it does not get less with fewer rounds.
SAMPLE_MOST_NS = 50e6
# How long a row may take in all, for each side of it, before its pair ends early. The
# turns of one that was tried out are shorter; but what a row costs can depend on what
# ran before it, such as heaps that other threads have left.
ROW_MOST_NS = 500e6

# Samples of a row that is tried out: they choose its clock.
SCOUTED = 3

# The reason of a pair that was stopped in the middle and went on later.
SUSPENDED = "suspended"

Start = Callable[[str, Sequence[str], int], Worker]
Check = Callable[[str, Worker], None]

# Why a pair is lost whose row one of the processes does not have.
ABSENT = (
    "no row of this name in this process, so its name differs from process to "
    "process: give its parameters ids that stay the same"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Rows to be measured by one fresh process of each side."""

    rows: tuple[str, ...]
    pairs: Mapping[str, int]  # which pair of each row this is
    sides: tuple[str, ...]
    orders: Mapping[str, tuple[str, ...]]  # per row, who takes the first turn
    start_order: tuple[str, ...]
    apart: bool
    cpu: int | None
    hash_seed: int
    numbers: Mapping[str, Mapping[str, Mapping[str, int]]]  # row, side
    timed: Mapping[str, int]  # samples that count, in one process
    warmups: Mapping[str, int]  # samples before them


def timed_samples(per_turn_ns: float, *, is_clear: bool = False) -> int:
    """Return how many samples of a row count in one process."""
    most = TIMED_CLEAR if is_clear else TIMED
    return max(TIMED_LEAST, min(most, int(TURNS_NS // max(per_turn_ns, 1))))


def fitting_samples(rounds: int | None, count: int, timed: int) -> tuple[int, int]:
    """Return how many warm-ups and timed samples a row has in one process.

    Parameters
    ----------
    rounds : int or None
        The most that the row may do in a process, None for any number.
    count : int
        Rounds of a sample.
    timed : int
        Samples that are wanted.

    Returns
    -------
    (int, int)
        Without a warm-up where no more than one sample fits: the first call of such
        a row is what it is about.
    """
    if rounds is None:
        return WARMUPS, timed
    fit = rounds // count
    return (WARMUPS, min(timed, fit - WARMUPS)) if fit > WARMUPS else (0, 1)


def fitting_count(rounds: int | None) -> int | None:
    """Return the highest count of which a whole process fits into its rounds."""
    return None if rounds is None else max(1, rounds // (WARMUPS + TIMED))


def shortened(numbers: Mapping[str, int], sample_ns: float) -> Mapping[str, int]:
    """Return what the next sample is to be where the last one took so long."""
    if sample_ns <= SAMPLE_MOST_NS:
        return numbers
    share = SAMPLE_MOST_NS / sample_ns
    return {**numbers, "count": max(1, int(numbers["count"] * share))}


def measure(
    lot: Lot, start: Start, check: Check, suspension: Suspension | None = None
) -> Iterator[PairRecord | LostRecord]:
    """Measure a lot; yields one record per row, as soon as it is complete.

    A row that takes its session with it is reported lost, with the reason. The rows
    after it have no record: they did nothing wrong and are measured another time.
    A row in whose pair something was suspended is lost as well, whatever it measured.

    Parameters
    ----------
    start : callable
        Starts the session of a side: its name, the rows, the hash seed.
    check : callable
        Told each session when it has said who it is.
    suspension : Suspension, optional
        Entered by the caller; without it only sessions that stop are noticed.

    Raises
    ------
    StartError
        If a session did not come as far as its first row.
    """
    at: list[str] = []
    run = _apart if lot.apart else _in_turns
    try:
        yield from run(lot, start, check, suspension or Suspension(), at)
    except StartError:
        raise
    except WorkerError as error:
        side, _, reason = str(error).partition(": ")
        row = at[-1] if at else lot.rows[0]
        yield LostRecord(row=row, pair=lot.pairs[row], side=side, reason=reason)


def _in_turns(
    lot: Lot, start: Start, check: Check, suspension: Suspension, at: list[str]
) -> Iterator[PairRecord | LostRecord]:
    with ExitStack() as stack:
        # Started at once, so that both cores have something to do; turns come later.
        workers = {
            name: stack.enter_context(start(name, lot.rows, lot.hash_seed))
            for name in lot.start_order
        }
        for name, worker in workers.items():
            worker.await_hello()
            check(name, worker)
        absent = _absent(lot, workers)
        yield from absent.values()
        rows = [row for row in lot.rows if row not in absent]
        for worker in workers.values():
            worker.choose(rows)
            worker.pin(lot.cpu)
        for row in rows:
            at.append(row)
            suspension.forget()
            for worker in workers.values():
                worker.was_stopped()  # asked only to be forgotten
            record = _row_in_turns(lot, row, workers)
            who = [name for name, worker in workers.items() if worker.was_stopped()]
            if suspension.happened or who:
                yield _suspended(lot, row, who)
            else:
                yield record
        for worker in workers.values():
            worker.hang_up()  # so that they end at once, not one after the other


def _absent(lot: Lot, workers: Mapping[str, Worker]) -> dict[str, LostRecord]:
    """Return what is lost because a process has no row of that name."""
    return {
        row: LostRecord(row=row, pair=lot.pairs[row], side=name, reason=ABSENT)
        for name, worker in workers.items()
        for row in lot.rows
        if row not in worker.rows
    }


def _row_in_turns(
    lot: Lot, row: str, workers: Mapping[str, Worker]
) -> PairRecord | LostRecord:
    order = lot.orders[row]
    ended: dict[str, Ended] = {}
    for name in order:
        try:
            workers[name].await_row(row)
        except RowEndedError as error:
            ended[name] = error.how
    samples: dict[str, list[Sample]] = {name: [] for name in order}
    latest_ns = time.perf_counter_ns() + len(order) * ROW_MOST_NS
    for turn in range(lot.warmups[row] + lot.timed[row]):
        if turn >= WARMUPS + TIMED_LEAST and time.perf_counter_ns() > latest_ns:
            break
        # A B B A: whoever was first is last in the next turn.
        for name in order if turn % 2 == 0 else order[::-1]:
            if ended:
                break
            try:
                samples[name].append(workers[name].sample(lot.numbers[row][name]))
            except RowEndedError as error:
                ended[name] = error.how
    for name in order:
        if name not in ended:
            how = workers[name].stop_row(row)
            if how.outcome != MEASURED:
                ended[name] = how
    if ended:
        return _lost(lot, row, ended)
    return _pair(lot, row, {name: (tuple(samples[name]),) for name in order})


def _apart(
    lot: Lot, start: Start, check: Check, suspension: Suspension, at: list[str]
) -> Iterator[PairRecord | LostRecord]:
    taken: dict[str, dict[str, list[tuple[Sample, ...]]]] = {
        row: {name: [] for name in lot.sides} for row in lot.rows
    }
    ended: dict[str, dict[str, Ended]] = {row: {} for row in lot.rows}
    absent: dict[str, LostRecord] = {}
    suspension.forget()
    stopped: list[str] = []
    for name in (*lot.start_order, *reversed(lot.start_order)):
        with start(name, lot.rows, lot.hash_seed) as worker:
            worker.await_hello()
            check(name, worker)
            absent |= _absent(lot, {name: worker})
            rows = [row for row in lot.rows if row not in absent]
            worker.choose(rows)
            for row in rows:
                at.append(row)
                samples, how = _row_alone(lot, row, name, worker)
                if how.outcome != MEASURED:
                    ended[row][name] = how
                taken[row][name].append(samples)
            if worker.was_stopped():
                stopped.append(name)
    for row in lot.rows:
        # What lay between two processes has moved them apart: all rows are concerned.
        if row in absent:
            yield absent[row]
        elif suspension.happened or stopped:
            yield _suspended(lot, row, stopped)
        elif ended[row]:
            yield _lost(lot, row, ended[row])
        else:
            yield _pair(lot, row, {n: tuple(s) for n, s in taken[row].items()})


def _row_alone(
    lot: Lot, row: str, name: str, worker: Worker
) -> tuple[tuple[Sample, ...], Ended]:
    turns = lot.warmups[row] + lot.timed[row]
    try:
        worker.await_row(row)
        samples = tuple(worker.sample(lot.numbers[row][name]) for _ in range(turns))
    except RowEndedError as error:
        return (), error.how
    return samples, worker.stop_row(row)


def _suspended(lot: Lot, row: str, sides: Sequence[str]) -> LostRecord:
    side = sides[0] if sides else "the controller"
    return LostRecord(
        row=row,
        pair=lot.pairs[row],
        side=side,
        reason=SUSPENDED,
        kind=ReasonKind.SUSPENDED,
    )


def _lost(lot: Lot, row: str, ended: Mapping[str, Ended]) -> LostRecord:
    name, how = next(iter(ended.items()))
    return LostRecord(
        row=row,
        pair=lot.pairs[row],
        side=name,
        reason=f"{how.outcome}: {how.reason}",
        kind=how.kind or ReasonKind.LOST,
    )


def _pair(
    lot: Lot, row: str, samples: Mapping[str, tuple[tuple[Sample, ...], ...]]
) -> PairRecord:
    baseline = lot.sides[0]
    return PairRecord(
        row=row,
        pair=lot.pairs[row],
        order=lot.orders[row],
        apart=lot.apart,
        cpu=lot.cpu,
        hash_seed=lot.hash_seed,
        numbers=lot.numbers[row][baseline],
        samples=samples,
        warmups=lot.warmups[row],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scouted:
    """What one side said of one row when it was tried out."""

    outcome: str
    reason: str
    kind: ReasonKind | None  # of a reason that is more than its outcome
    facts: RowFacts
    counts: Mapping[str, int]  # of the row itself: operations, threads
    rounds: int | None  # the most in one process
    numbers: Mapping[str, int]
    samples: tuple[Sample, ...]
    sample_ns: float  # the shortest one, had it been of those numbers
    turn_ns: float  # the same with all that is prepared for it
    session: int = 0  # in which of the sessions that share no files


def scout(
    worker: Worker,
    rows: Sequence[str] | None,
    numbers: Mapping[str, Mapping[str, int]],
) -> Iterator[tuple[str, Scouted]]:
    """Try every row once: which can run, and how many calls fill a sample.

    Parameters
    ----------
    rows : sequence of str or None
        The rows to try, None for all that it collects.
    numbers : mapping
        What is sized already, on another side; other rows are sized here.
    """
    worker.await_hello()
    known = [*worker.rows] if rows is None else [r for r in rows if r in worker.rows]
    chosen = [row for row in known if not worker.rows[row].refused]
    worker.choose(chosen)
    if not worker.rows:
        worker.await_end()
        raise StartError(f"{worker.name}: found no benchmarks{worker.said()}")
    for row in known:
        facts = worker.rows[row]
        if facts.refused:
            yield row, refused(facts)
        else:
            yield row, _try_row(worker, row, numbers.get(row, {}))


def refused(facts: RowFacts, kind: ReasonKind | None = None) -> Scouted:
    """Return what is known of a row that is not tried."""
    return Scouted(
        outcome=ERROR,
        reason=facts.refused,
        kind=kind,
        facts=facts,
        counts=COUNTS,
        rounds=None,
        numbers={},
        samples=(),
        sample_ns=0.0,
        turn_ns=0.0,
    )


def _try_row(worker: Worker, row: str, numbers: Mapping[str, int]) -> Scouted:
    """Try a row: size it if `numbers` is empty, and take a few samples."""
    found = numbers
    samples: list[Sample] = []
    sample_ns = turn_ns = math.inf
    rounds: int | None = None
    try:
        rounds = worker.await_row(row)
        used = found = found or worker.size(TARGET_NS, fitting_count(rounds))
        for _ in range(sum(fitting_samples(rounds, found["count"], SCOUTED - WARMUPS))):
            began = time.perf_counter_ns()
            samples.append(worker.sample(used))
            taken_ns = time.perf_counter_ns() - began
            share = used["count"] / found["count"]
            sample_ns = min(sample_ns, samples[-1].wall_ns / share)
            turn_ns = min(turn_ns, taken_ns / share)
            used = shortened(used, samples[-1].wall_ns)
        how = worker.stop_row(row)
    except RowEndedError as error:
        how = error.how
    return Scouted(
        outcome=how.outcome,
        reason=how.reason,
        kind=how.kind,
        facts=worker.rows[row],
        counts=how.counts,
        rounds=rounds,
        numbers=found,
        samples=tuple(samples),
        sample_ns=sample_ns if samples else 0.0,
        turn_ns=turn_ns if samples else 0.0,
    )
