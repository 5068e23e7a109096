"""What saved files say of each row, complete enough for every format of a report.

Nothing in them was interleaved. `pybench.statistics.unpaired` says what may be told all
the same, and here that is put beside both times, the ratio and the means of the ratios,
which are there for every row that both files have.
"""

from __future__ import annotations

import math
import re
import shlex
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from pybench.comparison.judging import COMPUTATION, PARTS, STARTUP, part_of
from pybench.comparison.mean_groups import (
    KINDS_APART,
    PYTHON,
    YARDSTICK_GROUP,
    kind_of,
)
from pybench.comparison.mean_groups import STARTUP as STARTUP_KIND
from pybench.interpreters.requests import is_kind
from pybench.records.documents import DocumentError
from pybench.records.extremes import Extreme
from pybench.records.row_names import row_name
from pybench.records.saved_comparison import (
    CONTROL,
    LeftOut,
    OneSided,
    PartMean,
    SavedComparison,
    SavedFile,
    SavedRowSummary,
    size,
)
from pybench.records.saved_files import PYPERF, Saved, SavedRow
from pybench.records.texts import age, moment
from pybench.statistics.unpaired import (
    FASTER,
    INCONCLUSIVE,
    SLOWER,
    Change,
    advice,
    changes,
    drift_of,
    spread_of,
)

LIMITS = (
    "These files were measured one after the other: the machine of then and the "
    "machine of now are in every ratio. `pybench compare PY PY` takes turns."
)

_NAMED = 3

# Characters of the name of an arm, as `pybench.interpreters.requests` takes them.
_NAME_MOST = 31


def compare_saved(
    files: Sequence[Saved], margin: float = 0.03, extreme: Extreme | None = None
) -> SavedComparison:
    """Compare each file with the first one.

    Changes below the margin are not told; `extreme` is that of the first file's
    machine. Raises `DocumentError` for one file, or two without a row in common.
    """
    if len(files) < 2:
        raise DocumentError(
            f"{', '.join(str(file.path) for file in files)}: one file has nothing to "
            "be compared with: name another one"
        )
    names = _names(files)
    baseline, first = files[0], names[0]
    facts = [_file(baseline, first)]
    rows: list[SavedRowSummary] = []
    one_sided: list[OneSided] = []
    notes: list[str] = []
    for other, name in zip(files[1:], names[1:], strict=True):
        common = _common(baseline, other)
        controls = _machine_controls(baseline, other, common)
        threaded = {row for row in common if other.rows[row].threads > 1}
        alone = {row: both for row, both in controls.items() if row not in threaded}
        drift = drift_of(alone)
        facts.append(_file(other, name, drift=drift, controls=len(alone)))
        unlike = _unlike(baseline, other)
        notes += _notes(baseline, other, name, unlike, advice(drift, margin))
        judged = changes(
            {
                row: (baseline.rows[row].times_s, other.rows[row].times_s)
                for row in common
                if row not in controls
            },
            drift,
            margin,
            contenders=len(files) - 1,
            threaded=threaded,
        )
        rows += [
            _row(baseline, other, name, row, judged.get(row), unlike, extreme)
            for row in common
        ]
        one_sided += _one_sided(baseline, other, first, name)
    return SavedComparison(
        verdict="; ".join(
            f"{name} against {first}: {_counted(_of(rows, name))}" for name in names[1:]
        ),
        limits=LIMITS,
        counts={
            name: dict(Counter(row.word for row in _of(rows, name)))
            for name in names[1:]
        },
        # Reasons that do not depend on the row have no number of it.
        reasons={
            name: dict(
                Counter(
                    row.reason
                    for row in _of(rows, name)
                    if row.reason and row.explained is None
                )
            )
            for name in names[1:]
        },
        files=tuple(facts),
        means=tuple(mean for name in names[1:] for mean in _means(rows, name)),
        rows=tuple(rows),
        one_sided=tuple(one_sided),
        margin=margin,
        command=_command(files),
        extreme=extreme,
        notes=tuple(notes),
        left_out=tuple(
            LeftOut(file=name, row=row, reason=reason)
            for file, name in zip(files, names, strict=True)
            for row, reason in file.left_out.items()
        ),
    )


def _names(files: Sequence[Saved]) -> list[str]:
    """Name each by its file, by its path where two files share a name."""
    for names in ([file.path.stem for file in files], [str(f.path) for f in files]):
        if len({*names}) == len(names):
            return names
    return [f"{file.path.stem}#{number}" for number, file in enumerate(files, start=1)]


def _common(baseline: Saved, other: Saved) -> list[str]:
    common = [name for name in baseline.rows if name in other.rows]
    if common:
        return common
    raise DocumentError(
        f"{other.path} and {baseline.path} have no row in common: "
        f"{_some(other.rows)} there, {_some(baseline.rows)} here; compare files of "
        "one suite, collected from one folder"
    )


def _some(rows: Mapping[str, object]) -> str:
    more = len(rows) - _NAMED
    named = ", ".join([*rows][:_NAMED])
    return f"{named} and {more} more" if more > 0 else named


def _machine_controls(
    baseline: Saved, other: Saved, common: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Return the times of the rows that show the machine, then and now."""
    return {
        name: (_time_s(baseline.rows[name]), _time_s(other.rows[name]))
        for name in common
        if baseline.rows[name].group == other.rows[name].group == YARDSTICK_GROUP
    }


def _time_s(row: SavedRow) -> float:
    return statistics.median(row.times_s)


def _notes(
    baseline: Saved, other: Saved, name: str, unlike: str, again: str
) -> Iterator[str]:
    """Say what of a file stands in the way of a verdict: machine, age, drift."""
    if unlike:
        yield f"{name} was measured on another machine: {unlike}"
    measured = moment(other.made)
    old = age(baseline.made, measured) if measured else ""
    if old:
        yield f"when {name} was measured, the baseline was {old}"
    if again:
        yield f"{name}: {again}"


def _file(
    saved: Saved, name: str, *, drift: float | None = None, controls: int = 0
) -> SavedFile:
    return SavedFile(
        name=name,
        path=str(saved.path),
        tool=saved.tool,
        interpreter=saved.interpreter,
        rows=len(saved.rows),
        drift=None if drift is None else math.expm1(drift),
        yardsticks=controls,
        spread=spread_of({n: row.times_s for n, row in saved.rows.items()}),
        made=saved.made,
    )


def _unlike(baseline: Saved, other: Saved) -> str:
    """Say in what two machines differ, of what is known of both."""
    return ", ".join(
        f"{field} {value!r} there, {baseline.machine[field]!r} here"
        for field, value in other.machine.items()
        if baseline.machine.get(field, value) != value
    )


def _row(
    baseline: Saved,
    other: Saved,
    side: str,
    name: str,
    change: Change | None,
    unlike: str,
    extreme: Extreme | None,
) -> SavedRowSummary:
    """Summarise one row; `change` is None for a control."""
    then, now = baseline.rows[name], other.rows[name]
    word, reason, explained = CONTROL, "", math.inf
    ratio = _time_s(now) / _time_s(then)
    if change is not None:
        word, reason, ratio = change.word, change.reason, change.ratio
        explained = change.explained
    if unlike and word in (SLOWER, FASTER):
        word, explained = INCONCLUSIVE, math.inf
        reason = f"measured on another machine: {unlike}"
    unreplicated = len(then.times_s) == len(now.times_s) == 1
    widest = extreme.ratio if extreme else math.inf
    is_open = word == INCONCLUSIVE and not unlike
    is_python = baseline.tool == PYPERF
    return SavedRowSummary(
        row=name,
        part=COMPUTATION if is_python else part_of(name),
        group=then.group,
        side=side,
        word=word,
        reason=reason,
        ratio=ratio,
        explained=explained if explained < math.inf else None,
        unreplicated=unreplicated,
        beyond=is_open and unreplicated and size(ratio) > math.log(widest),
        baseline_s=_time_s(then),
        side_s=_time_s(now),
        baseline_processes=len(then.times_s),
        side_processes=len(now.times_s),
        # That a row waits, a saved file does not say.
        kind=PYTHON
        if is_python
        else kind_of(name, then.group, threads=then.threads, waits=False),
    )


def _one_sided(
    baseline: Saved, other: Saved, first: str, name: str
) -> Iterator[OneSided]:
    pairs = ((baseline, other, first, name), (other, baseline, name, first))
    for here, there, has, lacks in pairs:
        known = there.rows.keys() | there.left_out.keys()
        rows = tuple(row for row in here.rows if row not in known)
        if rows:
            yield OneSided(only_in=has, not_in=lacks, rows=rows)


def _of(rows: Sequence[SavedRowSummary], side: str) -> list[SavedRowSummary]:
    return [row for row in rows if row.side == side]


def _counted(rows: Sequence[SavedRowSummary]) -> str:
    counts = Counter(row.word for row in rows)
    beyond = sum(row.beyond for row in rows)
    return ", ".join(
        f"{counts[word]} {word}"
        + f" ({beyond} marked !)" * (word == INCONCLUSIVE and beyond > 0)
        for word in (SLOWER, FASTER, INCONCLUSIVE, CONTROL)
        if counts[word]
    )


def _command(files: Sequence[Saved]) -> str:
    """Return the command that gives verdicts on the interpreters of these files."""
    words = [_request(file) for file in files]
    if len({*words}) < len(words) or not all(words):
        # Builds of one version have no names that tell them apart.
        words = [f"{name}=PY" for name in _plain_names(files)]
    command = ["pybench", "compare", *words]
    if all(file.tool == PYPERF for file in files):
        return shlex.join([*command, "--suite", "SUITE"])
    tops = {PurePosixPath(row_name(row).path).parts[:1] for row in files[0].rows}
    if tops != {("benchmarks",)}:
        command += ["--suite", "".join(tops.pop()) if len(tops) == 1 else "."]
    return shlex.join(command)


def _request(file: Saved) -> str:
    """Return the word that asks for the interpreter of a file, "" if none does."""
    words = file.interpreter.replace(",", "").split()
    if words[:1] != ["CPython"] or len(words) < 2:
        return ""
    # A build between two releases says so by a plus sign.
    word = words[1].rstrip("+") + "t" * ("free-threaded" in words)
    return word if is_kind(word) else ""


def _plain_names(files: Sequence[Saved]) -> list[str]:
    """Return names that a command takes, as like those of the files as may be."""
    names = [
        re.sub(r"[^A-Za-z0-9._+-]", "-", file.path.stem).lstrip("._+-")[:_NAME_MOST]
        for file in files
    ]
    if all(names) and len({*names}) == len(names):
        return names
    return [f"side{number}" for number, _ in enumerate(files, start=1)]


def _mean_of(row: SavedRowSummary) -> str:
    """Return the part or kind whose mean a row counts in; empty for a control."""
    if row.word == CONTROL:
        return ""
    if row.kind == STARTUP_KIND:
        return STARTUP
    return row.part if row.kind == PYTHON else row.kind


def _means(rows: Sequence[SavedRowSummary], side: str) -> Iterator[PartMean]:
    for part in dict.fromkeys((*PARTS, *KINDS_APART)):
        of_part = [row for row in _of(rows, side) if _mean_of(row) == part]
        if of_part:
            yield PartMean(
                side=side,
                part=part,
                ratio=statistics.geometric_mean(row.ratio for row in of_part),
                rows=len(of_part),
                unreplicated=sum(row.unreplicated for row in of_part),
            )
