"""The usable CPUs, their cores and caches, as ``/sys`` describes them."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterator
from pathlib import Path

from pybench.profiles.machine import Reader, read_quota, usable_cpus
from pybench.records.machine import Cache, Topology

_CPU = "sys/devices/system/cpu"
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def read_topology(
    root: Path = Path("/"), *, cpus: Collection[int] | None = None
) -> Topology:
    """Read it; what the system does not tell is left out.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are; another place in tests.
    cpus : collection of int, optional
        The CPUs that count; those of this process without.
    """
    reader = Reader(root)
    usable = sorted(usable_cpus() if cpus is None else cpus)
    cores = {
        tuple(cpu for cpu in _cpu_list(siblings) if cpu in usable)
        for number in usable
        if (
            siblings := reader.quiet(
                f"{_CPU}/cpu{number}/topology/thread_siblings_list"
            )
        )
    }
    return Topology(
        model=_model(reader),
        cpus=tuple(usable),
        cores=tuple(sorted(cores)),
        caches=tuple(
            sorted(
                {cache for number in usable for cache in _caches(reader, number)},
                key=lambda cache: (cache.level, cache.kind, cache.cpus),
            )
        ),
        page_bytes=os.sysconf("SC_PAGE_SIZE"),
        quota_cpus=read_quota(reader),
    )


def usable_at_once(topology: Topology) -> int:
    """Return how many CPUs can run at once: those usable, cut by the quota."""
    usable = len(topology.cpus)
    quota = topology.quota_cpus
    return usable if quota is None else max(1, min(usable, int(quota)))


def thread_counts(most: int) -> list[int]:
    """Return 1, 2, 4, ... and the most."""
    counts = [2**n for n in range(most.bit_length()) if 2**n <= most]
    return counts if counts[-1] == most else [*counts, most]


def _caches(reader: Reader, cpu: int) -> Iterator[Cache]:
    for folder in reader.names(f"{_CPU}/cpu{cpu}/cache", "index[0-9]*"):
        level = reader.number(f"{folder}/level")
        size_bytes = _size(reader.quiet(f"{folder}/size"))
        if level is None or size_bytes is None:
            continue
        yield Cache(
            level=level,
            kind=reader.quiet(f"{folder}/type") or "Unified",
            size_bytes=size_bytes,
            line_bytes=reader.number(f"{folder}/coherency_line_size") or 0,
            cpus=tuple(_cpu_list(reader.quiet(f"{folder}/shared_cpu_list"))),
        )


def _size(text: str) -> int | None:
    """Read ``32K``; None for what is no size."""
    unit = _UNITS.get(text[-1:], 1)
    digits = text.rstrip("KMG")
    return int(digits) * unit if digits.isdecimal() else None


def _cpu_list(text: str) -> list[int]:
    """Read ``0-3,8``; empty for what is no list."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            return []
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _model(reader: Reader) -> str:
    for line in reader.quiet("proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine() or "unknown"
