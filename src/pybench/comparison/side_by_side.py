"""Batches side by side: how many, on which CPUs, and how they are measured together.

Each batch has a core of its own. All of them start, measure and end together, so that
nothing is beside a sample but other samples. Whether that pays depends on what the
cores share: ``--jobs auto`` tries it.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from pybench.comparison.pairs import Batch, Check, PairsOrSpent, Start, measure
from pybench.comparison.row_numbers import difference
from pybench.comparison.suspension import Suspension
from pybench.comparison.worker import StartError, Worker
from pybench.records.run import PairRecord, Run
from pybench.statistics.differences import DifferenceError

# How the first rounds of `auto` are measured, side by side or not: what drifts steadily
# cancels.
TRIAL = (False, True, True, False)
# With fewer rows the spreads of a few pairs say nothing.
TRIED_LEAST = 10
# One core is left to the controller from so many on.
CORES_SPARE = 3


class JobsError(ValueError):
    """So many batches cannot run side by side; says why and how many can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """How many batches run side by side, and the CPUs of each core that is usable.

    `is_tried` where a trial decides between that many and one.
    """

    count: int = 1
    cores: tuple[tuple[int, ...], ...] = ()
    is_tried: bool = False
    note: str = ""


def jobs_of(
    asked: int | None,
    cpus: Sequence[int],
    cores: Sequence[Sequence[int]],
    quota_cpus: float | None,
) -> Jobs:
    """Return how many batches run side by side where so many were asked for.

    None asks for what a trial says. Raises `JobsError` for more than the machine can
    run without two on one core.
    """
    most = max(1, len(cores) - (len(cores) >= CORES_SPARE))
    why = f"{_counted(len(cpus), 'CPU')} usable, on {_counted(len(cores), 'core')}"
    if not cores:
        most, why = 1, "which CPUs share a core is not known here"
    elif len(cpus) == 1:
        why = f"CPU {cpus[0]} alone is usable, by an affinity such as taskset's"
    elif most > 1 and most < len(cores):
        why += ", one of which is the controller's"
    if quota_cpus is not None and int(quota_cpus) < most:
        most = max(1, int(quota_cpus))
        why = f"the quota is {quota_cpus:g} CPU{'s' * (quota_cpus != 1)}"
    if asked is not None and asked > most:
        raise JobsError(
            f"--jobs {asked}: {why}, so at most {most} can run without two on one "
            f"core: --jobs {most}"
        )
    note = f"--jobs auto: 1, as {why}" if asked is None and most == 1 else ""
    return Jobs(
        count=most if asked is None else asked,
        cores=tuple(tuple(core) for core in cores),
        is_tried=asked is None and most > 1,
        note=note,
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def cores_left(jobs: Jobs) -> list[tuple[int, ...]]:
    """Return the cores whose CPUs are all usable now: some may have gone away."""
    usable = os.sched_getaffinity(0)
    return [core for core in jobs.cores if usable.issuperset(core)]


def waves(
    batches: Sequence[Batch],
    count: int,
    cores: Sequence[Sequence[int]],
    draw: random.Random,
) -> Iterator[list[Batch]]:
    """Yield the batches by those that run side by side, each on a CPU of its own.

    Only batches that are interleaved on one CPU have neighbours.
    """
    together: list[Batch] = []
    for batch in batches:
        if batch.cpu is None or count < 2:
            yield [batch]
            continue
        together.append(batch)
        if len(together) == count:
            yield _placed(together, cores, draw)
            together = []
    if together:
        yield _placed(together, cores, draw)


def _placed(
    batches: Sequence[Batch], cores: Sequence[Sequence[int]], draw: random.Random
) -> list[Batch]:
    chosen = draw.sample([*cores], len(batches))
    return [
        replace(batch, cpu=draw.choice([*core]), neighbours=len(batches) - 1)
        for batch, core in zip(batches, chosen, strict=True)
    ]


class Meeting:
    """Where batches wait for each other, until all that are left have come."""

    def __init__(self, parties: int) -> None:
        self._parties = parties
        self._arrived = self._turn = 0
        self._changed = threading.Condition()

    def meet(self) -> None:
        """Wait for the others."""
        with self._changed:
            turn = self._turn
            self._arrived += 1
            self._go_on_if_all()
            self._changed.wait_for(lambda: self._turn > turn)

    def leave(self) -> None:
        """Let the others no longer wait for this one."""
        with self._changed:
            self._parties -= 1
            self._go_on_if_all()

    def _go_on_if_all(self) -> None:
        if self._arrived >= self._parties:
            self._arrived = 0
            self._turn += 1
            self._changed.notify_all()


def measure_together(
    batches: Sequence[Batch],
    start: Start,
    check: Check,
    suspension: Suspension,
    spare: Sequence[int],
) -> Generator[PairsOrSpent, None, None]:
    """Measure batches side by side; yields the records of all as they come.

    While they measure, this process keeps to the CPUs of `spare`, if there are any. An
    error of one batch ends the others, except that its sessions do not start: then they
    are measured first. However this ends, no session is left.
    """
    queue: SimpleQueue[PairsOrSpent | BaseException | None] = SimpleQueue()
    meeting = Meeting(len(batches))
    lock = threading.Lock()
    workers: list[Worker] = []
    is_ended = False

    def start_one(arm: str, rows: Sequence[str], hash_seed: int) -> Worker:
        with lock:  # so that none is started once they are ended
            if is_ended:
                raise StartError(arm, "not started: the comparison ends")
            workers.append(worker := start(arm, rows, hash_seed))
            return worker

    def check_one(arm: str, worker: Worker) -> None:
        with lock:
            check(arm, worker)

    def meet() -> None:
        meeting.meet()
        keep_to(spare)  # this thread starts nothing any more

    def measure_one(batch: Batch) -> None:
        try:
            watch = suspension.beside()
            for record in measure(batch, start_one, check_one, watch, meet):
                queue.put(record)
        except BaseException as error:
            queue.put(error)
        finally:
            meeting.leave()
            queue.put(None)

    usable = os.sched_getaffinity(0)
    threads = [threading.Thread(target=measure_one, args=[one]) for one in batches]
    errors: list[BaseException] = []
    try:
        for thread in threads:
            thread.start()
        keep_to(spare)
        left = len(threads)
        while left and not any(not isinstance(e, StartError) for e in errors):
            match queue.get():
                case None:
                    left -= 1
                case BaseException() as error:
                    errors.append(error)
                case record:
                    yield record
    finally:
        keep_to([*usable])
        with lock:
            is_ended = True
        for worker in workers:
            worker.kill()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    if errors:
        raise next((e for e in errors if not isinstance(e, StartError)), errors[0])


def keep_to(cpus: Sequence[int]) -> None:
    """Keep this thread to some CPUs, if any are named and still there."""
    if cpus:
        with suppress(OSError):
            os.sched_setaffinity(0, cpus)


def choose(
    shares: Sequence[float], alone_s: float, beside_s: float, count: int
) -> tuple[int, str]:
    """Return how many batches run side by side from now on, and why.

    `shares` has per row which share of the squared differences between two pairs alone
    and two side by side is that of the latter; `alone_s` and `beside_s` are seconds a
    pair. Side by side wins if its spread squared times its time is less, in doubt too.
    """
    if len(shares) < TRIED_LEAST:
        return 1, f"--jobs auto: 1, as {_counted(len(shares), 'row')} were tried"
    error = statistics.stdev(shares) / math.sqrt(len(shares))
    mean = min(statistics.fmean(shares), 0.99)
    # Of two normal numbers, one with a spread r times the other's: r / (1 + r).
    ratio, worst = (m / (1 - m) for m in (mean, min(mean + error, 0.99)))
    faster = alone_s / beside_s
    chosen = count if worst**2 < faster else 1
    return chosen, (
        f"--jobs auto: {chosen}, as {count} side by side gave {faster:.2f} times the "
        f"pairs a second, which spread {ratio:.2f} times (at most {worst:.2f}) as much"
    )


@dataclass(slots=True)
class Trial:
    """What the first rounds of ``--jobs auto`` say, alone and side by side."""

    rounds: int = 0
    seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])
    pairs: tuple[list[PairRecord], list[PairRecord]] = field(
        default_factory=lambda: ([], [])
    )

    def add(self, pair: PairRecord, *, is_beside: bool) -> None:
        """Take in a pair of a row of one thread."""
        if self.rounds < len(TRIAL):
            self.pairs[is_beside].append(pair)

    def seconds_a_pair(self) -> tuple[float, float]:
        """Return what a pair took alone, and beside others."""
        alone, beside = map(len, self.pairs)
        return self.seconds[False] / max(1, alone), self.seconds[True] / max(1, beside)

    def shares(self, run: Run) -> list[float]:
        """Return how much of each row's squared differences is of those side by side.

        Of two pairs alone and two side by side, on the first contender.
        """
        by_row: tuple[dict[str, list[float]], ...] = ({}, {})
        baseline, arm = run.baseline.name, run.contenders[0].name
        for pairs, of_row in zip(self.pairs, by_row, strict=True):
            for pair in pairs:
                if arm in pair.samples:
                    with suppress(DifferenceError):
                        number = difference(
                            pair, run.rows[pair.row].clock, baseline, arm
                        )
                        of_row.setdefault(pair.row, []).append(number)
        shares = []
        for row in by_row[0].keys() & by_row[1].keys():
            alone, beside = (of_row[row] for of_row in by_row)
            if len(alone) > 1 and len(beside) > 1:
                squares = [(of[0] - of[1]) ** 2 for of in (alone, beside)]
                if any(squares):
                    shares.append(squares[1] / sum(squares))
        return shares
