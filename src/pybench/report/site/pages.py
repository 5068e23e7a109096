"""The files of a site, from what was read: an index, a history, a page per run."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment

from pybench.records.site import Machine, Series, Site, SiteRun
from pybench.records.summary import RowSummary
from pybench.records.texts import printable
from pybench.report.charts.looks import hue_of
from pybench.report.exports.cells import cell
from pybench.report.labels import LEGEND, SIGNS, interval, point, shortened
from pybench.report.row_names import short_names
from pybench.report.site.sparkline import HEIGHT, WIDTH, mark, sparkline
from pybench.report.templates import templates_in
from pybench.report.words import facts, means_lines

# The newest runs of a series that its tables and its lines have; all are in the CSV.
MOST_COLUMNS = 8
MOST_DRAWN = 26

# Of a name from outside, such as that of a folder.
_LONGEST = 120

COLUMNS = (
    "run", "started", "machine", "side", "baseline", "row", "verdict", "ratio", "low",
    "high", "pairs",
)  # fmt: skip


def site_files(site: Site) -> dict[str, str]:
    """Return the text of every file of a site under its name."""
    pages = {f"runs/{run.slug}.html": run.page for run in site.runs}
    return {"index.html": index(site), "history.csv": history(site.runs), **pages}


def history(runs: Sequence[SiteRun]) -> str:
    """Return a line per run, row and arm as CSV; an unknown is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in reversed(runs):
        summary = run.summary
        where = run.machine.words if run.machine else ""
        for row in summary.rows:
            writer.writerow(
                cell(value) for value in (
                    run.name, summary.started, where, row.side, summary.sides[0].name,
                    row.row, row.verdict, row.ratio, row.low, row.high, row.pairs,
                )
            )  # fmt: skip
    return text.getvalue()


def index(site: Site) -> str:
    """Return the first page."""
    machines: dict[Machine | None, list[SiteRun]] = {}
    for run in site.runs:
        machines.setdefault(run.machine, []).append(run)
    template = _environment().get_template("index.html")
    return template.render(
        title=site.title,
        runs=site.runs,
        problems=site.problems,
        machines=machines.items(),
        series=[_shown(series) for series in site.series],
        words=(*SIGNS,),
        most_columns=MOST_COLUMNS,
        most_drawn=MOST_DRAWN,
        legend=LEGEND,
    )


def _environment() -> Environment:
    environment = templates_in(Path(__file__).parent)
    environment.filters |= {
        "name": _name,
        "printable": printable,
        "moment": _moment,
        "hue": lambda arm: hue_of(arm.interpreter),
        "gil": lambda arm: (
            f"{'free-threaded' if arm.free_threaded else 'with GIL'}, "
            f"GIL {'on' if arm.gil_enabled else 'off'}"
        ),
        "flags": lambda arm: _name(" ".join(arm.build_flags)) or "none known",
        "mark": lambda arm: mark(gil_enabled=arm.gil_enabled),
        "facts": facts,
        "means": means_lines,
        "point": point,
        "interval": interval,
    }
    environment.globals |= {"signs": SIGNS, "width": WIDTH, "height": HEIGHT}
    return environment


def _shown(series: Series) -> dict[str, Any]:
    """Return what the template shows of a series: its newest runs."""
    names = short_names(row for rows in series.categories.values() for row in rows)
    gil_enabled = series.side.gil_enabled
    return {
        "baseline": series.baseline,
        "side": series.side,
        "machine": series.machine,
        "all": len(series.runs),
        "runs": series.runs[-MOST_COLUMNS:],
        "categories": {
            category: [
                {
                    "row": names[row],
                    "cells": cells[-MOST_COLUMNS:],
                    "drawn": sparkline(drawn, gil_enabled=gil_enabled),
                    "says": _says(drawn),
                    "changes": series.changes.get(row, ()),
                }
                for row, cells in rows.items()
                for drawn in [cells[-MOST_DRAWN:]]
            ]
            for category, rows in series.categories.items()
        },
    }


def _says(cells: Sequence[RowSummary | None]) -> str:
    """Return what a line shows, for those who do not see it."""
    ratios = [f"{c.ratio:.3f}" for c in cells if c is not None and c.ratio is not None]
    if len(ratios) < 2:
        return f"ratio {ratios[0]} in one run" if ratios else "no ratio"
    return f"ratio from {ratios[0]} to {ratios[-1]} in {len(ratios)} runs"


def _name(text: str) -> str:
    return shortened(printable(text), _LONGEST)


def _moment(run: SiteRun) -> str:
    """Return when a run began to the minute, or what stands in the place of that."""
    if run.moment.year == 1:
        return _name(run.summary.started) or "no date"
    return f"{run.moment:%Y-%m-%d %H:%M}"
