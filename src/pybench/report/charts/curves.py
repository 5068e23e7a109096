"""Speed-ups over one thread of one target, beside what they are held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    """Return a chart of each target, with the diagnosis on each interpreter."""
    by_target: dict[str, list[ScalingProfile]] = {}
    for profile in record.profiles:
        by_target.setdefault(profile.target, []).append(profile)
    for target, profiles in by_target.items():
        yield _curve(label, target, profiles)


def _curve(label: str, target: str, profiles: Sequence[ScalingProfile]) -> Chart:
    is_one = len(profiles) == 1
    named = [
        (f"{point.threads} threads", kind if is_one else f"{kind}, {_arm(of)}", mean)
        for of in profiles
        for point in of.points
        for kind, mean in _means(point)
    ]
    named += [
        (f"{point.threads} threads", f"CPUs at another distance, {_arm(of)}", mean)
        for of in profiles
        for point in of.elsewhere
        for mean in [point.by_work[Work.SHARED]]
    ]
    verdicts = ", ".join(f"{of.diagnosis.cause} on {_arm(of)}" for of in profiles)
    told = "; ".join(f"{_arm(of)}: {_told(of)}" for of in profiles)
    processes = " and ".join(dict.fromkeys(str(of.processes) for of in profiles))
    return Chart(
        view="scaling",
        title=f"{target}: {verdicts} ({label})",
        description=f"Speed-up over one thread, with the interval over {processes} "
        f"processes. {told}",
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


def _arm(profile: ScalingProfile) -> str:
    return profile.arm or profile.interpreter.label


def _told(profile: ScalingProfile) -> str:
    diagnosis = profile.diagnosis
    return ", ".join(filter(None, (diagnosis.what, *diagnosis.evidence)))


def _means(point: ScalingPoint) -> Iterator[tuple[str, Mean]]:
    for work, name in _CALLED.items():
        if work in point.by_work:
            yield name, point.by_work[work]
    if point.processes is not None:
        yield "processes", point.processes
