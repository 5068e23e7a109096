"""Speed-ups over one thread of one function, beside what they are held against."""

from __future__ import annotations

from collections.abc import Iterator

from pybench.records.means import Mean
from pybench.records.scaling import ScalingPoint, ScalingProfile, ScalingRecord, Work
from pybench.report.charts import vega
from pybench.report.charts.chart import Chart

_CALLED = {
    Work.SHARED: "function",
    Work.PRIVATE: "copy of the module for each thread",
    Work.GC_OFF: "collector off",
    Work.CONTROL: "share-nothing control",
}


def curve_charts(label: str, record: ScalingRecord) -> Iterator[Chart]:
    """Return a chart and the diagnosis of each interpreter."""
    for profile in record.profiles:
        yield _curve(label, profile)


def _curve(label: str, profile: ScalingProfile) -> Chart:
    named = [
        (f"{point.threads} threads", kind, mean)
        for point in profile.points
        for kind, mean in _means(point)
    ]
    diagnosis = profile.diagnosis
    shown = "; ".join(diagnosis.evidence)
    return Chart(
        view="scaling",
        title=f"{profile.target} on {profile.interpreter.label}: {diagnosis.cause} "
        f"({label})",
        description=f"Speed-up over one thread, with the interval over "
        f"{profile.processes} processes. {diagnosis.what}. {shown}",
        spec=vega.dots(
            [
                vega.spread(mean, threads=threads, work=kind)
                for threads, kind, mean in named
            ],
            "threads",
            "work",
            "times what one thread does",
        )
        if named
        else None,
        columns=["threads", "work", "speed-up", "low", "high"],
        rows=[
            [
                threads,
                kind,
                *(
                    "" if end is None else f"{end:.2f}"
                    for end in (mean.value, mean.low, mean.high)
                ),
            ]
            for threads, kind, mean in named
        ]
        or [["1", "function", "1.00", "", ""]],
    )


def _means(point: ScalingPoint) -> Iterator[tuple[str, Mean]]:
    for work, name in _CALLED.items():
        if work in point.by_work:
            yield name, point.by_work[work]
    if point.processes is not None:
        yield "processes", point.processes
