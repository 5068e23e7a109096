"""Rounds of scenarios beside each other, pairs of two of them, and where time goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pybench.report.charts.chart import Chart, Document
from pybench.report.charts.dots import dots_spec
from pybench.report.charts.looks import (
    MUTED,
    POINT,
    name,
    nominal,
    number,
    tooltip,
    whole,
)
from pybench.report.contents import Profile
from pybench.report.labels import duration


def scenario_charts(profiles: Sequence[Profile]) -> Iterator[Chart]:
    """Draw all scenarios of a report beside each other."""
    times = ("avg_iter_s", "p50_iter_s", "p95_iter_s", "p99_iter_s", "max_iter_s")
    measured = [
        one
        for one in profiles
        if all(one.document["result"].get(time) is not None for time in times)
    ]
    values = [
        {
            "scenario": scenario_name(one),
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
                scenario_name(one),
                str(one.document["result"]["iterations_done"]),
                *(duration(one.document["result"][time] * 1e9) for time in times),
                _seconds(one.document["result"].get("overhead_iter_s")),
            ]
            for one in measured
        ],
    )


def scenario_name(profile: Profile) -> str:
    """Return what was run, by how many of what, on which Python."""
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


def comparison_charts(label: str, document: Document) -> Iterator[Chart]:
    """Return the pairs of two scenarios, with their verdict."""
    first, second = (side["name"] for side in document["sides"])
    verdict = document["verdict"] or {}
    values = [
        {"pair": number_, "ratio": pair[1] / pair[0]}
        for number_, pair in enumerate(document["pairs"], 1)
        if pair[0] and pair[1]
    ]
    said = f"{verdict['word']} {verdict['ratio']:.3f}" if verdict else "no verdict"
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


def bottleneck_charts(label: str, document: Document) -> Iterator[Chart]:
    """Return the causes of each target with their shares, and the verdict."""
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
            spec=dots_spec(values, "cause", None, "share of the time", unit="value")
            if values
            else None,
            columns=["cause", "share", "low", "high", "evidence"],
            rows=[
                [
                    one["cause"],
                    *(_percent(one[end]) for end in ("value", "low", "high")),
                    one["evidence"],
                ]
                for one in values
            ],
        )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
