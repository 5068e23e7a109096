"""Charts of what `pybench profile`, `scenario` and `doctor` recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pybench.report.charts.chart import Chart, Document
from pybench.report.charts.imports import import_charts
from pybench.report.charts.memory import course_charts, detailed_charts, memory_charts
from pybench.report.charts.pauses import pause_charts
from pybench.report.charts.scenarios import (
    bottleneck_charts,
    comparison_charts,
    scenario_charts,
)
from pybench.report.contents import Profile


def recorded(profiles: Sequence[Profile]) -> tuple[list[Chart], list[str]]:
    """Return the charts of all profiles, and which could not be drawn and why."""
    found: list[Chart] = []
    problems = []
    scenarios = [one for one in profiles if one.kind == "scenario"]
    drawn: list[tuple[str, Callable[[], Iterator[Chart]]]] = [
        (one.name, partial(_OF[one.kind], one.name, one.document))
        for one in profiles
        if one.kind in _OF
    ]
    if scenarios:
        names = ", ".join(one.name for one in scenarios)
        drawn.append((names, partial(_of_scenarios, scenarios)))
    for label, draw in drawn:
        try:
            found += draw()
        except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            # Of the right schema and yet not whole: a file that somebody edited.
            problems.append(f"{label}: cannot be drawn: {type(error).__name__} {error}")
    return found, problems


def _of_scenarios(profiles: Sequence[Profile]) -> Iterator[Chart]:
    """Return the charts of all scenarios of a report, beside each other."""
    yield from scenario_charts(profiles)
    with_memory = [one for one in profiles if one.document["result"].get("memory")]
    if with_memory:
        yield from course_charts(with_memory)


def _doctor(label: str, document: Document) -> Iterator[Chart]:
    fit = "unknown"
    if "fit" in document:
        fit = "yes" if document["fit"] else "no"
    yield Chart(
        view="environment",
        title=f"Is the machine fit: {fit} ({label})",
        description="What `pybench doctor` found, what it costs these measurements, "
        "and what to do",
        spec=None,
        columns=["what", "state", "now", "cost", "what to do"],
        rows=[
            [one[name] for name in ("name", "state", "now", "cost", "advice")]
            for one in document["findings"]
        ],
    )


_OF: dict[str, Callable[[str, Document], Iterator[Chart]]] = {
    "profile": detailed_charts,
    "profile-gc": pause_charts,
    "profile-memory": memory_charts,
    "imports": import_charts,
    "bottleneck": bottleneck_charts,
    "scenario-comparison": comparison_charts,
    "doctor": _doctor,
}
