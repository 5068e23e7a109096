"""What ``--benchmark-compare`` can say of a saved baseline: which rows changed.

Pure: times in, words out. `pybench.statistics.unpaired` decides.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pybench.records.documents import DocumentError
from pybench.records.journal import JournalRow
from pybench.records.outcomes import MEASURED
from pybench.statistics.unpaired import (
    FASTER,
    INCONCLUSIVE,
    PROCESSES_LEAST,
    SLOWER,
    Change,
    changes,
    drift_of,
)

TITLE = "pybench: what the baseline explains"

DIFFERENT = "different"
# What a run may be failed for, and the words that are it.
FAIL_ON = {
    SLOWER: {SLOWER},
    FASTER: {FASTER},
    DIFFERENT: {SLOWER, FASTER},
}

MARGIN = 0.03

_YARDSTICK = "yardstick"
_MOST_ROWS = 15
_MOST_NAMES = 3
_EXPLAINED = "spread and drift explain the change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The times of one session.

    Parameters
    ----------
    rows : mapping of str to tuple of float
        Per row the median of each process, in seconds.
    yardsticks : frozenset of str
        Which of the rows no interpreter takes part in.
    """

    rows: Mapping[str, tuple[float, ...]]
    yardsticks: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is known of the rows of two sessions.

    Parameters
    ----------
    changes : mapping of str to Change
        The rows that both measured, yardsticks left out.
    drift : float or None
        Largest relative change of a yardstick; None without any on both sides.
    yardsticks : int
        How many there were on both sides.
    processes : (int, int)
        Most processes of a row in the baseline and here.
    alone : (int, int)
        Rows that the baseline alone has, and this session alone.
    unusable : int
        Rows with a time of zero, which has no ratio.
    foreign : str
        Why the two sessions are not of one machine, as far as is known; then no row
        is slower or faster. Empty if they are.
    """

    changes: Mapping[str, Change]
    drift: float | None
    yardsticks: int
    processes: tuple[int, int]
    alone: tuple[int, int]
    unusable: int
    foreign: str = ""

    def rows_that_are(self, words: Iterable[str]) -> list[str]:
        """Return the rows with one of the verdicts, the largest change first."""
        wanted = {*words}
        found = [name for name, one in self.changes.items() if one.word in wanted]
        return sorted(found, key=lambda name: (-self._size(name), name))

    def _size(self, name: str) -> float:
        return abs(math.log(self.changes[name].ratio))


def session_times(
    rows: Iterable[JournalRow], medians: Mapping[str, tuple[float, ...]]
) -> Times:
    """Return the times of this session.

    Parameters
    ----------
    rows : iterable of JournalRow
        All that is known of its rows.
    medians : mapping of str to tuple of float
        The medians of each process, where there were several.
    """
    measured = [row for row in rows if row.outcome == MEASURED]
    return Times(
        rows={
            row.fullname: medians.get(row.fullname) or (float(row.stats["median"]),)
            for row in measured
        },
        yardsticks=frozenset(r.fullname for r in measured if r.group == _YARDSTICK),
    )


def saved_times(document: Mapping[str, Any]) -> Times:
    """Return the times in a saved file, of stock pytest-benchmark's as well.

    Raises
    ------
    DocumentError
        If the times of the processes of a row are no times.
    """
    rows = document["benchmarks"]
    medians = _process_medians(document)
    return Times(
        rows={
            row["fullname"]: medians.get(row["fullname"])
            or (float(row["stats"]["median"]),)
            for row in rows
        },
        yardsticks=frozenset(
            row["fullname"] for row in rows if row.get("group") == _YARDSTICK
        ),
    )


def _process_medians(document: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    ours = document.get("pybench")
    statuses = ours.get("rows") if isinstance(ours, dict) else None
    found = {}
    for status in statuses if isinstance(statuses, list) else ():
        if not isinstance(status, dict):
            continue
        name, times = status.get("fullname"), status.get("process_medians_s", [])
        if not isinstance(times, list) or not all(map(_is_time, times)):
            raise DocumentError(
                f"the baseline's process_medians_s of {name} must be a list of "
                f"seconds, not {times!r}"
            )
        found[str(name)] = tuple(map(float, times))
    return found


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value < math.inf


def judge(then: Times, now: Times, foreign: str = "") -> Judgement:
    """Judge the rows of a baseline and of this session.

    Parameters
    ----------
    then, now : Times
        Of the baseline and of this session.
    foreign : str
        Why the baseline is not of this machine: then there is no verdict.
    """
    both = [name for name in now.rows if name in then.rows]
    usable = [
        name
        for name in both
        if all(0 < time < math.inf for time in (*then.rows[name], *now.rows[name]))
    ]
    yardsticks = {
        name: (statistics.median(then.rows[name]), statistics.median(now.rows[name]))
        for name in usable
        if name in then.yardsticks and name in now.yardsticks
    }
    rows = {
        name: (then.rows[name], now.rows[name])
        for name in usable
        if name not in yardsticks
    }
    drift = drift_of(yardsticks)
    judged = changes(rows, drift, MARGIN)
    if foreign:
        judged = {
            name: replace(one, word=INCONCLUSIVE, reason=foreign, explained=math.inf)
            for name, one in judged.items()
        }
    return Judgement(
        changes=judged,
        drift=None if drift is None else math.expm1(drift),
        yardsticks=len(yardsticks),
        processes=(
            max((len(then.rows[name]) for name in rows), default=0),
            max((len(now.rows[name]) for name in rows), default=0),
        ),
        alone=(len(then.rows) - len(both), len(now.rows) - len(both)),
        unusable=len(both) - len(usable),
        foreign=foreign,
    )


def section_lines(judgement: Judgement, unlike: Sequence[str]) -> list[str]:
    """Put a judgement in words.

    Parameters
    ----------
    judgement : Judgement
        Of the baseline and this session.
    unlike : sequence of str
        In what the two differ besides the time; empty if they may be compared.
    """
    found = judgement.rows_that_are(FAIL_ON[DIFFERENT])
    lines = [*_conditions(judgement)]
    if unlike and not judgement.foreign:
        lines.append(
            "the baseline is of another build (see the note): the code is not the "
            "only difference; `pybench compare` measures two builds in turns"
        )
    missing = missing_for_verdicts(judgement)
    lines += [f"no verdict is possible: {reason}" for reason in missing]
    if not missing:
        lines.append(
            "rows that differ by more than spread and drift explain: "
            f"{len(found)} of {len(judgement.changes)}"
        )
    if found:
        lines.append(f"  {'verdict':<8} {'ratio':>7} {'explained':>10}  row")
    lines += [_row_line(name, judgement.changes[name]) for name in found[:_MOST_ROWS]]
    if len(found) > _MOST_ROWS:
        lines.append(f"  and {len(found) - _MOST_ROWS} more, with smaller changes")
    return lines + _rest(judgement)


def missing_for_verdicts(judgement: Judgement) -> list[str]:
    """Say what is missing for a verdict on any row, and what to do about it."""
    if not judgement.changes:
        return ["no row was measured both here and in the baseline"]
    if judgement.foreign:
        return [
            f"{judgement.foreign}; make one here with --benchmark-save=NAME "
            "--pybench-processes 8"
        ]
    said = []
    then, _ = judgement.processes
    if then < PROCESSES_LEAST:
        said.append(
            f"the baseline has {_processes(then)}, which shows no spread; make one "
            "with --benchmark-save=NAME --pybench-processes 8"
        )
    if judgement.drift is None:
        said.append(
            "no rows of the group yardstick on both sides, so the drift of the machine "
            "is unknown; let them run along, there and here"
        )
    return said


def fail_on_line(judgement: Judgement | None, wanted: str) -> str:
    """Say in a line what ``--pybench-fail-on`` found.

    Parameters
    ----------
    judgement : Judgement or None
        None if there was no baseline to judge by.
    wanted : str
        One of `FAIL_ON`.
    """
    option = f"--pybench-fail-on={wanted}"
    if judgement is None or missing_for_verdicts(judgement):
        return f"{option}: nothing was judged, so nothing is failed for it"
    names = judgement.rows_that_are(FAIL_ON[wanted])
    if not names:
        return f"{option}: no row is {wanted}"
    more = len(names) - _MOST_NAMES
    listed = ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"{option}: {_rows(len(names))} {wanted}: {listed}"


def _conditions(judgement: Judgement) -> list[str]:
    then, now = judgement.processes
    said = f"baseline: {_processes(then)}, here: {now}"
    if judgement.drift is not None:
        number = judgement.yardsticks
        said += (
            f"; the machine drifted by up to {judgement.drift:.1%} "
            f"({number} yardstick row{'s' * (number > 1)})"
        )
    return [said]


def _row_line(name: str, change: Change) -> str:
    return f"  {change.word:<8} {change.ratio:>6.2f}x {change.explained:>10.1%}  {name}"


def _rest(judgement: Judgement) -> list[str]:
    """Count the rows without a verdict, by reason."""
    rest = [one for one in judgement.changes.values() if one.word == INCONCLUSIVE]
    reasons = Counter(map(_reason, rest))
    lines = [
        f"  {INCONCLUSIVE}: {_rows(number)}: {reason}"
        for reason, number in sorted(reasons.items(), key=lambda item: (-item[1], item))
    ]
    then, now = judgement.alone
    if then:
        lines.append(f"  in the baseline alone: {_rows(then)}")
    if now:
        lines.append(f"  here alone: {_rows(now)}")
    if judgement.unusable:
        lines.append(f"  without a ratio, a time is zero: {_rows(judgement.unusable)}")
    return lines


def _reason(change: Change) -> str:
    # The reason of each row has its own percentage; counted they are one.
    is_explained = abs(math.log(change.ratio)) <= math.log1p(change.explained)
    return _EXPLAINED if is_explained and change.explained < math.inf else change.reason


def _rows(number: int) -> str:
    return f"{number} row{'s' * (number != 1)}"


def _processes(number: int) -> str:
    return f"{number} process{'es' * (number != 1)}"
