# Types of the compiled module; the docstrings are in the C files alone.

from collections.abc import Callable, Sequence
from typing import Any, Final, TypedDict, final

class _Kernel(TypedDict):
    area: str
    # Of a call with defaults; and where it depends on an option, by its choices.
    attached: bool
    attached_by: dict[str, dict[str, bool]]
    missing: str

class _Build(TypedDict):
    compiler: str
    flags: str
    flavour: str
    free_threaded: bool
    mutant: bool

BUILD: Final[_Build]
KERNELS: Final[dict[str, _Kernel]]

@final
class KernelResult(tuple[Any, ...]):
    # Every struct sequence has these four.
    __match_args__: Final = (
        "iterations",
        "threads",
        "elapsed_ns",
        "ns_per_operation",
        "cpu_ns_per_operation",
        "operations",
        "start_ns",
        "stop_ns",
        "wall_ns",
        "cpu_ns",
        "attach_wait_ns",
        "involuntary_switches",
        "cpus",
        "overlap",
        "fairness",
        "attached",
        "serialised",
        "oversubscribed",
        "disturbed",
        "clock_cost_ns",
        "detail",
        "loop",
    )
    n_fields: Final[int]
    n_sequence_fields: Final[int]
    n_unnamed_fields: Final[int]
    @property
    def iterations(self) -> int: ...
    @property
    def threads(self) -> int: ...
    @property
    def elapsed_ns(self) -> int: ...
    @property
    def ns_per_operation(self) -> float: ...
    @property
    def cpu_ns_per_operation(self) -> float: ...
    @property
    def operations(self) -> tuple[int, ...]: ...
    @property
    def start_ns(self) -> tuple[int, ...]: ...
    @property
    def stop_ns(self) -> tuple[int, ...]: ...
    @property
    def wall_ns(self) -> tuple[int, ...]: ...
    @property
    def cpu_ns(self) -> tuple[int, ...]: ...
    @property
    def attach_wait_ns(self) -> tuple[int, ...]: ...
    @property
    def involuntary_switches(self) -> tuple[int, ...]: ...
    @property
    def cpus(self) -> tuple[int, ...]: ...
    @property
    def overlap(self) -> float: ...
    @property
    def fairness(self) -> float: ...
    @property
    def attached(self) -> bool: ...
    @property
    def serialised(self) -> bool: ...
    @property
    def oversubscribed(self) -> bool: ...
    @property
    def disturbed(self) -> str: ...
    @property
    def clock_cost_ns(self) -> float: ...
    @property
    # dict[str, tuple[int, ...]] of kernels that have one, else None.
    def detail(self) -> Any: ...
    @property
    def loop(self) -> str: ...

def clock_cost_ns() -> float: ...
def clock_granularity_ns() -> float: ...
def limit_cpus(cpus: int, /) -> None: ...
def process_cpu_ns() -> int: ...
def sampler_start(*, capacity: int = ..., interval_ns: int = ...) -> None: ...
def sampler_join() -> None: ...
def sampler_leave() -> None: ...
def sampler_drain() -> tuple[list[tuple[int, int, int, int, int, int, bool]], int]: ...
def sampler_stop() -> None: ...
def event_counts(descriptors: tuple[int, ...], /) -> tuple[int, ...]: ...
def event_open(name: str, /) -> int: ...
def instructions_begin() -> None: ...
def instructions_dump() -> None: ...
def instructions_end() -> None: ...
def instructions_lacks() -> str: ...
def instructions_start() -> None: ...
def instructions_stop() -> None: ...
def stopwatch() -> float: ...
def stopwatch_advance(result: KernelResult, /) -> None: ...
def stopwatch_arm() -> None: ...
def stopwatch_disarm() -> None: ...
def wall_ns() -> int: ...
def histogram_quantiles(
    values_ns: Sequence[int], fractions: Sequence[float], /
) -> list[int]: ...

class _Recorded(TypedDict):
    pauses: list[tuple[int, int, int, int, int]]
    lost: int

class _Watched(TypedDict):
    result: Any
    gaps: list[tuple[int, int, int]]
    lost: int
    looks: int
    naps: bool

def pauses_record(
    iterations: int, *, rounds: int = 1, threads: int = 1, pin: bool = True
) -> list[KernelResult]: ...
def pauses_recorder(
    capacity: int = 100_000,
) -> Callable[[str, dict[str, int]], None]: ...
def pauses_recorded(
    recorder: Callable[[str, dict[str, int]], None], /
) -> _Recorded: ...
def pauses_watch(
    function: Callable[[], object],
    /,
    *,
    threshold_ns: int = 100_000,
    capacity: int = 100_000,
) -> _Watched: ...
def refcount_pair(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    target: str = "owned",
    form: str = "paired",
) -> list[KernelResult]: ...
def refcount_stress(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    layout: str = "shared",
) -> list[KernelResult]: ...
def refcount_weakref(
    iterations: int, *, rounds: int = 1, threads: int = 1, pin: bool = True
) -> list[KernelResult]: ...
def refcount_try_incref(
    iterations: int, *, rounds: int = 1, threads: int = 1, pin: bool = True
) -> list[KernelResult]: ...
def refcount_word(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    width: str = "whole",
) -> list[KernelResult]: ...
def yardstick_alu(
    iterations: int, *, rounds: int = 1, threads: int = 1, pin: bool = True
) -> list[KernelResult]: ...
def yardstick_atomic(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    layout: str = "private",
) -> list[KernelResult]: ...
def yardstick_bandwidth(
    iterations: int, *, rounds: int = 1, threads: int = 1, pin: bool = True
) -> list[KernelResult]: ...
def yardstick_empty(
    iterations: int, *, rounds: int = 1, threads: int = 1, pin: bool = True
) -> list[KernelResult]: ...
def yardstick_load(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    level: str = "L1",
) -> list[KernelResult]: ...
def yardstick_syscall(
    iterations: int, *, rounds: int = 1, threads: int = 1, pin: bool = True
) -> list[KernelResult]: ...
def counters_increment(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    operation: str = "relaxed",
    layout: str = "padded",
    stride: int | None = None,
) -> list[KernelResult]: ...
def gil_release(
    iterations: int, *, rounds: int = 1, threads: int = 1, pin: bool = True
) -> list[KernelResult]: ...
def gil_ensure(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    state: str = "nested",
    body: str = "nothing",
) -> list[KernelResult]: ...
def gil_handoff(
    iterations: int, *, rounds: int = 1, threads: int = 2, pin: bool = True
) -> list[KernelResult]: ...
def gil_reacquire(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    hogs: int = 0,
    gap_us: int = 200,
    releases: int = 1,
) -> list[KernelResult]: ...
def churn_create(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    kind: str = "list",
    order: str = "lifo",
    batch: int = 1,
    size: int = 0,
) -> list[KernelResult]: ...
def churn_handover(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 2,
    pin: bool = True,
    owner: str = "detached",
) -> list[KernelResult]: ...
def churn_replace(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    reader: str = "none",
    layout: str = "shared",
) -> list[KernelResult]: ...
def pauses_stop(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    trigger: str = "visit",
    others: int = 1,
    state: str = "running",
    hold_us: int = 0,
) -> list[KernelResult]: ...
def ordering_aligned(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    access: str = "load",
    place: str = "aligned",
) -> list[KernelResult]: ...
def ordering_bandwidth(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    operation: str = "read",
    level: str = "memory",
) -> list[KernelResult]: ...
def ordering_message(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 2,
    pin: bool = True,
    layout: str = "together",
) -> list[KernelResult]: ...
def ordering_neighbours(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 2,
    pin: bool = True,
    layout: str = "together",
) -> list[KernelResult]: ...
def ordering_objects(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    order: str = "allocated",
    access: str = "read",
    count: int = 4096,
) -> list[KernelResult]: ...
def ordering_publish(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    order: str = "release",
) -> list[KernelResult]: ...
def ordering_walk(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    pattern: str = "sequential",
    access: str = "read",
    level: str = "L1",
    stride: int | None = None,
    kib: int | None = None,
) -> list[KernelResult]: ...
def locks_pair(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    kind: str = "pymutex",
    layout: str = "private",
) -> list[KernelResult]: ...
def locks_wait(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    kind: str = "pymutex",
    layout: str = "shared",
    hold_us: int = 0,
) -> list[KernelResult]: ...
def locks_critical_section(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    kind: str = "one",
    layout: str = "private",
) -> list[KernelResult]: ...
def containers_read(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    kind: str = "list",
    value: str = "mortal",
    layout: str = "private",
) -> list[KernelResult]: ...
def containers_write(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    kind: str = "list",
    layout: str = "private",
) -> list[KernelResult]: ...
def calls_call(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    kind: str = "python",
    layout: str = "private",
) -> list[KernelResult]: ...
def calls_attribute(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    kind: str = "found",
    layout: str = "private",
) -> list[KernelResult]: ...
def subinterpreters_create(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    gil: str = "own",
) -> list[KernelResult]: ...
def subinterpreters_switch(
    iterations: int,
    *,
    rounds: int = 1,
    threads: int = 1,
    pin: bool = True,
    gil: str = "own",
) -> list[KernelResult]: ...
