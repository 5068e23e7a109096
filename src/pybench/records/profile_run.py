"""What `pybench profile run` orders of a measured child, and what the child answers.

The child runs in any CPython from 3.11 on, so this file needs the standard library
alone. Times are nanoseconds; those named ``begun`` and ``ready`` are of
`time.monotonic_ns`, which parent and child share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# The names of the conditions under which a target runs; records hold them.
WHOLE = "whole"
BARE = "bare"
PLAIN = "plain"
GC_OFF = "gc off"
GC_FROZEN = "gc frozen"
GC_RAISED = "gc thresholds raised"
MALLOC = "malloc"
TRACED = "allocations traced"
WAITS = "waits"
ONE_THREAD = "one thread"
MANY_THREADS = "many threads"
PAUSES = "pauses"
PROBE = "probe"
FUNCTIONS = "functions"
NATIVE = "native"
IMPORTS = "imports"


class Failure(StrEnum):
    """How a target or its process failed."""

    MISSING = "missing"
    NATIVE = "native"
    RAISED = "raised"
    EXITED = "exited"
    KILLED = "killed"
    ENDLESS = "endless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One target under one condition.

    ``patience_s`` is when the child prints where it hangs; ``extension`` is the file of
    `_pybench`, which samples.
    """

    condition: str
    kind: str
    target: str
    report: str
    budget_ns: int
    patience_s: float
    arguments: tuple[str, ...] = ()
    threads: int | None = None
    extension: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a number of executions took; ``own`` leaves child processes out."""

    wall_ns: int
    own_cpu_ns: int
    cpu_ns: int
    queued_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Executions:
    """Some batches and their sums."""

    calls: int
    wall_ns: int
    own_cpu_ns: int
    cpu_ns: int
    queued_ns: int
    batches: tuple[Batch, ...] = ()
    blocks: int = 0
    begun_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Executions without a treatment and with it, one after the other.

    The last three are of tracing: nanoseconds that a fresh small object, a "string" or
    a "number", costs above one that is reused, without tracing and with it.
    """

    plain: Executions
    treated: Executions
    fresh: Mapping[str, float] = field(default_factory=dict)
    dear: Mapping[str, float] = field(default_factory=dict)
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PausesSeen:
    """The collector's pauses: the first ones, and sums over all."""

    pauses_ns: tuple[int, ...]
    generations: tuple[int, ...]
    count: int
    sum_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSeen:
    """How late a thread that slept ran again, beside nothing and beside the target."""

    switch_ns: int
    idle_ns: tuple[int, ...] = ()
    late_ns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLife:
    """What one thread did: at locks, waiting for its own threads, without a CPU."""

    life_ns: int
    cpu_ns: int
    lock_ns: int
    idle_ns: int
    queued_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitsSeen:
    """The lives of all threads."""

    threads: tuple[ThreadLife, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function of a profile; seconds."""

    name: str
    calls: int
    own_s: float
    total_s: float
    native: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionsSeen:
    """The functions that took most."""

    functions: tuple[Function, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledFunction:
    """A Python function's share of all samples, and the C code it called."""

    name: str
    share: float
    native: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesSeen:
    """Nanoseconds of CPU time by samples; ``missing`` says why there are none.

    ``open`` is what no sample told. ``library`` is a part of ``bytecode``: code of
    other libraries behind operators and iterators.
    """

    native: float = 0.0
    bytecode: float = 0.0
    open: float = 0.0
    library: float = 0.0
    unread: float = 0.0
    samples: int = 0
    lost: int = 0
    threads: int = 0
    functions: tuple[SampledFunction, ...] = ()
    missing: str = ""

    @property
    def told_ns(self) -> float:
        """CPU time of the samples whose frame could be read."""
        return self.native + self.bytecode + self.open


# What `Report.observed` is, by the condition; None under the others.
SEEN: dict[str, Any] = {
    PAUSES: PausesSeen,
    PROBE: ProbeSeen,
    WAITS: WaitsSeen,
    FUNCTIONS: FunctionsSeen,
    NATIVE: SamplesSeen,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRounds:
    """What a row says in ``benchmark.pedantic``; no ``rounds`` are no limit."""

    rounds: int | None = None
    iterations: int = 1
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """Why a target was not measured."""

    kind: Failure
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the child knows; it writes it again after each step.

    ``makes`` is what a call returned that had yet to be run. ``steady_error`` says why
    a target could not run twice in one process.
    """

    version: str = ""
    gil: bool | None = None
    ready_ns: int | None = None
    first: Executions | None = None
    steady: Executions | None = None
    pairs: tuple[Pair, ...] = ()
    observed: Any = None
    makes: str = ""
    row: RowRounds | None = None
    takes_threads: bool = False
    threads_left: tuple[str, ...] = ()
    read_stdin: bool = False
    steady_error: str = ""
    error: Error | None = None
