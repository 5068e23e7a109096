"""A comparison while it is made: try the rows out, then pairs, until all is decided.

The controller does not measure: it starts sessions, says whose turn it is, writes
what it hears and, between rounds, asks what is decided. Rows that are leave; the
others get the next pair.
"""

from __future__ import annotations

import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pybench.comparison import schedule
from pybench.comparison.judging import (
    Judgement,
    clear_changes,
    gil_turned_on,
    judge,
    plan_of,
    suspicion,
)
from pybench.comparison.pairs import (
    Lot,
    Scouted,
    fitting_samples,
    measure,
    refused,
    scout,
    shortened,
    timed_samples,
)
from pybench.comparison.suspension import Suspension
from pybench.comparison.worker import StartError, Worker, WorkerError
from pybench.interpreters.missing_packages import advice
from pybench.interpreters.prepare import START
from pybench.records.identity import differences
from pybench.records.messages import RowFacts
from pybench.records.outcomes import MEASURED, MISSING, ReasonKind
from pybench.records.row_names import row_name
from pybench.records.run import (
    LostRecord,
    PairRecord,
    RecordWriter,
    RowRecord,
    Run,
    SideRecord,
)
from pybench.statistics.differences import (
    CPU,
    WALL,
    DifferenceError,
    choose_metric,
    waits,
)

TWIN = "(copy)"

# A row that loses a pair is tried once more; with the second one it is void.
LOST_MOST = 2
# A pair that was suspended is no fault of the row's. But where something stops and
# continues processes all the time, as cpulimit does, there is an end to it.
SUSPENDED_MOST = 10
# By name, for a suite that turns the loading of all plugins off.
PLUGINS = ("-p", "benchmark", "-p", "pybench")
# Sessions in a row that did not start, after which something is wrong with the side.
STARTS_FAILED_MOST = 3

UNSTABLE = (
    "its name differs from process to process, so another one does not have it: give "
    "its parameters ids that stay the same"
)


class ComparisonError(Exception):
    """Nothing can be compared; says why and what to do."""


class RefusedError(ComparisonError):
    """A side is not what it was or says it is: there are no verdicts to be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An interpreter that is ready: its environment has pybench in it.

    `start` is what follows the interpreter where its sessions are started; `asked` are
    the packages by which it shall differ from the others.
    """

    name: str
    python: Path
    environ: Mapping[str, str]
    start: tuple[str, ...] = START
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a comparison is; what a face of it shows."""

    stage: str
    done: int
    whole: int
    settled: int
    rows: int
    elapsed_s: float
    left_s: float | None


class Comparison:
    """Two or more sides, a suite, and the record that grows.

    Parameters
    ----------
    sides : sequence of Side
        The baseline first.
    suite : sequence of str
        The paths that pytest is to collect.
    selecting : sequence of str
        Options of pytest that choose among what it collects.
    folder : Path
        Working directory of the sessions.
    run : Run
        What is known already: new, or read back to be resumed.
    writer : RecordWriter
        Takes each record as it comes.
    tell : callable
        Told the progress between lots, never while a turn runs.
    budget_s : float or None
        Stop when it is spent; what is undecided then stays so.

    Attributes
    ----------
    plant : mapping of str to (int, int)
        Rows of the last side that do so many calls for each so many: for checking
        this tool by a change of known size.
    """

    def __init__(
        self,
        sides: Sequence[Side],
        suite: Sequence[str],
        *,
        folder: Path,
        run: Run,
        writer: RecordWriter,
        selecting: Sequence[str] = (),
        tell: Callable[[Progress], None] = lambda progress: None,
        budget_s: float | None = None,
        twin: bool = True,
    ) -> None:
        self.run = run
        self.plant: Mapping[str, tuple[int, int]] = {}
        self._sides = {side.name: side for side in sides}
        # What sessions have said: where names of rows begin, and pytest's settings.
        self._root = self._configuration = ""
        self._suite = [*suite]
        self._folder = folder
        self._writer = writer
        self._selecting = [*selecting]
        self._tell = tell
        self._budget_s = budget_s
        self._twin = twin
        self._seed = run.header.seed
        self._started = time.monotonic()
        self._row_pair_s = 0.0  # what a row of the last round took
        self._starts_failed = 0
        self._overridden: dict[str, None] = {}
        self._suspension = Suspension()
        self._packages: dict[str, Mapping[str, str]] = {}  # of sides not yet recorded
        usable = getattr(os, "sched_getaffinity", lambda pid: ())(0)
        self._cpus = sorted(usable)

    @property
    def notes(self) -> list[str]:
        """What the reader must know of how the sessions were run."""
        if not self._overridden:
            return []
        return [
            "the suite's own pytest options that were overridden in the measured "
            f"processes: {', '.join(self._overridden)}"
        ]

    # The whole

    def go(self) -> Judgement:
        """Measure until all is decided or the budget is spent; return what is.

        Raises
        ------
        ComparisonError
            If no row can be compared at all.
        RefusedError
            If a side has become another, or the GIL was turned on in it.
        DocumentError
            If the disk refuses; what was measured is on it.
        """
        with self._suspension:
            return self._go()

    def _go(self) -> Judgement:
        # Whoever was interrupted before a pair may have noted some of the rows only.
        if not self.run.pairs and not self.run.lost:
            self._scout()
        self._refuse_the_gil()
        plan = plan_of(self.run)
        open_rows = self._open_rows()
        if not open_rows:
            raise ComparisonError(self._nothing())
        for look in plan.looks:
            while due := self._affordable(self._due(open_rows, look), look):
                # The budget may be too short for some of those that are open.
                self._round(due, look, settled=len(self._compared() - open_rows.keys()))
                open_rows = self._open_rows()
            if self._left_s() <= 0 or not open_rows:
                break
        return judge(self.run)

    def try_out(self) -> None:
        """Try the rows out and note what became of them, without a pair."""
        self._scout()

    def _left_s(self) -> float:
        spent = time.monotonic() - self._started
        return math.inf if self._budget_s is None else self._budget_s - spent

    def _affordable(
        self, due: Mapping[str, tuple[str, ...]], look: int
    ) -> dict[str, tuple[str, ...]]:
        """Return the rows that can still come to a look within the budget."""
        left_s = self._left_s()
        if left_s <= 0:
            return {}
        if math.isinf(left_s) or not self._row_pair_s:
            return {**due}
        missing = {row: look - len(self.run.pairs.get(row, {})) for row in due}
        drawn = schedule.shuffled(self._seed, look, [*due])
        room = left_s / self._row_pair_s
        chosen = schedule.affordable(drawn, missing, suspicion(self.run), room)
        return {row: due[row] for row in chosen}

    # Trying out

    def _scout(self) -> None:
        found: dict[str, dict[str, Scouted]] = {}
        numbers: dict[str, Mapping[str, int]] = {}
        for seed, name in enumerate(self._sides):
            self._report("trying out side", len(found) + 1, len(self._sides), 0)
            found[name] = dict(self._scout_side(name, numbers, seed))
            for row, one in found[name].items():
                if one.outcome == MEASURED:
                    numbers.setdefault(row, one.numbers)
        _spread_uncollected(found)
        self._find_unstable(found)
        baseline = next(iter(self._sides))
        order = [*found[baseline]]
        for name in self._sides:
            order += [row for row in found[name] if row not in found[baseline]]
        for row in dict.fromkeys(order):
            self._note(_row_record(row, {n: f.get(row) for n, f in found.items()}))
        if self._twin and self._open_rows():
            side = self.run.baseline
            self._note(
                SideRecord(
                    name=f"{side.name} {TWIN}",
                    python=side.python,
                    identity=side.identity,
                    twin_of=side.name,
                    packages=side.packages,
                )
            )

    def _find_unstable(self, found: dict[str, dict[str, Scouted]]) -> None:
        """Name the rows whose names differ from process to process.

        Sides are tried out under hash seeds of their own, so that such a row looks as
        if one side alone had it. What tells it from one that does is another session
        of that side, under the seed of a side that lacks it. Of the names that a row
        has on several sides the first one is kept.
        """
        everywhere = set.intersection(*({*rows} for rows in found.values()))
        sides = {name: {*rows} for name, rows in found.items()}
        collected: dict[tuple[str, int, int], frozenset[str]] = {}
        named: set[str] = set()
        for name, rows in found.items():
            for row in [row for row in rows if row not in everywhere]:
                seed = next(n for n, of in enumerate(sides.values()) if row not in of)
                session = rows[row].session
                files = {r.facts.file for r in rows.values() if r.session == session}
                key = (name, seed, session)
                if key not in collected:
                    collected[key] = self._collected(
                        name, seed, sorted(files) if session else ()
                    )
                again = collected[key]
                test = row.partition("[")[0]
                if row in again:
                    continue
                if test in named and row not in sides[self.run.baseline.name]:
                    del rows[row]
                    continue
                named.add(test)
                other = next((r for r in again if r.startswith(f"{test}[")), "")
                reason = UNSTABLE + (f" (there it is {other})" if other else "")
                facts = replace(rows[row].facts, refused=reason)
                rows[row] = refused(facts, ReasonKind.UNSTABLE_NAME)

    def _collected(self, name: str, seed: int, files: Sequence[str]) -> frozenset[str]:
        """Return the names that one more session of a side collects, files too."""
        try:
            with self._start_in(name, files, seed) as worker:
                worker.await_hello()
                self._know(name, worker)
                worker.choose(())
                return frozenset({*worker.rows, *worker.uncollected})
        except WorkerError as error:
            raise ComparisonError(str(error)) from None

    def _scout_side(
        self, name: str, numbers: Mapping[str, Mapping[str, int]], seed: int
    ) -> Iterator[tuple[str, Scouted]]:
        """Try all rows of one side, those apart whose files fail beside the others.

        Two files of one name cannot be imported into one process as pytest does it by
        itself; the second one can into another.
        """
        files: Sequence[str] = ()
        left: dict[str, str] = {}
        for session in itertools.count():
            before = left
            try:
                left = yield from self._scout_files(name, numbers, seed, files, session)
            except StartError as error:
                if not session:
                    raise ComparisonError(str(error)) from None
            alone = {file for file in left if not _is_odd_path(file)}
            if not alone or left == before or not self._root:
                break
            files = [str(Path(self._root, file)) for file in left if file in alone]
        for file, why in left.items():
            facts = RowFacts(
                file=file, refused=f"cannot be collected: {why}{advice(why)}"
            )
            yield file, refused(facts, ReasonKind.UNCOLLECTED)

    def _scout_files(
        self,
        name: str,
        numbers: Mapping[str, Mapping[str, int]],
        seed: int,
        files: Sequence[str],
        session: int,
    ) -> Generator[tuple[str, Scouted], None, dict[str, str]]:
        """Try the rows of files, or of the suite; go on after one that ends a session.

        Returns
        -------
        dict of str to str
            What could not be collected, and why.
        """
        rows: Sequence[str] | None = None
        seen: set[str] = set()
        facts: dict[str, RowFacts] = {}
        uncollected: dict[str, str] = {}
        while rows is None or rows:
            failure = ""
            chosen: tuple[str, ...] = ()
            try:
                with self._start_in(name, files, seed) as worker:
                    try:
                        for row, scouted in scout(worker, rows, numbers):
                            seen.add(row)
                            yield row, replace(scouted, session=session)
                    finally:
                        chosen = worker.chosen
                        facts = {**worker.rows, **facts}
                        uncollected = worker.uncollected
                        self._know(name, worker)
            except StartError as error:
                said = str(error)
                raise StartError(said + advice(said)) from None
            except WorkerError as error:
                failure = str(error).removeprefix(f"{name}: ")
            for row in rows or ():
                if row not in seen and row not in chosen:
                    seen.add(row)
                    unstable = replace(facts[row], refused=UNSTABLE)
                    yield row, refused(unstable, ReasonKind.UNSTABLE_NAME)
            left = [row for row in chosen if row not in seen]
            if not left:
                break
            seen.add(left[0])
            reason = failure or "it never ended"
            yield left[0], refused(replace(facts[left[0]], refused=reason))
            rows = left[1:]
        return uncollected

    def _know(self, name: str, worker: Worker) -> None:
        """Note who a side is; refuse one that has become another."""
        if worker.identity is None:
            return
        self._root, self._configuration = worker.root, worker.configuration
        self._overridden |= dict.fromkeys(worker.overridden)
        known = self.run.sides.get(name)
        if known is None:
            record = SideRecord(
                name=name,
                python=str(self._sides[name].python),
                identity=worker.identity,
                packages=self._packages.get(name, {}),
                asked=self._sides[name].asked,
            )
            self._note(record)
        elif known.identity != worker.identity:
            raise RefusedError(
                f"{name} is no longer what it was when this run began ("
                f"{'; '.join(differences(known.identity, worker.identity)[:3])}): "
                "begin a new run"
            )

    def _learn(self, name: str, packages: Mapping[str, str]) -> None:
        """Note which packages a side has imported; refuse one that has others now."""
        side = self.run.sides.get(name)
        known = self._packages.get(name, {}) if side is None else side.packages
        changed = [
            p for p, version in packages.items() if known.get(p, version) != version
        ]
        if changed:
            first = changed[0]
            raise RefusedError(
                f"{name} imports {first} {packages[first]} now, and imported "
                f"{known[first]} when this run began: begin a new run"
            )
        everything = {**known, **packages}
        if side is None:
            self._packages[name] = everything
        elif everything != side.packages:
            self._note(replace(side, packages=everything))

    def _refuse_the_gil(self) -> None:
        if culprit := gil_turned_on(self.run):
            raise RefusedError(
                f"{culprit}, so there are no verdicts: leave out the row that needs "
                "that, or ask for the GIL with PYTHON_GIL=1, and begin a new run"
            )

    # Pairs

    def _open_rows(self) -> dict[str, tuple[str, ...]]:
        """Return the undecided rows, each with the sides that still need pairs."""
        judgement = judge(self.run)
        wanted: dict[str, list[str]] = {}
        for cell in judgement.cells:
            if not self._can_run(cell.row, cell.side):
                continue
            if cell.verdict is None or cell.verdict.is_open:
                wanted.setdefault(cell.row, []).append(cell.side)
        twin = self.run.twin
        if twin is not None:
            measured = [r for r in self.run.rows if self._can_run(r, twin.name)]
            settled = {c.row for c in judgement.controls if not c.verdict.is_open}
            for row in schedule.twins(self._seed, measured) if measured else ():
                if row not in settled:
                    wanted.setdefault(row, []).append(twin.name)
        return {row: tuple(sides) for row, sides in wanted.items()}

    def _can_run(self, row: str, side: str) -> bool:
        known = self.run.sides[side]
        outcomes = self.run.rows[row].outcomes
        names = (self.run.baseline.name, known.twin_of or side)
        if any(outcomes.get(name) != MEASURED for name in names):
            return False
        lost = [record.kind for record in self.run.lost if record.row == row]
        suspended = lost.count(ReasonKind.SUSPENDED)
        return len(lost) - suspended < LOST_MOST and suspended < SUSPENDED_MOST

    def _compared(self) -> set[str]:
        """Return the rows that there is something to say of, now or later."""
        sides = self.run.contenders
        return {r.row for side in sides for r in self.run.comparable(side.name)}

    def _due(
        self, open_rows: Mapping[str, tuple[str, ...]], look: int
    ) -> dict[str, tuple[str, ...]]:
        """Return the open rows that have fewer pairs than the look wants."""
        return {
            row: sides
            for row, sides in open_rows.items()
            if len(self.run.pairs.get(row, {})) < look
        }

    def _round(
        self, due: Mapping[str, tuple[str, ...]], look: int, *, settled: int
    ) -> None:
        """Give each row that is due one more pair."""
        pairs = {row: len(self.run.pairs.get(row, {})) + 1 for row in due}
        number = min(pairs.values())
        lots = [*self._lots(due, pairs, number)]
        taken_s, rows_done = 0.0, 0
        for index, lot in enumerate(lots):
            if self._left_s() <= 0:
                return
            began = time.monotonic()
            try:
                for record in measure(lot, self._start, self._know, self._suspension):
                    self._note(record)
                self._starts_failed = 0
                self._refuse_the_gil()
            except StartError as error:
                self._starts_failed += 1
                if self._starts_failed >= STARTS_FAILED_MOST:
                    raise ComparisonError(str(error)) from None
            taken_s += time.monotonic() - began
            rows_done += len(lot.rows)
            self._row_pair_s = taken_s / rows_done
            missing = sum(look - pairs[row] + 1 for row in due) - rows_done
            self._report(
                f"pair {number} of {look}, lot",
                index + 1,
                len(lots),
                settled=settled,
                left_s=missing * self._row_pair_s,
            )

    def _lots(
        self, due: Mapping[str, tuple[str, ...]], pairs: Mapping[str, int], number: int
    ) -> Iterator[Lot]:
        baseline = self.run.baseline.name
        clearly = clear_changes(self.run)
        together: dict[tuple[int, bool, bool, tuple[str, ...]], list[str]] = {}
        for row in schedule.shuffled(self._seed, number, [*due]):
            record = self.run.rows[row]
            key = (record.session, record.apart, record.pinned, due[row])
            together.setdefault(key, []).append(row)
        lots = [
            (apart, pinned, (baseline, *sides), lot)
            for (_, apart, pinned, sides), rows in together.items()
            for lot in schedule.chunks(rows)
        ]
        schedule.generator(self._seed, "lots", number).shuffle(lots)
        for index, (apart, pinned, sides, rows) in enumerate(lots):
            numbers = {row: self._numbers(row, sides) for row in rows}
            fitting = {
                row: fitting_samples(
                    self.run.rows[row].rounds,
                    max(of_side["count"] for of_side in numbers[row].values()),
                    self._timed(row, sides, clearly),
                )
                for row in rows
            }
            yield Lot(
                rows=tuple(rows),
                pairs={row: pairs[row] for row in rows},
                sides=sides,
                orders={
                    row: schedule.sample_order(self._seed, row, pairs[row], sides)
                    for row in rows
                },
                start_order=tuple(
                    schedule.start_order(self._seed, number, index, sides)
                ),
                apart=apart,
                cpu=schedule.cpu(self._seed, number, index, self._cpus)
                if pinned
                else None,
                hash_seed=schedule.hash_seed(self._seed, number, index),
                numbers=numbers,
                timed={row: fit[1] for row, fit in fitting.items()},
                warmups={row: fit[0] for row, fit in fitting.items()},
            )

    def _timed(
        self, row: str, sides: Sequence[str], clearly: frozenset[tuple[str, str]]
    ) -> int:
        record = self.run.rows[row]
        turn_ns = max(record.per_sample_ns, record.per_turn_ns)
        # A copy of the baseline is never among them.
        is_clear = all((row, side) in clearly for side in sides[1:])
        return timed_samples(turn_ns, is_clear=is_clear)

    def _numbers(self, row: str, sides: Sequence[str]) -> dict[str, Mapping[str, int]]:
        numbers = self.run.rows[row].numbers
        if row in self.plant:
            up, of = self.plant[row]
            count = numbers["count"]
            # Whole numbers on both sides, so that the ratio is exact.
            base = count if count % of == 0 else count * of
            changed = [*self._sides][-1]
            counts = {key: base // of * up if key == changed else base for key in sides}
            return {key: {**numbers, "count": one} for key, one in counts.items()}
        if pairs := self.run.pairs.get(row):
            last = pairs[max(pairs)]
            numbers = shortened(last.numbers, _slowest_ns(last))
        return dict.fromkeys(sides, numbers)

    # Sessions

    def _start(self, name: str, rows: Sequence[str], hash_seed: int) -> Worker:
        """Start a session that collects at least those rows.

        It picks them by their names, which no command line can hold as they are: there
        they are paths. Naming their files spares it collecting all others.
        """
        records = [self.run.rows[row] for row in rows]
        roots = {_root_of(record) for record in records}
        files = [*dict.fromkeys(record.file for record in records)]
        if len(roots) > 1 or "" in roots or any(map(_is_odd_path, files)):
            return self._start_in(name, (), hash_seed)
        self._root = roots.pop()
        return self._start_in(name, files, hash_seed)

    def _start_in(self, name: str, files: Sequence[str], hash_seed: int) -> Worker:
        """Start a session that collects files, or the suite if none is named."""
        known = self.run.sides.get(name)
        side = self._sides[(known and known.twin_of) or name]
        if files:
            chosen = [f"--rootdir={self._root}", *files]
            if self._configuration:
                # One that lies nearer to those files was not the suite's.
                chosen += ["-c", self._configuration]
        else:
            chosen = [*self._suite, *self._selecting]
        command = [
            str(side.python), *side.start, *PLUGINS, *chosen,
            "--benchmark-only", "--continue-on-collection-errors",
            "-q", "--no-header",
        ]  # fmt: skip
        environ = {**side.environ, "PYTHONHASHSEED": str(hash_seed)}
        return Worker(
            name, command, environ=environ, folder=self._folder, learn=self._learn
        )

    # Telling

    def _note(self, record: SideRecord | RowRecord | PairRecord | LostRecord) -> None:
        self._writer.append(record)
        self.run.add(record)

    def _report(
        self,
        stage: str,
        done: int,
        whole: int,
        settled: int,
        left_s: float | None = None,
    ) -> None:
        self._tell(
            Progress(
                stage=stage,
                done=done,
                whole=whole,
                settled=settled,
                rows=len(self._compared()),
                elapsed_s=time.monotonic() - self._started,
                left_s=left_s,
            )
        )

    def _nothing(self) -> str:
        reasons = [
            f"  {row}: {name}: {reason}"
            for row, record in self.run.rows.items()
            for name, reason in record.reasons.items()
        ]
        shown = "\n".join(reasons[:5])
        return "no row could be measured on both sides" + (f":\n{shown}" * bool(shown))


def _root_of(record: RowRecord) -> str:
    """Return the folder that the name of a row begins in, "" if it is not known.

    Names of rows outside pytest's own root begin in what it was told to collect.
    """
    path = "/" + record.row.partition("::")[0]
    return record.file.removesuffix(path) if record.file.endswith(path) else ""


def _spread_uncollected(found: Mapping[str, dict[str, Scouted]]) -> None:
    """Say of the rows of a file that one side alone cannot collect why it has none."""
    for rows in found.values():
        lacking = {n: s for n, s in rows.items() if s.kind == ReasonKind.UNCOLLECTED}
        for file, scouted in lacking.items():
            starts = (f"{file}::", f"{file}/")
            theirs = [r for of in found.values() for r in of if r.startswith(starts)]
            if theirs:
                del rows[file]
            for row in theirs:
                rows.setdefault(row, scouted)


def _is_odd_path(path: str) -> bool:
    """Tell whether pytest takes what is in a path for something else."""
    return "[" in path or "::" in path


def _slowest_ns(pair: PairRecord) -> float:
    """Return what a sample took on the side that took longest."""
    return max(
        statistics.median(one.wall_ns for course in courses for one in course)
        for courses in pair.samples.values()
    )


def _row_record(row: str, sides: Mapping[str, Scouted | None]) -> RowRecord:
    """Put together what the sides said of a row."""
    there = {name: one for name, one in sides.items() if one is not None}
    first = next((o for o in there.values() if o.outcome == MEASURED), None)
    any_one = next(iter(there.values()))
    outcomes = {n: one.outcome if one else MISSING for n, one in sides.items()}
    is_unstable = any(o.kind == ReasonKind.UNSTABLE_NAME for o in there.values())
    reasons = {
        name: (f"{one.outcome}: {one.reason}" if one else "this side has no such row")
        for name, one in sides.items()
        if (one is None and not is_unstable) or (one and one.outcome != MEASURED)
    }
    threads = max((one.counts["threads"] for one in there.values()), default=1)
    apart = any(one.facts.alternate for one in there.values())
    limits = [one.rounds for one in there.values() if one.rounds is not None]
    metric = None
    if first is not None:
        try:
            metric = choose_metric(o.samples for o in there.values())
        except DifferenceError:
            metric = WALL
    if metric is not None and threads > 1:
        # What threads take of the CPU under the GIL, or asleep at a lock, says nothing
        # of how long they took.
        metric = WALL
    told = [waits(one.samples) for one in there.values() if one.samples]
    # One side that waits is enough; that none does has to be known of all.
    waiting = True if True in told else None if None in told or not told else False
    numbers = first.numbers if first else {}
    slowest_ns = max([one.sample_ns for one in there.values()], default=0.0)
    fewer = shortened(numbers, slowest_ns)
    share = fewer["count"] / numbers["count"] if numbers else 1.0
    return RowRecord(
        row=row,
        group=any_one.facts.group or _area(row),
        apart=apart,
        # Its threads would all be on that CPU; and who waits for something else than
        # the CPU loses nothing by having more of them. By wall time neither is sure:
        # libraries have threads that spin, and nobody declares them.
        pinned=not apart and threads == 1 and metric == CPU,
        margin=any_one.facts.margin,
        metric=metric,
        operations=first.counts["operations"] if first else 1,
        threads=threads,
        numbers=fewer,
        per_sample_ns=first.sample_ns * share if first else 0.0,
        outcomes=outcomes,
        reasons=reasons,
        kinds={name: one.kind for name, one in there.items() if one.kind is not None},
        per_turn_ns=max([one.turn_ns for one in there.values()], default=0.0) * share,
        waits=waiting,
        rounds=min(limits, default=None),
        file=any_one.facts.file,
        session=max(one.session for one in there.values()),
    )


def _area(row: str) -> str:
    return row_name(row).area
