"""Before the first pair: which rows each arm can run, and how many calls fill a sample.

Every row is run once on every arm. Its count is sized on the first arm that can run it,
and a few samples choose its clock.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pybench.comparison.pairs import (
    fitting_count,
    fitting_samples,
    shortened,
    timed_samples,
)
from pybench.comparison.sessions import ComparisonError, Sessions, is_odd_path
from pybench.comparison.worker import RowEndedError, StartError, Worker, WorkerError
from pybench.interpreters.missing_packages import advice
from pybench.records.calibration import ArmRecord, Calibrated
from pybench.records.messages import RowFacts
from pybench.records.outcomes import (
    ERROR,
    MISSING,
    NOT_AVAILABLE,
    VALUE,
    ReasonKind,
)
from pybench.records.row_names import row_name
from pybench.records.run import RowRecord
from pybench.records.samples import CPU, WALL, Sample
from pybench.statistics.differences import DifferenceError, choose_metric, waits

# A sample of each arm, about as long as a time slice of the scheduler.
TARGET_NS = 5e6
# Timed samples of each row, which choose its clock.
TIMED = 2

UNSTABLE = (
    "its name differs from process to process, so another one does not have it: give "
    "its parameters ids that stay the same"
)

Numbers = Mapping[str, int]


Rows = dict[str, Calibrated]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """What a session of a calibration leaves to others.

    `uncollected` are the files that it cannot collect, and why; `own_process` those
    that want a process of their own; `unmatched` is what selects none of its rows, and
    why; `nothing` says why it has no rows, and is empty if it has some.
    """

    uncollected: Mapping[str, str]
    own_process: Sequence[str]
    unmatched: Mapping[str, str]
    nothing: str = ""


def calibrate(
    sessions: Sessions,
    known_arms: Mapping[str, ArmRecord],
    on_arm: Callable[[int], None] = lambda number: None,
) -> Iterator[ArmRecord | RowRecord]:
    """Run every row of every arm once; yields each arm, then the rows.

    Rows come in the order of the baseline; arms that are known already are not run
    again. `on_arm` is given the number of each arm when it begins. Raises
    `ComparisonError` if an arm cannot be started, or has no benchmarks.
    """
    by_arm: dict[str, Rows] = {}
    numbers: dict[str, Numbers] = {}
    for seed, name in enumerate(sessions.arms):
        if arm := known_arms.get(name):
            sessions.root = sessions.root or arm.root
        else:
            on_arm(seed + 1)
            rows = dict(_calibrate_arm(sessions, name, numbers, seed))
            arm = ArmRecord(arm=name, rows=rows, root=sessions.root)
            yield arm
        by_arm[name] = dict(arm.rows)
        for row, known in by_arm[name].items():
            if known.is_measured:
                numbers.setdefault(row, known.numbers)
    _spread_reasons(by_arm)
    _mark_unstable(sessions, by_arm)
    for row in dict.fromkeys(itertools.chain.from_iterable(by_arm.values())):
        yield _row_record(row, {name: rows.get(row) for name, rows in by_arm.items()})


# One arm


def _calibrate_arm(
    sessions: Sessions, name: str, numbers: Mapping[str, Numbers], seed: int
) -> Iterator[tuple[str, Calibrated]]:
    """Run all rows of one arm, those in sessions of their own that fail beside others.

    Two files of one name cannot be imported into one process as pytest does it by
    itself; the second one can into another. What selects no row in any session refuses
    the run: it is a name that is not there.
    """
    files: Sequence[str] = ()
    left: dict[str, str] = {}
    own: list[str] = []
    remainders: list[Remainder] = []
    session = 0
    for session in itertools.count():
        before = left
        try:
            remainder = yield from _calibrate_files(
                sessions, name, numbers, seed, files, session
            )
        except StartError as error:
            if not session:
                raise ComparisonError(str(error)) from None
            break
        remainders.append(remainder)
        left = {**remainder.uncollected}
        own += remainder.own_process
        alone = {file for file in left if not is_odd_path(file)}
        if not alone or left == before or not sessions.root:
            break
        files = [str(Path(sessions.root, file)) for file in left if file in alone]
    first = remainders[0]
    reasons = [
        why
        for selector, why in first.unmatched.items()
        if all(selector in of.unmatched for of in remainders)
    ]
    if all(of.nothing for of in remainders):
        reasons.append(first.nothing)
    if reasons:
        lost = [f"; {file} cannot be collected: {why}" for file, why in left.items()]
        raise ComparisonError(f"{name}: {reasons[0]}{''.join(lost[:1])}")
    for file in own:
        session += 1
        try:
            path = str(Path(sessions.root, file))
            remainder = yield from _calibrate_files(
                sessions, name, numbers, seed, [path], session, own_process=True
            )
            left |= remainder.uncollected
            if remainder.nothing and file not in left:
                # That its rows are not selected is no failure of the file.
                why = "" if sessions.selecting else remainder.nothing
                if why := next(iter(remainder.unmatched.values()), why):
                    left[file] = why
        except StartError as error:
            left[file] = error.reason
    for file, why in left.items():
        if not sessions.wants(file):
            continue
        reason = f"cannot be collected: {why}{advice(why)}"
        facts = RowFacts(file=file, refused=reason)
        yield file, _refused(facts, ReasonKind.UNCOLLECTED)


def _calibrate_files(
    sessions: Sessions,
    name: str,
    numbers: Mapping[str, Numbers],
    seed: int,
    files: Sequence[str],
    session: int,
    *,
    own_process: bool = False,
) -> Generator[tuple[str, Calibrated], None, Remainder]:
    """Run the rows of files, or of the suite; go on after one that ends a session."""
    rows: Sequence[str] | None = None
    seen: set[str] = set()
    facts: dict[str, RowFacts] = {}
    remainder = Remainder(uncollected={}, own_process=(), unmatched={})
    while rows is None or rows:
        failure = "it never ended"
        chosen: tuple[str, ...] = ()
        try:
            with sessions.start(name, files, seed) as worker:
                try:
                    worker.await_hello()
                    if worker.unmatched and not (session or worker.uncollected):
                        raise StartError(name, next(iter(worker.unmatched.values())))
                    for row, known in _calibrate_rows(
                        worker, rows, numbers, sessions.wants
                    ):
                        seen.add(row)
                        yield (
                            row,
                            replace(known, session=session, own_process=own_process),
                        )
                finally:
                    chosen = worker.chosen
                    facts = {**worker.rows, **facts}
                    remainder = Remainder(
                        uncollected=worker.uncollected,
                        own_process=worker.own_process,
                        unmatched=worker.unmatched,
                    )
                    sessions.check(name, worker)
        except _NoRowsError as error:
            reason = error.reason + advice(error.reason)
            remainder = replace(remainder, nothing=reason)
            break
        except StartError as error:
            raise StartError(name, error.reason + advice(error.reason)) from None
        except WorkerError as error:
            failure = error.reason
        for row in rows or ():
            if row not in seen and row not in chosen:
                seen.add(row)
                unstable = replace(facts[row], refused=UNSTABLE)
                yield row, _refused(unstable, ReasonKind.UNSTABLE_NAME)
        left = [row for row in chosen if row not in seen]
        if not left:
            break
        seen.add(left[0])
        yield left[0], _refused(replace(facts[left[0]], refused=failure))
        rows = left[1:]
    return remainder


class _NoRowsError(StartError):
    """A session has collected no rows."""


def _calibrate_rows(
    worker: Worker,
    rows: Sequence[str] | None,
    numbers: Mapping[str, Numbers],
    wants: Callable[[str], bool],
) -> Iterator[tuple[str, Calibrated]]:
    """Run rows of a session that has told them, all if `rows` is None."""
    known = [r for r in (worker.rows if rows is None else rows) if r in worker.rows]
    known = [row for row in known if wants(row)]
    worker.choose([row for row in known if not worker.rows[row].refused])
    if not worker.rows and not worker.own_process:
        worker.await_end()
        raise _NoRowsError(worker.name, f"found no benchmarks{worker.last_lines()}")
    for row in known:
        facts = worker.rows[row]
        if facts.refused:
            yield row, _refused(facts)
        else:
            yield row, _calibrate_row(worker, row, numbers.get(row, {}))


def _refused(facts: RowFacts, kind: ReasonKind | None = None) -> Calibrated:
    """Return what is known of a row that is not run."""
    return Calibrated(
        outcome=ERROR, reason=facts.refused, kind=kind, facts=facts, numbers={}
    )


def _calibrate_row(worker: Worker, row: str, numbers: Numbers) -> Calibrated:
    """Size a row if `numbers` is empty, and take a few samples."""
    samples: list[Sample] = []
    sample_ns = turn_ns = math.inf
    rounds: int | None = None
    started = time.perf_counter()
    try:
        rounds = worker.await_row(row)
        numbers = numbers or worker.size(TARGET_NS, fitting_count(rounds))
        used = numbers
        for taken in range(sum(fitting_samples(rounds, numbers["count"], TIMED))):
            if taken > timed_samples(turn_ns):
                break
            began = time.perf_counter_ns()
            samples.append(worker.sample(used))
            taken_ns = time.perf_counter_ns() - began
            share = used["count"] / numbers["count"]
            sample_ns = min(sample_ns, samples[-1].wall_ns / share)
            turn_ns = min(turn_ns, taken_ns / share)
            used = shortened(used, samples[-1].wall_ns)
        how = worker.stop_row(row)
    except RowEndedError as error:
        how = error.how
    return Calibrated(
        outcome=how.outcome,
        reason=how.reason,
        kind=how.kind,
        facts=worker.rows[row],
        counts=how.counts,
        rounds=rounds,
        numbers=numbers,
        samples=tuple(samples),
        sample_ns=sample_ns if samples else 0.0,
        turn_ns=turn_ns if samples else 0.0,
        value=how.value,
        native=how.native,
        took_s=time.perf_counter() - started,
    )


# All arms


def _spread_reasons(by_arm: Mapping[str, Rows]) -> None:
    """Say of the rows of a file that one arm alone lacks why it has none.

    It cannot collect the file, or all that it has of it is one row that is n/a: its
    other names are not known there.
    """
    for rows in by_arm.values():
        in_file = Counter(row_name(row).path for row in rows)
        for row, known in [*rows.items()]:
            file = row_name(row).path
            is_alone = known.outcome == NOT_AVAILABLE and in_file[file] == 1
            if known.kind != ReasonKind.UNCOLLECTED and not is_alone:
                continue
            starts = (f"{file}::", f"{file}/")
            theirs = [r for of in by_arm.values() for r in of if r.startswith(starts)]
            if others := [other for other in theirs if other != row]:
                del rows[row]
                for other in others:
                    rows.setdefault(other, known)


def _mark_unstable(sessions: Sessions, by_arm: Mapping[str, Rows]) -> None:
    """Name the rows whose names differ from process to process.

    Arms are calibrated under hash seeds of their own, so that such a row looks as
    if one arm alone had it. What tells it from one that does is another session
    of that arm, under the seed of an arm that lacks it. Of the names that a row
    has on several arms the first one is kept.
    """
    names = {arm: {*rows} for arm, rows in by_arm.items()}
    everywhere = set.intersection(*names.values())
    on_baseline = next(iter(names.values()))
    collected: dict[tuple[str, int, int], frozenset[str]] = {}
    marked: set[str] = set()
    for arm, rows in by_arm.items():
        for row in [row for row in rows if row not in everywhere]:
            seed = next(n for n, of in enumerate(names.values()) if row not in of)
            session = rows[row].session
            key = (arm, seed, session)
            if key not in collected:
                files = {r.facts.file for r in rows.values() if r.session == session}
                collected[key] = _collected(
                    sessions, arm, sorted(files) if session else (), seed
                )
            again = collected[key]
            if row in again:
                continue
            test = row_name(row).without_parameters
            if test in marked and row not in on_baseline:
                del rows[row]
                continue
            marked.add(test)
            other = next((r for r in again if r.startswith(f"{test}[")), "")
            reason = UNSTABLE + (f" (there it is {other})" if other else "")
            facts = replace(rows[row].facts, refused=reason)
            rows[row] = _refused(facts, ReasonKind.UNSTABLE_NAME)


def _collected(
    sessions: Sessions, name: str, files: Sequence[str], seed: int
) -> frozenset[str]:
    """Return the names that one more session of an arm collects, files too."""
    try:
        with sessions.start(name, files, seed) as worker:
            worker.await_hello()
            sessions.check(name, worker)
            worker.choose(())
            return frozenset({*worker.rows, *worker.uncollected})
    except WorkerError as error:
        raise ComparisonError(str(error)) from None


def _row_record(row: str, by_arm: Mapping[str, Calibrated | None]) -> RowRecord:
    """Put together what became of a row on the arms."""
    there = {name: known for name, known in by_arm.items() if known is not None}
    each = [*there.values()]
    first = next((known for known in each if known.is_measured), None)
    kinds = {name: known.kind for name, known in there.items() if known.kind}
    reasons = {
        name: f"{known.outcome}: {known.reason}"
        for name, known in there.items()
        if not known.is_measured and known.outcome != VALUE
    }
    if ReasonKind.UNSTABLE_NAME not in kinds.values():
        lacks = "this side has no such row"
        reasons |= {name: lacks for name in by_arm if name not in there}
    threads = max(known.counts["threads"] for known in each)
    exclusive = any(known.facts.alternate for known in each)
    metric = _metric(each, threads) if first is not None else None
    gives_up = [waits(known.samples) for known in each if known.samples]
    numbers = first.numbers if first else {}
    fewer = shortened(numbers, max(known.sample_ns for known in each))
    share = fewer["count"] / numbers["count"] if numbers else 1.0
    limits = [known.rounds for known in each if known.rounds is not None]
    return RowRecord(
        row=row,
        group=each[0].facts.group or row_name(row).area,
        apart=exclusive,
        # Its threads would all be on that CPU; and who waits for something else than
        # the CPU loses nothing by having more of them. By wall time neither is sure:
        # libraries have threads that spin, and nobody declares them.
        pinned=not exclusive and threads == 1 and metric == CPU,
        margin=each[0].facts.margin,
        metric=metric,
        operations=first.counts["operations"] if first else 1,
        threads=threads,
        numbers=fewer,
        per_sample_ns=first.sample_ns * share if first else 0.0,
        outcomes={
            name: known.outcome if known else MISSING for name, known in by_arm.items()
        },
        reasons={name: reasons[name] for name in by_arm if name in reasons},
        kinds=kinds,
        per_turn_ns=max(known.turn_ns for known in each) * share,
        # One arm that waits is enough; that none does has to be known of all.
        waits=True if True in gives_up else False if {*gives_up} == {False} else None,
        rounds=min(limits, default=None),
        file=each[0].facts.file,
        session=max(known.session for known in each),
        own_process=any(known.own_process for known in each),
        values={name: known.value for name, known in there.items() if known.value},
        native=any(known.native for known in each),
    )


def _metric(each: Sequence[Calibrated], threads: int) -> str:
    """Choose the clock of a row.

    What threads take of the CPU under the GIL, or asleep at a lock, says nothing of how
    long they took.
    """
    try:
        metric = choose_metric(known.samples for known in each)
    except DifferenceError:
        return WALL
    return WALL if threads > 1 else metric
