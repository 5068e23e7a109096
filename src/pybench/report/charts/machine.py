"""What the hardware charges: the latency ladder, and the distance of CPUs."""

from __future__ import annotations

from collections.abc import Iterator

from pybench.records.machine import MachineProfile
from pybench.records.means import Mean
from pybench.report.charts import vega
from pybench.report.charts.chart import Chart


def machine_charts(label: str, profile: MachineProfile) -> Iterator[Chart]:
    """Return the latencies by size, and what threads do to each other."""
    steps = {(f"{of.kib} KiB", of.fits): of.ns for of in profile.latencies if of.ns}
    yield Chart(
        view="environment",
        title=f"Latency of memory by size, {profile.topology.model} ({label})",
        description="A load whose address the last load gave, in ns, with the interval "
        f"over {profile.processes} processes",
        spec=vega.dots(
            [
                vega.spread(mean, memory=memory, fits=fits)
                for (memory, fits), mean in steps.items()
            ],
            "memory",
            "fits",
            "ns (log axis)",
            scale=vega.LOG,
        )
        if steps
        else None,
        columns=["memory", "fits in", "ns", "low", "high"],
        rows=[[*key, *_cells(mean)] for key, mean in steps.items()],
    )
    yield Chart(
        view="environment",
        title=f"Threads and memory, {profile.topology.model} ({label})",
        description="Bandwidth of all threads in GB/s; an atomic addition in ns: to "
        "words so far apart, and to a word of all; a message to another CPU and back",
        spec=None,
        columns=["what", "value", "low", "high"],
        rows=[
            *(
                [f"{of.operation} GB/s, {of.threads} threads", *_cells(of.gb_per_s)]
                for of in profile.bandwidths
            ),
            *(
                [f"shared word ns, {of.threads} threads", *_cells(of.shared_ns)]
                for of in profile.contention
            ),
            *(
                [f"words {of.distance_bytes} bytes apart ns", *_cells(of.ns)]
                for of in profile.neighbours
            ),
            *(
                [f"CPU {of.cpus[0]} and {of.cpus[1]} ns", *_cells(of.ns)]
                for of in profile.distances
            ),
        ],
    )


def _cells(mean: Mean | None) -> list[str]:
    if mean is None:
        return ["n/a", "disturbed", ""]
    ends = (mean.value, mean.low, mean.high)
    return ["" if end is None else f"{end:.3g}" for end in ends]
