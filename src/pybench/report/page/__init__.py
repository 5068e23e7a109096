"""The page: one file that opens offline, and keeps its tables where scripts are off.

Nothing in it has an address outside of it. What moves (sorting, filters, the opened
row, charts under the pointer) is added by its script; verdicts, numbers and drawn
charts are there without.
"""

from __future__ import annotations

from pathlib import Path

from pybench.records.contents import Contents
from pybench.records.run import TIME
from pybench.report.charts import charts_of
from pybench.report.charts.chart import HEADINGS
from pybench.report.charts.drawing import MISSING, is_here, javascript
from pybench.report.labels import LEGEND, SIGNS
from pybench.report.page.building import (
    details_data,
    figures_of,
    script_data,
)
from pybench.report.row_order import sections_of
from pybench.report.tables import lines_of
from pybench.report.templates import inert_json, packed, templates_in
from pybench.report.words import facts, legend


def page(
    contents: Contents, *, sort: str | None = None, group: str | None = None
) -> str:
    """Return a report as one HTML document; `ImportError` without jinja2.

    Rows begin sorted and grouped as by `sections_of`.
    """
    here = Path(__file__).parent
    template = templates_in(here).get_template("page.html")
    views, specs = figures_of(charts_of(contents))
    summary = contents.summary
    is_timed = summary is not None and TIME in summary.metrics
    rows = lines_of(summary) if summary is not None and is_timed else []
    if contents.shown is not None:
        rows = [line for line in rows if line.row in contents.shown]
    sections = sections_of(rows, sort=sort, group=group)
    lines = [line for section in sections for line in section.lines]
    # Without a chart library there is nothing to show in them but the tables.
    data = {"specs": specs, "missing": "" if is_here() else MISSING}
    if summary is not None:
        data |= script_data(summary, lines)
    details = packed(inert_json(details_data(contents.details, lines))) if lines else ""
    return template.render(
        title=contents.title,
        summary=summary,
        saved=contents.saved,
        notes=contents.notes,
        facts=facts(summary) if summary else [],
        counts=summary.counts if summary else {},
        signs=SIGNS,
        lines=lines,
        sections=sections,
        categories=sorted({line.category for line in lines}),
        views={view: views.get(view, []) for view in HEADINGS},
        headings=HEADINGS,
        arms=contents.run.sides.values() if contents.run else (),
        legend=legend(summary) if summary else LEGEND,
        missing=data["missing"],
        css=(here / "page.css").read_text("utf-8"),
        js=(here / "page.js").read_text("utf-8"),
        data=inert_json(data),
        details=details,
        bundle=packed(javascript()) if is_here() else "",
    )
