"""From what the experiments gave to where the time goes; no clock, no I/O.

Every possible cause gets a share of the time with an interval, each by an experiment
of its own. The verdict is the cause whose share is above all others with their
intervals; those are ruled out. Where the intervals overlap there is no verdict.

The shares of a steady execution are those of the lives of its threads, less the time
in which a thread waited for its own threads or for a CPU:

- CPU time, which is split by running without the collector, by what tracing each
  allocation costs, and by samples of what C code and bytecode run;
- time at locks, which are timed; and the rest off the CPU, which is waiting for the
  GIL as far as a probe thread found it taken, else for the system.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from pybench.profiles.targets import Target
from pybench.records import profile_run as under
from pybench.records.bottleneck import (
    NOTHING,
    Allocations,
    Cause,
    Collections,
    Estimate,
    Findings,
    GilWait,
    Lives,
    Run,
    Share,
    Times,
    Verdict,
    share,
)
from pybench.records.lazy_kinds import sentence
from pybench.records.profile_run import (
    FunctionsSeen,
    PausesSeen,
    ProbeSeen,
    Report,
    RowRounds,
    SamplesSeen,
    WaitsSeen,
)
from pybench.statistics.intervals import mean_and_half

BYTECODE = "bytecode"
C_CODE = "C code"
ALLOCATION = "allocation and GC"
LOCKS = "lock or GIL waiting"
IO = "I/O"
CHILDREN = "child processes"
START_UP = "imports and start-up"
# Where their intervals overlap: computing, with no telling which of the two is more.
COMPUTING = "bytecode and C code"

# One sentence for each verdict: what usually helps.
ADVICE = {
    BYTECODE: "try a newer interpreter, make fewer calls in the functions on top, or "
    "hand whole arrays to a library (vectorise)",
    C_CODE: "the interpreter matters little: look for a faster library or function, "
    "for larger pieces of work in one call, and for what it can do in threads",
    COMPUTING: "make fewer calls in the functions on top and give each more to do "
    "(vectorise): both the bytecode and the short C functions that it calls become "
    "fewer; a newer interpreter helps the bytecode alone",
    ALLOCATION: "reuse objects, freeze what lives long (gc.freeze), raise the "
    "collector's thresholds where that was measured to help",
    LOCKS: "share less: a lock for each part, copies for each thread, or processes",
    IO: "overlap the waiting: threads, asyncio, or larger and fewer requests",
    CHILDREN: "profile the child processes, which do the work",
    START_UP: "import later or less, or keep one process for several runs",
}

# Less than this is shown as 0 %: nothing was measured.
NOTHING_BELOW = 0.005

ANYTHING = Share(low=0.0, value=0.5, high=1.0)

# Ways to collect less, by the names that a record holds.
COLLECTORS = {
    "off": under.GC_OFF,
    "frozen": under.GC_FROZEN,
    "thresholds x100": under.GC_RAISED,
}

_T = TypeVar("_T")
_Read = Callable[[Run], float | None]


def estimate(values: Sequence[float]) -> Estimate | None:
    """Return mean, interval and deviation of what independent processes gave."""
    if not values:
        return None
    mean, half = mean_and_half(values)
    deviation = None if half is None else statistics.stdev(values)
    return Estimate(mean=mean, half_width=half, deviation=deviation, count=len(values))


def share_of(values: Sequence[float]) -> Share:
    """Return the share that processes gave; anything if there were none."""
    mean = estimate(values)
    return share(mean.low, mean.mean, mean.high) if mean else ANYTHING


class Runs:
    """The children by condition; those that failed are left out."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._by: dict[str, dict[int, Run]] = {}
        for run in runs:
            if not run.problem:
                self._by.setdefault(run.condition, {})[run.number] = run

    def of(self, condition: str) -> list[Run]:
        """Return those of a condition."""
        return [*self._by.get(condition, {}).values()]

    def reports(self, condition: str) -> list[Report]:
        """Return what those of a condition answered."""
        return [run.report for run in self.of(condition)]

    def seen(self, condition: str, kind: type[_T]) -> list[_T]:
        """Return what an observer saw."""
        observed = [report.observed for report in self.reports(condition)]
        return [seen for seen in observed if isinstance(seen, kind)]

    def values(self, condition: str, read: _Read) -> list[float]:
        """Read one number of each; None is left out."""
        numbers = [read(run) for run in self.of(condition)]
        return [number for number in numbers if number is not None]

    def mean(self, condition: str, read: _Read) -> Estimate | None:
        """Return the mean of one number of each."""
        return estimate(self.values(condition, read))

    def ratio(self, above: str, below: str, read: _Read) -> Estimate | None:
        """Divide two conditions, repeat by repeat."""
        ratios = []
        for number, run in self._by.get(above, {}).items():
            other = self._by.get(below, {}).get(number)
            if other and (numerator := read(run)) and (divisor := read(other)):
                ratios.append(numerator / divisor)
        return estimate(ratios)


def process_alone(run: Run) -> float:
    """Return wall time of a whole process, less what its main thread waited for a CPU.

    Beside times of executions that leave the waiting out, it must be left out as well:
    on a busy machine the start of an interpreter would pass for most of a run.
    """
    return float(max(0, run.wall_ns - run.queued_ns))


def ready(run: Run) -> float | None:
    """Return the time from the start of a process to the first execution."""
    return run.report.ready_ns and run.report.ready_ns - run.begun_ns


def steady_wall(run: Run) -> float | None:
    """Return wall time of one steady execution."""
    steady = run.report.steady
    return steady.wall_ns / steady.calls if steady else None


def steady_cpu(run: Run) -> float | None:
    """Return CPU time of one steady execution, child processes not included.

    That of the quickest batch: what else runs on the machine takes caches away and
    shares a core, and never makes anything faster.
    """
    steady = run.report.steady
    if not steady:
        return None
    calls = steady.calls / len(steady.batches)
    return min(batch.own_cpu_ns for batch in steady.batches) / calls


def treated(run: Run) -> float | None:
    """Return CPU time under a treatment over that without: the median of the pairs."""
    ratios = [
        pair.treated.own_cpu_ns / max(pair.plain.own_cpu_ns, 1)
        for pair in run.report.pairs
    ]
    return statistics.median(ratios) if ratios else None


def allocated(report: Report) -> tuple[float, float, float] | None:
    """Return how many objects an execution allocates and what share of CPU time it is.

    Tracing each allocation costs so much in an execution, and so much for one fresh
    string: the quotient is their number. The first share takes the cheapest object
    for all of them, the second the dearest.
    """
    counts = []
    for pair in report.pairs:
        cpu = pair.plain.own_cpu_ns / pair.plain.calls
        extra = pair.treated.own_cpu_ns / pair.treated.calls - cpu
        cost = pair.dear["string"] - pair.fresh["string"]
        if cost > 0 and cpu > 0:
            count = max(0.0, extra / cost)
            ends = min(pair.fresh.values()), max(pair.fresh.values())
            counts.append((count, count * ends[0] / cpu, count * ends[1] / cpu))
    if not counts:
        return None
    count, cheap, dear = map(statistics.median, zip(*counts, strict=True))
    return count, cheap, dear


def find(target: Target, runs: Sequence[Run], *, free_threaded: bool) -> Findings:
    """Work out what the children tell; after Ctrl-C some are missing."""
    by = Runs(runs)
    plain = by.reports(under.PLAIN)
    first = plain[0] if plain else Report()
    times = Times(
        baseline=by.mean(under.WHOLE, lambda run: run.wall_ns),
        bare=by.mean(under.BARE, lambda run: run.wall_ns),
        ready=by.mean(under.PLAIN, ready),
        first=estimate([report.first.wall_ns for report in plain if report.first]),
        steady=by.mean(under.PLAIN, steady_wall),
        cpu=by.mean(under.PLAIN, steady_cpu),
    )
    allocations = allocations_of(by, times)
    gil_wait = None if first.gil is False else gil_wait_of(by, times)
    na = {}
    if free_threaded:
        na["allocator swapped"] = (
            "a free-threaded build has one allocator, mimalloc; see fresh objects "
            "against reused ones"
        )
    if first.gil is False:
        na["waiting for the GIL"] = "this interpreter runs without the GIL"
    elif gil_wait is None:
        na["waiting for the GIL"] = "the probe did not run long enough"
    if plain and not first.takes_threads:
        na["one thread against many"] = "it takes no argument called threads"
    needed = "all conditions, which an interruption or a failure cut off"
    if errors := [report.steady_error for report in plain if report.steady_error]:
        na["steady time"] = f"it could not run twice in one process: {errors[0]}"
        needed = "a target that can run twice in one process, such as module:function"
    problems = [f"{run.condition}: {run.problem}" for run in runs if run.problem]
    if any(run.left_behind for run in runs):
        problems.append("it left processes behind, which were ended")
    lives = lives_of(by.seen(under.WAITS, WaitsSeen))
    causes: list[Cause] = []
    if not times.cpu or not by.of(under.GC_OFF):
        lives = None
    if lives:
        held, gil = gil_of(lives, gil_wait, first.gil)
        causes, needed = causes_of(by, lives, allocations, held, gil)
        if target.is_program:
            causes, needed = with_start_up(causes, by, needed)
    functions = by.seen(under.FUNCTIONS, FunctionsSeen)
    samples = by.seen(under.NATIVE, SamplesSeen)
    imports = by.of(under.IMPORTS)
    return Findings(
        target=target.words,
        kind=target.kind,
        version=first.version,
        gil_enabled=first.gil,
        free_threaded=free_threaded,
        times=times,
        lives=lives,
        collections=collections_of(by),
        allocations=allocations,
        gil_wait=gil_wait,
        threads_ratio=by.ratio(under.MANY_THREADS, under.ONE_THREAD, steady_wall),
        functions=functions[0].functions if functions else (),
        sampled=samples[0].functions if samples else (),
        imports_ns=imports[0].imports_ns if imports else {},
        causes=tuple(causes),
        verdict=judge(causes, needed),
        na=na,
        problems=tuple(dict.fromkeys(problems)),
        notes=notes_of(first),
    )


def notes_of(report: Report) -> tuple[str, ...]:
    """Say what a process tells of the target besides times."""
    notes = [sentence(report.makes)] if report.makes else []
    row = report.row or RowRounds()
    parts = [f"{row.iterations} iterations"] * (row.iterations > 1) + [*row.parts]
    if parts:
        notes.append(
            f"an execution is one round of the row with its {' and '.join(parts)}"
        )
    if row.rounds is not None:
        times = "once" if row.rounds == 1 else f"{row.rounds} times"
        # The first is not compared, and a comparison takes two.
        few = row.rounds < 3
        lost = "; what compares executions of one process is n/a" if few else ""
        notes.append(
            f"pedantic(rounds={row.rounds}): no process runs the row more than {times}"
            f"{lost}; write more rounds, or a setup that makes the state anew without "
            "rounds=1, if it may run more often"
        )
    if report.read_stdin:
        notes.append(
            "it reads standard input, which is empty here: the times do not show "
            "its work on input; name a file in its arguments, after --"
        )
    if threads := ", ".join(report.threads_left):
        notes.append(
            f"daemon threads still ran when an execution ended: {threads}; they go on "
            "during the next execution, and its times include them"
        )
    return tuple(notes)


def judge(causes: Sequence[Cause], needed: str = "") -> Verdict:
    """Name the cause whose share is above all others', if there is one.

    One that surely is more than half is above all others together. What measured
    nothing is ruled out, however wide its interval. Bytecode and C code are one
    verdict where their intervals overlap and the two together are above each of the
    others: both are computing. ``needed`` is what is missing for the shares.
    """
    if not causes:
        needed = needed or "all conditions, which an interruption cut off"
        return Verdict(cause=None, evidence="too little was measured", needed=needed)
    ordered = sorted(causes, key=lambda cause: cause.share.value, reverse=True)
    top = ordered[0]
    candidates = [top] + [
        cause
        for cause in ordered[1:]
        if cause.share.high >= top.share.low
        and cause.share.value >= NOTHING_BELOW
        and top.share.low <= 0.5
    ]
    computing = [cause for cause in candidates if cause.name in (BYTECODE, C_CODE)]
    others = [cause.share.high for cause in candidates if cause not in computing]
    together = NOTHING
    for cause in computing:
        together = together.plus(cause.share)
    if len(candidates) == 1 and top.share.value >= NOTHING_BELOW:
        name, evidence, named = top.name, str(top), candidates
    elif not needed and len(computing) == 2 and together.low > max(others, default=-1):
        parts = " and ".join(f"{cause.name} {cause.share}" for cause in computing)
        evidence = f"{parts}, together {together.value:.0%}; {computing[0].evidence}"
        name, named = COMPUTING, computing
    else:
        names = " or ".join(cause.name for cause in candidates)
        return Verdict(
            cause=None,
            evidence=f"{names}: their shares overlap",
            ruled_out=tuple(str(cause) for cause in ordered if cause not in candidates),
            open=tuple(map(str, candidates)),
            needed=needed or "more processes (--repeat), or a quieter machine",
        )
    return Verdict(
        cause=name,
        evidence=evidence,
        advice=ADVICE.get(name, ""),
        ruled_out=tuple(str(cause) for cause in ordered if cause not in named),
    )


def collections_of(by: Runs) -> Collections:
    """Return the collector's pauses and what collecting less leaves."""
    left = {name: by.mean(of, treated) for name, of in COLLECTORS.items()}
    collections = Collections(collectors={name: of for name, of in left.items() if of})
    for report in by.reports(under.PAUSES):
        if isinstance(seen := report.observed, PausesSeen) and report.steady:
            collections = replace(
                collections,
                pauses_ns=seen.pauses_ns,
                pause_count=seen.count,
                pause_share=seen.sum_ns / max(report.steady.wall_ns, 1),
                full_pause_share=full_share(seen),
            )
    return collections


def full_share(seen: PausesSeen) -> float | None:
    """Return the part of the pauses' time that full collections took, by those kept."""
    whole = sum(seen.pauses_ns)
    if not whole or len(seen.generations) != len(seen.pauses_ns):
        return None
    pauses = zip(seen.pauses_ns, seen.generations, strict=True)
    return sum(ns for ns, generation in pauses if generation == 2) / whole


def allocations_of(by: Runs, times: Times) -> Allocations:
    """Return how much an execution allocates and what that costs."""
    traced = by.reports(under.TRACED)
    of_reports = [*filter(None, map(allocated, traced))]
    counts, allocating, making = (
        estimate([numbers[index] for numbers in of_reports]) for index in range(3)
    )
    known = counts and times.steady
    pairs = next((report.pairs for report in reversed(traced) if report.pairs), ())
    steady = [report.steady for report in by.reports(under.PLAIN) if report.steady]
    return Allocations(
        allocations=counts,
        allocation_rate=counts.mean / known.mean * 1e9 if counts and known else None,
        allocating=allocating,
        making=making,
        blocks=estimate([calls.blocks / calls.calls for calls in steady]),
        traced_peak_bytes=max(pair.peak_bytes for pair in pairs) if pairs else None,
        fresh_ns=pairs[-1].fresh if pairs else {},
        malloc_ratio=by.ratio(under.MALLOC, under.PLAIN, steady_cpu),
    )


def gil_wait_of(by: Runs, times: Times) -> GilWait | None:
    """Return how long a probe thread waited for the GIL; None if it hardly ran."""
    seen = by.seen(under.PROBE, ProbeSeen)
    idle = sorted(ns for probe in seen for ns in probe.idle_ns)
    late = [ns for probe in seen for ns in probe.late_ns]
    if not late:
        return None
    middle = idle[len(idle) // 2]
    waits = sorted(max(0, ns - middle) for ns in late)
    held = share_of([min(1.0, ns / seen[0].switch_ns) for ns in waits])
    probed, cpu = by.mean(under.PROBE, steady_cpu), times.cpu
    return GilWait(
        median=float(waits[len(waits) // 2]),
        p95=float(waits[int(len(waits) * 0.95)]),
        max=float(waits[-1]),
        probes=float(len(waits)),
        probe_idle=float(middle),
        held=held.value,
        held_low=held.low,
        held_high=held.high,
        probe_cost=probed.mean / cpu.mean - 1 if probed and cpu and cpu.mean else None,
    )


def lives_of(waits: Sequence[WaitsSeen]) -> Lives | None:
    """Return the shares of the threads' lives; None if nothing was seen."""
    parts = []
    for seen in waits:
        waited = sum(thread.queued_ns or 0 for thread in seen.threads)
        alive = sum(thread.life_ns - thread.idle_ns for thread in seen.threads)
        busy = sum(thread.cpu_ns for thread in seen.threads)
        # A thread that is woken waits for a CPU within what it waited for.
        own = max(alive - waited, busy, 1)
        locked = min(sum(thread.lock_ns for thread in seen.threads), own - busy)
        parts.append((busy / own, locked / own, waited / max(alive, 1)))
    if not parts:
        return None
    cpu, lock, queued = zip(*parts, strict=True)
    return Lives(
        cpu=share_of(cpu),
        lock=share_of(lock),
        rest=share_of([1 - busy - locked for busy, locked, _ in parts]),
        queued=estimate(queued),
        threads=max(len(seen.threads) for seen in waits),
    )


def gil_of(
    lives: Lives, wait: GilWait | None, gil_enabled: bool | None
) -> tuple[Share, str]:
    """Return how much of the waiting is for the GIL, and the evidence."""
    if gil_enabled is False:
        return NOTHING, "and no GIL"
    if lives.threads < 2:
        return NOTHING, "and one thread waits for no GIL"
    held = share(wait.held_low, wait.held, wait.held_high) if wait else ANYTHING
    return held, f"the GIL is taken {held} of the time"


def causes_of(
    by: Runs, lives: Lives, allocations: Allocations, held: Share, gil: str
) -> tuple[list[Cause], str]:
    """Return the causes of a steady execution, and what is missing for better ones."""
    cpu, lock, rest = lives.cpu, lives.lock, lives.rest
    collecting = share_of([1 - left for left in by.values(under.GC_OFF, treated)])
    # A fresh number is as cheap as an object can be, so its cost is the allocator's;
    # that of a string is in part of making the string.
    allocating, most = Share(low=0.0, value=0.0, high=0.5), 1.0
    if (cheap := allocations.allocating) and allocations.making:
        allocating = share(cheap.low, cheap.mean, cheap.high)
        most = min(1.0, allocations.making.mean)
    managing = collecting.plus(allocating)
    native, how, needed = native_share(by.seen(under.NATIVE, SamplesSeen))
    computing = cpu.times(managing.rest())
    children = children_share(by.reports(under.PLAIN), rest)
    # 0.0 less a share, since minus nothing would read -0%.
    changes = [0.0 - end for end in (collecting.value, collecting.high, collecting.low)]
    shares = {
        BYTECODE: (
            computing.times(native.rest()),
            f"CPU time {cpu}, less the collector, the allocator and C functions "
            f"({how}); C code behind operators and iterators counts here",
        ),
        C_CODE: (computing.times(native), how),
        ALLOCATION: (
            cpu.times(managing),
            f"without the collector CPU time changes by {changes[0]:+.0%} "
            f"[{changes[1] * 100:+.0f}, {changes[2] * 100:+.0f}]; the allocator takes "
            f"{allocating.value:.0%} (up to {most:.0%} with what it makes) of it",
        ),
        LOCKS: (lock.plus(rest.times(held)), f"at locks {lock}, {gil}"),
        IO: (
            rest.times(held.rest()).times(children.rest()),
            f"off the CPU and at no lock {rest}",
        ),
        CHILDREN: (
            rest.times(children),
            "they used the CPU while this process waited",
        ),
    }
    causes = [
        Cause(name=name, share=part, evidence=evidence)
        for name, (part, evidence) in shares.items()
        if name != CHILDREN or children.value > 0
    ]
    return causes, needed


def native_share(seen: Sequence[SamplesSeen]) -> tuple[Share, str, str]:
    """Return the share of C code in what the collector leaves of CPU time, by samples.

    With it the evidence, and what is needed for samples where there are none.
    """
    sampled = [(tally, ends) for tally in seen if (ends := sampled_ends(tally))]
    if not sampled:
        why = next((tally.missing for tally in seen if tally.missing), "no samples")
        return ANYTHING, f"C code n/a: {why}", f"samples of what runs ({why})"
    low, high = (share_of([ends[end] for _, ends in sampled]) for end in (0, 1))
    native = share(low.low, (low.value + high.value) / 2, high.high)
    count = sum(tally.samples for tally in seen)
    how = f"C code {native} of CPU time by {count} samples"
    library = share_of([tally.library / tally.told_ns for tally, _ in sampled]).value
    if library >= NOTHING_BELOW:
        how += (
            f"; {library:.0%} in other libraries behind operators and iterators, "
            "which count as bytecode"
        )
    return native, how, ""


def sampled_ends(seen: SamplesSeen) -> tuple[float, float] | None:
    """Return the least and the most share of C code in one process's samples."""
    whole = seen.told_ns
    if seen.missing or not whole:
        return None
    return seen.native / whole, (seen.native + seen.open) / whole


def children_share(plain: Sequence[Report], rest: Share) -> Share:
    """Return how much of the waiting is for child processes at work."""
    shares = []
    for steady in filter(None, (report.steady for report in plain)):
        others = steady.cpu_ns - steady.own_cpu_ns
        waited = rest.value * steady.wall_ns
        # The kernel counts children by its ticks, of 10 ms.
        shares.append(min(1.0, others / waited) if others > 2e7 < waited else 0.0)
    return share_of(shares) if any(shares) else NOTHING


def with_start_up(
    causes: Sequence[Cause], by: Runs, needed: str
) -> tuple[list[Cause], str]:
    """Put start-up beside the causes, whose shares become those of the whole run."""
    whole = by.mean(under.WHOLE, process_alone)
    bare = by.mean(under.BARE, process_alone)
    if not bare or not whole:
        return [], needed
    shares = []
    for report in by.reports(under.PLAIN):
        if (first := report.first) and (steady := report.steady):
            # Both of one process, a moment apart, and what every process takes.
            alone = max(0, steady.wall_ns - steady.queued_ns) / steady.calls
            saved = bare.mean + max(0, first.wall_ns - first.queued_ns)
            shares.append(1 - alone / saved)
    once = share_of(shares)
    # Of the one process whose imports were timed, and not of the others': what it had
    # to wait for a CPU is in both of its own times.
    of = by.of(under.IMPORTS)[:1]
    imported = sum(sum(run.imports_ns.values()) / run.wall_ns for run in of)
    bare_share = min(1.0, bare.mean / max(1.0, whole.mean))
    evidence = (
        f"a second execution in the same process saves so much of the whole run; the "
        f"bare interpreter is {bare_share:.0%} of it, imports are {imported:.0%}"
    )
    if once.value > 0 and min(1.0, bare_share + imported) < once.value / 2:
        needed = (
            "to know what only the first execution does: neither imports nor the "
            "start of the interpreter explain it"
        )
        once = replace(once, low=0.0)
    rest = once.rest()
    scaled = [replace(cause, share=cause.share.times(rest)) for cause in causes]
    return [*scaled, Cause(name=START_UP, share=once, evidence=evidence)], needed
