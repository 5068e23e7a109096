"""The rounds of a kernel row: how many, which are kept, and what they amount to.

Pure functions; `kernel` runs the rounds.
"""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pybench.records.journal import KernelRecord

# Past this, more rounds tell nothing new about one process, and the JSON grows.
MOST_ROUNDS = 200

# From this share of the value on, the row says that the empty loop is part of it.
_FLOOR_SHARE = 0.1

# Disturbed rounds are made up for this often; a machine that is still disturbed then
# will be disturbed the next time as well.
_RERUNS = 2

# What a row's detail may take of the JSON; the whole row stays below 20 KB.
_DETAIL_CHARACTERS = 6_000


class KernelResult(Protocol):
    """What is read of `_pybench.KernelResult`; see `src/_pybench/result.c`."""

    iterations: int
    threads: int
    elapsed_ns: int
    ns_per_operation: float
    cpu_ns_per_operation: float
    attach_wait_ns: tuple[int, ...]
    overlap: float
    fairness: float
    attached: bool
    serialised: bool
    oversubscribed: bool
    disturbed: str
    clock_cost_ns: float
    detail: dict[str, Any] | None
    loop: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a row may spend, from the options of pytest-benchmark."""

    seconds: float
    least_rounds: int
    warmup_iterations: int

    def warmup_rounds(self, iterations: int) -> int:
        """Return how many rounds are run before the first that counts."""
        if not self.warmup_iterations:
            return 0
        return max(1, min(MOST_ROUNDS, self.warmup_iterations // max(1, iterations)))

    def rounds(self, window_ns: float) -> int:
        """Return how many rounds fit, given how long one takes."""
        fitting = int(self.seconds * 1e9 / max(window_ns, 1.0))
        return max(self.least_rounds, min(MOST_ROUNDS, fitting))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """The rounds a row is made of, and what was left out of it."""

    kept: list[KernelResult]
    dropped: list[KernelResult]
    is_disturbed: bool


def value_ns(result: KernelResult) -> float:
    """Return the value of a round, the same that the stopwatch advances by.

    With the threads taking turns under the GIL the wall clock counts the others' turns.
    """
    if result.serialised:
        return result.cpu_ns_per_operation
    return result.ns_per_operation


def collect_rounds(
    call: Callable[[int], Sequence[KernelResult]], wanted: int, least: int
) -> Rounds:
    """Run rounds, and again as many as were disturbed, a bounded number of times.

    `call` runs so many rounds, `wanted` are asked for. With `least` undisturbed ones
    the disturbed are dropped; with fewer they are kept and the row is marked.
    """
    clean: list[KernelResult] = []
    disturbed: list[KernelResult] = []
    missing = wanted
    for _ in range(1 + _RERUNS):
        for result in call(missing):
            # With more threads than CPUs every round is disturbed, by request.
            if result.disturbed and not result.oversubscribed:
                disturbed.append(result)
            else:
                clean.append(result)
        missing = wanted - len(clean)
        if missing <= 0:
            break
    if len(clean) >= min(least, wanted):
        return Rounds(kept=clean, dropped=disturbed, is_disturbed=False)
    fill = wanted - len(clean)
    return Rounds(
        kept=clean + disturbed[:fill], dropped=disturbed[fill:], is_disturbed=True
    )


def trim_detail(
    detail: Mapping[str, Any] | None, most: int = _DETAIL_CHARACTERS
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Keep the entries of a kernel's detail that fit, and name the others."""
    if detail is None:
        return None, ()
    # Indented as in the file, where every number has a line of its own.
    sizes = {
        name: len(json.dumps(value, indent=28, default=repr))
        for name, value in detail.items()
    }
    kept: set[str] = set()
    for name in sorted(sizes, key=lambda name: sizes[name]):
        most -= sizes[name]
        if most < 0:
            break
        kept.add(name)
    return (
        {name: value for name, value in detail.items() if name in kept},
        tuple(name for name in detail if name not in kept),
    )


def summarise(
    rounds: Rounds,
    *,
    kernel: str,
    arguments: Mapping[str, object],
    iterations: int,
    floor_ns: float | None,
    usable_cpus: int,
    gil_on: bool,
    gc_on: bool,
) -> KernelRecord:
    """Compute what the row says beside its values."""
    kept = rounds.kept
    last = kept[-1]
    detail, left_out = trim_detail(last.detail)
    value = statistics.median(value_ns(result) for result in kept)
    reasons = [r.disturbed for r in (*kept, *rounds.dropped) if r.disturbed]
    return KernelRecord(
        kernel=kernel,
        arguments=dict(arguments),
        threads=last.threads,
        iterations=iterations,
        rounds_kept=len(kept),
        rounds_dropped=len(rounds.dropped),
        disturbed=rounds.is_disturbed,
        disturbances=tuple(dict.fromkeys(reasons))[:3],
        clock="cpu" if last.serialised else "wall",
        floor_ns=floor_ns,
        floor_above_tenth=floor_ns is not None and floor_ns > _FLOOR_SHARE * value,
        cpu_ns_per_operation=statistics.median(r.cpu_ns_per_operation for r in kept),
        overlap=statistics.median(r.overlap for r in kept),
        fairness=statistics.median(r.fairness for r in kept),
        attach_wait_ns=statistics.median(max(r.attach_wait_ns) for r in kept),
        attached=last.attached,
        serialised=last.serialised,
        # The kernel knows the affinity; the cgroup's quota is known here.
        oversubscribed=last.oversubscribed or last.threads > usable_cpus,
        gil_enabled=gil_on,
        gc_enabled=False,
        gc_enabled_outside=gc_on,
        clock_cost_ns=last.clock_cost_ns,
        detail=detail,
        detail_left_out=left_out,
        loop=last.loop,
    )
