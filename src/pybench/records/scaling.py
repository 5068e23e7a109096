"""The record of ``pybench scaling``, and what its children are told and answer.

Schema history
--------------
1. The first.
2. Medians with the interval by ranks in place of means; the modes of a point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pybench.records.means import Mean, ProfiledPython

SCHEMA = 2

# The word of a line that tells a child of a group to run windows.
RUN = "run"
# What a problem begins with that is none: a row cannot run there.
NA = "n/a: "


class Work(StrEnum):
    """What the threads of a window do; a key of a report."""

    SHARED = "shared"  # the function, one for all threads
    PRIVATE = "private"  # of a module that each thread has executed for itself
    GC_OFF = "gc_off"  # the function, with the collector off
    IMMORTAL = "immortal"  # the function, no references to its objects being counted
    CONTROL = "control"  # hashing of private bytes, without the GIL


class Kind(StrEnum):
    """What a target is."""

    FUNCTION = "function"  # module:function, or a path in place of the module
    SCRIPT = "script"  # a call runs all of it, in a module of its own
    ROW = "row"  # path::test, which gives `benchmark_threads` a function, or pyperf
    ROWS = "rows"  # no call: what is asked for is which rows there are


class Cause(StrEnum):
    """What keeps threads from doing more; the text is what users read."""

    SCALES = "scales"
    MACHINE = "limited by this machine"
    GIL = "the GIL is on"
    REFCOUNT = "contended reference count"
    LOCK = "contended lock"
    OBJECT = "contended object"
    MEMORY = "allocator or memory bandwidth"
    STOP_THE_WORLD = "stop-the-world"
    DISTURBED = "disturbed"
    UNKNOWN = "cannot tell"


class SuspectKind(StrEnum):
    """What kind of object it is; the text is what users read."""

    INSTANCE = "instance"
    CLASS = "class"
    FUNCTION = "function"
    METHOD = "method"
    MODULE = "module"
    CONSTANT = "constant"
    CONTAINER = "container"
    LOCK = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An object that threads of a function write to, as its header shows.

    Of `samples` readings of the header, `count_changes` had another count of references
    by other threads than the owner than the one before, and `locked` had its lock held.
    """

    name: str  # as the function reaches it
    kind: SuspectKind
    type_name: str
    samples: int
    count_changes: int
    locked: int

    @property
    def rank(self) -> tuple[float, float]:
        """What sorts by the share of readings, the most counted one first."""
        samples = max(1, self.samples)
        return -self.count_changes / samples, -self.locked / samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Contended:
    """An object that costs the speed-up when threads share it and nothing else.

    `lines` are where the function uses it, `speed_up` what the threads do then; of
    several processes the median, and how many found it.
    """

    name: str
    kind: SuspectKind
    type_name: str
    lines: tuple[str, ...]
    speed_up: float
    processes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingOrder:
    """What one child is to do.

    Parameters
    ----------
    target : str
        As its kind is written; of rows how their names begin.
    kind : Kind
        What that is.
    options : tuple of str
        Of pytest, for rows.
    packages : str
        The folder of `start_pytest` for an interpreter that lacks pybench, for rows.
    threads : tuple of int
        Numbers of threads, 1 among them; empty for a child that takes part in a group
        of processes, which runs windows of one thread when it is told to.
    cpu : int or None
        Of such a child: the CPU that it keeps to.
    window_ns, budget_ns : int
        How long a window of one thread is to be, and all windows together.
    """

    target: str
    kind: str = Kind.FUNCTION
    options: tuple[str, ...] = ()
    packages: str = ""
    threads: tuple[int, ...]
    cpu: int | None = None
    window_ns: int
    budget_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingWindow:
    """Some threads that each did the same calls, beginning together.

    Parameters
    ----------
    ends_ns : tuple of int
        When each thread had ended, from the first beginning on.
    late_ns : int
        How long after the first thread the others began, summed.
    cpu_ns : int
        CPU time of all threads.
    waited_ns : int or None
        How long threads were ready and had no CPU, summed; None where nobody counts.
    system_ns, faults : int
        How much of `cpu_ns` the system had, and for how many pages of memory it was
        asked; zeros where nobody counts.
    """

    ends_ns: tuple[int, ...]
    late_ns: int
    cpu_ns: int
    waited_ns: int | None
    system_ns: int = 0
    faults: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingReport:
    """What one child answers; `problem` if it could not, and the rest is empty.

    `turns` has, for each turn, the window of each work and number of threads.
    `unavailable` says of a work why it was not run. `suspects` are the objects that the
    threads write to, the one whose count of references changes most first. `rows` are
    those that there are.
    """

    problem: str = ""
    gil_enabled: bool = True
    culprit: str = ""  # what turned the GIL on
    calls: int = 0  # of each thread in a window
    turns: tuple[Mapping[str, Mapping[str, ScalingWindow]], ...] = ()
    unavailable: Mapping[str, str] | None = None
    suspects: tuple[Suspect, ...] = ()
    contended: tuple[Contended, ...] = ()
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPoint:
    """So many threads: how much more they do than one, each over fresh processes.

    `by_work` has the speed-up of each `Work`; `processes` that of as many processes
    with one thread each, which share the machine and nothing of Python. `gains` has of
    each re-run how many times what they do as it is, process by process: where objects
    lie moves both alike. `modes` are the two values that processes have of the target,
    if they have two.
    """

    threads: int
    by_work: Mapping[str, Mean]
    processes: Mean | None = None
    gains: Mapping[str, Mean] = field(default_factory=dict)
    modes: Mapping[str, float] = field(default_factory=dict)
    off_cpu_share: float | None = None  # of a thread's time: blocked
    waited_share: float | None = None  # of it: ready, and without a CPU
    late_share: float = 0.0  # of it: before the thread began
    system_share: float = 0.0  # of its CPU time: in the system
    faults: float = 0.0  # pages of memory that a call asks the system for


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What it is, what shows it, what was ruled out, and what would tell more.

    `needs_processes` says that more processes may tell.
    """

    cause: Cause
    what: str = ""
    evidence: tuple[str, ...] = ()
    ruled_out: tuple[str, ...] = ()
    would_tell: str = ""
    needs_processes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingProfile:
    """One target on one interpreter; `arm` is what that is called beside others.

    `points` are of the processes that were judged; `elsewhere` of those whose CPUs were
    at another distance, where that parts them. Of each process `speed_ups` has what
    as many threads as CPUs did, and `message_ns` the distance of its first two CPUs.
    """

    target: str
    arm: str = ""
    interpreter: ProfiledPython
    processes: int
    points: tuple[ScalingPoint, ...]
    elsewhere: tuple[ScalingPoint, ...] = ()
    speed_ups: tuple[float, ...] = ()
    message_ns: tuple[float | None, ...] = ()
    diagnosis: Diagnosis
    suspects: tuple[Suspect, ...] = ()
    contended: tuple[Contended, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRecord:
    """One target on each interpreter that was asked for."""

    pybench: str = "scaling"
    schema: int = SCHEMA
    profiles: tuple[ScalingProfile, ...]
