"""What saved files say of each row, complete enough for every face of a report.

Nothing in them took turns. `pybench.sequential` says what may be told all the same,
and here that is put beside both times, the ratio and the means of the ratios, which
are there for every row that both files have.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pybench.runner.judging import COMPUTATION, PARTS, YARDSTICK_GROUP, part_of
from pybench.runner.saved import PYPERF, Saved, SavedError
from pybench.runner.summary import FAIL_ON
from pybench.sequential import (
    FASTER,
    INCONCLUSIVE,
    SLOWER,
    Change,
    changes,
    drift_of,
)

SCHEMA = 1

LIMITS = (
    "These files were measured one after the other: the machine of then and the "
    "machine of now are in every ratio. `pybench compare PY PY` takes turns."
)

# What a row is called in which no interpreter takes part: it shows the machine.
CONTROL = "control"

_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """One file.

    `drift` is the largest relative change of a row without Python since the first
    file, of `yardsticks` such rows; None where there are none, and for the first.
    """

    name: str
    path: str
    tool: str
    interpreter: str
    rows: int
    drift: float | None
    yardsticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRowSummary:
    """One row of one file against the first; a ratio is its time over the first's.

    `word` is slower, faster, inconclusive or control; `explained` is the relative
    change that spread and drift explain, None where that is not known. A row is
    unreplicated where both sides are one process. Times are medians of the processes'
    medians, in seconds.
    """

    row: str
    part: str
    group: str | None
    side: str
    word: str
    reason: str
    ratio: float
    explained: float | None
    unreplicated: bool
    baseline_s: float
    side_s: float
    baseline_processes: int
    side_processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartMean:
    """The geometric mean of the ratios of one part; controls are left out of it."""

    side: str
    part: str
    ratio: float
    rows: int
    unreplicated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSided:
    """The rows that one of two files has, and the other has not."""

    only_in: str
    not_in: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedComparison:
    """What saved files say of one another; the first of them is the baseline.

    `verdict` is one sentence; `limits` says what no row of this can show. `reasons`
    has per side why rows are inconclusive where that holds for all rows alike, and
    for how many.
    """

    verdict: str
    limits: str
    counts: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, Mapping[str, int]]
    files: tuple[SavedFile, ...]
    means: tuple[PartMean, ...]
    rows: tuple[SavedRowSummary, ...]
    one_sided: tuple[OneSided, ...]
    margin: float
    notes: tuple[str, ...] = ()
    pybench: str = "saved"
    schema: int = SCHEMA


def compare_saved(files: Sequence[Saved], margin: float = 0.03) -> SavedComparison:
    """Compare each file with the first one.

    Parameters
    ----------
    files : sequence of Saved
        Two at least.
    margin : float
        Changes below it are not told, as a share.

    Raises
    ------
    SavedError
        For fewer than two files, or two that have no row in common.
    """
    if len(files) < 2:
        raise SavedError(
            f"{', '.join(str(one.path) for one in files)}: one file has nothing to be "
            "compared with: name another one"
        )
    names = _names(files)
    baseline, first = files[0], names[0]
    facts = [_file(baseline, first)]
    rows: list[SavedRowSummary] = []
    one_sided: list[OneSided] = []
    notes: list[str] = []
    for other, name in zip(files[1:], names[1:], strict=True):
        common = _common(baseline, other)
        yardsticks = _yardsticks(baseline, other, common)
        drift = drift_of(yardsticks)
        facts.append(_file(other, name, drift=drift, yardsticks=len(yardsticks)))
        unlike = _unlike(baseline, other)
        if unlike:
            notes.append(f"{name} was measured on another machine: {unlike}")
        contenders = len(files) - 1
        rows += _rows(
            baseline, other, name, common, yardsticks, margin, contenders, unlike
        )
        one_sided += _one_sided(baseline, other, first, name)
    counts = {
        name: dict(Counter(row.word for row in rows if row.side == name))
        for name in names[1:]
    }
    return SavedComparison(
        verdict="; ".join(
            f"{name} against {first}: {_counted(counts[name])}" for name in names[1:]
        ),
        limits=LIMITS,
        counts=counts,
        reasons={name: _reasons(rows, name) for name in names[1:]},
        files=tuple(facts),
        means=tuple(mean for name in names[1:] for mean in _means(rows, name)),
        rows=tuple(rows),
        one_sided=tuple(one_sided),
        margin=margin,
        notes=tuple(notes),
    )


def exit_code(comparison: SavedComparison, *, fail_on: str | None, strict: bool) -> int:
    """Return the status of `pybench compare` for saved files.

    0 nothing confirmed; 1 confirmed under ``--fail-on``; 3 undecided rows under
    ``--strict``.
    """
    found = {row.word for row in comparison.rows}
    if fail_on and found & {*FAIL_ON[fail_on]}:
        return 1
    return 3 if strict and INCONCLUSIVE in found else 0


def _names(files: Sequence[Saved]) -> list[str]:
    """Name each by its file, by its path where two files share a name."""
    for names in ([one.path.stem for one in files], [str(one.path) for one in files]):
        if len({*names}) == len(names):
            return names
    return [f"{one.path.stem}#{number}" for number, one in enumerate(files, start=1)]


def _common(baseline: Saved, other: Saved) -> list[str]:
    common = [name for name in baseline.rows if name in other.rows]
    if common:
        return common
    raise SavedError(
        f"{other.path} and {baseline.path} have no row in common: "
        f"{_some(other.rows)} there, {_some(baseline.rows)} here; compare files of "
        "one suite, collected from one folder"
    )


def _some(rows: Mapping[str, object]) -> str:
    more = len(rows) - _NAMED
    named = ", ".join([*rows][:_NAMED])
    return f"{named} and {more} more" if more > 0 else named


def _yardsticks(
    baseline: Saved, other: Saved, common: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Return the times of the rows that show the machine, then and now."""
    return {
        name: (
            statistics.median(baseline.rows[name].times_s),
            statistics.median(other.rows[name].times_s),
        )
        for name in common
        if baseline.rows[name].group == other.rows[name].group == YARDSTICK_GROUP
    }


def _file(
    saved: Saved, name: str, *, drift: float | None = None, yardsticks: int = 0
) -> SavedFile:
    return SavedFile(
        name=name,
        path=str(saved.path),
        tool=saved.tool,
        interpreter=saved.interpreter,
        rows=len(saved.rows),
        drift=None if drift is None else math.expm1(drift),
        yardsticks=yardsticks,
    )


def _unlike(baseline: Saved, other: Saved) -> str:
    """Say in what two machines differ, of what is known of both."""
    return ", ".join(
        f"{field} {value!r} there, {baseline.machine[field]!r} here"
        for field, value in other.machine.items()
        if baseline.machine.get(field, value) != value
    )


def _rows(
    baseline: Saved,
    other: Saved,
    side: str,
    common: Sequence[str],
    yardsticks: Mapping[str, tuple[float, float]],
    margin: float,
    contenders: int,
    unlike: str,
) -> Iterator[SavedRowSummary]:
    judged = changes(
        {
            name: (baseline.rows[name].times_s, other.rows[name].times_s)
            for name in common
            if name not in yardsticks
        },
        drift_of(yardsticks),
        margin,
        contenders,
    )
    for name in common:
        then, now = baseline.rows[name].times_s, other.rows[name].times_s
        baseline_s, side_s = statistics.median(then), statistics.median(now)
        change = judged.get(name) or Change(
            word=CONTROL,
            reason="",
            ratio=side_s / baseline_s,
            explained=math.inf,
        )
        if unlike and change.word in (SLOWER, FASTER):
            reason = f"measured on another machine: {unlike}"
            change = Change(
                word=INCONCLUSIVE, reason=reason, ratio=change.ratio, explained=math.inf
            )
        yield SavedRowSummary(
            row=name,
            part=COMPUTATION if baseline.tool == PYPERF else part_of(name),
            group=baseline.rows[name].group,
            side=side,
            word=change.word,
            reason=change.reason,
            ratio=change.ratio,
            explained=change.explained if change.explained < math.inf else None,
            unreplicated=len(then) == len(now) == 1,
            baseline_s=baseline_s,
            side_s=side_s,
            baseline_processes=len(then),
            side_processes=len(now),
        )


def _one_sided(
    baseline: Saved, other: Saved, first: str, name: str
) -> Iterator[OneSided]:
    pairs = ((baseline, other, first, name), (other, baseline, name, first))
    for here, there, has, lacks in pairs:
        rows = tuple(row for row in here.rows if row not in there.rows)
        if rows:
            yield OneSided(only_in=has, not_in=lacks, rows=rows)


def _counted(counts: Mapping[str, int]) -> str:
    words = (SLOWER, FASTER, INCONCLUSIVE, CONTROL)
    said = [f"{counts[word]} {word}" for word in words if counts.get(word)]
    return ", ".join(said)


def _reasons(rows: Sequence[SavedRowSummary], side: str) -> dict[str, int]:
    """Count the reasons that do not depend on the row: those have no number of it."""
    return dict(
        Counter(
            row.reason
            for row in rows
            if row.side == side and row.reason and row.explained is None
        )
    )


def _means(rows: Sequence[SavedRowSummary], side: str) -> Iterator[PartMean]:
    for part in PARTS:
        of_part = [
            row
            for row in rows
            if row.side == side and row.part == part and row.word != CONTROL
        ]
        if of_part:
            yield PartMean(
                side=side,
                part=part,
                ratio=statistics.geometric_mean(row.ratio for row in of_part),
                rows=len(of_part),
                unreplicated=sum(row.unreplicated for row in of_part),
            )
