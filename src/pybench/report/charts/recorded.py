"""Charts of what `pybench profile`, `scenario` and `doctor` recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pybench.report.charts.chart import Chart
from pybench.report.charts.looks import (
    INK,
    MUTED,
    PLAIN_HUE,
    POINT,
    name,
    nominal,
    number,
    tooltip,
    whole,
)
from pybench.report.contents import Profile
from pybench.report.wording import duration, operation

Document = Mapping[str, Any]

_MIB = 2**20
_KINDS = ("rss", "uss", "pss")
_MOST_ROWS = 40

# Narrower than this share of the whole, a box of the icicle is a line without a name.
_LEAST_SHARE = 0.004


def recorded(profiles: Sequence[Profile]) -> tuple[list[Chart], list[str]]:
    """Return the charts of all profiles, and which could not be drawn and why."""
    found: list[Chart] = []
    problems = []
    scenarios = [one for one in profiles if one.kind == "scenario"]
    drawn: list[tuple[str, Callable[[], Iterator[Chart]]]] = [
        (one.name, lambda one=one: _OF[one.kind](one.name, one.document))  # type: ignore[misc]
        for one in profiles
        if one.kind in _OF
    ]
    if scenarios:
        names = ", ".join(one.name for one in scenarios)
        drawn.append((names, lambda: _scenarios(scenarios)))
    for label, draw in drawn:
        try:
            found += draw()
        except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            # Of the right schema and yet not whole: a file that somebody edited.
            problems.append(f"{label}: cannot be drawn: {type(error).__name__} {error}")
    return found, problems


# --- memory ------------------------------------------------------------------------


def _memory(label: str, document: Document) -> Iterator[Chart]:
    rows = document["rows"]
    peaks = [
        {
            "row": operation(row["fullname"]),
            "kind": kind.upper() if kind != "traced" else "tracemalloc",
            **{
                end: row["means"][f"{kind}_peak"][end]
                for end in ("value", "low", "high")
            },
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
                key: value / _MIB if isinstance(value, float) else value
                for key, value in one.items()
            }
            for one in sorted(peaks, key=lambda one: -most[one["row"]])
            if one["row"] in shown
        ]
        yield Chart(
            view="memory",
            title=title,
            description="Peak above what there was before the row, in MiB, with the "
            "interval over processes of their own",
            spec=_dots(values, "row", "kind", "MiB above the start", unit="value"),
            columns=["row", "kind", "peak MiB", "low", "high"],
            rows=[
                [
                    one["row"],
                    one["kind"],
                    *(_mib(one[end]) for end in ("value", "low", "high")),
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
            spec=_dots(
                values, "kind", None, "bytes (log axis)", unit="value", log=True
            ),
            columns=["one more", "bytes", "low", "high"],
            rows=[
                [
                    one["kind"],
                    *(f"{one['bytes'][end]:,.0f}" for end in ("value", "low", "high")),
                ]
                if one["bytes"]
                else [one["kind"], "n/a", one["problem"], ""]
                for one in document["each"]
            ],
        )


def _dots(
    values: Sequence[Mapping[str, Any]],
    field: str,
    kind: str | None,
    title: str,
    *,
    unit: str,
    log: bool = False,
) -> dict[str, Any]:
    """Return points with intervals; kinds are told apart by shape."""
    scale = {"scale": {"type": "log"}} if log else {"scale": {"zero": True}}
    x = number(unit, title, **scale)
    y = name(field)
    shapes = {} if kind is None else {"shape": nominal(kind)}
    offset = {} if kind is None else {"yOffset": {"field": kind}}
    return whole(
        {
            "width": 420,
            "height": {"step": 26 if kind else 18, "for": "position"},
            "data": {"values": [*values]},
            "layer": [
                {
                    "transform": [
                        {"filter": "isValid(datum.low) && isValid(datum.high)"}
                    ],
                    "mark": {"type": "rule", "color": PLAIN_HUE},
                    "encoding": {
                        "x": {**x, "field": "low"},
                        "x2": {"field": "high"},
                        "y": y,
                        **offset,
                    },
                },
                {
                    "mark": POINT,
                    "encoding": {
                        "x": x,
                        "y": y,
                        **shapes,
                        **offset,
                        "tooltip": tooltip(
                            field, *([kind] if kind else []), **{unit: ".4g"}
                        ),
                    },
                },
            ],
        },
        title,
    )


# --- pauses ------------------------------------------------------------------------


def _pauses(label: str, document: Document) -> Iterator[Chart]:
    percentiles = ("p50_ns", "p95_ns", "p99_ns", "max_ns")
    values, rows = [], []
    for one in document["cells"]:
        cell = one["cell"]
        heap = f"{cell['shape']}, {cell['size']:,} objects, GC {cell['mode']}"
        for kind in ("automatic", "asked"):
            found = one[kind]
            if not found or not found["count"]:
                continue
            said = [duration(found[name]) for name in percentiles]
            rows.append([heap, kind, str(found["count"]), *said])
            values += [
                {
                    "heap": heap,
                    "collection": kind,
                    "percentile": name.removesuffix("_ns"),
                    "ms": found[name] / 1e6,
                }
                for name in percentiles
            ]
    collector = document["collector"]
    yield Chart(
        view="gc",
        title=f"Pauses of the collector, {document['interpreter']['label']} ({label})",
        description=f"Percentiles of all pauses; the collector is {collector['kind']}: "
        f"{collector['meaning']}. Automatic collections, and those that were asked for",
        spec=_pause_spec(values) if values else None,
        columns=["heap", "collections", "count", "p50", "p95", "p99", "max"],
        rows=rows,
    )


def _pause_spec(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    x = number("ms", "pause in ms (log axis)", scale={"type": "log"})
    order = ["p50", "p95", "p99", "max"]
    return whole(
        {
            "data": {"values": [*values]},
            "facet": {"column": nominal("collection")},
            "spec": {
                "width": 280,
                "height": {"step": 18},
                "layer": [
                    {
                        "mark": {"type": "line", "color": MUTED},
                        "encoding": {
                            "x": x,
                            "y": name("heap"),
                            "detail": {"field": "heap"},
                        },
                    },
                    {
                        "mark": POINT,
                        "encoding": {
                            "x": x,
                            "y": name("heap"),
                            "shape": nominal("percentile", order),
                            "tooltip": tooltip(
                                "heap", "collection", "percentile", ms=".4g"
                            ),
                        },
                    },
                ],
            },
        },
        "Pause percentiles of each heap",
    )


# --- imports -----------------------------------------------------------------------


def _imports(label: str, document: Document) -> Iterator[Chart]:
    parts = [
        (part, found)
        for part, found in document["startup"].items()
        if part != "whole process"
    ]
    python = document["python"].split(" (")[0]
    values = [
        {
            "clock": clock,
            "part": part,
            "order": order,
            "ms": found[clock]["mean_ns"] / 1e6,
        }
        for order, (part, found) in enumerate(parts)
        for clock in ("wall", "cpu")
    ]
    yield Chart(
        view="imports",
        title=f"Start-up with import {document['module']}, {python} ({label})",
        description="Means over fresh processes of each part of the start-up",
        spec=whole(
            {
                "width": 460,
                "height": {"step": 30},
                "data": {"values": values},
                "mark": {"type": "bar", "stroke": INK, "strokeWidth": 0.4},
                "encoding": {
                    "x": {
                        "field": "ms",
                        "type": "quantitative",
                        "title": "ms",
                        "stack": True,
                    },
                    "y": name("clock"),
                    "color": {
                        "field": "part",
                        "type": "nominal",
                        "title": None,
                        "sort": [part for part, _ in parts],
                        "scale": {"scheme": "blues"},
                    },
                    "order": {"field": "order"},
                    "tooltip": tooltip("part", "clock", ms=".3f"),
                },
            },
            "Parts of the start-up, stacked",
        ),
        columns=["part", "wall", "±", "CPU", "±"],
        rows=[
            [
                part,
                *(
                    duration(found[clock][one])
                    for clock in ("wall", "cpu")
                    for one in ("mean_ns", "half_ns")
                ),
            ]
            for part, found in document["startup"].items()
        ],
    )
    boxes = [*_boxes(document["tree"])]
    yield Chart(
        view="imports",
        title=f"What import {document['module']} imports, {python} ({label})",
        description="Width is the time with all that a module imports; to the left is "
        "who imports first",
        spec=_icicle(boxes) if boxes else None,
        columns=["module", "depth", "own", "with what it imports"],
        rows=[
            [
                one["module"],
                str(one["depth"]),
                duration(one["own_ns"]),
                duration(one["ms"] * 1e6),
            ]
            for one in sorted(boxes, key=lambda one: -one["ms"])[:_MOST_ROWS]
        ],
    )


def _boxes(tree: Sequence[Document]) -> Iterator[dict[str, Any]]:
    """Yield the boxes of an icicle, from above, in ms from the left."""
    left = 0.0
    # Not recursive: a tree of imports may be deeper than the stack of Python.
    todo: list[tuple[Document, float, int]] = []
    for node in tree:
        todo.append((node, left, 0))
        left += node["warm"]["total"]["mean_ns"] / 1e6
    while todo:
        node, start, depth = todo.pop()
        width = node["warm"]["total"]["mean_ns"] / 1e6
        if width < _LEAST_SHARE * left:
            continue
        yield {
            "module": node["name"],
            "depth": depth,
            "start": start,
            "end": start + width,
            "ms": width,
            "own_ns": node["warm"]["own"]["mean_ns"],
        }
        for child in node["children"]:
            todo.append((child, start, depth + 1))
            start += child["warm"]["total"]["mean_ns"] / 1e6


def _icicle(boxes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    whole_ms = max(one["end"] for one in boxes)
    y = {"field": "depth", "type": "ordinal", "title": None, "axis": None}
    x = {
        "field": "start",
        "type": "quantitative",
        "title": "ms",
        "scale": {"domain": [0, whole_ms], "nice": False},
    }
    width = 900
    values = [
        # A name where it fits, at about six units a letter.
        {
            **one,
            "said": one["module"]
            if 6 * len(one["module"]) < one["ms"] / whole_ms * width
            else "",
        }
        for one in boxes
    ]
    return whole(
        {
            "width": width,
            "height": {"step": 20},
            "data": {"values": values},
            "encoding": {"y": y, "x": x},
            "layer": [
                {
                    "mark": {
                        "type": "rect",
                        "stroke": "var(--bg, #ffffff)",
                        "color": PLAIN_HUE,
                        "fillOpacity": 0.3,
                    },
                    "encoding": {
                        "x2": {"field": "end"},
                        "tooltip": tooltip("module", ms=".3f"),
                    },
                },
                {
                    "mark": {
                        "type": "text",
                        "align": "left",
                        "dx": 3,
                        "fontSize": 10,
                        "color": INK,
                    },
                    "encoding": {"text": {"field": "said"}},
                },
            ],
        },
        "The tree of imports from above, width by time",
    )


# --- scenarios ---------------------------------------------------------------------


def _scenarios(profiles: Sequence[Profile]) -> Iterator[Chart]:
    """Draw all scenarios of a report beside each other."""
    measured = [one for one in profiles if one.document["result"].get("p50_iter_s")]
    times = ("avg_iter_s", "p50_iter_s", "p95_iter_s", "p99_iter_s", "max_iter_s")
    values = [
        {
            "scenario": _scenario(one),
            "percentile": time.removesuffix("_iter_s"),
            "ms": one.document["result"][time] * 1e3,
        }
        for one in measured
        for time in times
    ]
    yield Chart(
        view="scenarios",
        title="Time of a round",
        description="Median to maximum of the rounds of each scenario; what a round "
        "costs without work is in the table",
        spec=_rounds_spec(values) if values else None,
        columns=[
            "scenario",
            "rounds",
            "mean",
            "p50",
            "p95",
            "p99",
            "max",
            "without work",
        ],
        rows=[
            [
                _scenario(one),
                str(one.document["result"]["iterations_done"]),
                *(duration(one.document["result"][time] * 1e9) for time in times),
                _seconds(one.document["result"].get("overhead_iter_s")),
            ]
            for one in measured
        ],
    )
    with_memory = [one for one in profiles if one.document["result"].get("memory")]
    if with_memory:
        yield from _courses(with_memory)


def _scenario(profile: Profile) -> str:
    environment = profile.document["environment"]
    gil = "" if environment["gil_enabled"] else ", GIL off"
    return (
        f"{environment['scenario']}, {environment['workers']} {environment['mode']}, "
        f"{environment['python']}{gil}"
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else duration(value * 1e9)


def _rounds_spec(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    x = number("ms", "ms per round (log axis)", scale={"type": "log"})
    y = name("scenario")
    order = ["p50", "avg", "p95", "p99", "max"]
    return whole(
        {
            "width": 460,
            "height": {"step": 26},
            "data": {"values": [*values]},
            "layer": [
                {
                    "mark": {"type": "line", "color": MUTED},
                    "encoding": {"x": x, "y": y, "detail": {"field": "scenario"}},
                },
                {
                    "mark": POINT,
                    "encoding": {
                        "x": x,
                        "y": y,
                        "shape": nominal("percentile", order),
                        "tooltip": tooltip("scenario", "percentile", ms=".4g"),
                    },
                },
            ],
        },
        "Percentiles of the time of a round",
    )


def _courses(profiles: Sequence[Profile]) -> Iterator[Chart]:
    values = [
        {
            "scenario": _scenario(one),
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
                _scenario(one),
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
    return [_mib(found[name]) for name in ("min", "avg", "max")]


def _mib(value: float | None) -> str:
    return "" if value is None else f"{value / _MIB:.2f}"


def _comparison(label: str, document: Document) -> Iterator[Chart]:
    first, second = (side["name"] for side in document["sides"])
    verdict = document["verdict"] or {}
    values = [
        {"pair": number_, "ratio": pair[1] / pair[0]}
        for number_, pair in enumerate(document["pairs"], 1)
        if pair[0] and pair[1]
    ]
    said = (
        f"{verdict.get('word', 'no verdict')} {verdict.get('ratio', float('nan')):.3f}"
    )
    if verdict.get("low") and verdict.get("high"):
        said += f" [{verdict['low']:.3f}, {verdict['high']:.3f}]"
    yield Chart(
        view="scenarios",
        title=f"{second} against {first}: {said} ({label})",
        description=f"Ratio of {document['row']}, pair by pair, fresh processes each",
        spec=whole(
            {
                "width": 460,
                "height": 120,
                "data": {"values": values},
                "mark": POINT,
                "encoding": {
                    "x": number("pair", "pair", axis={"tickMinStep": 1}),
                    "y": number("ratio", f"time over that of {first}"),
                    "tooltip": tooltip("pair", ratio=".4f"),
                },
            },
            "Ratios in the order of the pairs",
        )
        if values
        else None,
        columns=["pair", f"{first} s", f"{second} s"],
        rows=[
            [str(number_), f"{pair[0]:.6g}", f"{pair[1]:.6g}"]
            for number_, pair in enumerate(document["pairs"], 1)
        ],
    )


# --- where the time goes -----------------------------------------------------------


def _bottleneck(label: str, document: Document) -> Iterator[Chart]:
    for target in document.get("targets", [document]):
        verdict = target["verdict"] or {}
        values = [
            {"cause": cause["name"], **cause["share"], "evidence": cause["evidence"]}
            for cause in target["causes"]
        ]
        said = verdict.get("cause") or "cannot tell"
        yield Chart(
            view="scenarios",
            title=f"Where {target['target']} spends its time: {said} ({label})",
            description=verdict.get("evidence", ""),
            spec=_dots(values, "cause", None, "share of the time", unit="value")
            if values
            else None,
            columns=["cause", "share", "low", "high", "evidence"],
            rows=[
                [
                    one["cause"],
                    *(f"{one[end]:.1%}" for end in ("value", "low", "high")),
                    one["evidence"],
                ]
                for one in values
            ],
        )


def _doctor(label: str, document: Document) -> Iterator[Chart]:
    yield Chart(
        view="environment",
        title=f"Is the machine fit: {'yes' if document['fit'] else 'no'} ({label})",
        description="What `pybench doctor` found, what it costs these measurements, "
        "and what to do",
        spec=None,
        columns=["what", "state", "now", "cost", "what to do"],
        rows=[
            [one[name] for name in ("name", "state", "now", "cost", "advice")]
            for one in document["findings"]
        ],
    )


def _detailed(label: str, document: Document) -> Iterator[Chart]:
    yield Chart(
        view="memory",
        title=f"Rows in detail, {document['interpreter']} ({label})",
        description="Peaks of processes of their own, and the functions that cost most",
        spec=None,
        columns=["row", "RSS peak MiB", "traced peak MiB", "functions"],
        rows=[
            [
                operation(row["fullname"]),
                _mib(row["rss_peak_bytes"]),
                _mib(row["traced_peak_bytes"]),
                ", ".join(one["name"] for one in row["functions"][:3]),
            ]
            for row in document["rows"]
        ],
    )


_OF: dict[str, Callable[[str, Document], Iterator[Chart]]] = {
    "profile": _detailed,
    "profile-gc": _pauses,
    "profile-memory": _memory,
    "imports": _imports,
    "bottleneck": _bottleneck,
    "scenario-comparison": _comparison,
    "doctor": _doctor,
}
