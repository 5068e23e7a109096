"""One run of several: shards of a plan, or repeats on another day or host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pybench.records.documents import DocumentError
from pybench.records.outcomes import MEASURED, VOID, ReasonKind
from pybench.records.run import TIME, RowRecord, Run, RunHeader, SideRecord, Source
from pybench.records.samples import WALL


def join(header: RunHeader, sections: Sequence[tuple[str, Run]]) -> Run:
    """Make one run of several, each with its name; nothing is judged.

    Each pair keeps which of them it is of, and is numbered anew: in the order of the
    runs, as they are given. `DocumentError` names the run that cannot be joined with
    the first one, and why.
    """
    named: Counter[str] = Counter()
    hosts: dict[tuple[str, str], str] = {}
    joined = Run(header=header)
    begun: dict[RunHeader, str] = {}
    rows: dict[str, list[RowRecord]] = {}
    for number, (name, run) in enumerate(sections):
        if not run.sides:
            raise DocumentError(f"{name}: it ended before a side was known")
        if run.header.metrics != (TIME,):
            raise DocumentError(
                f"{name} counted instructions, which are not joined: judge it by itself"
            )
        if run.header in begun:
            raise DocumentError(
                f"{name} and {begun[run.header]} are one run: give it once"
            )
        begun[run.header] = name
        if number:
            _check_joinable(sections[0], (name, run))
        named[name] += 1
        label = f"{name} ({named[name]})" if named[name] > 1 else name
        source = Source(
            name=label,
            host=_host(run.header, label, hosts),
            header=run.header,
            sides=run.sides,
            rows=run.rows,
        )
        joined.sources += (source,)
        for side in run.sides.values():
            joined.sides.setdefault(side.name, side)
        for record in run.rows.values():
            rows.setdefault(record.row, []).append(record)
        for row in run.pairs:
            pairs = joined.pairs.setdefault(row, {})
            for pair in run.pairs_of(row):
                place = len(pairs) + 1
                pairs[place] = replace(pair, pair=place, source=number)
        joined.lost += run.lost
        joined.spent.add_all(run.spent.seconds)
    joined.rows = {row: _joined_row(records) for row, records in rows.items()}
    for row, record in joined.rows.items():
        if MEASURED not in record.outcomes.values():
            joined.pairs.pop(row, None)
    return joined


def _host(header: RunHeader, name: str, hosts: dict[tuple[str, str], str]) -> str:
    """Return a name of a host that no other one has; an unknown one is its run's."""
    key = (header.host, header.boot) if header.host else ("", name)
    if key not in hosts:
        wanted = header.host or name
        like = sum(host == wanted for host, _ in hosts)
        hosts[key] = f"{wanted} ({like + 1})" if like else wanted
    return hosts[key]


def _check_joinable(first: tuple[str, Run], other: tuple[str, Run]) -> None:
    """Refuse a run that asked something else than the first one."""
    for what, mine, theirs in _asked(first[1], other[1]):
        if mine != theirs:
            raise DocumentError(
                f"{other[0]} cannot be joined with {first[0]}: {what} {theirs} there, "
                f"{mine} here; join runs of one suite, on the same builds, by one "
                "version of pybench"
            )


def _asked(first: Run, other: Run) -> Iterator[tuple[str, object, object]]:
    """Yield what has to be alike, its name before both."""
    mine, theirs = first.header, other.header
    if mine.content and theirs.content:
        yield "the content of the suite is", mine.content, theirs.content
    else:
        yield "the suite is", mine.suite, theirs.suite
    yield "pybench is", mine.version, theirs.version
    yield "the margin is", f"{mine.margin:g}", f"{theirs.margin:g}"
    yield "the number of pairs is", mine.pairs or "open", theirs.pairs or "open"
    yield "the packages are", _listed(mine.packages), _listed(theirs.packages)
    arms = [[s.name for s in run.sides.values() if s.twin_of is None]
            for run in (first, other)]  # fmt: skip
    yield "the sides are", _listed(arms[0]), _listed(arms[1])
    for arm in arms[0]:
        yield f"{arm} is", _build_of(first.sides[arm]), _build_of(other.sides[arm])


def _build_of(side: SideRecord) -> str:
    """Return what makes a side the same one on another machine."""
    identity = side.identity
    flags = " ".join(identity.build_flags)
    facts = [identity.interpreter, identity.gil_state, f"JIT {identity.jit}", flags]
    return ", ".join([*filter(None, facts), *([side.ref.content] if side.ref else [])])


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"


def _joined_row(records: Sequence[RowRecord]) -> RowRecord:
    """Return what several runs know of a row; void where it is not one row in all."""
    first = records[0]
    if len(records) == 1:
        return first
    unlike = [
        f"{name} {getattr(first, name)} and {getattr(record, name)}"
        for record in records
        for name in ("operations", "threads", "margin")
        if record.is_any_measured and first.is_any_measured
        if getattr(record, name) != getattr(first, name)
    ]
    measured = [record for record in records if record.is_any_measured] or [first]
    arms = dict.fromkeys(arm for record in records for arm in record.outcomes)
    outcomes, reasons, kinds = {}, {}, {}
    for arm in arms:
        known = [record for record in records if arm in record.outcomes]
        best = next((r for r in known if r.is_measured(arm)), known[0])
        outcomes[arm] = best.outcomes[arm]
        # A GIL that was turned on is a fact of the whole run.
        turned = (r for r in known if r.kinds.get(arm) == ReasonKind.GIL_TURNED_ON)
        told = next(turned, best)
        if arm in told.reasons:
            reasons[arm] = told.reasons[arm]
        if arm in told.kinds:
            kinds[arm] = told.kinds[arm]
    waits = {record.waits for record in measured}
    row = replace(
        measured[0],
        apart=any(record.apart for record in measured),
        pinned=all(record.pinned for record in measured),
        metric=WALL if WALL in {r.metric for r in measured} else measured[0].metric,
        waits=True if True in waits else None if None in waits else False,
        outcomes=outcomes,
        reasons=reasons,
        kinds=kinds,
        values={a: v for r in reversed(records) for a, v in r.values.items()},
    )
    if not unlike:
        return row
    why = f"{VOID}: its runs are not of one row: {unlike[0]}"
    return replace(
        row,
        outcomes=dict.fromkeys(arms, VOID),
        reasons=dict.fromkeys(arms, why),
        kinds={},
    )
