"""Rounds of scenarios beside each other, pairs of two of them, and where time goes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pybench.records.bottleneck import Diagnoses, Share
from pybench.records.scenario import ScenarioComparison, ScenarioRecord
from pybench.report.charts import vega
from pybench.report.charts.chart import Chart
from pybench.report.labels import duration

_PERCENTILES = ("avg", "p50", "p95", "p99", "max")


def scenario_chart(scenarios: Sequence[ScenarioRecord]) -> Chart:
    """Draw all scenarios of a report beside each other."""
    values, rows = [], []
    for scenario in scenarios:
        name, result = scenario_name(scenario), scenario.result
        times = [getattr(result, f"{which}_iter_s") for which in _PERCENTILES]
        if None in times:
            continue
        values += [
            {"scenario": name, "percentile": which, "ms": time_s * 1e3}
            for which, time_s in zip(_PERCENTILES, times, strict=True)
        ]
        cells = [_seconds(time_s) for time_s in (*times, result.overhead_iter_s)]
        rows.append([name, str(result.iterations_done), *cells])
    order = ("p50", "avg", "p95", "p99", "max")
    layers = vega.percentiles("scenario", "ms per round (log axis)", order)
    drawn = vega.panel(*layers, values=values, width=460, height={"step": 26})
    return Chart(
        view="scenarios",
        title="Time of a round",
        description="Median to maximum of the rounds of each scenario; what a round "
        "costs without work is in the table",
        spec=vega.chart("Percentiles of the time of a round", drawn)
        if values
        else None,
        columns=["scenario", "rounds", "mean", *_PERCENTILES[1:], "without work"],
        rows=rows,
    )


def scenario_name(scenario: ScenarioRecord) -> str:
    """Return what was run, by how many of what, on which Python."""
    of = scenario.environment
    gil = "" if of.gil_enabled else ", GIL off"
    return f"{of.scenario}, {of.workers} {of.mode}, {of.python}{gil}"


def _seconds(value: float | None) -> str:
    return "" if value is None else duration(value * 1e9)


def comparison_charts(label: str, comparison: ScenarioComparison) -> Iterator[Chart]:
    """Return the pairs of two scenarios, with their verdict."""
    first, second = (arm.name for arm in comparison.sides)
    verdict = comparison.verdict
    said = f"{verdict.word} {verdict.ratio:.3f}" if verdict else "no verdict"
    if verdict and verdict.low and verdict.high:
        said += f" [{verdict.low:.3f}, {verdict.high:.3f}]"
    values = [
        {"pair": number, "ratio": second_s / first_s}
        for number, (first_s, second_s) in enumerate(comparison.pairs, 1)
        # Of a file that somebody edited: no such pair was measured.
        if first_s > 0 and math.isfinite(second_s / first_s)
    ]
    points = vega.layer(
        vega.POINT,
        x=vega.number("pair", "pair", axis={"tickMinStep": 1}),
        y=vega.number("ratio", f"time over that of {first}"),
        tooltip=vega.tooltip("pair", ratio=".4f"),
    )
    drawn = vega.panel(points, values=values, width=460, height=120)
    yield Chart(
        view="scenarios",
        title=f"{second} against {first}: {said} ({label})",
        description=f"Ratio of {comparison.row}, pair by pair, fresh processes each",
        spec=vega.chart("Ratios in the order of the pairs", drawn) if values else None,
        columns=["pair", f"{first} s", f"{second} s"],
        rows=[
            [str(number), *(f"{time_s:.6g}" for time_s in pair)]
            for number, pair in enumerate(comparison.pairs, 1)
        ],
    )


def bottleneck_charts(label: str, profile: Diagnoses) -> Iterator[Chart]:
    """Return the causes of each target with their shares, and the verdict."""
    for target in profile.targets:
        verdict = target.verdict
        values = [
            vega.spread(cause.share, cause=cause.name, evidence=cause.evidence)
            for cause in target.causes
        ]
        said = (verdict and verdict.cause) or "cannot tell"
        yield Chart(
            view="scenarios",
            title=f"Where {target.target} spends its time: {said} ({label})",
            description=verdict.evidence if verdict else "",
            spec=vega.dots(values, "cause", None, "share of the time")
            if values
            else None,
            columns=["cause", "share", "low", "high", "evidence"],
            rows=[
                [
                    cause.name,
                    *(f"{share:.1%}" for share in _ends(cause.share)),
                    cause.evidence,
                ]
                for cause in target.causes
            ],
        )


def _ends(share: Share) -> tuple[float, float, float]:
    return share.value, share.low, share.high
