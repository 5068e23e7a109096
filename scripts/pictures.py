"""Write the pictures of the README from a run: the terminal, the ratios, one row.

    python scripts/pictures.py RUN [-o docs/pictures] [--row NAME]

RUN is a folder that `pybench compare -o` left.  The pictures say what was measured and
on which machine; nothing is measured here.
"""

import argparse
import io
import re
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from pybench.comparison.contents import read_contents
from pybench.records.contents import Contents
from pybench.records.documents import DocumentError
from pybench.records.pair_details import RowDetail
from pybench.records.summary import Summary
from pybench.report.charts.drawing import svg_of
from pybench.report.charts.forest import forest_of, looks_of_summary
from pybench.report.charts.opened_row import COPY, row_spec
from pybench.report.charts.vega import in_plain_inks
from pybench.report.row_names import short_names
from pybench.report.terminal import show

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
# Rows of the forest: what a screen shows at once.
MOST = 24


def terminal(summary: Summary, title: str) -> str:
    """Return the terminal's face as an SVG, without the fonts that it would fetch."""
    console = Console(record=True, width=100, file=io.StringIO())
    show(summary, console)
    svg = console.export_svg(title=title)
    return re.sub(r"@font-face\s*{[^}]*}", "", svg)


def row_values(
    detail: RowDetail, copy: RowDetail | None, baseline: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the pairs, those of the baseline's copy too, and the samples."""
    pairs = [
        {
            "series": COPY if of.is_twin else of.side,
            "pair": pair.pair,
            "ratio": pair.ratio,
            "first": pair.first,
        }
        for of in filter(None, (detail, copy))
        for pair in of.pairs
    ]
    courses = {detail.side: detail.warm_up.side, baseline: detail.warm_up.baseline}
    warm_up = [
        {"side": arm, "sample": sample, "relative": relative}
        for arm, course in courses.items()
        for sample, relative in enumerate(course)
    ]
    return pairs, warm_up


def opened(contents: Contents, summary: Summary, wanted: str | None) -> str:
    """Return one row in detail: the one that is named, or the largest change."""
    found = [one for one in contents.details if not one.is_twin]
    names = short_names(row.row for row in summary.rows)
    if wanted is not None:
        found = [one for one in found if names[one.row] == wanted]
        if not found:
            raise SystemExit(f"--row {wanted}: no such row was compared in this run")
    ratios = {(row.row, row.side): row for row in summary.rows}

    def size(one: RowDetail) -> float:
        return abs((ratios[one.row, one.side].ratio or 1.0) - 1.0)

    detail = max(found, key=size)
    row = ratios[detail.row, detail.side]
    copies = (one for one in contents.details if one.is_twin and one.row == detail.row)
    baseline, *sides = looks_of_summary(summary)
    side = next(look for look in sides if look.name == detail.side)
    pairs, warm_up = row_values(detail, next(copies, None), baseline.name)
    around = [{"ratio": row.ratio, "low": row.low, "high": row.high}] * (
        row.low is not None
    )
    spec = row_spec(
        side, baseline, summary.margin, pairs=pairs, warm_up=warm_up, around=around
    )
    spec["title"] = f"{names[detail.row]}, {side.name} against {baseline.name}"
    return svg_of(in_plain_inks(spec))


def main() -> int:
    """Write the pictures, and say of what they are."""
    parser = argparse.ArgumentParser(description="Write the pictures of the README.")
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("-o", dest="output", type=Path, default=PICTURES)
    parser.add_argument("--row", metavar="NAME", help="default: the largest change")
    said = parser.parse_args()
    try:
        contents = read_contents([said.run])
    except DocumentError as error:
        print(f"pictures: {error}", file=sys.stderr)
        return 2
    summary, forest = contents.summary, forest_of(contents, MOST)
    if summary is None or contents.run is None or forest is None:
        print(f"pictures: {said.run} has nothing that was compared", file=sys.stderr)
        return 2
    machine = contents.run.baseline.identity
    of = f"{contents.title} on {machine.cpu_model}, {machine.usable_cpus} CPUs"
    said.output.mkdir(parents=True, exist_ok=True)
    pictures = {
        "terminal": terminal(summary, of),
        "ratios": svg_of(in_plain_inks({**forest, "title": of})),
        "row": opened(contents, summary, said.row),
    }
    for name, svg in pictures.items():
        path = said.output / f"{name}.svg"
        path.write_text(svg, encoding="utf-8")
        print(f"pictures: {path}: {of}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
