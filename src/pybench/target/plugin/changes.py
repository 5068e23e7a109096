"""What ``--benchmark-compare`` can say of a saved baseline: which rows changed.

Pure: times in, words out. `pybench.statistics.unpaired` decides.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pybench.records.documents import DocumentError
from pybench.records.instructions import RowInstructions
from pybench.records.journal import JournalRow
from pybench.records.outcomes import MEASURED
from pybench.records.texts import age
from pybench.statistics.counts import (
    LESS,
    STEADY,
    CountVerdict,
    compare_counts,
    spread_between,
)
from pybench.statistics.counts import MORE as MORE
from pybench.statistics.unpaired import (
    FASTER,
    INCONCLUSIVE,
    PROCESSES_LEAST,
    SLOWER,
    Change,
    advice,
    changes,
    drift_of,
    is_swallowed,
    spread_of,
)
from pybench.target.plugin.options import MARGIN

TITLE = "pybench: what the baseline explains"

DIFFERENT = "different"
# What a run may be failed for (`options.FAIL_ON`), and the words that are it.
FAIL_ON = {SLOWER: {SLOWER}, FASTER: {FASTER}, DIFFERENT: {SLOWER, FASTER}, MORE: set()}
# Of instructions a run fails for so many more of them; below are other compilers' whims
# and what a change costs that nobody would look at.
COUNT_MARGIN = 0.005

_YARDSTICK = "yardstick"
_MOST_ROWS = 15
_MOST_NAMES = 3
_EXPLAINED = "spread and drift explain the change"


# Of a row, or why there is none.
CountChanges = dict[str, CountVerdict | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The times of one session.

    `rows` has per row the median of each process, in seconds; `yardsticks` are those
    of the rows that no interpreter takes part in, `threaded` those of several threads.
    `made` is when a saved file was, as it says.
    """

    rows: Mapping[str, tuple[float, ...]]
    yardsticks: frozenset[str]
    threaded: frozenset[str] = frozenset()
    made: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is known of the rows of two sessions."""

    # The rows that both measured, yardsticks left out.
    changes: Mapping[str, Change]
    # Largest move of a yardstick as a logarithm; None without any on both sides.
    drift: float | None
    yardsticks: int  # on both sides
    spread: float | None  # of the baseline's processes, in the middle row
    margin: float
    age: str  # of the baseline, in words
    processes: tuple[int, int]  # the most of a row, in the baseline and here
    alone: tuple[int, int]  # rows that the baseline alone has, and this session alone
    unusable: int  # rows with a time of zero, which has no ratio
    # Why the two are not of one machine, as far as is known, "" if they are: then no
    # row is slower or faster.
    foreign: str = ""

    def rows_that_are(self, words: Iterable[str]) -> list[str]:
        """Return the rows with one of the verdicts, the largest change first."""
        wanted = {*words}
        named = [name for name, row in self.changes.items() if row.word in wanted]
        return sorted(
            named, key=lambda name: (-abs(math.log(self.changes[name].ratio)), name)
        )

    @property
    def missing(self) -> list[str]:
        """What is missing for a verdict on any row, and what to do about it."""
        if not self.changes:
            return ["no row was measured both here and in the baseline"]
        if self.foreign:
            return [
                f"{self.foreign}; make one here with --benchmark-save=NAME "
                "--pybench-processes 8"
            ]
        missing = []
        then, now = self.processes
        if then < PROCESSES_LEAST:
            missing.append(
                f"the baseline has {_processes(then)}, which shows no spread; make one "
                "with --benchmark-save=NAME --pybench-processes 8"
            )
        if now < PROCESSES_LEAST:
            missing.append(
                f"this session has {_processes(now)}, which shows no spread; add "
                "--pybench-processes 8"
            )
        if self.drift is not None and is_swallowed(self.drift, self.margin):
            missing.append(f"{self.advice} (--pybench-margin)")
        if self.drift is None:
            missing.append(
                "no rows of the group yardstick on both sides, so the drift of the "
                "machine is unknown; let them run along, there and here"
            )
        return missing

    @property
    def advice(self) -> str:
        """Whether both sides have to be measured again; empty as long as not."""
        return advice(self.drift, self.margin)


def session_times(
    rows: Iterable[JournalRow], medians: Mapping[str, tuple[float, ...]]
) -> Times:
    """Return the times of this session.

    `medians` are those of each process of a row, where there were several.
    """
    return _times(
        [
            (row.fullname, row.stats["median"], row.group, row.extra_info)
            for row in rows
            if row.outcome == MEASURED
        ],
        medians,
    )


def saved_times(document: Mapping[str, Any]) -> Times:
    """Return the times in a saved file, of stock pytest-benchmark's as well.

    Raises `DocumentError` if the times of the processes of a row are no times.
    """
    ours = document.get("pybench")
    statuses = ours.get("rows") if isinstance(ours, dict) else None
    medians = {}
    for status in statuses if isinstance(statuses, list) else ():
        if not isinstance(status, dict):
            continue
        name, times = status.get("fullname"), status.get("process_medians_s", [])
        if not isinstance(times, list) or not all(map(_is_time, times)):
            raise DocumentError(
                f"the baseline's process_medians_s of {name} must be a list of "
                f"seconds, not {times!r}"
            )
        medians[str(name)] = tuple(map(float, times))
    return _times(
        [
            (
                row["fullname"],
                row["stats"]["median"],
                row.get("group"),
                row.get("extra_info"),
            )
            for row in document["benchmarks"]
        ],
        medians,
        str(document.get("datetime") or ""),
    )


def _times(
    rows: Sequence[tuple[str, Any, str | None, object]],
    medians: Mapping[str, tuple[float, ...]],
    made: str = "",
) -> Times:
    return Times(
        rows={name: medians.get(name) or (float(median),) for name, median, *_ in rows},
        yardsticks=frozenset(name for name, _, group, _ in rows if group == _YARDSTICK),
        threaded=frozenset(name for name, *_, extra in rows if _threads(extra) > 1),
        made=made,
    )


def _threads(extra: object) -> int:
    threads = extra.get("threads") if isinstance(extra, Mapping) else None
    return threads if type(threads) is int else 1


def _is_time(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < math.inf  # type: ignore[operator]


def judge(
    then: Times, now: Times, foreign: str = "", margin: float = MARGIN
) -> Judgement:
    """Judge the rows of a baseline and of this session.

    `foreign` says why the baseline is not of this machine: then there is no verdict.
    """
    both = [name for name in now.rows if name in then.rows]
    usable = {
        name: (then.rows[name], now.rows[name])
        for name in both
        if all(0 < time < math.inf for time in (*then.rows[name], *now.rows[name]))
    }
    controls = then.yardsticks & now.yardsticks & usable.keys()
    rows = {name: times for name, times in usable.items() if name not in controls}
    drift = drift_of(
        {
            name: (
                statistics.median(usable[name][0]),
                statistics.median(usable[name][1]),
            )
            for name in controls - now.threaded
        }
    )
    judged = changes(rows, drift, margin, threaded=now.threaded)
    if foreign:
        judged = {
            name: replace(row, word=INCONCLUSIVE, reason=foreign, explained=math.inf)
            for name, row in judged.items()
        }
    return Judgement(
        changes=judged,
        drift=drift,
        yardsticks=len(controls - now.threaded),
        spread=spread_of(then.rows),
        margin=margin,
        age=age(then.made, datetime.now(UTC)),
        processes=(
            max((len(times) for times, _ in rows.values()), default=0),
            max((len(times) for _, times in rows.values()), default=0),
        ),
        alone=(len(then.rows) - len(both), len(now.rows) - len(both)),
        unusable=len(both) - len(usable),
        foreign=foreign,
    )


def count_changes(
    now: Mapping[str, RowInstructions], then: Mapping[str, RowInstructions]
) -> CountChanges:
    """Compare the instructions of rows; a text says why one cannot be."""
    changes: CountChanges = {}
    for name, ours in now.items():
        theirs = then.get(name)
        if theirs is None:
            changes[name] = "the baseline has no instructions of it"
        elif reason := ours.reason or theirs.reason:
            changes[name] = reason
        elif ours.counter != theirs.counter:
            changes[name] = f"counted by {ours.counter} here, by {theirs.counter} there"
        else:
            processes = [[count] for count in ours.processes]
            others = [[count] for count in theirs.processes]
            apart = max(spread_between(processes), spread_between(others))
            changes[name] = compare_counts(others, processes)
            if apart > STEADY:
                changes[name] = f"not deterministic: processes differ by {apart:.1%}"
    return changes


def count_lines(changes: CountChanges) -> list[str]:
    """Put in words what the instructions of rows say."""
    told = {name: c for name, c in changes.items() if not isinstance(c, str)}
    differ = {name: c for name, c in told.items() if c.word in (MORE, LESS)}
    lines = [f"rows that execute more or less: {len(differ)} of {len(told)}"]
    ordered = sorted(differ, key=lambda name: -abs(math.log(differ[name].ratio)))
    lines += [
        f"  does {abs(differ[name].ratio - 1):.2%} {differ[name].word}  {name}"
        for name in ordered[:_MOST_ROWS]
    ]
    reasons = Counter(c for c in changes.values() if isinstance(c, str))
    return lines + [f"  no count: {_rows(n)}: {text}" for text, n in reasons.items()]


def rows_doing_more(changes: CountChanges) -> list[str]:
    """Return the rows that execute more than the baseline's, by the margin or more."""
    return [
        name
        for name, change in changes.items()
        if not isinstance(change, str) and change.low >= 1 + COUNT_MARGIN
    ]


def section_lines(judgement: Judgement, unlike: Sequence[str]) -> list[str]:
    """Put a judgement in words.

    `unlike` is in what the two sessions differ besides the time; empty if they may be
    compared.
    """
    then, now = judgement.processes
    old = f", {judgement.age}" * bool(judgement.age)
    conditions = f"baseline: {_processes(then)}{old}, here: {now}"
    if judgement.spread is not None:
        conditions += f"; its processes spread by {judgement.spread:.1%}"
    if judgement.drift is not None:
        number = judgement.yardsticks
        conditions += (
            f"; the machine drifted by up to {math.expm1(judgement.drift):.1%} "
            f"({number} yardstick row{'s' * (number > 1)})"
        )
    lines = [conditions]
    if judgement.advice and not judgement.missing:
        lines.append(judgement.advice)
    if unlike and not judgement.foreign:
        lines.append(
            "the baseline is of another build (see the note): the code is not the "
            "only difference; `pybench compare` interleaves two builds"
        )
    missing = judgement.missing
    lines += [f"no verdict is possible: {reason}" for reason in missing]
    different = judgement.rows_that_are(FAIL_ON[DIFFERENT])
    if not missing:
        lines.append(
            "rows that differ by more than spread and drift explain: "
            f"{len(different)} of {len(judgement.changes)}"
        )
    if different:
        lines.append(f"  {'verdict':<8} {'ratio':>7} {'explained':>10}  row")
    for name in different[:_MOST_ROWS]:
        row = judgement.changes[name]
        lines.append(
            f"  {row.word:<8} {row.ratio:>6.2f}x {row.explained:>10.1%}  {name}"
        )
    if len(different) > _MOST_ROWS:
        lines.append(f"  and {len(different) - _MOST_ROWS} more, with smaller changes")
    return lines + _rest(judgement)


def _rest(judgement: Judgement) -> list[str]:
    """Count the rows without a verdict, by reason."""
    rest = [row for row in judgement.changes.values() if row.word == INCONCLUSIVE]
    reasons = Counter(map(_reason, rest))
    lines = [
        f"  {INCONCLUSIVE}: {_rows(number)}: {reason}"
        for reason, number in sorted(reasons.items(), key=lambda item: (-item[1], item))
    ]
    then, now = judgement.alone
    for what, number in (
        ("in the baseline alone", then),
        ("here alone", now),
        ("without a ratio, a time is zero", judgement.unusable),
    ):
        if number:
            lines.append(f"  {what}: {_rows(number)}")
    return lines


def _reason(change: Change) -> str:
    # The reason of each row has its own percentage; counted they are one.
    is_explained = abs(math.log(change.ratio)) <= math.log1p(change.explained)
    return _EXPLAINED if is_explained and change.explained < math.inf else change.reason


def fail_on_line(judgement: Judgement | None, wanted: str) -> str:
    """Say in a line what ``--pybench-fail-on`` found, None being no baseline."""
    option = f"--pybench-fail-on={wanted}"
    if judgement is None or judgement.missing:
        return f"{option}: nothing was judged, so nothing is failed for it"
    names = judgement.rows_that_are(FAIL_ON[wanted])
    if not names:
        return f"{option}: no row is {wanted}"
    more = len(names) - _MOST_NAMES
    listed = ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"{option}: {_rows(len(names))} {wanted}: {listed}"


def _rows(number: int) -> str:
    return f"{number} row{'s' * (number != 1)}"


def _processes(number: int) -> str:
    return f"{number} process{'es' * (number != 1)}"
