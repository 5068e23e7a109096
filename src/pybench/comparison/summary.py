"""`summary.json`: what a run decided, verdict first, with a published schema.

The record of the run is the evidence; this is what other programs read.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from pybench.comparison.counting import CountCell, judge_counts
from pybench.comparison.hosts import host_rows, host_summaries, notes_of_hosts
from pybench.comparison.judging import Cell, Judgement, Means, kind_in
from pybench.comparison.mean_groups import category
from pybench.comparison.row_numbers import medians_ns
from pybench.interpreters.package_differences import (
    extension_differences,
    package_differences,
)
from pybench.records.outcomes import FAILURES, MEASURED, Reason, ReasonKind
from pybench.records.run import TIME, Run, SideRecord
from pybench.records.samples import CPU
from pybench.records.saved_comparison import SavedComparison
from pybench.records.summary import (
    COUNT_WORDS,
    MORE,
    NO_VERDICT,
    ControlSummary,
    CountSummary,
    MeanSummary,
    RowSummary,
    SideSummary,
    Summary,
    ValueSummary,
)
from pybench.statistics.decision import FASTER, INCONCLUSIVE, SLOWER, VERDICTS
from pybench.statistics.suite import GeometricMean
from pybench.statistics.withholding import TWIN, Control

# Rows that a note lists by name.
ONCE_NAMED = 5

# What ``--fail-on`` may be, and which verdicts it means.
FAIL_ON = {
    "slower": (SLOWER,),
    "faster": (FASTER,),
    "different": (SLOWER, FASTER),
    MORE: (),  # of instructions
}


def summarise(run: Run, judgement: Judgement, *, notes: Sequence[str] = ()) -> Summary:
    """Put a judgement into the form that all formats show."""
    arms = [side.name for side in (run.baseline, *run.contenders)]
    medians = {
        row: medians_ns(record, run.pairs_of(row), arms)
        for row, record in run.rows.items()
    }
    rows = tuple(
        _row(run, cell, judgement, medians[cell.row]) for cell in judgement.cells
    )
    visible = [
        c.verdict.smallest_visible
        for c in judgement.cells
        if c.verdict and math.isfinite(c.verdict.smallest_visible)
    ]
    floor = [abs(c.verdict.ratio - 1) for c in judgement.controls if c.kind == TWIN]
    header = run.header
    return Summary(
        verdict=_sentence(run, rows, judgement),
        counter=_counter(run),
        metrics=header.metrics,
        regressions=sum(row.is_regression for row in rows),
        counts={
            side.name: dict(Counter(r.verdict for r in rows if r.side == side.name))
            for side in run.contenders
        },
        withheld=dict(judgement.withheld),
        sides=tuple(map(_side, (run.baseline, *run.contenders))),
        means=_means(judgement.means),
        apart=_means(judgement.apart),
        parts=_means(judgement.parts),
        controls=tuple(map(_control, judgement.controls)),
        rows=rows,
        values=tuple(
            ValueSummary(row=row, values=dict(record.values))
            for row, record in run.rows.items()
            if record.values
        ),
        spent={kind: dict(of) for kind, of in run.spent.seconds.items()},
        hosts=host_summaries(run),
        noise_floor=max(floor, default=None),
        smallest_visible=statistics.median(visible) if visible else None,
        margin=judgement.plan.margin,
        seed=header.seed,
        started=header.started,
        command=header.command,
        version=header.version,
        notes=tuple(
            dict.fromkeys(
                [
                    *package_differences(run),
                    *extension_differences(run),
                    *notes_of_hosts(run, judgement.several),
                    *notes,
                    *_once_notes(run),
                ]
            )
        ),
    )


def _side(side: SideRecord) -> SideSummary:
    identity = side.identity
    return SideSummary(
        name=side.name,
        python=side.python,
        interpreter=identity.interpreter,
        free_threaded=identity.free_threaded,
        gil_enabled=identity.gil_enabled,
        build_flags=identity.build_flags,
        jit=identity.jit,
        ref=side.ref.asked if side.ref else "",
        commit=side.ref.content if side.ref else "",
    )


def _means(by_arm: Mapping[str, Means]) -> tuple[MeanSummary, ...]:
    return tuple(
        MeanSummary(
            side=arm,
            category=name,
            ratio=mean.ratio,
            low=_finite(mean.low),
            high=_finite(mean.high),
            rows=mean.rows,
        )
        for arm, means in by_arm.items()
        for name, mean in means.items()
    )


def _control(control: Control) -> ControlSummary:
    verdict = control.verdict
    return ControlSummary(
        row=control.row,
        kind=control.kind,
        metric=control.metric,
        verdict=verdict.word,
        ratio=verdict.ratio,
        low=_finite(verdict.low),
        high=_finite(verdict.high),
        pairs=verdict.pairs,
    )


def _once_notes(run: Run) -> list[str]:
    """Name the rows of which a process makes one sample, as they say themselves."""
    rows = [
        row
        for row, record in run.rows.items()
        if record.rounds == 1 and MEASURED in record.outcomes.values()
    ]
    if not rows:
        return []
    more = f" and {len(rows) - ONCE_NAMED} more" if len(rows) > ONCE_NAMED else ""
    return [
        f"called once a process, as rounds=1 says: {', '.join(rows[:ONCE_NAMED])}{more}"
        "; a pair is one sample of each side, with no warm-up"
    ]


def _row(
    run: Run,
    cell: Cell,
    judgement: Judgement,
    medians: Mapping[str, float | None],
) -> RowSummary:
    record = run.rows[cell.row]
    verdict = cell.verdict
    metric = record.clock
    baseline = run.baseline
    withheld = any(reason.kind == ReasonKind.WITHHELD for reason in cell.reasons)
    over = record.threads > run.usable_cpus(cell.row)
    reasons = cell.reasons
    word = verdict.word if verdict else NO_VERDICT
    if over and verdict:
        text = f"oversubscribed: {record.threads} threads on fewer CPUs"
        reasons = (Reason(kind=ReasonKind.OVERSUBSCRIBED, culprit="", text=text),)
    if withheld or over:
        word = NO_VERDICT
    if TIME not in run.header.metrics:
        reasons = tuple(r for r in reasons if r.kind != ReasonKind.PENDING)
    baseline_ns, side_median_ns = medians[baseline.name], medians[cell.side]
    return RowSummary(
        row=cell.row,
        category=category(cell.row),
        group=record.group,
        side=cell.side,
        verdict=word,
        is_regression=bool(verdict and word == SLOWER and verdict.is_beyond_margin),
        is_beyond_margin=bool(verdict and verdict.is_beyond_margin),
        reason="; ".join(reason.text for reason in reasons),
        ratio=verdict.ratio if verdict else None,
        low=_finite(verdict.low) if verdict else None,
        high=_finite(verdict.high) if verdict else None,
        margin=verdict.margin if verdict else None,
        below_margin=verdict.below_margin if verdict else False,
        smallest_visible=_finite(verdict.smallest_visible) if verdict else None,
        pairs=verdict.pairs if verdict else 0,
        pairs_to_settle=verdict.pairs_to_settle if verdict else None,
        metric=metric,
        oversubscribed=over,
        baseline_ns=baseline_ns,
        side_ns=baseline_ns * verdict.ratio
        if verdict is not None and baseline_ns is not None
        else side_median_ns,
        side_median_ns=side_median_ns,
        kind=kind_in(run, cell.row),
        reasons=reasons,
        hosts=host_rows(run, cell.numbers, verdict, judgement.plan.confidence)
        if run.sources
        else (),
        between=math.expm1(cell.joined.between) if cell.joined else None,
        i_squared=cell.joined.i_squared if cell.joined else None,
        instructions=_count(judge_counts(run, cell.row, cell.side)),
    )


def _count(cell: CountCell | None) -> CountSummary | None:
    if cell is None:
        return None
    verdict = cell.verdict
    return CountSummary(
        verdict=verdict.word if verdict else NO_VERDICT,
        reason=cell.reason,
        baseline=cell.baseline,
        side=cell.side,
        ratio=verdict.ratio if verdict else None,
        low=verdict.low if verdict else None,
        high=verdict.high if verdict else None,
    )


def _counter(run: Run) -> str:
    """Return what counted the instructions of a run, "" if nothing did."""
    of_rows = (c for arms in run.counts.values() for of in arms.values() for c in of)
    return ", ".join(dict.fromkeys(count.counter for count in of_rows))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) and value != 0 else None


def _sentence(run: Run, rows: Sequence[RowSummary], judgement: Judgement) -> str:
    """Say in one sentence what came of it."""
    counted = _counts_sentence(run, rows)
    if TIME not in run.header.metrics and counted:
        return counted
    if not any(row.ratio is not None for row in rows):
        if run.rows and all(record.values for record in run.rows.values()):
            return "no row is a time: their values have no verdict"
        return "nothing could be compared"
    if {row.metric for row in rows if row.ratio is not None} <= {*judgement.withheld}:
        if run.header.shard:
            return f"no verdicts: {judgement.withheld[CPU]}"
        if judgement.gil_turned_on:
            return "no verdicts: the GIL was turned on in a free-threaded build"
        return "no verdicts: a control moved, so this run cannot be trusted"
    parts = []
    for side in run.contenders:
        counts = Counter(row.verdict for row in rows if row.side == side.name)
        words = [f"{counts[word]} {word}" for word in VERDICTS if counts[word]]
        if without := counts[NO_VERDICT]:
            words.append(f"{without} without a verdict")
        text = f"{side.name} against {run.baseline.name}: {', '.join(words)}"
        text += f" of {sum(counts.values())} rows" * (len(words) > 1)
        if mean := judgement.means.get(side.name, {}).get(""):
            if not judgement.withheld:
                text += _ahead(mean, run.baseline.name, side.name)
            text += f" ({mean_in_words(mean.ratio, mean.rows)})"
        parts.append(text)
    return "; ".join([*parts, *filter(None, [counted])])


def _counts_sentence(run: Run, rows: Sequence[RowSummary]) -> str:
    """Say in one sentence what came of counting, "" if nothing was counted."""
    parts = []
    for side in run.contenders:
        counts = [r.instructions for r in rows if r.side == side.name]
        number = Counter(count.verdict for count in counts if count)
        named = [f"{number[w]} {w}" for w in COUNT_WORDS[:-1] if number[w]]
        if number[NO_VERDICT]:
            named.append(f"{number[NO_VERDICT]} without a count")
        if named:
            of = f"instructions of {side.name} against {run.baseline.name}"
            parts.append(f"{of}: {', '.join(named)}")
    return "; ".join(parts)


def _ahead(mean: GeometricMean, baseline: str, side: str) -> str:
    """Say which build takes less time over all rows, if the interval says so."""
    if not math.isfinite(mean.high):
        return ""
    if mean.low <= 1 <= mean.high:
        return "; neither is ahead"
    if mean.ratio > 1:
        return f"; {baseline} is ahead: {side} takes {mean.ratio - 1:.1%} more time"
    return f"; {side} is ahead: it takes {1 - mean.ratio:.1%} less time"


def mean_in_words(ratio: float, rows: int) -> str:
    """Return the mean that a verdict quotes."""
    which = "row" if rows == 1 else "rows"
    return f"geometric mean {ratio:.3f} of {rows} single-threaded {which} of Python"


def exit_code(
    result: Summary | SavedComparison, *, fail_on: str | None, strict: bool
) -> int:
    """Return the status of `pybench compare`.

    0 nothing confirmed; 1 confirmed under ``--fail-on``; 3 no verdict possible, or
    undecided rows under ``--strict``; 4 a row failed on an arm, the rest is there.
    """
    confirmed = FAIL_ON[fail_on] if fail_on else ()
    if isinstance(result, SavedComparison):
        words = {row.word for row in result.rows}
        if words & {*confirmed}:
            return 1
        return 3 if strict and INCONCLUSIVE in words else 0
    judged = [row for row in result.rows if row.ratio is not None]
    if any(row.verdict in confirmed and row.is_beyond_margin for row in judged):
        return 1
    counted = [r.instructions for r in result.rows if r.instructions]
    if fail_on == MORE and any(
        count.low and count.low >= 1 + result.margin for count in counted
    ):
        return 1
    is_of_values = bool(result.values) and not result.rows
    is_counted = any(count.ratio is not None for count in counted)
    if not (judged or is_of_values or is_counted) or result.withheld:
        return 3
    if strict and any(row.verdict == INCONCLUSIVE for row in judged):
        return 3
    failed = any(
        reason.kind in FAILURES for row in result.rows for reason in row.reasons
    )
    return 4 if failed else 0
