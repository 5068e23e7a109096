"""Pairs of interleaved processes: the only place where something is measured.

A batch is a handful of rows, measured by one fresh process of each arm. The processes
are alive together and are interleaved sample by sample, on one CPU if the rows have one
thread, on all of them otherwise: a process that waits for its next sample sleeps.
Exclusive rows (a fixed port, a file) have two processes of each arm instead, one after
the other in an order such as A B B A, so that what drifts steadily cancels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from pybench.comparison.suspension import Suspension
from pybench.comparison.worker import RowEndedError, StartError, Worker, WorkerError
from pybench.records.messages import Ended
from pybench.records.outcomes import MEASURED, ReasonKind
from pybench.records.run import LostRecord, PairRecord
from pybench.records.samples import Sample

# One warm-up and ten timed. With five, two thirds of a pair's variance came from within
# the processes, and a pair costs more than its samples; above ten little is gained.
WARMUPS = 1
TIMED = 10
# Of rows whose pairs so far lie many spreads off; even, as half of them begin with one
# arm and half with the other.
TIMED_CLEAR = 4
# Rows of which one sample takes longer get fewer of them: at most about so long in all.
# What counts is all that a sample takes and not what it times: a kernel that lays out a
# third of a second's worth of memory for five milliseconds took as long as twenty rows.
SAMPLES_NS = 240e6
TIMED_LEAST = 2
# From here on one is enough: what varies within a process averages out in so long a
# sample, so that more pairs tell more than more samples.
LONG_SAMPLE_NS = 500e6
# How long a sample may be on any arm before the next ones do fewer calls. Counts are
# sized on the baseline: what takes five milliseconds there may take seconds elsewhere,
# and a change so large needs no precision. Only what is timed counts here: what a
# kernel lays out before it does not get less with fewer rounds.
SAMPLE_MOST_NS = 50e6
# How long a row may take in all, for each arm of it, before its pair ends early. It
# took less when it was calibrated; but what a row costs can depend on what ran before,
# such as heaps that other threads have left.
ROW_MOST_NS = 500e6

# The reason of a pair that was stopped in the middle and went on later.
SUSPENDED = "suspended"
# Why a pair is lost whose row one of the processes does not have.
ABSENT = (
    "no row of this name in this process, so its name differs from process to "
    "process: give its parameters ids that stay the same"
)

Start = Callable[[str, Sequence[str], int], Worker]
Check = Callable[[str, Worker], None]
Samples = dict[str, list[tuple[Sample, ...]]]  # per arm its processes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One row of a batch; `order` says which arm takes the first sample."""

    row: str
    pair: int
    order: tuple[str, ...]
    numbers: Mapping[str, Mapping[str, int]]  # per arm
    warmups: int
    timed: int  # samples that count, in one process


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows to be measured by one fresh process of each arm, the baseline first."""

    rows: tuple[BatchRow, ...]
    arms: tuple[str, ...]
    start_order: tuple[str, ...]
    exclusive: bool
    cpu: int | None
    hash_seed: int


def timed_samples(per_sample_ns: float, *, is_clear: bool = False) -> int:
    """Return how many samples of a row count in one process."""
    most = TIMED_CLEAR if is_clear else TIMED
    least = TIMED_LEAST if per_sample_ns < LONG_SAMPLE_NS else 1
    return max(least, min(most, int(SAMPLES_NS // max(per_sample_ns, 1))))


def fitting_samples(rounds: int | None, count: int, timed: int) -> tuple[int, int]:
    """Return how many warm-ups and timed samples a row has in one process.

    It may do `rounds` in a process, `count` of which are a sample. There is no warm-up
    where only one sample fits: the first call of such a row is what it is about.
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
    batch: Batch, start: Start, check: Check, suspension: Suspension | None = None
) -> Iterator[PairRecord | LostRecord]:
    """Measure a batch; yields one record per row, as soon as it is complete.

    A row that takes its session with it is reported lost, with the reason. The rows
    after it have no record: they did nothing wrong and are measured another time.
    A row in whose pair something was suspended is lost as well, whatever it measured.

    Parameters
    ----------
    start, check : callable
        Starts the session of an arm for rows under a hash seed; is given each session
        when it has said who it is.
    suspension : Suspension, optional
        Entered by the caller; without it only sessions that stop are noticed.

    Raises
    ------
    StartError
        If a session did not come as far as its first row.
    """
    measurement = _Measurement(batch, start, check, suspension or Suspension())
    try:
        if batch.exclusive:
            yield from measurement.exclusive()
        else:
            yield from measurement.interleaved()
    except StartError:
        raise
    except WorkerError as error:
        yield _lost(measurement.current, error.arm, error.reason)


@dataclass(slots=True)
class _Measurement:
    batch: Batch
    start: Start
    check: Check
    suspension: Suspension
    current: BatchRow = field(init=False)

    def __post_init__(self) -> None:
        self.current = self.batch.rows[0]

    def interleaved(self) -> Iterator[PairRecord | LostRecord]:
        """Measure row by row, with all processes alive together."""
        with ExitStack() as stack:
            # Started at once, so that both cores have something to do.
            workers = {
                arm: stack.enter_context(self._start(arm))
                for arm in self.batch.start_order
            }
            for arm, worker in workers.items():
                worker.await_hello()
                self.check(arm, worker)
            absent = {
                row.row: _lost(row, arm, ABSENT)
                for arm, worker in workers.items()
                for row in self._absent(worker)
            }
            yield from absent.values()
            rows = [row for row in self.batch.rows if row.row not in absent]
            for worker in workers.values():
                worker.choose([row.row for row in rows])
                worker.pin(self.batch.cpu)
            for row in rows:
                self.current = row
                self.suspension.forget()
                for worker in workers.values():
                    worker.was_stopped()  # asked only to be forgotten
                yield self._interleave(row, workers)
            for worker in workers.values():
                worker.hang_up()  # so that they end at once, not one after the other

    def _start(self, arm: str) -> Worker:
        rows = [row.row for row in self.batch.rows]
        return self.start(arm, rows, self.batch.hash_seed)

    def _absent(self, worker: Worker) -> list[BatchRow]:
        return [row for row in self.batch.rows if row.row not in worker.rows]

    def _interleave(
        self, row: BatchRow, workers: Mapping[str, Worker]
    ) -> PairRecord | LostRecord:
        ended: dict[str, Ended] = {}
        for arm in row.order:
            try:
                workers[arm].await_row(row.row)
            except RowEndedError as error:
                ended[arm] = error.how
        samples: dict[str, list[Sample]] = {arm: [] for arm in row.order}
        latest_ns = time.perf_counter_ns() + len(row.order) * ROW_MOST_NS
        for number in range(row.warmups + row.timed):
            is_enough = number >= WARMUPS + TIMED_LEAST
            if ended or (is_enough and time.perf_counter_ns() > latest_ns):
                break
            # A B B A: whichever arm was first is last the next time.
            for arm in row.order if number % 2 == 0 else row.order[::-1]:
                try:
                    samples[arm].append(workers[arm].sample(row.numbers[arm]))
                except RowEndedError as error:
                    ended[arm] = error.how
                    break
        # Asked before the row ends: a process that has ended after its last row no
        # longer tells whether it was stopped.
        stopped = [arm for arm in workers if workers[arm].was_stopped()]
        for arm in row.order:
            if arm not in ended:
                how = workers[arm].stop_row(row.row)
                if how.outcome != MEASURED:
                    ended[arm] = how
        if self.suspension.happened or stopped:
            return _suspended(row, stopped)
        if ended:
            return _lost_by(row, ended)
        return self._pair(row, {arm: [tuple(samples[arm])] for arm in row.order})

    def exclusive(self) -> Iterator[PairRecord | LostRecord]:
        """Measure process by process, with no two alive together."""
        batch = self.batch
        samples: dict[str, Samples] = {
            row.row: {arm: [] for arm in batch.arms} for row in batch.rows
        }
        ended: dict[str, dict[str, Ended]] = {row.row: {} for row in batch.rows}
        absent: dict[str, LostRecord] = {}
        stopped: list[str] = []
        self.suspension.forget()
        for arm in (*batch.start_order, *reversed(batch.start_order)):
            with self._start(arm) as worker:
                worker.await_hello()
                self.check(arm, worker)
                for row in self._absent(worker):
                    absent[row.row] = _lost(row, arm, ABSENT)
                rows = [row for row in batch.rows if row.row not in absent]
                worker.choose([row.row for row in rows])
                for row in rows:
                    self.current = row
                    process, was_stopped, how = _alone(row, arm, worker)
                    samples[row.row][arm].append(process)
                    if how.outcome != MEASURED:
                        ended[row.row][arm] = how
                    if was_stopped:
                        stopped.append(arm)
        for row in batch.rows:
            # What lay between two processes has moved them apart: of all rows.
            if row.row in absent:
                yield absent[row.row]
            elif self.suspension.happened or stopped:
                yield _suspended(row, stopped)
            elif ended[row.row]:
                yield _lost_by(row, ended[row.row])
            else:
                yield self._pair(row, samples[row.row])

    def _pair(self, row: BatchRow, samples: Samples) -> PairRecord:
        return PairRecord(
            row=row.row,
            pair=row.pair,
            order=row.order,
            apart=self.batch.exclusive,
            cpu=self.batch.cpu,
            hash_seed=self.batch.hash_seed,
            numbers=row.numbers[self.batch.arms[0]],
            samples={arm: tuple(processes) for arm, processes in samples.items()},
            warmups=row.warmups,
        )


def _alone(
    row: BatchRow, arm: str, worker: Worker
) -> tuple[tuple[Sample, ...], bool, Ended]:
    """Return the samples of a row, whether its process was stopped, how it ended."""
    try:
        worker.await_row(row.row)
        count = row.warmups + row.timed
        samples = tuple(worker.sample(row.numbers[arm]) for _ in range(count))
    except RowEndedError as error:
        return (), worker.was_stopped(), error.how
    # Asked before the row ends, as in `_interleave`.
    return samples, worker.was_stopped(), worker.stop_row(row.row)


def _lost(
    row: BatchRow, arm: str, reason: str, kind: ReasonKind = ReasonKind.LOST
) -> LostRecord:
    return LostRecord(row=row.row, pair=row.pair, side=arm, reason=reason, kind=kind)


def _suspended(row: BatchRow, arms: Sequence[str]) -> LostRecord:
    arm = arms[0] if arms else "the controller"
    return _lost(row, arm, SUSPENDED, ReasonKind.SUSPENDED)


def _lost_by(row: BatchRow, ended: Mapping[str, Ended]) -> LostRecord:
    arm, how = next(iter(ended.items()))
    reason = f"{how.outcome}: {how.reason}"
    return _lost(row, arm, reason, how.kind or ReasonKind.LOST)
