"""The record of ``pybench machine``: what the hardware charges, without Python.

Schema history
--------------
1. The first.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybench.records.means import Mean

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One cache as the system describes it, and the CPUs that share it."""

    level: int
    kind: str  # "Data", "Instruction" or "Unified"
    size_bytes: int
    line_bytes: int
    cpus: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The usable CPUs; None and empty where the system does not tell.

    Parameters
    ----------
    cpus : tuple of int
        Those that this process may run on.
    cores : tuple of tuple of int
        The usable CPUs of each physical core, several with SMT.
    quota_cpus : float or None
        The control group's quota, in CPUs.
    """

    model: str
    cpus: tuple[int, ...]
    cores: tuple[tuple[int, ...], ...] = ()
    caches: tuple[Cache, ...] = ()
    page_bytes: int | None = None
    quota_cpus: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A load whose address the last load gave, in so much memory."""

    kib: int
    fits: str  # the innermost cache that holds it, "memory" for none
    ns: Mean | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """A sequential pass over memory beyond the caches, by so many threads at once."""

    operation: str
    threads: int
    gb_per_s: Mean | None  # of all threads together


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Two threads that each add to a word of their own, so far from the other's."""

    distance_bytes: int
    ns: Mean | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """A message from one CPU to another and one back."""

    cpus: tuple[int, int]
    ns: Mean | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contention:
    """An atomic addition by so many threads: to private words, and to a shared one."""

    threads: int
    private_ns: Mean | None
    shared_ns: Mean | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineProfile:
    """All of it; a number is None where no undisturbed round was had.

    Parameters
    ----------
    processes : int
        How many fresh processes each number comes from.
    clock_cost_ns, clock_step_ns : float
        One reading of the clock, and the least difference between two.
    notes : tuple of str
        What was left out, and why.
    """

    pybench: str = "machine"
    schema: int = SCHEMA
    topology: Topology
    processes: int
    clock_cost_ns: float
    clock_step_ns: float
    latencies: tuple[Latency, ...]
    bandwidths: tuple[Bandwidth, ...]
    neighbours: tuple[Neighbours, ...]
    distances: tuple[Distance, ...]
    contention: tuple[Contention, ...]
    notes: tuple[str, ...] = ()
