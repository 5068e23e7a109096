"""A comparison while it is made: calibrate the rows, then pairs, until all is decided.

The controller does not measure: it starts sessions, asks one after the other for a
sample, writes what it receives and, between rounds, asks what is decided. Rows that are
decided leave; the others get the next pair.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pybench.children import Callgrind
from pybench.comparison import schedule
from pybench.comparison.calibration import calibrate
from pybench.comparison.counting import count_rows
from pybench.comparison.forecast import Forecast, forecast
from pybench.comparison.judging import (
    Judgement,
    clear_changes,
    gil_turned_on,
    judge,
    plan_of,
    spent_kind,
)
from pybench.comparison.pairs import (
    Batch,
    BatchRow,
    fitting_samples,
    measure,
    shortened,
    timed_samples,
)
from pybench.comparison.sessions import Arm, ComparisonError, RefusedError, Sessions
from pybench.comparison.side_by_side import (
    TRIAL,
    Jobs,
    Trial,
    choose,
    cores_left,
    measure_together,
    waves,
)
from pybench.comparison.suites import Suite
from pybench.comparison.suspension import Suspension
from pybench.comparison.worker import StartError, Worker
from pybench.records.calibration import ArmRecord
from pybench.records.outcomes import ReasonKind
from pybench.records.row_names import CellKey, row_name
from pybench.records.run import TIME, PairRecord, Record, RowRecord, Run, SideRecord
from pybench.records.run_file import RecordWriter
from pybench.records.spent import (
    ALL,
    COLLECTION,
    JUDGING,
    SIZING,
    START,
    Spent,
    SpentRecord,
)

COPY = "(copy)"

# A row that loses a pair is tried once more; with the second one it is void.
LOST_MOST = 2
# A pair that was suspended is no fault of the row's. But where something stops and
# continues processes all the time, as cpulimit does, there is an end to it.
SUSPENDED_MOST = 10
# Sessions in a row that did not start, after which something is wrong with the arm.
STARTS_FAILED_MOST = 3

# What progress names of a batch.
AREAS_NAMED = 2

ALONE = Jobs()

OpenRows = dict[str, tuple[str, ...]]  # per row the arms that need pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a comparison is, for whoever shows it.

    `left_s` is the time until nothing is open or the budget is spent, and `undecided`
    how many of the rows that are open that budget will leave so. `measured` says what
    was measured last.
    """

    stage: str
    done: int
    whole: int
    settled: int
    rows: int
    elapsed_s: float
    left_s: float | None
    measured: str = ""
    undecided: int | None = None


class Comparison:
    """Two or more arms, a suite, and the record that grows.

    Parameters
    ----------
    arms : sequence of Arm
        The baseline first.
    suite : Suite
        What the sessions collect.
    selecting : sequence of str
        Options of pytest that choose among its tests.
    folder : Path
        Working directory of the sessions.
    record, writer : Run, RecordWriter
        What is known already, and what takes each record as it comes.
    on_progress : callable
        Given the progress between batches, never while a sample runs.
    budget_s : float or None
        Stop when it is spent; what is undecided then stays so.
    control : bool
        Whether some rows are measured on a second copy of the baseline as well.
    wants : callable
        Tells of each row that is selected whether it is of this run.
    callgrind : Callgrind or None
        What counts instructions, where those are a metric of the run.
    jobs : Jobs
        How many batches run side by side, and where.

    Attributes
    ----------
    outlook : str
        What the budget left undecided, and what twice the time would settle.
    injected : mapping of str to (int, int)
        Rows of the last arm that do so many calls for each so many: for checking
        this tool by a change of known size.
    """

    def __init__(
        self,
        arms: Sequence[Arm],
        suite: Suite,
        *,
        folder: Path,
        record: Run,
        writer: RecordWriter,
        selecting: Sequence[str] = (),
        on_progress: Callable[[Progress], None] = lambda progress: None,
        budget_s: float | None = None,
        control: bool = True,
        wants: Callable[[str], bool] = lambda row: True,
        callgrind: Callgrind | None = None,
        jobs: Jobs = ALONE,
    ) -> None:
        self.injected: Mapping[str, tuple[int, int]] = {}
        self.outlook = ""
        self._record = record
        self._writer = writer
        self._sessions = Sessions(
            arms,
            suite,
            selecting=selecting,
            folder=folder,
            record=record,
            note=self._note,
            wants=wants,
        )
        self._on_progress = on_progress
        self._budget_s = budget_s
        # Counts are the same each time: a copy of the baseline has nothing to show.
        self._is_timed = TIME in record.header.metrics
        self._control = control and self._is_timed
        self._callgrind = callgrind
        self._seed = record.header.seed
        self._started = time.monotonic()
        self._spent = Spent()  # what is not in the record yet
        self._judgement: Judgement
        self._forecast: Forecast
        self._starts_failed = 0
        self._noting = threading.Lock()
        self._jobs = jobs
        self._jobs_notes = [jobs.note] * bool(jobs.note)
        self._trial = Trial()
        self._batches_s = self._waves_s = 0.0
        self._suspension = Suspension()
        usable = getattr(os, "sched_getaffinity", lambda pid: ())(0)
        self._cpus = sorted(usable)

    @property
    def notes(self) -> list[str]:
        """What the reader must know of how the sessions were run."""
        options = ", ".join(self._sessions.overridden)
        note = "the suite's own pytest options that were overridden in the measured "
        notes = [f"{note}processes: {options}"] if options else []
        return notes + self._jobs_notes + [self.outlook] * bool(self.outlook)

    def run(self) -> Judgement:
        """Measure until all is decided or the budget is spent; return what is.

        Raises
        ------
        ComparisonError
            If no row can be compared at all.
        RefusedError
            If an arm has become another, or the GIL was turned on in it.
        DocumentError
            If the disk refuses; what was measured is on it.
        """
        with self._suspension:
            # Who was interrupted before a pair may have noted some of the rows only;
            # arms that were calibrated whole are not run again.
            if not self._record.pairs and not self._record.lost:
                self.calibrate()
            self._refuse_the_gil()
            if self._callgrind is not None:
                self._count(self._callgrind)
            if self._is_timed:
                self._take_pairs()
                self._look_ahead()
        return judge(self._record)

    def _count(self, callgrind: Callgrind) -> None:
        """Count the instructions of all rows that can be compared.

        Half of a budget is for the times.
        """
        if not self._compared():
            if self._is_timed:
                return
            raise ComparisonError(self._nothing())

        def on_session(number: int, whole: int) -> None:
            counted = len(self._record.counts) * (number > 1)
            self._report("counting, process", number, whole, settled=counted)

        kept_s = (self._budget_s or 0.0) / 2 if self._is_timed else 0.0
        for count in count_rows(self._sessions, self._record, callgrind, on_session):
            self._note(count)
            if self._left_s() <= kept_s:
                break

    def calibrate(self) -> None:
        """Run every row once and note what became of it, without a pair."""
        whole = len(self._sessions.arms)

        def on_arm(number: int) -> None:
            self._report("calibrating interpreter", number, whole, settled=0)

        sessions, took_s, spent = self._sessions, dict[str, float](), Spent()
        for record in calibrate(sessions, self._record.arms, on_arm):
            self._note(record)
            if isinstance(record, ArmRecord):
                for row, known in record.rows.items():
                    took_s[row] = took_s.get(row, 0.0) + known.took_s
            elif isinstance(record, RowRecord):
                kind = spent_kind(record)
                spent.add(kind, SIZING, took_s.get(record.row, 0.0))
        spent.add(ALL, START, sessions.start_s)
        spent.add(ALL, COLLECTION, sessions.collection_s)
        self._note(spent.taken())
        if self._control and self._open_rows():
            baseline = self._record.baseline
            self._note(
                SideRecord(
                    name=f"{baseline.name} {COPY}",
                    python=baseline.python,
                    identity=baseline.identity,
                    twin_of=baseline.name,
                    packages=baseline.packages,
                )
            )

    def _refuse_the_gil(self) -> None:
        if culprit := gil_turned_on(self._record):
            raise RefusedError(
                f"{culprit}, so there are no verdicts: leave out the row that needs "
                "that, or ask for the GIL with PYTHON_GIL=1, and begin a new run"
            )

    def _look_ahead(self) -> None:
        """Say what as much time again would settle, where a budget left rows open."""
        if self._budget_s is None:
            return
        last = plan_of(self._record).most_pairs
        open_rows = {
            row: arms
            for row, arms in self._open_rows().items()
            if len(self._record.pairs.get(row, {})) < last
        }
        if not open_rows:
            return
        ahead = forecast(self._record, self._judgement, open_rows)
        rows = len(open_rows)
        more = round(rows - ahead.undecided_after(self._budget_s))
        self.outlook = (
            f"the budget left {rows} row{'s' * (rows != 1)} undecided; twice the time "
            f"would settle about {more} of them"
        )

    # Which rows

    def _take_pairs(self) -> None:
        open_rows = self._open_rows()
        if not open_rows:
            if any(record.values for record in self._record.rows.values()):
                return
            raise ComparisonError(self._nothing())
        for look in plan_of(self._record).looks:
            while due := self._due(open_rows, look):
                # The budget may be too short for some of those that are open.
                settled = len(self._compared() - open_rows.keys())
                self._take_round(due, settled, look)
                open_rows = self._open_rows()
            if self._left_s() <= 0 or not open_rows:
                break

    def _open_rows(self) -> OpenRows:
        """Return the undecided rows, each with the arms that still need pairs."""
        began_s = time.perf_counter()
        self._judgement = judgement = judge(self._record)
        self._spent.add(ALL, JUDGING, time.perf_counter() - began_s)
        wanted: dict[str, list[str]] = {}
        for cell in judgement.cells:
            if not self._can_run(cell.row, cell.side):
                continue
            if cell.verdict is None or cell.verdict.is_open:
                wanted.setdefault(cell.row, []).append(cell.side)
        twin = self._record.twin
        if twin is not None:
            measured = [r for r in self._record.rows if self._can_run(r, twin.name)]
            settled = {c.row for c in judgement.controls if not c.verdict.is_open}
            for row in schedule.control_rows(self._seed, measured) if measured else ():
                if row not in settled:
                    wanted.setdefault(row, []).append(twin.name)
        return {row: tuple(arms) for row, arms in wanted.items()}

    def _can_run(self, row: str, arm: str) -> bool:
        measured_as = self._record.sides[arm].twin_of or arm
        baseline = self._record.baseline.name
        if not self._record.rows[row].is_measured(baseline, measured_as):
            return False
        lost = [record.kind for record in self._record.lost if record.row == row]
        suspended = lost.count(ReasonKind.SUSPENDED)
        return len(lost) - suspended < LOST_MOST and suspended < SUSPENDED_MOST

    def _compared(self) -> set[str]:
        """Return the rows that there is something to say of, now or later."""
        arms = self._record.contenders
        return {row.row for arm in arms for row in self._record.comparable(arm.name)}

    def _due(self, open_rows: OpenRows, look: int) -> OpenRows:
        """Return the open rows that lack pairs for a look, and are to come to it."""
        left_s = self._left_s()
        if left_s <= 0 or not open_rows:
            return {}
        began_s = time.perf_counter()
        self._forecast = forecast(self._record, self._judgement, open_rows)
        rows: Iterable[str] = open_rows
        if math.isfinite(left_s):
            place = self._forecast.looks.index(look)
            targets = self._forecast.spend(left_s * self._pace)
            rows = [row for row, target in targets.items() if target >= place]
        self._spent.add(ALL, JUDGING, time.perf_counter() - began_s)
        return {
            row: open_rows[row]
            for row in rows
            if len(self._record.pairs.get(row, {})) < look
        }

    def _left_s(self) -> float:
        spent = time.monotonic() - self._started
        return math.inf if self._budget_s is None else self._budget_s - spent

    # Pairs

    def _take_round(self, due: OpenRows, settled: int, look: int) -> None:
        """Give each row that is due one more pair; side by side some get more."""
        jobs, cores = self._jobs_now()
        free = {row: self._free_pairs(row, look) for row in due}
        number = min(numbers[0] for numbers in free.values())
        batches = self._batches_of(due, {row: of[0] for row, of in free.items()})
        if jobs > 1:
            batches += self._more_batches(due, free, jobs, _pinned(batches))
        draw = schedule.generator(self._seed, "cores", number)
        expected_s = self._forecast.left_s() / self._pace
        undecided = None
        if math.isfinite(left_s := self._left_s()) and self._forecast.is_known:
            undecided = round(self._forecast.undecided_after(left_s * self._pace))
        began_s, done = time.monotonic(), 0
        for wave in waves(batches, jobs, cores, draw):
            if self._left_s() <= 0:
                return
            try:
                self._measure(wave, cores, is_beside=jobs > 1)
                self._starts_failed = 0
                self._refuse_the_gil()
            except StartError as error:
                self._starts_failed += 1
                if self._starts_failed >= STARTS_FAILED_MOST:
                    raise ComparisonError(str(error)) from None
            done += len(wave)
            left_s = max(0.0, expected_s - (time.monotonic() - began_s))
            self._report(
                f"pair {number}, batch",
                done,
                len(batches),
                settled=settled,
                left_s=min(left_s, max(0.0, self._left_s())),
                measured=_named(wave[0]),
                undecided=undecided,
            )
        self._end_trial()

    def _measure(
        self, wave: Sequence[Batch], cores: Sequence[Sequence[int]], *, is_beside: bool
    ) -> None:
        """Measure the batches of a wave, and note what they give as it comes."""
        began_s = time.monotonic()
        check = self._sessions.check
        if len(wave) == 1:
            records = measure(wave[0], self._start, check, self._suspension)
        else:
            taken = {batch.cpu for batch in wave}
            spare = [cpu for core in cores if not taken & {*core} for cpu in core]
            records = measure_together(
                wave, self._start, check, self._suspension, spare
            )
        with contextlib.closing(records):
            for record in records:
                if isinstance(record, SpentRecord):
                    self._spent.add_all(record.seconds)
                    record = self._spent.taken()
                elif isinstance(record, PairRecord) and wave[0].cpu is not None:
                    self._trial.add(record, is_beside=is_beside)
                self._note(record)
        taken_s = time.monotonic() - began_s
        self._batches_s += taken_s * len(wave)
        self._waves_s += taken_s
        if wave[0].cpu is not None:
            self._trial.seconds[is_beside] += taken_s

    @property
    def _pace(self) -> float:
        """How many batches were measured at a time."""
        return self._batches_s / self._waves_s if self._waves_s else 1.0

    def _jobs_now(self) -> tuple[int, list[tuple[int, ...]]]:
        """Return how many batches run side by side in this round, on which cores."""
        if self._jobs.count == 1:
            return 1, []
        cores = cores_left(self._jobs)
        if len(cores) < self._jobs.count:
            count = max(1, len(cores))
            note = f"from then on {count} side by side: CPUs are no longer usable"
            self._jobs_notes.append(note)
            self._jobs = replace(self._jobs, count=count)
        is_beside = not self._jobs.is_tried or TRIAL[self._trial.rounds]
        return (self._jobs.count if is_beside else 1), cores

    def _end_trial(self) -> None:
        """Count a round of the trial; after the last one, choose."""
        trial = self._trial
        trial.rounds += 1
        if not self._jobs.is_tried or trial.rounds < len(TRIAL):
            return
        alone_s, beside_s = trial.seconds_a_pair()
        shares = trial.shares(self._record)
        count, why = choose(shares, alone_s, beside_s, self._jobs.count)
        self._jobs = replace(self._jobs, count=count, is_tried=False)
        self._jobs_notes.append(why)

    def _free_pairs(self, row: str, look: int) -> list[int]:
        """Return the numbers of the pairs that a row lacks for a look."""
        taken = self._record.pairs.get(row, {})
        # A joined or resumed run may lack some and have later ones.
        numbers = (n for n in itertools.count(1) if n not in taken)
        return [*itertools.islice(numbers, look - len(taken))]

    def _more_batches(
        self,
        due: OpenRows,
        free: Mapping[str, Sequence[int]],
        jobs: int,
        count: int,
    ) -> list[Batch]:
        """Return batches of the pairs after the next, until none is left alone."""
        more: list[Batch] = []
        for ahead in itertools.count(1):
            rows = {
                row: arms
                for row, arms in due.items()
                if self._record.rows[row].pinned and len(free[row]) > ahead
            }
            if not rows or (count + len(more)) % jobs == 0:
                return more
            more += self._batches_of(rows, {row: free[row][ahead] for row in rows})
        raise AssertionError("the numbers have no end")

    def _batches_of(self, due: OpenRows, pairs: Mapping[str, int]) -> list[Batch]:
        return [*self._batches(due, pairs, min(pairs.values()))]

    def _start(self, name: str, rows: Sequence[str], hash_seed: int) -> Worker:
        records = [self._record.rows[row] for row in rows]
        return self._sessions.start_with(name, records, hash_seed)

    def _batches(
        self, due: OpenRows, pairs: Mapping[str, int], number: int
    ) -> Iterator[Batch]:
        contenders = [side.name for side in self._record.contenders]
        clear = clear_changes(self._judgement, contenders)
        together: dict[tuple[object, bool, bool, tuple[str, ...]], list[str]] = {}
        for row in schedule.shuffled(self._seed, number, [*due]):
            record = self._record.rows[row]
            process = (record.session, record.file if record.own_process else "")
            key = (process, record.apart, record.pinned, due[row])
            together.setdefault(key, []).append(row)
        batches = [
            (exclusive, pinned, (self._record.baseline.name, *arms), rows)
            for (_, exclusive, pinned, arms), of_key in together.items()
            for rows in schedule.chunks(of_key)
        ]
        schedule.generator(self._seed, "lots", number).shuffle(batches)
        for index, (exclusive, pinned, arms, rows) in enumerate(batches):
            cpu = schedule.cpu(self._seed, number, index, self._cpus)
            start_order = schedule.start_order(self._seed, number, index, arms)
            yield Batch(
                rows=tuple(self._row(row, pairs[row], arms, clear) for row in rows),
                arms=arms,
                start_order=tuple(start_order),
                exclusive=exclusive,
                cpu=cpu if pinned else None,
                hash_seed=schedule.hash_seed(self._seed, number, index),
            )

    def _row(
        self, row: str, pair: int, arms: tuple[str, ...], clear: frozenset[CellKey]
    ) -> BatchRow:
        record = self._record.rows[row]
        numbers = self._numbers(row, arms)
        # A copy of the baseline is never among them.
        is_clear = all(CellKey(arm, row) in clear for arm in arms[1:])
        per_sample_ns = max(record.per_sample_ns, record.per_turn_ns)
        warmups, timed = fitting_samples(
            record.rounds,
            max(of_arm["count"] for of_arm in numbers.values()),
            timed_samples(per_sample_ns, is_clear=is_clear),
        )
        return BatchRow(
            row=row,
            pair=pair,
            order=schedule.sample_order(self._seed, row, pair, arms),
            numbers=numbers,
            warmups=warmups,
            timed=timed,
            kind=spent_kind(record),
        )

    def _numbers(self, row: str, arms: Sequence[str]) -> dict[str, Mapping[str, int]]:
        numbers = self._record.rows[row].numbers
        if row in self.injected:
            more, of = self.injected[row]
            is_native = self._record.rows[row].native
            # A kernel's sample has few rounds, of many iterations each.
            what = "iterations" if is_native else "count"
            count = numbers[what]
            # Whole numbers on both arms, so that the ratio is exact.
            base = count if count % of == 0 else count * of
            changed = [*self._sessions.arms][-1]
            counts = {
                arm: base // of * more if arm == changed else base for arm in arms
            }
            return {arm: {**numbers, what: n} for arm, n in counts.items()}
        if pairs := self._record.pairs.get(row):
            last = pairs[max(pairs)]
            numbers = shortened(last.numbers, _slowest_ns(last))
        return dict.fromkeys(arms, numbers)

    # Telling

    def _note(self, record: Record) -> None:
        with self._noting:  # sessions side by side say who they are
            self._writer.append(record)
            self._record.add(record)

    def _report(
        self,
        stage: str,
        done: int,
        whole: int,
        *,
        settled: int,
        left_s: float | None = None,
        measured: str = "",
        undecided: int | None = None,
    ) -> None:
        self._on_progress(
            Progress(
                stage=stage,
                done=done,
                whole=whole,
                settled=settled,
                rows=len(self._compared()),
                elapsed_s=time.monotonic() - self._started,
                left_s=left_s,
                measured=measured,
                undecided=undecided,
            )
        )

    def _nothing(self) -> str:
        reasons = [
            f"  {row}: {name}: {reason}"
            for row, record in self._record.rows.items()
            for name, reason in record.reasons.items()
        ]
        shown = "\n".join(reasons[:5])
        return "no row could be measured on both sides" + (f":\n{shown}" * bool(shown))


def _pinned(batches: Iterable[Batch]) -> int:
    return sum(batch.cpu is not None for batch in batches)


def _named(batch: Batch) -> str:
    """Say in a few words what a batch was of."""
    names = Counter(row_name(row.row).area for row in batch.rows)
    most = [name for name, _ in names.most_common(AREAS_NAMED)]
    return ", ".join(most) + " ..." * (len(names) > len(most))


def _slowest_ns(pair: PairRecord) -> float:
    """Return what a sample took on the arm that took longest."""
    return max(
        statistics.median(sample.wall_ns for process in of_arm for sample in process)
        for of_arm in pair.samples.values()
    )
