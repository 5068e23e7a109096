"""Measure in this process: warm up, size the windows, take rounds in turn, watch.

One round of each number of threads after the other, in an order drawn anew each time,
with the share-nothing control in between: a machine that slows down slows all alike.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from pybench.notebook.measurement import Measurement, Round, ThreadCount
from pybench.notebook.subject import (
    CALLABLE,
    KERNEL,
    Subject,
    find_subject,
    name_of,
    positive,
    thread_counts,
)
from pybench.notebook.workers import Loop, SelfTimed, Window, Workers, calls
from pybench.target.process.collector import collector_off
from pybench.target.process.gil import GilWatch, watch_for_process
from pybench.target.process.identity import (
    extension,
    extension_missing,
    gil_enabled,
    read_identity,
)
from pybench.target.process.iterations import size
from pybench.target.process.lazy_results import (
    ASYNC_GENERATOR,
    ASYNCHRONOUS,
    UnfinishedError,
)
from pybench.target.process.rounds import KernelResult, collect_rounds, value_ns

# Ten windows of a kernel: Python threads take some 50 us to come off the start line,
# and the GIL changes hands every 5 ms.
_CALLS_WINDOW_NS = 10_000_000

# Rounds of a callable: what fits into a second for each number of threads.
_BUDGET_NS = 1_000_000_000
_LEAST_ROUNDS = 5
_MOST_ROUNDS = 25

# Rounds of a kernel come in blocks whose first is not counted: its threads are new.
_BLOCK = 5
_KERNEL_ROUNDS = 25

_FLOOR_ROUNDS = 5

# Counters of its own for each thread, in plain C: what the machine allows.
_CONTROL = "counters_increment"
_CONTROL_ARGUMENTS: Mapping[str, object] = {"operation": "relaxed", "layout": "padded"}


@dataclass(slots=True)
class _Taken:
    """What was taken with one number of threads, so far."""

    rounds: list[Round] = field(default_factory=list)
    control: list[Round] = field(default_factory=list)
    dropped: int = 0
    disturbed: bool = False
    turns: bool = False

    def count(self, threads: int, usable_cpus: int) -> ThreadCount:
        """Return it as it is kept."""
        return ThreadCount(
            threads=threads,
            rounds=tuple(self.rounds),
            control=tuple(self.control),
            dropped=self.dropped,
            disturbed=self.disturbed,
            turns=self.turns,
            oversubscribed=threads > usable_cpus,
        )


def measure(
    subject: object,
    arguments: tuple[object, ...] = (),
    keywords: Mapping[str, object] | None = None,
    *,
    threads: int | Iterable[int] = 1,
    rounds: int | None = None,
    iterations: int | None = None,
) -> Measurement:
    """Measure a kernel or a callable; see `pybench.measure`."""
    counts = thread_counts(threads)
    positive("rounds", rounds)
    positive("iterations", iterations)
    target = find_subject(subject, arguments, keywords or {})
    if target.kind == KERNEL:
        return _watched(
            target, lambda: _rounds_of_kernel(target, counts, rounds, iterations)
        )
    kind = ""
    while True:
        try:
            measured = measure_loop(
                calls(target.call, kind),
                target.name,
                threads=counts,
                rounds=rounds,
                iterations=iterations,
                empty=_empty(kind),
            )
            return replace(measured, makes=kind)
        except UnfinishedError as error:
            if error.call is not target.call:
                raise  # another measurement within the callable
            kind = error.kind


def measure_loop(
    loop: Loop | SelfTimed,
    name: str,
    *,
    threads: Sequence[int],
    rounds: int | None,
    iterations: int | None,
    empty: Loop | SelfTimed,
) -> Measurement:
    """Measure a loop; the empty one is what of it is not what is asked about."""
    return _watched(
        Subject(kind=CALLABLE, name=name, call=_nothing),
        lambda: _rounds_of_loop(loop, threads, rounds, iterations),
        empty=empty,
    )


def _nothing() -> None:
    """Be what a call costs at least."""


async def _nothing_awaited() -> None:
    """Be what awaiting a call costs at least."""


async def _nothing_iterated() -> AsyncIterator[None]:
    """Be what running an asynchronous generator costs at least."""
    for _ in ():
        yield


def _empty(kind: str) -> Loop | SelfTimed:
    """Return the loop of a call that makes something of a kind with nothing in it."""
    if kind == ASYNC_GENERATOR:
        return calls(_nothing_iterated, kind)
    if kind in ASYNCHRONOUS:
        return calls(_nothing_awaited, kind)
    return calls(tuple if kind else _nothing, kind)


def _watched(
    subject: Subject,
    take: Callable[[], dict[int, _Taken]],
    *,
    empty: Loop | SelfTimed | None = None,
) -> Measurement:
    """Take rounds with the collector off; void them if the GIL was turned on."""
    taken: dict[int, _Taken] = {}
    floor_ns: float | None = None
    watch = watch_for_process()
    void = _broken(watch, "had turned the GIL on before: measure in a new process")
    if not void:
        watch.start()
        try:
            with collector_off():
                floor_ns = _floor_of_kernels() if empty is None else _floor(empty)
                taken = take()
        finally:
            watch.stop()
        void = _broken(watch, "turned the GIL on meanwhile")
        if void:
            taken = {}
    identity = read_identity()
    built = identity.extension
    return Measurement(
        name=subject.name,
        kind=subject.kind,
        counts=tuple(
            of.count(threads, identity.usable_cpus) for threads, of in taken.items()
        ),
        void=void,
        gil_enabled=identity.gil_enabled,
        free_threaded=identity.free_threaded,
        interpreter=identity.interpreter,
        machine=identity.cpu_model,
        extension="" if built is None else f"{built.compiler}, {built.flavour}",
        usable_cpus=identity.usable_cpus,
        floor_ns=floor_ns,
        no_control="" if built is not None else extension_missing(),
    )


def _broken(watch: GilWatch, what: str) -> str:
    return f"{watch.culprit()} {what}" if watch.is_broken else ""


# Kernels


def _rounds_of_kernel(
    subject: Subject,
    counts: Sequence[int],
    rounds: int | None,
    iterations: int | None,
) -> dict[int, _Taken]:
    def run(of: int, number: int, threads: int) -> list[KernelResult]:
        results: list[KernelResult] = subject.call(
            of, rounds=number, threads=threads, **subject.keywords
        )
        return results

    counts = _with_reference(counts, lambda: run(1, 1, 1))
    chosen = iterations or size(
        lambda of, number: min(r.elapsed_ns for r in run(of, number, counts[0]))
    )
    control = _Control(counts)
    taken = {threads: _Taken() for threads in counts}
    missing = rounds or _KERNEL_ROUNDS
    while missing > 0:
        block = min(_BLOCK, missing)
        missing -= block
        for threads in _shuffled(counts):
            of = taken[threads]

            def call(number: int, threads: int = threads) -> list[KernelResult]:
                return run(chosen, number + 1, threads)[1:]

            collected = collect_rounds(call, block, block)
            of.rounds += map(_from_kernel, collected.kept)
            of.dropped += len(collected.dropped)
            of.disturbed |= collected.is_disturbed
            of.turns |= collected.kept[-1].serialised
            of.control += control.rounds(threads, block)
    return taken


def _with_reference(
    counts: Sequence[int], try_one: Callable[[], object]
) -> Sequence[int]:
    """Put one thread in front: what the others' speed-up is relative to."""
    if max(counts) == 1 or 1 in counts:
        return counts
    try:
        try_one()
    except ValueError:
        return counts  # a kernel of two sides; a wrong argument is wrong for all
    return (1, *counts)


def _from_kernel(result: KernelResult) -> Round:
    return Round(
        iterations=result.iterations,
        value_ns=value_ns(result),
        cpu_ns=result.cpu_ns_per_operation,
        elapsed_ns=result.elapsed_ns,
        overlap=result.overlap,
        disturbed="" if result.oversubscribed else result.disturbed,
    )


class _Control:
    """The share-nothing control, where there is more than one thread to control."""

    def __init__(self, counts: Sequence[int]) -> None:
        native = extension() if max(counts) > 1 else None
        self._run = getattr(native, _CONTROL, None)
        self._iterations = 0
        if self._run is not None:
            run = self._run
            self._iterations = size(
                lambda of, number: min(
                    r.elapsed_ns for r in run(of, rounds=number, **_CONTROL_ARGUMENTS)
                )
            )

    def rounds(self, threads: int, number: int) -> list[Round]:
        if self._run is None:
            return []
        results = self._run(
            self._iterations, rounds=number + 1, threads=threads, **_CONTROL_ARGUMENTS
        )
        return [*map(_from_kernel, results[1:])]


# Callables


def measure_in_turn(
    a: Callable[[], object], b: Callable[[], object], rounds: int | None
) -> tuple[Measurement, Measurement]:
    """Measure two callables round by round, who begins being drawn for each.

    Both do the same number of calls, sized on the first; both are void if either is.
    """
    positive("rounds", rounds)
    kinds = ["", ""]
    while True:
        try:
            return _measured_in_turn((a, b), kinds, rounds)
        except UnfinishedError as error:
            makers = [index for index in (0, 1) if (a, b)[index] is error.call]
            if not makers:
                raise  # another measurement within a callable
            for index in makers:
                kinds[index] = error.kind


def _measured_in_turn(
    arms: Sequence[Callable[[], object]], kinds: Sequence[str], rounds: int | None
) -> tuple[Measurement, Measurement]:
    both = [_Taken(), _Taken()]

    def take() -> dict[int, _Taken]:
        with ExitStack() as ended:
            workers = [
                ended.enter_context(Workers(calls(call, kind), 1))
                for call, kind in zip(arms, kinds, strict=True)
            ]
            iterations = _sized(lambda of: _elapsed_ns(workers[0].round(1, of)))
            warm = [_elapsed_ns(worker.round(1, iterations)) for worker in workers]
            for _ in range(rounds or _affordable(warm)):
                for index in _shuffled((0, 1)):
                    windows = workers[index].round(1, iterations)
                    both[index].rounds.append(_from_windows(windows, iterations))
        return {1: both[0]}

    a, b = arms
    first = _watched(
        Subject(kind=CALLABLE, name=name_of(a), call=a), take, empty=calls(_nothing)
    )
    second = (
        () if first.void else (replace(first.counts[0], rounds=tuple(both[1].rounds)),)
    )
    return (
        replace(first, makes=kinds[0]),
        replace(first, name=name_of(b), counts=second, makes=kinds[1]),
    )


def _rounds_of_loop(
    loop: Loop | SelfTimed,
    counts: Sequence[int],
    rounds: int | None,
    iterations: int | None,
) -> dict[int, _Taken]:
    if max(counts) > 1 and 1 not in counts:
        counts = (1, *counts)
    taken = {threads: _Taken() for threads in counts}
    done = 0
    turns = gil_enabled()
    with Workers(loop, max(counts)) as workers:
        try:
            # Sizing is also the warm-up of one thread; the others' comes below.
            chosen = iterations or _sized(
                lambda of: _elapsed_ns(workers.round(counts[0], of))
            )
            control = _Control(counts)
            warm = [_elapsed_ns(workers.round(n, chosen)) for n in counts]
            number = rounds or _affordable(warm)
            for _ in range(number):
                for threads in _shuffled(counts):
                    of = taken[threads]
                    windows = workers.round(threads, chosen)
                    of.rounds.append(_from_windows(windows, chosen))
                    of.turns = turns and threads > 1
                    of.control += control.rounds(threads, 1)
                done += 1
        except BaseException as error:
            error.add_note(f"pybench: after {done} complete rounds")
            raise
    return taken


def _sized(elapsed_ns: Callable[[int], int]) -> int:
    """Find the iterations of a window; one may take long, so from a single one on."""
    return size(lambda of, _rounds: elapsed_ns(of), target_ns=_CALLS_WINDOW_NS, first=1)


def _affordable(windows_ns: Iterable[int]) -> int:
    fitting = _BUDGET_NS // max(1, *windows_ns, 1)
    return max(_LEAST_ROUNDS, min(_MOST_ROUNDS, fitting))


def _elapsed_ns(windows: Sequence[Window]) -> int:
    return max(w.stop_ns for w in windows) - min(w.start_ns for w in windows)


def _from_windows(windows: Sequence[Window], iterations: int) -> Round:
    elapsed_ns = _elapsed_ns(windows)
    shared = min(w.stop_ns for w in windows) - max(w.start_ns for w in windows)
    done = iterations * len(windows)
    return Round(
        iterations=iterations,
        value_ns=sum(w.stop_ns - w.start_ns for w in windows) / done,
        cpu_ns=sum(w.cpu_ns for w in windows) / done,
        elapsed_ns=elapsed_ns,
        overlap=max(0, shared) / max(1, elapsed_ns),
        disturbed="",
    )


def _floor(empty: Loop | SelfTimed) -> float:
    """Return the time of a turn of the empty loop."""
    with Workers(empty, 1) as workers:
        iterations = _sized(lambda of: _elapsed_ns(workers.round(1, of)))
        return statistics.median(
            _elapsed_ns(workers.round(1, iterations)) / iterations
            for _ in range(_FLOOR_ROUNDS)
        )


def _floor_of_kernels() -> float | None:
    """Return ns per turn of the kernels' empty loop."""
    native = extension()
    if native is None:
        return None
    results = native.yardstick_empty(1_000_000, rounds=_FLOOR_ROUNDS)
    return float(statistics.median(r.ns_per_operation for r in results))


def _shuffled(counts: Sequence[int]) -> list[int]:
    # A generator of its own: the caller's draws stay as they are.
    return random.Random().sample(counts, len(counts))
