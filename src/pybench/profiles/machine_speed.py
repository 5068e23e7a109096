"""What the hardware charges: latency, bandwidth, neighbours, distance, contention.

Each number is the mean over fresh processes, since where a process has its memory
decides as much as the machine. Nothing of Python is in it: the kernels are those of the
machine controls, run by the interpreter of the host.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pybench.profiles.child_programs import ask
from pybench.profiles.means import mean_of
from pybench.profiles.topology import thread_counts, usable_at_once
from pybench.records.machine import (
    Bandwidth,
    Contention,
    Distance,
    Latency,
    MachineProfile,
    Neighbours,
    Topology,
)
from pybench.records.means import Mean

PROGRAM = "machine_speed.py"

# From what any first-level cache holds to several times the last level, within the
# memory that a call of a kernel may have.
LEAST_KIB, MOST_KIB = 4, 256 * 1024
# Up to the distance at which no prefetcher ties two lines together.
DISTANCES = (8, 16, 32, 64, 128, 256)
# Pairs grow as the square: of more CPUs than these one of each core is taken, and of
# more cores so many.
MOST_CPUS = 24
LINE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Probe:
    """One kernel with its options; on these CPUs alone where any are named."""

    key: str
    kernel: str
    options: Mapping[str, Any]
    cpus: tuple[int, ...] = ()


def sizes_kib(topology: Topology) -> list[int]:
    """Return the sizes of the latency ladder: powers of two, beyond the last cache."""
    last = max((cache.size_bytes for cache in topology.caches), default=16 * 2**20)
    most = min(MOST_KIB, max(last * 4 // 1024, 64 * 1024))
    return [2**n for n in range(2, 31) if LEAST_KIB <= 2**n <= most]


def fitting_level(topology: Topology, kib: int) -> str:
    """Return the innermost cache for data that holds so much, "memory" for none."""
    caches = [cache for cache in topology.caches if cache.kind != "Instruction"]
    if not caches:
        return "unknown"
    levels = [cache.level for cache in caches if cache.size_bytes >= kib * 1024]
    return f"L{min(levels)}" if levels else "memory"


def probed_cpus(topology: Topology) -> tuple[list[int], str]:
    """Return the CPUs between which messages are sent, and what was left out."""
    cpus = [*topology.cpus]
    if not hasattr(os, "sched_setaffinity"):
        return [], "messages between CPUs: n/a, this system cannot bind a thread"
    if len(cpus) <= MOST_CPUS:
        return cpus, ""
    first = [core[0] for core in topology.cores if core] or cpus
    step = -(-len(first) // MOST_CPUS)
    chosen = first[::step]
    return chosen, (
        f"messages between {len(chosen)} of {len(cpus)} CPUs, evenly chosen: all pairs "
        f"would be {len(cpus) * (len(cpus) - 1) // 2}"
    )


def plan(topology: Topology) -> tuple[list[Probe], tuple[str, ...]]:
    """Return everything that one process measures, and what is left out."""
    counts = thread_counts(usable_at_once(topology))
    probes = [
        Probe(f"latency {kib}", "ordering_walk", {"pattern": "chased", "kib": kib})
        for kib in sizes_kib(topology)
    ]
    probes += [
        Probe(
            f"bandwidth {operation} {threads}",
            "ordering_bandwidth",
            {"operation": operation, "threads": threads},
        )
        for operation in ("read", "write", "copy")
        for threads in counts
        if threads <= 16  # a call may have 1 GiB
    ]
    probes += [
        Probe(
            f"{layout} {threads}",
            "yardstick_atomic",
            {"layout": layout, "threads": threads},
        )
        for layout in ("private", "shared")
        for threads in counts
    ]
    notes = []
    if counts[-1] < 2:
        notes.append(
            "neighbours and messages: n/a, two threads need two CPUs, and this process "
            "may use one"
        )
        return probes, tuple(notes)
    probes += [
        Probe(
            f"neighbours {distance}",
            "counters_increment",
            {"layout": "strided", "stride": distance, "threads": 2},
        )
        for distance in DISTANCES
    ]
    cpus, note = probed_cpus(topology)
    probes += [
        Probe(f"distance {a} {b}", "ordering_message", {}, (a, b))
        for a, b in itertools.combinations(cpus, 2)
    ]
    return probes, (*notes, note) if note else tuple(notes)


def answers(
    topology: Topology, processes: int, timeout_s: float
) -> Iterator[dict[str, Any]]:
    """Measure everything in one fresh process after the other; yields what each says.

    Raises
    ------
    ChildError
        If one ends badly, or not in time.
    """
    probes, _ = plan(topology)
    for number in range(processes):
        # By turns from both ends, so that drift falls on no kind alone.
        turned = probes if number % 2 == 0 else probes[::-1]
        order = {"probes": [asdict(probe) for probe in turned]}
        yield ask(Path(sys.executable), PROGRAM, order, timeout_s)


def machine_profile(
    topology: Topology, measured: Sequence[Mapping[str, Any]]
) -> MachineProfile:
    """Put together what the processes said; at least one has to have said anything."""
    probes, notes = plan(topology)
    means: dict[str, Mean | None] = {}
    for probe in probes:
        values = [of["ns"].get(probe.key) for of in measured]
        means[probe.key] = mean_of([value for value in values if value is not None])
    disturbed = [key for key, mean in means.items() if mean is None]
    if disturbed:
        notes = (*notes, f"disturbed in each process: {', '.join(disturbed)}")
    counts = thread_counts(usable_at_once(topology))
    return MachineProfile(
        topology=topology,
        processes=len(measured),
        clock_cost_ns=_median(measured, "clock_cost_ns"),
        clock_step_ns=_median(measured, "clock_step_ns"),
        latencies=tuple(
            Latency(kib=kib, fits=fitting_level(topology, kib), ns=mean)
            for kib in sizes_kib(topology)
            for mean in [means[f"latency {kib}"]]
        ),
        bandwidths=tuple(
            Bandwidth(
                operation=operation,
                threads=threads,
                gb_per_s=_rate(mean, threads * LINE_BYTES),
            )
            for operation in ("read", "write", "copy")
            for threads in counts
            if f"bandwidth {operation} {threads}" in means
            for mean in [means[f"bandwidth {operation} {threads}"]]
        ),
        neighbours=tuple(
            Neighbours(distance_bytes=distance, ns=means[f"neighbours {distance}"])
            for distance in DISTANCES
            if f"neighbours {distance}" in means
        ),
        distances=tuple(
            Distance(cpus=(probe.cpus[0], probe.cpus[1]), ns=means[probe.key])
            for probe in probes
            if probe.cpus
        ),
        contention=tuple(
            Contention(
                threads=threads,
                private_ns=means[f"private {threads}"],
                shared_ns=means[f"shared {threads}"],
            )
            for threads in counts
        ),
        notes=notes,
    )


def _median(measured: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(statistics.median(of[key] for of in measured))


def _rate(time_ns: Mean | None, amount: float) -> Mean | None:
    """Return a rate from the time of an amount: a longer time is a lower rate."""
    if time_ns is None:
        return None
    low = high = None
    # The interval of a mean may reach below zero; then the rate has no upper end.
    if time_ns.low is not None and time_ns.high is not None and time_ns.low > 0:
        low, high = amount / time_ns.high, amount / time_ns.low
    return replace(time_ns, value=amount / time_ns.value, low=low, high=high)
