"""What a comparison says around its rows: verdict, what qualifies it, means."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pybench.records.run import TIME
from pybench.records.saved_comparison import (
    OneSided,
    PartMean,
    SavedComparison,
    SavedFile,
)
from pybench.records.spent import KINDS, PHASES, TIMED
from pybench.records.summary import (
    NO_VERDICT,
    SAME,
    CountSummary,
    MeanSummary,
    SideSummary,
    Summary,
)
from pybench.records.values import value_text
from pybench.report.labels import (
    COUNT_LEGEND,
    LEGEND,
    SAVED_LEGEND,
    UNREPLICATED,
    count_words,
    interval,
)
from pybench.report.row_names import operation, short_names
from pybench.report.tables import names_of

# Rows that cannot be compared which are named where not all are asked for.
_NAMED = 6

# What the mean over all categories is of; in a summary of an earlier version, which
# has no kinds of rows, it is of whatever was measured.
OF_PYTHON, OF_ALL = "single-threaded Python", "whole suite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The texts of a comparison.

    `head` qualifies everything below it, `alone` are rows that have no ratio, `mean_*`
    the table of the means, `value*` that of the values which are no times and `count*`
    that of instructions, where there are no times beside them. `marks` say what a sign
    depends on; `command` would give verdicts.
    """

    verdict: str
    head: Sequence[str]
    legend: str
    mean_heads: Sequence[str]
    means: Sequence[Sequence[str]]
    value_heads: Sequence[str] = ()
    values: Sequence[Sequence[str]] = ()
    count_heads: Sequence[str] = ()
    counts: Sequence[Sequence[str]] = ()
    alone: Sequence[str] = ()
    marks: Sequence[str] = ()
    command: str = ""


def words_of(
    comparison: Summary | SavedComparison, *, everything: bool = False
) -> Words:
    """Return the texts; with `everything` the name of each row without a ratio."""
    if isinstance(comparison, SavedComparison):
        return _of_saved(comparison, None if everything else _NAMED)
    baseline, *contenders = map(_arm, comparison.sides)
    return Words(
        verdict=comparison.verdict,
        head=[
            *facts(comparison),
            f"baseline  {baseline}",
            *(f"contender {arm}" for arm in contenders),
        ],
        legend=legend(comparison),
        mean_heads=("geometric mean", "side", "ratio", "rows"),
        means=[
            (name, mean.side, f"{mean.ratio:.3f} {interval(mean)}", str(mean.rows))
            for name, mean in named_means(comparison)
        ],
        value_heads=("value, no verdict", *(arm.name for arm in comparison.sides)),
        values=value_rows(comparison),
        count_heads=count_heads(comparison),
        counts=count_rows(comparison, is_short=not everything),
        alone=[*_uncounted(comparison, None if everything else _NAMED)],
    )


SPENT_HEADS = ("seconds", *KINDS[:-1], "no row", "together")


def spent_rows(summary: Summary) -> list[Sequence[str]]:
    """Return where the time went: a line per phase, a column per kind of rows."""
    if not summary.spent:
        return []
    columns = [summary.spent.get(kind, {}) for kind in KINDS]
    columns.append(
        {phase: sum(of.get(phase, 0.0) for of in columns) for phase in PHASES}
    )
    whole = [sum(of.values()) for of in columns]
    timed = [of.get(TIMED, 0.0) for of in columns]
    return [
        *(
            (phase, *(_seconds(of.get(phase, 0.0)) for of in columns))
            for phase in PHASES
        ),
        ("all", *map(_seconds, whole)),
        (
            "timed share",
            *(f"{t / w:.0%}" if t else "" for t, w in zip(timed, whole, strict=True)),
        ),
    ]


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value else ""


def value_rows(summary: Summary) -> list[Sequence[str]]:
    """Return a line per row that is no time: its name and what it is on each arm."""
    names = short_names(row.row for row in summary.values)
    arms = [arm.name for arm in summary.sides]
    return [
        (
            names[row.row],
            *(
                value_text(row.values[arm]) if arm in row.values else "-"
                for arm in arms
            ),
        )
        for row in summary.values
    ]


def legend(summary: Summary) -> str:
    """Return what signs and words of a comparison mean."""
    parts = [LEGEND] * (TIME in summary.metrics)
    return "; ".join(parts + [COUNT_LEGEND] * bool(summary.counter))


def count_heads(summary: Summary) -> Sequence[str]:
    """Return the heads of the table of instructions."""
    return ("instructions per iteration", *(arm.name for arm in summary.sides))


def count_rows(summary: Summary, *, is_short: bool = False) -> list[Sequence[str]]:
    """Return a line per row that was counted; none where times are beside the counts.

    Largest changes first; with `is_short` those that are equal are left out.
    """
    if TIME in summary.metrics:
        return []
    by_row: dict[str, dict[str, CountSummary]] = {}
    for row in summary.rows:
        if row.instructions is not None:
            by_row.setdefault(row.row, {})[row.side] = row.instructions
    names = short_names(by_row)
    arms = [arm.name for arm in summary.sides[1:]]

    def size(counts: Mapping[str, CountSummary]) -> float:
        return max(abs(math.log(c.ratio)) if c.ratio else -1 for c in counts.values())

    hidden = {NO_VERDICT, SAME} if is_short else {NO_VERDICT}
    return [
        (names[row], *_count_cells(counts, arms))
        for row, counts in sorted(by_row.items(), key=lambda of: -size(of[1]))
        if not {count.verdict for count in counts.values()} <= hidden
    ]


def _uncounted(summary: Summary, most: int | None) -> Iterator[str]:
    """Say once for all rows why they have no count; beside times their table does."""
    if TIME in summary.metrics:
        return
    names = short_names(row.row for row in summary.rows)
    by_reason: dict[str, list[str]] = {}
    for row in summary.rows:
        reason = row.instructions.reason if row.instructions else row.reason
        if reason:
            # By how much it varies is each row's own, and in --format json.
            text = re.sub(r" by [\d.]+%", "", reason)
            by_reason.setdefault(text, []).append(names[row.row])
    for reason, rows in sorted(by_reason.items(), key=lambda of: -len(of[1])):
        more = "" if most is None or len(rows) <= most else f" and {len(rows) - most}"
        named = ", ".join(rows[:most])
        yield f"no count: {counted(len(rows))}: {reason}: {named}{more}"


def _count_cells(counts: Mapping[str, CountSummary], arms: Sequence[str]) -> list[str]:
    baseline = next((c.baseline for c in counts.values() if c.baseline), None)
    cells = ["-" if baseline is None else f"{baseline:,.0f}"]
    for arm in arms:
        count = counts.get(arm)
        if count is None:
            cells.append("-")
        elif count.side is None or count.reason:
            cells.append("no count")
        else:
            cells.append(f"{count.side:,.0f}, {count_words(count)}")
    return cells


def _arm(arm: SideSummary) -> str:
    flags = f", {' '.join(arm.build_flags)}" if arm.build_flags else ""
    gil = "on" if arm.gil_enabled else "off"
    ref = f", {built_from(arm)}" if arm.ref else ""
    return f"{arm.name}: {arm.interpreter}, GIL {gil}{flags}{ref}"


def built_from(arm: SideSummary) -> str:
    """Say which ref an arm's package was built from."""
    commit, _, changes = arm.commit.partition("+")
    return f"built from {arm.ref} at {commit[:12]}{' with changes' if changes else ''}"


def facts(summary: Summary) -> list[str]:
    """Return the lines that qualify everything below them."""
    counted = [f"instructions counted by {summary.counter}"] * bool(summary.counter)
    if TIME not in summary.metrics:
        return [*counted, *summary.notes]
    margins = Counter(row.margin for row in summary.rows if row.margin is not None)
    others = ", ".join(
        f"{margin:.1%} for {count} rows"
        for margin, count in sorted(margins.items())
        if not math.isclose(margin, summary.margin)
    )
    parts = [
        f"margin {summary.margin:.1%}" + (f" ({others})" if others else ""),
        f"seed {summary.seed}",
        "noise floor unknown: no A/A control ran"
        if summary.noise_floor is None
        else f"noise floor {summary.noise_floor:.1%} (A/A control)",
    ]
    if summary.smallest_visible is not None:
        parts.append(f"smallest visible change {summary.smallest_visible:.1%} (median)")
    withheld = [
        f"{rows if ' ' in rows else f'{rows} rows'}: {why}"
        for rows, why in summary.withheld.items()
    ]
    return [" · ".join([*parts, *counted]), *withheld, *summary.notes]


def named_means(summary: Summary) -> list[tuple[str, MeanSummary]]:
    """Return the means of all arms, each with what its rows are."""
    has_kinds = any(row.kind for row in summary.rows)
    whole = OF_PYTHON if has_kinds or not summary.rows else OF_ALL
    return [
        *((mean.category or whole, mean) for mean in summary.means),
        *((mean.category, mean) for mean in summary.apart),
    ]


def means_lines(summary: Summary) -> list[str]:
    """Return the means of each arm in a line or two, for formats without a table."""
    named, count = named_means(summary), len(summary.means)
    lines = []
    for arm in summary.sides[1:]:
        for what, means in (("", named[:count]), ("apart from these: ", named[count:])):
            of_arm = [(name, mean) for name, mean in means if mean.side == arm.name]
            texts = [f"{name} {mean.ratio:.3f} ({mean.rows})" for name, mean in of_arm]
            if texts:
                head = f"{arm.name}, geometric means (rows): {what}"
                lines.append(head + ", ".join(texts))
    return lines


def _of_saved(comparison: SavedComparison, most: int | None) -> Words:
    names = names_of(comparison)
    head = [comparison.limits, f"margin {comparison.margin:.1%}"]
    head += [_file(number, file) for number, file in enumerate(comparison.files, 1)]
    head += comparison.notes
    head += _left_out(comparison, names)
    head += [
        f"{arm}: {counted(count)} inconclusive: {reason}"
        for arm, reasons in comparison.reasons.items()
        for reason, count in reasons.items()
    ]
    return Words(
        verdict=comparison.verdict,
        head=head,
        legend=SAVED_LEGEND,
        mean_heads=("part", "file", "geometric mean", "rows"),
        means=[_mean(mean) for mean in comparison.means],
        alone=[_one_sided(part, most, names) for part in comparison.one_sided],
        marks=[_mark(comparison)],
        command=f"for verdicts: {comparison.command}",
    )


def _file(number: int, file: SavedFile) -> str:
    role = "baseline " if number == 1 else "contender"
    line = (
        f"[{number}] {role} {file.name}: {file.interpreter}, {file.tool}, "
        f"{counted(file.rows)}"
    )
    if file.spread is not None:
        line += f", its processes spread by {file.spread:.1%}"
    if number == 1:
        return line
    drift = "unknown" if file.drift is None else f"{file.drift:.1%}"
    controls = "" if file.drift is None else f" (controls: {file.yardsticks})"
    return f"{line}, drift of the machine {drift}{controls}"


def _left_out(comparison: SavedComparison, names: Mapping[str, str]) -> Iterator[str]:
    """Name the rows that cannot be compared, the first ones of each file."""
    for file in comparison.files:
        rows = [row for row in comparison.left_out if row.file == file.name]
        for row in rows[:_NAMED]:
            yield f"left out of {file.name}: {names[row.row]}: {row.reason}"
        more = len(rows) - _NAMED
        if more > 0:
            yield f"left out of {file.name}: {counted(more)} more (--format json)"


def _mark(comparison: SavedComparison) -> str:
    """Return what the mark means, or why there is none."""
    extreme = comparison.extreme
    if extreme is None:
        return (
            "nothing is marked for its size: there is no self-check of the machine of "
            "the first file (pybench selfcheck live PY)"
        )
    return (
        f"! larger than {extreme.ratio:.3g}, the most that two single processes of "
        f"one interpreter differed by on this machine ({extreme.processes} "
        f"processes of {counted(extreme.rows)}, {operation(extreme.row)}, "
        f"{extreme.started}); no verdict"
    )


def _mean(mean: PartMean) -> Sequence[str]:
    rows = counted(mean.rows)
    if mean.unreplicated == mean.rows:
        rows += f", {UNREPLICATED}"
    elif mean.unreplicated:
        rows += f", {mean.unreplicated} {UNREPLICATED}"
    return (mean.part, mean.side, f"{mean.ratio:.3f}", rows)


def _one_sided(part: OneSided, most: int | None, names: Mapping[str, str]) -> str:
    named = [names[row] for row in part.rows[:most]]
    left = len(part.rows) - len(named)
    more = f" and {left} more (--all, --format json)" if left else ""
    count = counted(len(part.rows))
    return f"only in {part.only_in}: {count}: {', '.join(named)}{more}"


def counted(rows: int) -> str:
    """Return a number of rows in words."""
    return f"{rows} row{'s' * (rows != 1)}"
