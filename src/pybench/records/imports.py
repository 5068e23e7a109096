"""The record of ``pybench profile imports``: what importing a module costs, and where.

Times are means over fresh processes, in nanoseconds, with intervals of 95 %. What one
process reports of its import is here as well.

Schema history
--------------
1. The parts of the start-up, the import alone, its tree, what features would save.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean with half of its interval, which one process alone does not have."""

    mean_ns: float
    half_ns: float | None = None
    processes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """One part by the wall clock and in CPU time.

    They differ by waiting, on a busy machine also for other processes.
    """

    wall: Estimate
    cpu: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What a feature would save, and ``says`` what that leaves out.

    Without times ``reason`` says why not.
    """

    times: Times | None = None
    reason: str = ""
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one module took itself, and with all that it imported first."""

    own: Estimate
    total: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One place in the tree over all processes; None where it was in none of a kind."""

    name: str
    warm: Cost | None = None
    cold: Cost | None = None
    children: tuple[Module, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What evaluating the annotations that an import left took in one process."""

    ns: int
    cpu_ns: int
    count: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What one process says of its import; written by the program `import_module`.

    ``error`` is None or kind, text and the name of the module that is missing;
    ``imported`` counts the imports by name; ``annotations`` is None before 3.14.
    """

    ns: int
    cpu_ns: int
    error: tuple[str, str, str] | None
    was_loaded: bool
    forks: int
    loaded: int
    imported: dict[str, int]
    can_lazy: bool
    annotations: Evaluated | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportsProfile:
    """The import of one module by one interpreter.

    ``startup`` are the parts of a process that imports the module, in order, each the
    difference of two kinds of processes; they add up to "whole process". ``warm`` and
    ``cold`` are of the import alone, with all ``.pyc`` there and with none; and
    ``observed`` is by how much ``-X importtime``, of which the tree is, lengthened the
    warm one. ``modules`` counts what the import loaded.
    """

    module: str
    python: str
    repeats: int
    startup: dict[str, Times]
    warm: Times
    cold: Times
    compiling: Times
    modules: int
    observed: Times
    tree: tuple[Module, ...]
    lazy: Saving = Saving()
    annotations: Saving = Saving()
    notes: tuple[str, ...] = ()
    pybench: str = "imports"
    schema: int = SCHEMA
