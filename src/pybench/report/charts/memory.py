"""What rows and scenarios take: peaks, one more of each, and the course over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pybench.report.charts.chart import Chart, Document
from pybench.report.charts.dots import dots_spec
from pybench.report.charts.looks import (
    PLAIN_HUE,
    nominal,
    number,
    tooltip,
    whole,
)
from pybench.report.charts.scenarios import scenario_name
from pybench.report.contents import Profile
from pybench.report.row_names import short_names

_MIB = 2**20
_KINDS = ("rss", "uss", "pss")
_MOST_ROWS = 40
ENDS = ("value", "low", "high")


def memory_charts(label: str, document: Document) -> Iterator[Chart]:
    """Return the peaks of rows, and what one more of each kind takes."""
    rows = document["rows"]
    names = short_names(row["fullname"] for row in rows)
    peaks = [
        {
            "row": names[row["fullname"]],
            "kind": kind.upper() if kind != "traced" else "tracemalloc",
            **{end: row["means"][f"{kind}_peak"][end] for end in ENDS},
        }
        for row in rows
        for kind in (*_KINDS, "traced")
        if f"{kind}_peak" in row["means"]
    ]
    most = {
        row: max(one["value"] for one in peaks if one["row"] == row)
        for row in {one["row"] for one in peaks}
    }
    shown = sorted(most, key=lambda row: -most[row])[:_MOST_ROWS]
    title = f"Memory by row, {document['interpreter']['label']} ({label})"
    if peaks:
        values = [
            {
                **one,
                **{end: one[end] and one[end] / _MIB for end in ENDS},
            }
            for one in sorted(peaks, key=lambda one: -most[one["row"]])
            if one["row"] in shown
        ]
        yield Chart(
            view="memory",
            title=title,
            description="Peak above what there was before the row, in MiB, with the "
            "interval over processes of their own",
            spec=dots_spec(values, "row", "kind", "MiB above the start", unit="value"),
            columns=["row", "kind", "peak MiB", "low", "high"],
            rows=[
                [
                    one["row"],
                    one["kind"],
                    *(_mib(one[end]) for end in ENDS),
                ]
                for one in peaks
            ],
        )
    each = [one for one in document["each"] if one["bytes"]]
    if document["each"]:
        values = [{"kind": one["kind"], **one["bytes"]} for one in each]
        yield Chart(
            view="memory",
            title=f"What one more takes, {document['interpreter']['label']} ({label})",
            description="A slope over several counts, in bytes of USS",
            spec=dots_spec(
                values, "kind", None, "bytes (log axis)", unit="value", log=True
            ),
            columns=["one more", "bytes", "low", "high"],
            rows=[
                [
                    one["kind"],
                    *(_bytes(one["bytes"][end]) for end in ENDS),
                ]
                if one["bytes"]
                else [one["kind"], "n/a", one["problem"], ""]
                for one in document["each"]
            ],
        )


def course_charts(profiles: Sequence[Profile]) -> Iterator[Chart]:
    """Return the memory of scenarios over time, all beside each other."""
    values = [
        {
            "scenario": scenario_name(one),
            "kind": kind.upper(),
            "s": sample[0],
            "mib": sample[place] / _MIB,
        }
        for one in profiles
        for sample in one.document["result"]["memory"].get("course", ())
        for place, kind in enumerate(_KINDS, 1)
        if sample[place] is not None
    ]
    spec = {
        "data": {"values": values},
        "facet": nominal("kind", ["RSS", "USS", "PSS"]),
        "columns": 3,
        "spec": {
            "width": 250,
            "height": 150,
            "mark": {"type": "line", "color": PLAIN_HUE},
            "encoding": {
                "x": number("s", "seconds", scale={"zero": True}),
                "y": number("mib", "MiB, all processes", scale={"zero": True}),
                "strokeDash": nominal("scenario"),
                "tooltip": tooltip("scenario", "kind", s=".2f", mib=".1f"),
            },
        },
    }
    yield Chart(
        view="memory",
        title="Memory of the scenarios over time",
        description="Sampled from another process, over the whole process tree",
        spec=whole(spec, "Memory over time") if values else None,
        columns=["scenario", "kind", "min MiB", "mean MiB", "max MiB"],
        rows=[
            [
                scenario_name(one),
                kind.upper(),
                *_extremes(one.document["result"]["memory"][kind]),
            ]
            for one in profiles
            for kind in _KINDS
        ],
    )


def _extremes(found: Document) -> list[str]:
    if "reason" in found:
        return [f"n/a: {found['reason']}", "", ""]
    return [_mib(found.get(name)) for name in ("min", "avg", "max")]


def _mib(value: float | None) -> str:
    return "" if value is None else f"{value / _MIB:.2f}"


def detailed_charts(label: str, document: Document) -> Iterator[Chart]:
    """Return the table of rows that were profiled in detail."""
    names = short_names(row["fullname"] for row in document["rows"])
    yield Chart(
        view="memory",
        title=f"Rows in detail, {document['interpreter']} ({label})",
        description="Peaks of processes of their own, and the functions that cost most",
        spec=None,
        columns=["row", "RSS peak MiB", "traced peak MiB", "functions"],
        rows=[
            [
                names[row["fullname"]],
                _mib(row["rss_peak_bytes"]),
                _mib(row["traced_peak_bytes"]),
                ", ".join(one["name"] for one in row["functions"][:3]),
            ]
            for row in document["rows"]
        ],
    )


def _bytes(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
