"""From the record of a run to what is decided of it: the same for live and saved runs.

Everything is computed from the record each time, so that a resumed run, a run read
back and a run that is still going cannot differ in how they are judged.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pybench.comparison.hosts import (
    Decided,
    SeveralRuns,
    several_runs,
    verdicts_of_several,
)
from pybench.comparison.mean_groups import (
    KINDS_APART,
    PYTHON,
    YARDSTICK_GROUP,
    category,
    kind_of,
)
from pybench.comparison.mean_groups import STARTUP as STARTUP_KIND
from pybench.comparison.row_numbers import numbers_of
from pybench.records.outcomes import ERROR, Reason, ReasonKind
from pybench.records.refs import newest
from pybench.records.row_names import CellKey
from pybench.records.run import RowRecord, Run
from pybench.records.samples import CPU, WALL
from pybench.records.spent import EXCLUSIVE, FUNCTIONS, NATIVE
from pybench.statistics.decision import Verdict, decide
from pybench.statistics.hosts import Joined
from pybench.statistics.plan import Plan
from pybench.statistics.suite import GeometricMean, geometric_mean
from pybench.statistics.withholding import TWIN, YARDSTICK, Control, withheld_classes

# The classes of rows. What one thread computes is interleaved on one CPU; threads and
# what waits for a disk, a socket or a child are in the hands of the scheduler.
COMPUTING = "computing"
THREADS = "threads"
WAITING = "waiting"

# The least margin of a class, unless a row has its own. Declared from pairs of one
# interpreter with itself: `pybench selfcheck replay` says what a record supports.
CLASS_MARGINS = {COMPUTING: 0.0, THREADS: 0.1, WAITING: 0.2}

# A change is clear that is so many times what its pairs spread by, three at least.
CLEAR_SPREADS = 8.0
CLEAR_FROM = 3

SHARD = "shard {} of a plan is not judged by itself: pybench merge judges all of them"

# The parts that improvements break down into; a category is in one of them.
MEMORY = "memory"
STARTUP = "start-up"
COMPUTATION = "computation"
PARTS = (MEMORY, STARTUP, COMPUTATION)
_PART_OF = {"memory": MEMORY, "startup": STARTUP}

Differences = Mapping[str, Sequence[float]]  # per row the numbers of its pairs
Numbers = Mapping[CellKey, Mapping[int, Sequence[float]]]  # by the run they are of
Means = Mapping[str, GeometricMean]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row of one contender; without a verdict, `reasons` say why.

    `numbers` are those of its pairs, by the run that they are of; `joined` is what
    several hosts say together.
    """

    row: str
    side: str
    verdict: Verdict | None
    reasons: tuple[Reason, ...] = ()
    numbers: Mapping[int, Sequence[float]] = field(default_factory=dict)
    joined: Joined | None = None

    @property
    def reason(self) -> str:
        """All reasons in one text."""
        return "; ".join(reason.text for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a run says, complete enough for every format of a report.

    There is a cell per row and contender. `withheld` has reasons per metric: its rows
    have estimates and intervals, no verdicts. `gil_turned_on` says which row of which
    arm found the GIL turned on that was off at the start, "" for none: from then on
    that arm was another interpreter than its identity says.

    `means` are geometric ones per contender and category, over rows of one thread in
    which Python computes; "" is all of these. `apart` are those over the rows of each
    of `KINDS_APART`, `parts` those of each of `PARTS`; start-up has the rows of that
    kind, the others have those of `means`. `numbers` are those of the pairs, per arm.
    `several` are the rows that more than one of the runs measured that were joined.
    """

    plan: Plan
    cells: tuple[Cell, ...]
    withheld: Mapping[str, str]
    gil_turned_on: str
    controls: tuple[Control, ...]
    means: Mapping[str, Means]
    apart: Mapping[str, Means]
    parts: Mapping[str, Means]
    numbers: Mapping[str, Differences]
    several: Mapping[CellKey, SeveralRuns] = field(default_factory=dict)

    def cell(self, row: str, side: str) -> Cell:
        """Return one cell."""
        return next(c for c in self.cells if c.row == row and c.side == side)


def plan_of(run: Run) -> Plan:
    """Return the plan that the header asks for."""
    plan = Plan(margin=run.header.margin)
    return plan if run.header.pairs is None else plan.for_pairs(run.header.pairs)


def class_of(record: RowRecord) -> str:
    """Return the class of a row.

    Wall time alone makes none that waits: it is also the clock of rows whose windows
    are so short that reading the other clock is a part of them.
    """
    if record.threads > 1:
        return THREADS
    computes = record.metric == CPU or record.waits is False
    return COMPUTING if computes and not record.apart else WAITING


def spent_kind(record: RowRecord) -> str:
    """Return what the time of a row is counted under."""
    if record.apart:
        return EXCLUSIVE
    kind = class_of(record)
    if kind == COMPUTING:
        return NATIVE if record.native else FUNCTIONS
    return kind


def margin_of(record: RowRecord, plan: Plan) -> float:
    """Return the margin of a row: its own, or that of its class or of the plan."""
    if record.margin is not None:
        return record.margin
    return max(plan.margin, CLASS_MARGINS[class_of(record)])


def numbers_by_source(
    run: Run, sides: Sequence[str]
) -> dict[str, dict[str, dict[int, list[float]]]]:
    """Return the numbers of all rows of each arm, by the run that they are of.

    A run that was not joined is the only one, with the number 0.
    """
    by_arm: dict[str, dict[str, dict[int, list[float]]]] = {side: {} for side in sides}
    baseline = run.baseline.name
    measured_as = {side: run.sides[side].twin_of or side for side in sides}
    for row, record in run.rows.items():
        there = [s for s in sides if record.is_measured(baseline, measured_as[s])]
        pairs = run.pairs_of(row) if there else []
        for side, of_row in numbers_of(record, pairs, baseline, there).items():
            if of_row:
                by_arm[side][row] = of_row
    return by_arm


def differences(run: Run, side: str) -> dict[str, list[float]]:
    """Return the numbers of all rows of one arm, in the order of their pairs."""
    return _series(run, numbers_by_source(run, [side])[side])


def _series(
    run: Run, rows: Mapping[str, Mapping[int, Sequence[float]]]
) -> dict[str, list[float]]:
    """Return one series of numbers a row: of several hosts the mean, pair by pair."""
    series = {}
    for row, by_source in rows.items():
        by_host: dict[str, list[float]] = {}
        for number, values in by_source.items():
            host = run.sources[number].host if run.sources else ""
            by_host.setdefault(host, []).extend(values)
        alone = [*by_host.values()]
        series[row] = alone[0]
        if len(alone) > 1:
            series[row] = [*map(statistics.fmean, zip(*alone, strict=False))]
    return series


def clear_changes(judgement: Judgement, arms: Sequence[str]) -> frozenset[CellKey]:
    """Return the rows that have clearly changed so far.

    No verdict: it only says whose pairs need not be precise, as their signs do. Looking
    at earlier pairs for that is allowed; what a pair says under no change is as likely
    up as down however many samples it has.
    """
    return frozenset(
        CellKey(arm, row)
        for arm in arms
        for row, values in judgement.numbers[arm].items()
        if is_clear(values)
    )


def is_clear(values: Sequence[float]) -> bool:
    """Tell whether the numbers of a row's pairs lie many of their spreads off."""
    if len(values) < CLEAR_FROM:
        return False
    return abs(statistics.median(values)) > CLEAR_SPREADS * statistics.stdev(values)


def judge(run: Run) -> Judgement:
    """Decide everything that the record of a run lets decide."""
    plan = plan_of(run)
    arms = [side.name for side in run.contenders]
    twins = [run.twin.name] if run.twin else []
    numbers = numbers_by_source(run, [*arms, *twins])
    by_arm = {arm: numbers[arm] for arm in arms}
    twin = {arm: numbers[arm] for arm in twins}
    # All contenders are one family: whoever compares six has six times the chances.
    family = {
        CellKey(arm, row): by_source
        for arm, rows in by_arm.items()
        for row, by_source in rows.items()
    }
    margins = {row: margin_of(record, plan) for row, record in run.rows.items()}
    several = several_runs(run, family, margins, plan)
    alone = {
        key: values
        for key, by_source in family.items()
        if key not in several
        for values in by_source.values()
    }
    decided = decide(
        alone,
        plan,
        {key: margins[key.row] for key in alone},
        given={key: row.p for key, row in several.items()},
    )
    p = {key: verdict.p for key, verdict in decided.items()}
    of_hosts = verdicts_of_several(several, margins, plan, p)
    decided |= {key: row.verdict for key, row in of_hosts.items()}
    machine = _machine_controls(run, plan, margins, family, decided)
    controls = (*_same_controls(run, plan, margins, twin), *machine)
    withheld = withheld_classes(controls)
    if run.header.shard and not run.sources:
        withheld = dict.fromkeys((CPU, WALL), SHARD.format(run.header.shard))
    if culprit := gil_turned_on(run):
        withheld = dict.fromkeys((CPU, WALL), culprit)
    series = {arm: _series(run, rows) for arm, rows in by_arm.items()}
    return Judgement(
        plan=plan,
        cells=tuple(
            _cell(
                run,
                key,
                decided.get(key),
                withheld,
                numbers=family.get(key, {}),
                of_hosts=of_hosts.get(key),
            )
            for side in run.contenders
            for key in (CellKey(side.name, row) for row in run.rows)
            # What is no time has no verdict; with a reason on an arm it has a cell.
            if not run.rows[key.row].is_value(run.baseline.name, side.name)
        ),
        withheld=withheld,
        gil_turned_on=culprit,
        controls=controls,
        means={arm: _means(run, rows) for arm, rows in series.items()},
        apart={arm: _means_apart(run, rows) for arm, rows in series.items()},
        parts={arm: _means_of_parts(run, rows) for arm, rows in series.items()},
        several=several,
        numbers={arm: _series(run, rows) for arm, rows in numbers.items()},
    )


def gil_turned_on(run: Run) -> str:
    """Say which row of which arm found the GIL turned on, "" if none did.

    A row that shares no process with others is void alone.
    """
    alone = {record.row for record in run.rows.values() if record.own_process}
    reasons = [
        (arm, record.row, reason)
        for record in run.rows.values()
        for arm, reason in record.reasons.items()
        if record.kinds.get(arm) == ReasonKind.GIL_TURNED_ON and record.row not in alone
    ]
    reasons += [
        (lost.side, lost.row, lost.reason)
        for lost in run.lost
        if lost.kind == ReasonKind.GIL_TURNED_ON and lost.row not in alone
    ]
    for arm, row, reason in reasons:
        return f"{arm}: {reason.removeprefix('void: ')} ({row})"
    return ""


def _same_controls(
    run: Run,
    plan: Plan,
    margins: Mapping[str, float],
    twin: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]],
) -> Iterator[Control]:
    """Yield the rows of the A/A control."""
    for rows in twin.values():
        keyed = {CellKey("", row): of for row, of in rows.items()}
        yield from _controls(run, TWIN, plan, margins, keyed)


def _machine_controls(
    run: Run,
    plan: Plan,
    margins: Mapping[str, float],
    family: Numbers,
    decided: Mapping[CellKey, Verdict],
) -> Iterator[Control]:
    """Yield the rows that no interpreter takes part in."""
    rows = {
        key: of for key, of in family.items()
        if run.rows[key.row].group == YARDSTICK_GROUP
    }  # fmt: skip
    if run.sources:
        yield from _controls(run, YARDSTICK, plan, margins, rows)
        return
    for key in rows:
        metric = run.rows[key.row].clock
        yield Control(row=key.row, kind=YARDSTICK, metric=metric, verdict=decided[key])


def _controls(
    run: Run, kind: str, plan: Plan, margins: Mapping[str, float], rows: Numbers
) -> Iterator[Control]:
    """Decide controls by themselves: those of each run for that run."""
    each = {(key, n): values for key, of in rows.items() for n, values in of.items()}
    decided = decide(each, plan, {(key, n): margins[key.row] for key, n in each})
    for (key, number), verdict in decided.items():
        yield Control(
            row=key.row,
            kind=kind,
            metric=run.rows[key.row].clock,
            verdict=verdict,
            source=run.sources[number].name if run.sources else "",
        )


def _cell(
    run: Run,
    key: CellKey,
    verdict: Verdict | None,
    withheld: Mapping[str, str],
    numbers: Mapping[int, Sequence[float]],
    of_hosts: Decided | None,
) -> Cell:
    reasons: tuple[Reason, ...] = ()
    clock = run.rows[key.row].clock
    names = [run.sources[number].name for number in numbers if run.sources]
    classes = [clock, *(f"{clock} rows of {name}" for name in names)]
    why = next((withheld[of] for of in classes if of in withheld), None)
    if verdict is None:
        reasons = _why_none(run, key)
    elif why is not None:
        text = f"withheld: {why}"
        reasons = (Reason(kind=ReasonKind.WITHHELD, culprit="", text=text),)
    elif of_hosts is not None and of_hosts.why:
        reasons = (Reason(kind=ReasonKind.HOSTS, culprit="", text=of_hosts.why),)
    return Cell(
        row=key.row,
        side=key.arm,
        verdict=verdict,
        reasons=reasons,
        numbers=numbers,
        joined=of_hosts.joined if of_hosts else None,
    )


def _why_none(run: Run, key: CellKey) -> tuple[Reason, ...]:
    record = run.rows[key.row]
    if why := _too_old(run, key):
        return (why,)
    of_arms = tuple(
        Reason(
            kind=record.reason_kind(arm),
            culprit=arm,
            text=f"{arm}: {record.reasons[arm]}",
        )
        for arm in (run.baseline.name, key.arm)
        if arm in record.reasons
    )
    if of_arms:
        return of_arms
    lost = next((lost for lost in reversed(run.lost) if lost.row == key.row), None)
    if lost is None:
        text = "not measured yet"
        return (Reason(kind=ReasonKind.PENDING, culprit="", text=text),)
    text = f"lost: {lost.side}: {lost.reason}"
    return (Reason(kind=lost.kind, culprit=lost.side, text=text),)


def _too_old(run: Run, key: CellKey) -> Reason | None:
    """Say of a row that fails on an older ref that its suite is newer.

    Who adds a function adds its row, which older refs cannot run.
    """
    record, refs = run.rows[key.row], run.header.refs
    if not refs or newest(refs).name != run.header.suite_from:
        return None
    arms = {arm.ref.name: arm.name for arm in run.sides.values() if arm.ref}
    new = arms.get(run.header.suite_from, "")
    failed = [a for a in (run.baseline.name, key.arm) if record.outcomes[a] == ERROR]
    if not failed or not record.is_measured(new):
        return None
    text = (
        f"{failed[0]}: n/a: the suite is that of {run.header.suite_from}, and this row "
        f"fails on the older ref: {record.reasons[failed[0]]}"
    )
    return Reason(kind=ReasonKind.NOT_AVAILABLE, culprit=failed[0], text=text)


def kind_in(run: Run, row: str) -> str:
    """Return which mean a row of a run counts in."""
    record = run.rows[row]
    return kind_of(
        row,
        record.group,
        threads=record.threads,
        waits=class_of(record) == WAITING,
    )


def part_of(row: str) -> str:
    """Return the part that a row is of, one of `PARTS`."""
    return _PART_OF.get(category(row), COMPUTATION)


def _means(run: Run, rows: Differences) -> Means:
    own = {row: values for row, values in rows.items() if kind_in(run, row) == PYTHON}
    by_category: dict[str, dict[str, Sequence[float]]] = {"": own}
    for row, values in own.items():
        by_category.setdefault(category(row), {})[row] = values
    return _geometric(by_category, run)


def _means_apart(run: Run, rows: Differences) -> Means:
    return _geometric(
        {
            kind: {r: values for r, values in rows.items() if kind_in(run, r) == kind}
            for kind in KINDS_APART
        },
        run,
    )


def _means_of_parts(run: Run, rows: Differences) -> Means:
    by_part: dict[str, dict[str, Sequence[float]]] = {part: {} for part in PARTS}
    for row, values in rows.items():
        kind = kind_in(run, row)
        if kind == STARTUP_KIND:
            by_part[STARTUP][row] = values
        elif kind == PYTHON:
            by_part[part_of(row)][row] = values
    return _geometric(by_part, run)


def _geometric(groups: Mapping[str, Differences], run: Run) -> Means:
    fewest = plan_of(run).looks[0]
    means = {name: geometric_mean(g, fewest=fewest) for name, g in groups.items()}
    return {name: mean for name, mean in means.items() if mean is not None}
