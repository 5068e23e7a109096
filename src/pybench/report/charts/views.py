"""All charts of a report, in the order of the questions that they answer."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from typing import Any

from pybench.comparison.saved_files import Saved
from pybench.records.saved_comparison import SavedComparison
from pybench.records.summary import (
    EQUIVALENT,
    NO_VERDICT,
    TWIN,
    YARDSTICK,
    ControlSummary,
    MeanSummary,
    RowSummary,
    Summary,
)
from pybench.report.charts.chart import Chart
from pybench.report.charts.looks import Look, looks_of
from pybench.report.charts.recorded import recorded
from pybench.report.charts.scaling import scaling_spec, speed_ups
from pybench.report.charts.verdicts import forest_spec
from pybench.report.contents import Contents
from pybench.report.labels import (
    SIGNS,
    UNREPLICATED,
    duration,
    interval,
    named_means,
    ratio,
    saved_point,
)
from pybench.report.row_names import short_names

# What a page is divided into and in which order, and what each part is called.
HEADINGS = {
    "forest": "Which differences are real",
    "parts": "Where it changed",
    "scaling": "Threads",
    "memory": "Memory",
    "gc": "Pauses of the collector",
    "imports": "Start-up and imports",
    "scenarios": "Scenarios, and where the time goes",
    "method": "How far to trust it",
    "environment": "Environment",
}
VIEWS = (*HEADINGS,)

# Rows of a forest that is drawn at once; a page draws others by its filter.
MOST_DRAWN = 40


def charts_of(contents: Contents) -> tuple[list[Chart], list[str]]:
    """Return the charts of a report, and what could not be drawn and why."""
    found: list[Chart] = []
    if contents.summary is not None:
        found += _of_summary(contents, contents.summary)
    if contents.saved is not None:
        found += _of_saved(contents, contents.saved)
    elif contents.files:
        found += map(_of_file, contents.files)
    others, problems = recorded(contents.profiles)
    found += others
    return sorted(found, key=lambda chart: VIEWS.index(chart.view)), problems


def looks_of_summary(summary: Summary) -> tuple[Look, ...]:
    """Return the looks of all sides, the baseline first."""
    return looks_of(
        (side.name, side.interpreter, side.gil_enabled) for side in summary.sides
    )


def row_value(row: RowSummary, name: str) -> dict[str, Any]:
    """Return one point of a forest, of a row that is called so."""
    return _point(row, name, row.side, ratio(row))


def _point(
    of: RowSummary | MeanSummary | ControlSummary, name: str, side: str, said: str
) -> dict[str, Any]:
    return {
        **_point_alone(of.ratio, name, side, said),
        "low": of.low,
        "high": of.high,
    }


def _point_alone(
    value: float | None, name: str, side: str, said: str
) -> dict[str, Any]:
    """Return a point of which no interval is known."""
    return {
        "name": name,
        "side": side,
        "said": said,
        "ratio": value,
        "low": None,
        "high": None,
    }


def forest_of(contents: Contents, most: int = MOST_DRAWN) -> dict[str, Any] | None:
    """Return the forest of what is compared, None where nothing has a ratio."""
    summary, saved = contents.summary, contents.saved
    if summary is not None:
        baseline, *contenders = looks_of_summary(summary)
        names = short_names(row.row for row in summary.rows)
        values = [row_value(row, names[row.row]) for row in telling(summary.rows, most)]
        margin = summary.margin
    elif saved is not None:
        # No version in these looks: files are told apart by shape, and nothing is
        # coloured that one process a side cannot tell.
        baseline, *contenders = looks_of((file.name, "", True) for file in saved.files)
        values = _saved_values(saved, most)
        margin = saved.margin
    else:
        return None
    return forest_spec(contenders, margin, baseline.name, values) if values else None


def telling(rows: Iterable[RowSummary], most: int = MOST_DRAWN) -> list[RowSummary]:
    """Return what a forest has room for: changes first, the largest above."""
    known = [row for row in rows if row.ratio is not None]
    size: dict[str, tuple[bool, float]] = {}
    for row in known:
        is_change = row.verdict not in (EQUIVALENT, NO_VERDICT)
        this = (is_change, abs(math.log(row.ratio or 1.0)))
        size[row.row] = max(size.get(row.row, (False, 0.0)), this)
    names = sorted(size, key=lambda name: size[name], reverse=True)[:most]
    place = {name: number for number, name in enumerate(names)}
    kept = [row for row in known if row.row in place]
    return sorted(kept, key=lambda row: place[row.row])


def _of_summary(contents: Contents, summary: Summary) -> Iterator[Chart]:
    looks = looks_of_summary(summary)
    contenders, baseline = looks[1:], summary.sides[0].name
    rows = telling(summary.rows)
    if rows:
        names = {row.row for row in rows}
        known = {row.row for row in summary.rows if row.ratio is not None}
        cut = len(names) < len(known)
        which = f"the {len(names)} largest changes of {len(known)} rows" if cut else ""
        yield Chart(
            view="forest",
            title="Ratios with their intervals",
            description=f"Time over that of {baseline}: right of the band is more. "
            f"{which[:1].upper()}{which[1:]}{'. ' if which else ''}"
            "All rows are in the table below.",
            spec=forest_of(contents),
            columns=(),
            rows=(),
        )
    means = _named_means(summary)
    if means:
        yield Chart(
            view="parts",
            title="Where it changed: geometric means",
            description="Memory, start-up and computation, then all single-threaded "
            "rows of Python and each category of them, then what is apart: rows of "
            "several threads, start-up, rows that wait, kernels without Python. "
            "Machine controls are in none. Rows about memory are timed as well; bytes "
            "are further below.",
            spec=forest_spec(
                contenders, summary.margin, baseline, _mean_values(summary)
            ),
            columns=("rows about", "side", "ratio", "interval", "rows"),
            rows=[
                (
                    name,
                    mean.side,
                    f"{mean.ratio:.3f}",
                    interval(mean),
                    str(mean.rows),
                )
                for name, mean in means
            ],
        )
    gains = () if contents.run is None else speed_ups(contents.run, summary)
    if gains:
        yield Chart(
            view="scaling",
            title="Does it get faster with more threads?",
            description="Speed-up over one thread of the same side; dotted: the ideal. "
            "A control shares nothing: what it lacks, the machine cannot give.",
            spec=scaling_spec(looks, gains),
            columns=("pattern", "side", "threads", "speed-up"),
            rows=[
                (one.pattern, one.side, str(one.threads), f"{one.speed_up:.2f}")
                for one in gains
                if one.threads > 1
            ],
        )
    yield from _controls(summary, looks[0])


def _named_means(summary: Summary) -> list[tuple[str, MeanSummary]]:
    """Return all means, the parts first, under names that none of them shares."""
    found = [(mean.category, mean) for mean in summary.parts]
    taken = {mean.category for mean in summary.parts}
    for name, mean in named_means(summary):
        # A category, or a kind of rows, may bear the name of a part.
        what = "rows apart" if mean in summary.apart else "category"
        found.append((f"{what}: {name}" if name in taken else name, mean))
    return found


def _mean_values(summary: Summary) -> list[dict[str, Any]]:
    return [
        _point(
            mean,
            name,
            mean.side,
            f"{mean.ratio:.3f} {interval(mean)}, {mean.rows} rows",
        )
        for name, mean in _named_means(summary)
    ]


def _controls(summary: Summary, baseline: Look) -> Iterator[Chart]:
    """Draw what lets a reader distrust the run: what cannot differ."""
    kinds = {
        TWIN: f"a copy of {baseline.name}, measured as if it were a contender",
        YARDSTICK: "rows in which no interpreter takes part",
    }
    for kind, says in kinds.items():
        controls = [one for one in summary.controls if one.kind == kind]
        names = short_names(one.row for one in controls)
        if not controls:
            continue
        values = [
            _point(
                one,
                names[one.row],
                baseline.name,
                f"{SIGNS.get(one.verdict, '-')} {one.ratio:.3f} {interval(one)}",
            )
            for one in controls
        ]
        yield Chart(
            view="method",
            title=f"What cannot differ: {says}",
            description="Every interval should hold 1; a verdict here withholds those "
            "of all rows of the same clock.",
            spec=forest_spec([baseline], summary.margin, baseline.name, values),
            columns=("row", "verdict", "ratio", "interval", "pairs", "clock"),
            rows=[
                (
                    names[one.row],
                    f"{SIGNS.get(one.verdict, '-')} {one.verdict}",
                    f"{one.ratio:.3f}",
                    interval(one),
                    str(one.pairs),
                    one.metric,
                )
                for one in controls
            ],
        )


def _of_file(file: Saved) -> Chart:
    """Return what one file has where there is no other to compare it with."""
    names = short_names(file.rows)
    return Chart(
        view="forest",
        title=f"{file.path.name}: {file.interpreter}",
        description="One file alone: there is nothing to compare it with.",
        spec=None,
        columns=("row", "median", "processes"),
        rows=[
            (
                names[name],
                duration(statistics.median(row.times_s) * 1e9),
                str(len(row.times_s)),
            )
            for name, row in file.rows.items()
        ],
    )


def _saved_values(saved: SavedComparison, most: int) -> list[dict[str, Any]]:
    rows = sorted(saved.rows, key=lambda row: -abs(math.log(row.ratio)))
    names = short_names(row.row for row in rows)
    drawn = list(dict.fromkeys(row.row for row in rows))[:most]
    return [
        _point_alone(row.ratio, names[row.row], row.side, saved_point(row))
        for row in rows
        if row.row in drawn
    ]


def _of_saved(contents: Contents, saved: SavedComparison) -> Iterator[Chart]:
    baseline = saved.files[0].name
    looks = looks_of((file.name, "", True) for file in saved.files[1:])
    forest = forest_of(contents)
    if forest is None:
        return
    names = short_names(row.row for row in saved.rows)
    yield Chart(
        view="forest",
        title="Ratios of saved files",
        description=f"Time over that of {baseline}. {saved.limits}",
        spec=forest,
        columns=("row", "file", "time", f"time in {baseline}", "ratio", "what is told"),
        rows=[
            (
                names[row.row],
                row.side,
                duration(row.side_s * 1e9),
                duration(row.baseline_s * 1e9),
                f"{row.ratio:.3f}" + (f" {UNREPLICATED}" if row.unreplicated else ""),
                f"{SIGNS.get(row.word, '-')} {row.word}"
                + (f": {row.reason}" if row.reason else ""),
            )
            for row in sorted(saved.rows, key=lambda row: (row.row, row.side))
        ],
    )
    means = [
        _point_alone(
            mean.ratio, mean.part, mean.side, f"{mean.ratio:.3f}, {mean.rows} rows"
        )
        for mean in saved.means
    ]
    yield Chart(
        view="parts",
        title="Where it changed: geometric means",
        description="Of all ratios, told and untold; controls are left out",
        spec=forest_spec(looks, saved.margin, baseline, means) if means else None,
        columns=("part", "file", "ratio", "rows", "unreplicated"),
        rows=[
            (
                mean.part,
                mean.side,
                f"{mean.ratio:.3f}",
                str(mean.rows),
                str(mean.unreplicated),
            )
            for mean in saved.means
        ],
    )
