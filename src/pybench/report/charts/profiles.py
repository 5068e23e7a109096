"""Charts of what `pybench profile`, `scenario` and `doctor` recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pybench.records.contents import Profile
from pybench.records.doctor import DoctorReport
from pybench.report.charts.chart import Chart
from pybench.report.charts.curves import curve_charts
from pybench.report.charts.imports import import_charts
from pybench.report.charts.machine import machine_charts
from pybench.report.charts.memory import course_chart, detailed_charts, memory_charts
from pybench.report.charts.pauses import pause_charts
from pybench.report.charts.scenarios import (
    bottleneck_charts,
    comparison_charts,
    scenario_chart,
)


def profile_charts(profiles: Sequence[Profile]) -> Iterator[Chart]:
    """Return the charts of all profiles; scenarios are drawn beside each other."""
    scenarios = [of.record for of in profiles if of.kind == "scenario"]
    for profile in profiles:
        if profile.kind in _CHARTS:
            yield from _CHARTS[profile.kind](profile.name, profile.record)
    if scenarios:
        yield scenario_chart(scenarios)
    if any(scenario.result.memory for scenario in scenarios):
        yield course_chart(scenarios)


def _doctor(label: str, report: DoctorReport) -> Iterator[Chart]:
    fit = {None: "unknown", True: "yes", False: "no"}[report.fit]
    yield Chart(
        view="environment",
        title=f"Is the machine fit: {fit} ({label})",
        description="What `pybench doctor` found, what it costs these measurements, "
        "and what to do",
        spec=None,
        columns=["what", "state", "now", "cost", "what to do"],
        rows=[
            [finding.name, finding.state, finding.now, finding.cost, finding.advice]
            for finding in report.findings
        ],
    )


_CHARTS: dict[str, Callable[[str, Any], Iterator[Chart]]] = {
    "profile": detailed_charts,
    "profile-gc": pause_charts,
    "profile-memory": memory_charts,
    "imports": import_charts,
    "bottleneck": bottleneck_charts,
    "scenario-comparison": comparison_charts,
    "doctor": _doctor,
    "machine": machine_charts,
    "scaling": curve_charts,
}
