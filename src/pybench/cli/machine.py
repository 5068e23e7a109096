"""``pybench machine``: what the hardware charges, without Python."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pybench.cli.options import add_timeout, whole
from pybench.cli.output import add_json, beside, print_error, print_lines, write_record
from pybench.cli.profile_steps import collect
from pybench.cli.status import FAILED
from pybench.progress import Meter

if TYPE_CHECKING:
    from pybench.records.machine import Cache, MachineProfile, Topology
    from pybench.records.means import Mean

_TIMEOUT_S = 120.0
_PROCESSES = 5
_BAR = 40


def add_machine(subcommands: Any) -> None:
    """Add ``pybench machine``."""
    parser = subcommands.add_parser(
        "machine",
        help="say what the hardware charges: caches, latency, bandwidth, distance",
        description="Measure this machine by kernels without Python, each number over "
        "fresh processes: latency by size, bandwidth by threads, two threads' words in "
        "one line and beside it, messages between CPUs, atomic additions by threads.",
        epilog="Exit status: 0 done, 2 usage, 4 a process failed, 130 interrupted "
        "(what was measured is shown).",
    )
    parser.add_argument(
        "--processes", metavar="N", type=whole(1, 1000), default=_PROCESSES,
        help=f"how many fresh processes each number is from (default {_PROCESSES})",
    )  # fmt: skip
    add_timeout(parser, _TIMEOUT_S)
    add_json(parser, bare=True)
    parser.set_defaults(command=machine)


def machine(options: argparse.Namespace) -> int:
    """Measure, show, save."""
    from pybench.profiles.child_programs import ChildError
    from pybench.profiles.machine_speed import answers, machine_profile
    from pybench.profiles.topology import read_topology

    out = beside(options.json)
    topology = read_topology()
    print_lines(topology_lines(topology), out)
    measured: list[dict[str, Any]] = []
    meter = Meter()
    meter.update("process", 0, options.processes)
    steps = answers(topology, options.processes, options.timeout)
    try:
        status = collect(steps, measured, options.processes, meter, stage="process")
    except ChildError as error:
        print_error(error)
        status = FAILED
    if not measured:
        return status
    profile = machine_profile(topology, measured)
    saved = write_record(asdict(profile), options.json)
    print_lines(profile_lines(profile), out)
    return max(status, saved)


def topology_lines(topology: Topology) -> Iterator[str]:
    """Say what the system tells of the CPUs."""
    cpus = f"{len(topology.cpus)} usable CPUs"
    if topology.cores:
        cpus += f" on {len(topology.cores)} cores"
        shared = any(len(core) > 1 for core in topology.cores)
        cpus += ", two or more threads each (SMT)" if shared else ""
    if topology.quota_cpus is not None:
        cpus += f", quota {topology.quota_cpus:g} CPUs"
    yield f"{topology.model}: {cpus}"
    kinds: dict[tuple[int, str], list[Cache]] = {}
    for cache in topology.caches:
        kinds.setdefault((cache.level, cache.kind), []).append(cache)
    for (level, kind), caches in kinds.items():
        first = caches[0]
        yield (
            f"  L{level} {kind.lower():<12} {size(first.size_bytes // 1024):>8}  "
            f"x {len(caches)}, lines of {first.line_bytes} bytes, "
            f"each of {len(first.cpus)} CPU{'s' * (len(first.cpus) != 1)}"
        )
    if not topology.caches:
        yield "  caches: n/a, the system does not tell"


def profile_lines(profile: MachineProfile) -> Iterator[str]:
    """Lay the numbers out, each with its interval over processes."""
    yield ""
    yield "latency of a load that depends on the last one, by memory"
    known = [latency.ns.value for latency in profile.latencies if latency.ns]
    for latency in profile.latencies:
        of = f"{size(latency.kib)} {latency.fits}"
        bar = "#" * length(latency.ns.value, known) if latency.ns else ""
        yield f"  {of:<18} {number(latency.ns, 'ns'):<28} {bar}".rstrip()
    yield ""
    yield "bandwidth of memory, all threads together"
    for width in profile.bandwidths:
        of = f"{width.operation}, {threads(width.threads)}"
        yield f"  {of:<18} {number(width.gb_per_s, 'GB/s')}"
    yield ""
    yield "an atomic addition: to words of the threads' own, and to one for all"
    for word in profile.contention:
        own, shared = number(word.private_ns, "ns"), number(word.shared_ns, "ns")
        yield f"  {threads(word.threads):<18} {own:<28} {shared}"
    if profile.neighbours:
        yield ""
        yield "an atomic addition by two threads, to words so far apart"
    for words in profile.neighbours:
        yield f"  {f'{words.distance_bytes} bytes':<18} {number(words.ns, 'ns')}"
    if profile.distances:
        yield ""
        yield "a message to another CPU and one back"
    for distance in profile.distances:
        between = f"CPU {distance.cpus[0]} and {distance.cpus[1]}"
        yield f"  {between:<18} {number(distance.ns, 'ns')}"
    yield ""
    yield (
        f"clock: {profile.clock_cost_ns:.1f} ns a reading, steps of "
        f"{profile.clock_step_ns:.0f} ns; {profile.processes} processes, "
        "95 % intervals over them"
    )
    yield from (f"note: {note}" for note in profile.notes)


def length(value: float, values: Sequence[float]) -> int:
    """Return the length of a bar, on a logarithmic axis from half the least value."""
    least, most = min(values) / 2, max(values)
    return round(_BAR * math.log(value / least) / math.log(most / least))


def number(mean: Mean | None, unit: str) -> str:
    """Return a mean with its interval; n/a where no round was undisturbed."""
    if mean is None:
        return "n/a (disturbed)"
    around = "" if mean.low is None else f" [{mean.low:.3g}, {mean.high:.3g}]"
    return f"{mean.value:.3g} {unit}{around}"


def threads(count: int) -> str:
    """Return a number of threads in words."""
    return f"{count} thread" + "s" * (count > 1)


def size(kib: int) -> str:
    """Return a size in KiB or MiB."""
    return f"{kib // 1024} MiB" if kib >= 1024 else f"{kib} KiB"
