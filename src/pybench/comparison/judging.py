"""From the record of a run to what is decided of it: the same for live and saved runs.

Everything is computed from the record each time, so that a resumed run, a run read
back and a run that is still going cannot differ in how they are judged.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pybench.comparison.mean_groups import (
    KINDS_APART,
    PYTHON,
    YARDSTICK_GROUP,
    category,
    kind_of,
)
from pybench.comparison.mean_groups import STARTUP as STARTUP_KIND
from pybench.records.results import MEASURED, VOID, PairRecord, RowRecord
from pybench.records.run import Run
from pybench.statistics.decision import Verdict, decide
from pybench.statistics.differences import (
    CPU,
    WALL,
    DifferenceError,
    adjacent_difference,
    apart_difference,
)
from pybench.statistics.plan import Plan
from pybench.statistics.suite import GeometricMean, geometric_mean
from pybench.statistics.withholding import TWIN, YARDSTICK, Control, withheld_classes

# The classes of rows. What one thread computes takes turns on one CPU; threads and
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

# The parts that improvements break down into; a category is in one of them.
MEMORY = "memory"
STARTUP = "start-up"
COMPUTATION = "computation"
PARTS = (MEMORY, STARTUP, COMPUTATION)
_PART_OF = {"memory": MEMORY, "startup": STARTUP}

# How a session says it (`pybench.target.plugin.interleaving`).
_GIL_TURNED_ON = f"{VOID}: GIL turned on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row of one contender."""

    row: str
    side: str
    verdict: Verdict | None
    reason: str  # why there is no verdict; empty if there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a run says, complete enough for every face of a report.

    Parameters
    ----------
    cells : tuple of Cell
        One per row and contender.
    withheld : mapping of str to str
        Metric to reason: rows of it have estimates and intervals, no verdicts.
    means : mapping
        Per contender and category the geometric mean over rows of one thread in which
        Python computes; "" is all of these.
    apart : mapping
        The same over the rows of each of `pybench.comparison.mean_groups.KINDS_APART`.
    parts : mapping
        The same for each of `PARTS`; start-up has the rows of that kind, the others
        have those of `means`.
    """

    plan: Plan
    cells: tuple[Cell, ...]
    withheld: Mapping[str, str]
    controls: tuple[Control, ...]
    means: Mapping[str, Mapping[str, GeometricMean]]
    apart: Mapping[str, Mapping[str, GeometricMean]]
    parts: Mapping[str, Mapping[str, GeometricMean]]

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


def margin_of(record: RowRecord, plan: Plan) -> float:
    """Return the margin of a row: its own, or that of its class or of the plan."""
    if record.margin is not None:
        return record.margin
    return max(plan.margin, CLASS_MARGINS[class_of(record)])


def difference(record: PairRecord, metric: str, baseline: str, side: str) -> float:
    """Return the one number of one pair.

    Raises
    ------
    DifferenceError
        If a time in it is not positive.
    """
    ours, theirs = record.timed(baseline), record.timed(side)
    compute = apart_difference if record.apart else adjacent_difference
    values = [compute(a, b, metric) for a, b in zip(ours, theirs, strict=True)]
    return sum(values) / len(values)


def differences(run: Run, side: str) -> dict[str, list[float]]:
    """Return the numbers of all rows of one side, in the order of their pairs."""
    baseline = run.baseline.name
    found: dict[str, list[float]] = {}
    for row, record in comparable(run, side):
        values = []
        for number in sorted(run.pairs.get(row, {})):
            pair = run.pairs[row][number]
            if side not in pair.samples:
                continue
            try:
                values.append(difference(pair, record.metric or CPU, baseline, side))
            except DifferenceError:
                continue  # both sides are dropped with it, whichever it was
        if values:
            found[row] = values
    return found


def comparable(run: Run, side: str) -> Iterator[tuple[str, RowRecord]]:
    """Yield the rows that a side and the baseline can both run."""
    baseline = run.baseline.name
    side_of = run.sides[side].twin_of or side
    for row, record in run.rows.items():
        outcomes = record.outcomes
        if outcomes.get(baseline) == MEASURED and outcomes.get(side_of) == MEASURED:
            yield row, record


def suspicion(run: Run) -> dict[str, float]:
    """Say of each row how many of its standard errors it lies off, on any side."""
    found: dict[str, float] = {}
    for side in run.contenders:
        for row, values in differences(run, side.name).items():
            if len(values) < 2:
                continue
            error = statistics.stdev(values) / math.sqrt(len(values))
            size = abs(statistics.median(values))
            found[row] = max(found.get(row, 0.0), size / error if error else math.inf)
    return found


def clear_changes(run: Run) -> frozenset[tuple[str, str]]:
    """Return the rows, by row and side, that have clearly changed so far.

    No verdict: it only says whose pairs need not be precise, as their signs do. Looking
    at earlier pairs for that is allowed; what a pair says under no change is as likely
    up as down however many samples it has.
    """
    return frozenset(
        (row, side.name)
        for side in run.contenders
        for row, values in differences(run, side.name).items()
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
    # All contenders are one family: whoever compares six has six times the chances.
    found = {side.name: differences(run, side.name) for side in run.contenders}
    family = {
        _key(side, row): values
        for side, rows in found.items()
        for row, values in rows.items()
    }
    margins = {row: margin_of(record, plan) for row, record in run.rows.items()}
    decided = decide(
        family, plan, {key: margins[key.partition("\0")[2]] for key in family}
    )
    controls = tuple(_controls(run, plan, margins, decided))
    withheld = withheld_classes(controls)
    if culprit := gil_turned_on(run):
        withheld = dict.fromkeys((CPU, WALL), culprit)
    cells = tuple(
        _cell(run, side.name, row, decided.get(_key(side.name, row)), withheld)
        for side in run.contenders
        for row in run.rows
    )
    return Judgement(
        plan=plan,
        cells=cells,
        withheld=withheld,
        controls=controls,
        means={side: _means(run, rows) for side, rows in found.items()},
        apart={side: _apart(run, rows) for side, rows in found.items()},
        parts={side: _parts(run, rows) for side, rows in found.items()},
    )


def gil_turned_on(run: Run) -> str:
    """Say which row of which side found the GIL turned on that was off at the start.

    From then on that side was another interpreter than its identity says.

    Returns
    -------
    str
        Empty when none did.
    """
    said = [
        (row, side, reason)
        for row, record in run.rows.items()
        for side, reason in record.reasons.items()
    ]
    said += [(one.row, one.side, one.reason) for one in run.lost]
    for row, side, reason in said:
        if reason.startswith(_GIL_TURNED_ON):
            return f"{side}: {reason.removeprefix(f'{VOID}: ')} ({row})"
    return ""


def _key(side: str, row: str) -> str:
    return f"{side}\0{row}"


def _controls(
    run: Run,
    plan: Plan,
    margins: Mapping[str, float],
    decided: Mapping[str, Verdict],
) -> Iterator[Control]:
    """Yield the rows that cannot differ."""
    twin = run.twin
    if twin is not None:
        own = decide(differences(run, twin.name), plan, margins)
        for row, verdict in own.items():
            metric = run.rows[row].metric or CPU
            yield Control(row=row, kind=TWIN, metric=metric, verdict=verdict)
    for side in run.contenders:
        for row, record in run.rows.items():
            found = decided.get(_key(side.name, row))
            if record.group == YARDSTICK_GROUP and found is not None:
                metric = record.metric or CPU
                yield Control(row=row, kind=YARDSTICK, metric=metric, verdict=found)


def _cell(
    run: Run,
    side: str,
    row: str,
    verdict: Verdict | None,
    withheld: Mapping[str, str],
) -> Cell:
    record = run.rows[row]
    reason = ""
    if verdict is None:
        names = [n for n in (run.baseline.name, side) if n in record.reasons]
        reason = "; ".join(f"{n}: {record.reasons[n]}" for n in names)
        reason = reason or _why_lost(run, row) or "not measured yet"
    elif (why := withheld.get(record.metric or CPU)) is not None:
        reason = f"withheld: {why}"
    return Cell(row=row, side=side, verdict=verdict, reason=reason)


def _why_lost(run: Run, row: str) -> str:
    lost = [one for one in run.lost if one.row == row]
    return f"lost: {lost[-1].side}: {lost[-1].reason}" if lost else ""


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


def _parts(run: Run, rows: Mapping[str, Sequence[float]]) -> dict[str, GeometricMean]:
    by_part: dict[str, dict[str, Sequence[float]]] = {part: {} for part in PARTS}
    for row, values in rows.items():
        kind = kind_in(run, row)
        if kind == STARTUP_KIND:
            by_part[STARTUP][row] = values
        elif kind == PYTHON:
            by_part[part_of(row)][row] = values
    return _geometric(by_part)


def _means(run: Run, rows: Mapping[str, Sequence[float]]) -> dict[str, GeometricMean]:
    own = {row: values for row, values in rows.items() if kind_in(run, row) == PYTHON}
    by_category: dict[str, dict[str, Sequence[float]]] = {"": own}
    for row, values in own.items():
        by_category.setdefault(category(row), {})[row] = values
    return _geometric(by_category)


def _apart(run: Run, rows: Mapping[str, Sequence[float]]) -> dict[str, GeometricMean]:
    by_kind: dict[str, dict[str, Sequence[float]]] = {kind: {} for kind in KINDS_APART}
    for row, values in rows.items():
        kind = kind_in(run, row)
        if kind in by_kind:
            by_kind[kind][row] = values
    return _geometric(by_kind)


def _geometric(
    groups: Mapping[str, Mapping[str, Sequence[float]]],
) -> dict[str, GeometricMean]:
    found = {name: geometric_mean(rows) for name, rows in groups.items()}
    return {name: mean for name, mean in found.items() if mean is not None}
