"""Results as text and as HTML that carries its own few styles and no address."""

from __future__ import annotations

import html
from collections.abc import Sequence

from pybench.notebook.measurement import Measurement, ThreadCount
from pybench.notebook.pictures import measurement_spec, svg_or_none
from pybench.records.texts import printable

VEGALITE = "application/vnd.vegalite.v5+json"

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_CELL = "text-align:right;padding:.1em .7em"
_LEFT = "text-align:left;padding:.1em .7em;vertical-align:top"


def escape(text: str) -> str:
    """Return a text as HTML, without control characters: a notebook is a file too."""
    return html.escape(printable(text, keep="\n\t"))


def duration(ns: float) -> str:
    """Return a time in three digits with its unit."""
    ns = float(f"{ns:.3g}")  # first, so that 999.9 is 1 µs and not 1e+03 ns
    for size, unit in _UNITS:
        if abs(ns) >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def measurement_text(found: Measurement) -> str:
    """Return a few lines of plain text."""
    lines = [_headline(found), _identity(found)]
    if found.counts:
        table = [_columns(), *(_cells(found, one) for one in found.counts)]
        widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
        lines += [
            "  ".join(
                cell.rjust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in table
        ]
    return "\n".join([*lines, *(f"! {said}" for said in found.limits)])


def measurement_html(found: Measurement) -> str:
    """Return a fragment: headline, table, chart where it can be drawn, limits."""
    parts = [
        f"<div><strong>{escape(_headline(found))}</strong>",
        f"<div>{escape(_identity(found))}</div>",
    ]
    if found.counts:
        parts.append(
            table_html(_columns(), [_cells(found, one) for one in found.counts])
        )
        parts.append(svg_or_none(measurement_spec(found)) or "")
    parts.append(notes_html(found.limits))
    return "".join([*parts, "</div>"])


def table_html(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 0
) -> str:
    """Return a table; the first `left` columns are text."""
    styles = [_LEFT if at < left else _CELL for at in range(len(columns))]

    def row(cells: Sequence[str], tag: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        return "".join(
            f'<{tag}{scope} style="{style}">{escape(cell)}</{tag}>'
            for style, cell in zip(styles, cells, strict=True)
        )

    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows)
    return (
        f"<table><thead><tr>{row(columns, 'th')}</tr></thead><tbody>{body}</tbody>"
        "</table>"
    )


def notes_html(notes: Sequence[str]) -> str:
    """Return sentences as a list."""
    return "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>"


def _headline(found: Measurement) -> str:
    if not found.counts:
        return f"{found.name}: void"
    first = found.counts[0]
    threads = "1 thread" if first.threads == 1 else f"{first.threads} threads"
    return f"{found.name}: {duration(first.median_ns)} with {threads}"


def _identity(found: Measurement) -> str:
    gil = "GIL on" if found.gil_enabled else "GIL off"
    native = found.extension or "not built"
    return (
        f"{found.place}; {found.interpreter}, {gil}; {found.machine}, "
        f"{found.usable_cpus} usable CPUs; _pybench: {native}"
    )


def _columns() -> list[str]:
    return [
        "threads",
        "median",
        "IQR",
        "CPU",
        "rounds",
        "iterations",
        "overlap",
        "speed-up",
        "control",
    ]


def _cells(found: Measurement, one: ThreadCount) -> list[str]:
    return [
        str(one.threads),
        duration(one.median_ns),
        duration(one.iqr_ns),
        duration(one.cpu_ns),
        f"{len(one.rounds)}" + (f" (-{one.dropped})" if one.dropped else ""),
        str(one.rounds[0].iterations),
        f"{one.overlap:.0%}" if one.threads > 1 else "",
        _times(found.speed_up(one.threads)),
        _times(found.control_speed_up(one.threads)),
    ]


def _times(factor: float | None) -> str:
    return "" if factor is None else f"{factor:.2f}"
