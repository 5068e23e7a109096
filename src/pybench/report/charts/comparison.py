"""The charts of one comparison: rows, means, speed-ups, controls, saved files."""

from __future__ import annotations

from collections.abc import Iterator

from pybench.records.contents import Contents
from pybench.records.saved_comparison import SavedComparison
from pybench.records.saved_files import Saved
from pybench.records.summary import (
    TWIN,
    YARDSTICK,
    ControlSummary,
    MeanSummary,
    Summary,
)
from pybench.report.charts.chart import Chart
from pybench.report.charts.forest import (
    forest_of,
    forest_spec,
    looks_of_summary,
    point,
    telling,
)
from pybench.report.charts.looks import looks_of
from pybench.report.charts.scaling import scaling_chart
from pybench.report.labels import (
    SIGNS,
    UNREPLICATED,
    duration,
    interval,
)
from pybench.report.row_names import short_names
from pybench.report.words import (
    SPENT_HEADS,
    count_heads,
    count_rows,
    named_means,
    spent_rows,
    value_rows,
)

_MEANS = "Where it changed: geometric means"


def comparison_charts(contents: Contents) -> Iterator[Chart]:
    """Return the charts of a run, of saved files, or of one file alone."""
    if contents.summary is not None:
        yield from _of_summary(contents, contents.summary)
    if contents.saved is not None:
        yield from _of_saved(contents, contents.saved)
    else:
        yield from map(_of_file, contents.files)


def _of_summary(contents: Contents, summary: Summary) -> Iterator[Chart]:
    looks = looks_of_summary(summary)
    baseline = summary.sides[0].name
    drawn = len({row.row for row in telling(summary.rows)})
    if drawn:
        known = len({row.row for row in summary.rows if row.ratio is not None})
        cut = f"The {drawn} largest changes of {known} rows. " * (drawn < known)
        listed = "All" if contents.shown is None else len(contents.shown)
        yield Chart(
            view="forest",
            title="Ratios with their intervals",
            description=f"Time over that of {baseline}: right of the band is more. "
            f"{cut}{listed} rows are in the table below.",
            spec=forest_of(contents),
            columns=(),
            rows=(),
        )
    means = [
        (
            point(
                name, mean.side, f"{_said(mean)}, {mean.rows} rows", mean.ratio, mean
            ),
            (name, mean.side, f"{mean.ratio:.3f}", interval(mean), str(mean.rows)),
        )
        for name, mean in _named_means(summary)
    ]
    if means:
        points, rows = zip(*means, strict=True)
        yield Chart(
            view="parts",
            title=_MEANS,
            description="Memory, start-up and computation, then all single-threaded "
            "rows of Python and each category of them, then what is apart: rows of "
            "several threads, start-up, rows that wait, kernels without Python. "
            "Machine controls are in none. Rows about memory are timed as well; bytes "
            "are further below.",
            spec=forest_spec(looks[1:], summary.margin, baseline, points),
            columns=("rows about", "side", "ratio", "interval", "rows"),
            rows=rows,
        )
    if summary.values:
        yield Chart(
            view="parts",
            title="Values that are no times",
            description="One of each side, beside each other: they have no verdict.",
            spec=None,
            columns=("row", *(side.name for side in summary.sides)),
            rows=value_rows(summary),
        )
    if counts := count_rows(summary):
        yield Chart(
            view="forest",
            title="Instructions",
            description=f"Counted by {summary.counter}: how many one iteration "
            "executes. They are no times.",
            spec=None,
            columns=count_heads(summary),
            rows=counts,
        )
    if contents.gains:
        yield scaling_chart(looks, contents.gains)
    for kind, says in (
        (TWIN, f"a copy of {baseline}, measured as if it were a contender"),
        (YARDSTICK, "rows in which no interpreter takes part"),
    ):
        controls = [control for control in summary.controls if control.kind == kind]
        if controls:
            yield _of_controls(summary, controls, says)
    if spent := spent_rows(summary):
        yield Chart(
            view="method",
            title="Where the time went",
            description="Seconds by kind of rows and by phase. What rows of a process "
            "share is counted for each alike. Around samples is what was prepared for "
            "them, such as threads and memory; judging and the sessions that tried the "
            "rows out are of no row.",
            spec=None,
            columns=SPENT_HEADS,
            rows=spent,
        )


def _of_controls(summary: Summary, controls: list[ControlSummary], says: str) -> Chart:
    """Draw what cannot differ, and lets a reader distrust the run."""
    baseline = looks_of_summary(summary)[0]
    names = short_names(control.row for control in controls)
    points, rows = [], []
    for control in controls:
        name, sign = names[control.row], SIGNS.get(control.verdict, "-")
        said = f"{sign} {_said(control)}"
        points.append(point(name, baseline.name, said, control.ratio, control))
        ratio, around = f"{control.ratio:.3f}", interval(control)
        pairs, clock = str(control.pairs), control.metric
        rows.append((name, f"{sign} {control.verdict}", ratio, around, pairs, clock))
    return Chart(
        view="method",
        title=f"What cannot differ: {says}",
        description="Every interval should hold 1; a verdict here withholds those "
        "of all rows of the same clock.",
        spec=forest_spec([baseline], summary.margin, baseline.name, points),
        columns=("row", "verdict", "ratio", "interval", "pairs", "clock"),
        rows=rows,
    )


def _said(of: MeanSummary | ControlSummary) -> str:
    return f"{of.ratio:.3f} {interval(of)}"


def _named_means(summary: Summary) -> list[tuple[str, MeanSummary]]:
    """Return all means, the parts first, under names that none of them shares."""
    parts = [(mean.category, mean) for mean in summary.parts]
    taken = {name for name, _ in parts}
    others = []
    for name, mean in named_means(summary):
        # A category, or a kind of rows, may bear the name of a part.
        what = "rows apart" if mean in summary.apart else "category"
        others.append((f"{what}: {name}" if name in taken else name, mean))
    return parts + others


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
                duration(row.median_s * 1e9),
                str(len(row.times_s)),
            )
            for name, row in file.rows.items()
        ],
    )


def _of_saved(contents: Contents, saved: SavedComparison) -> Iterator[Chart]:
    forest = forest_of(contents)
    if forest is None:
        return
    baseline = saved.files[0].name
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
                f"{row.ratio:.3f}" + f" {UNREPLICATED}" * row.unreplicated,
                f"{SIGNS.get(row.word, '-')} {row.word}"
                + (f": {row.reason}" if row.reason else ""),
            )
            for row in sorted(saved.rows, key=lambda row: (row.row, row.side))
        ],
    )
    looks = looks_of((file.name, "", True) for file in saved.files[1:])
    points, rows = [], []
    for mean in saved.means:
        ratio, of = f"{mean.ratio:.3f}", str(mean.rows)
        said = f"{ratio}, {of} rows"
        points.append(point(mean.part, mean.side, said, mean.ratio))
        rows.append((mean.part, mean.side, ratio, of, str(mean.unreplicated)))
    yield Chart(
        view="parts",
        title=_MEANS,
        description="Of all ratios, told and untold; controls are left out",
        spec=forest_spec(looks, saved.margin, baseline, points) if points else None,
        columns=("part", "file", "ratio", "rows", "unreplicated"),
        rows=rows,
    )
