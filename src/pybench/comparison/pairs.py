"""Pairs of interleaved processes: the only place where something is measured.

A batch is a handful of rows, measured by one fresh process of each arm. The processes
are alive together and are interleaved sample by sample, on one CPU if the rows have one
thread, on all of them otherwise: a process that waits for its next sample sleeps.
Exclusive rows (a fixed port, a file) have two processes of each arm instead, one after
the other in an order such as A B B A, so that what drifts steadily cancels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from pybench.comparison.suspension import Suspension
from pybench.comparison.worker import RowEndedError, StartError, Worker, WorkerError
from pybench.records import spent as phase
from pybench.records.messages import Ended
from pybench.records.outcomes import MEASURED, ReasonKind
from pybench.records.run import LostRecord, PairRecord
from pybench.records.samples import Sample
from pybench.records.spent import FUNCTIONS, Spent, SpentRecord

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
PairsOrSpent = PairRecord | LostRecord | SpentRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One row of a batch; `order` says which arm takes the first sample.

    `kind` is what its time is counted under.
    """

    row: str
    pair: int
    order: tuple[str, ...]
    numbers: Mapping[str, Mapping[str, int]]  # per arm
    warmups: int
    timed: int  # samples that count, in one process
    kind: str = FUNCTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows to be measured by one fresh process of each arm, the baseline first.

    So many `neighbours` are measured at the same time.
    """

    rows: tuple[BatchRow, ...]
    arms: tuple[str, ...]
    start_order: tuple[str, ...]
    exclusive: bool
    cpu: int | None
    hash_seed: int
    neighbours: int = 0


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
    batch: Batch,
    start: Start,
    check: Check,
    suspension: Suspension | None = None,
    meet: Callable[[], None] = lambda: None,
) -> Generator[PairsOrSpent, None, None]:
    """Measure a batch; yields one record per row, as soon as it is complete.

    The last record is of what was spent.
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
    meet : callable, optional
        Waits for the batches that are measured side by side: when the processes are
        ready, and before they end.

    Raises
    ------
    StartError
        If a session did not come as far as its first row.
    """
    measurement = _Measurement(batch, start, check, suspension or Suspension(), meet)
    try:
        if batch.exclusive:
            yield from measurement.exclusive()
        else:
            yield from measurement.interleaved()
    except StartError:
        raise
    except WorkerError as error:
        yield _lost(measurement.current, error.arm, error.reason)
    yield measurement.spent.taken()


@dataclass(slots=True)
class _Measurement:
    batch: Batch
    start: Start
    check: Check
    suspension: Suspension
    meet: Callable[[], None]
    current: BatchRow = field(init=False)
    spent: Spent = field(default_factory=Spent)

    def __post_init__(self) -> None:
        self.current = self.batch.rows[0]

    def interleaved(self) -> Iterator[PairRecord | LostRecord]:
        """Measure row by row, with all processes alive together."""
        ended_s = 0.0
        with ExitStack() as stack:
            # Started at once, so that both cores have something to do.
            workers = {
                arm: stack.enter_context(self._start(arm))
                for arm in self.batch.start_order
            }
            for arm, worker in workers.items():
                worker.await_hello()
                self.check(arm, worker)
            # They start side by side: what the last one took.
            self._started(max(workers.values(), key=lambda one: one.ready_s))
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
            self.meet()
            for row in rows:
                self.current = row
                self.suspension.forget()
                for worker in workers.values():
                    worker.was_stopped()  # asked only to be forgotten
                yield self._interleave(row, workers)
            self.meet()
            ended_s = time.perf_counter()
            for worker in workers.values():
                worker.hang_up()  # so that they end at once, not one after the other
        self._share(phase.END, time.perf_counter() - ended_s)

    def _started(self, worker: Worker) -> None:
        self._share(phase.START, worker.start_s)
        self._share(phase.COLLECTION, worker.collection_s)

    def _share(self, name: str, seconds: float) -> None:
        self.spent.share([row.kind for row in self.batch.rows], name, seconds)

    def _sample(self, row: BatchRow, arm: str, worker: Worker, number: int) -> Sample:
        """Take one sample, and note what it took."""
        began = time.perf_counter()
        sample = worker.sample(row.numbers[arm])
        taken_s = time.perf_counter() - began
        if number < row.warmups:
            self.spent.add(row.kind, phase.WARM_UP, taken_s)
        else:
            timed_s = min(sample.wall_ns / 1e9, taken_s)
            self.spent.add(row.kind, phase.TIMED, timed_s)
            self.spent.add(row.kind, phase.AROUND, taken_s - timed_s)
        return sample

    def _start(self, arm: str) -> Worker:
        rows = [row.row for row in self.batch.rows]
        return self.start(arm, rows, self.batch.hash_seed)

    def _absent(self, worker: Worker) -> list[BatchRow]:
        return [row for row in self.batch.rows if row.row not in worker.rows]

    def _interleave(
        self, row: BatchRow, workers: Mapping[str, Worker]
    ) -> PairRecord | LostRecord:
        ended: dict[str, Ended] = {}
        began_s = time.perf_counter()
        for arm in row.order:
            try:
                workers[arm].await_row(row.row)
            except RowEndedError as error:
                ended[arm] = error.how
        ready_s = time.perf_counter()
        samples: dict[str, list[Sample]] = {arm: [] for arm in row.order}
        latest_ns = time.perf_counter_ns() + len(row.order) * ROW_MOST_NS
        for number in range(row.warmups + row.timed):
            is_enough = number >= WARMUPS + TIMED_LEAST
            if ended or (is_enough and time.perf_counter_ns() > latest_ns):
                break
            # A B B A: whichever arm was first is last the next time.
            for arm in row.order if number % 2 == 0 else row.order[::-1]:
                try:
                    samples[arm].append(self._sample(row, arm, workers[arm], number))
                except RowEndedError as error:
                    ended[arm] = error.how
                    break
        sampled_s = time.perf_counter()
        # Asked before the row ends: a process that has ended after its last row no
        # longer tells whether it was stopped.
        stopped = [arm for arm in workers if workers[arm].was_stopped()]
        for arm in row.order:
            if arm not in ended:
                how = workers[arm].stop_row(row.row)
                if how.outcome != MEASURED:
                    ended[arm] = how
        over_s = time.perf_counter()
        self.spent.add(row.kind, phase.ROW, ready_s - began_s + over_s - sampled_s)
        if self.suspension.happened or stopped:
            return _suspended(row, stopped)
        if ended:
            return _lost_by(row, ended)
        processes = {arm: [tuple(samples[arm])] for arm in row.order}
        return self._pair(row, processes, over_s - began_s)

    def exclusive(self) -> Iterator[PairRecord | LostRecord]:
        """Measure process by process, with no two alive together."""
        batch = self.batch
        samples: dict[str, Samples] = {
            row.row: {arm: [] for arm in batch.arms} for row in batch.rows
        }
        ended: dict[str, dict[str, Ended]] = {row.row: {} for row in batch.rows}
        absent: dict[str, LostRecord] = {}
        stopped: list[str] = []
        took_s = dict.fromkeys(samples, 0.0)
        self.suspension.forget()
        for arm in (*batch.start_order, *reversed(batch.start_order)):
            with self._start(arm) as worker:
                worker.await_hello()
                self.check(arm, worker)
                self._started(worker)
                for row in self._absent(worker):
                    absent[row.row] = _lost(row, arm, ABSENT)
                rows = [row for row in batch.rows if row.row not in absent]
                worker.choose([row.row for row in rows])
                for row in rows:
                    self.current = row
                    began_s = time.perf_counter()
                    process, was_stopped, how = self._alone(row, arm, worker)
                    took_s[row.row] += time.perf_counter() - began_s
                    samples[row.row][arm].append(process)
                    if how.outcome != MEASURED:
                        ended[row.row][arm] = how
                    if was_stopped:
                        stopped.append(arm)
                ended_s = time.perf_counter()
            self._share(phase.END, time.perf_counter() - ended_s)
        for row in batch.rows:
            # What lay between two processes has moved them apart: of all rows.
            if row.row in absent:
                yield absent[row.row]
            elif self.suspension.happened or stopped:
                yield _suspended(row, stopped)
            elif ended[row.row]:
                yield _lost_by(row, ended[row.row])
            else:
                yield self._pair(row, samples[row.row], took_s[row.row])

    def _pair(self, row: BatchRow, samples: Samples, took_s: float) -> PairRecord:
        return PairRecord(
            row=row.row,
            pair=row.pair,
            order=row.order,
            apart=self.batch.exclusive,
            cpu=self.batch.cpu,
            neighbours=self.batch.neighbours,
            hash_seed=self.batch.hash_seed,
            numbers=row.numbers[self.batch.arms[0]],
            samples={arm: tuple(processes) for arm, processes in samples.items()},
            warmups=row.warmups,
            took_s=round(took_s, 4),
        )

    def _alone(
        self, row: BatchRow, arm: str, worker: Worker
    ) -> tuple[tuple[Sample, ...], bool, Ended]:
        """Return the samples, whether the process was stopped, how the row ended."""
        began_s = time.perf_counter()
        try:
            worker.await_row(row.row)
            ready_s = time.perf_counter()
            count = row.warmups + row.timed
            samples = tuple(self._sample(row, arm, worker, n) for n in range(count))
        except RowEndedError as error:
            return (), worker.was_stopped(), error.how
        sampled_s = time.perf_counter()
        # Asked before the row ends, as in `_interleave`.
        stopped, how = worker.was_stopped(), worker.stop_row(row.row)
        over_s = time.perf_counter()
        self.spent.add(row.kind, phase.ROW, ready_s - began_s + over_s - sampled_s)
        return samples, stopped, how


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
