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

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pybench.profiles.experiments import (
    BARE,
    FUNCTIONS,
    GC_FROZEN,
    GC_OFF,
    GC_RAISED,
    IMPORTS,
    MALLOC,
    MANY_THREADS,
    NATIVE,
    ONE_THREAD,
    PAUSES,
    PLAIN,
    PROBE,
    TRACED,
    WAITS,
    WHOLE,
    Ran,
    Target,
)
from pybench.target.programs.profile_target import unfinished

CONFIDENCE = 0.95

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

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over fresh processes; without an interval where there was only one.

    ``half_width`` is half the 95 % interval by Student's t, ``deviation`` the standard
    deviation of the processes.
    """

    mean: float
    half_width: float | None
    deviation: float | None
    count: int

    @property
    def low(self) -> float:
        """Lower end; minus infinity without an interval."""
        return self.mean - (math.inf if self.half_width is None else self.half_width)

    @property
    def high(self) -> float:
        """Upper end; infinity without an interval."""
        return self.mean + (math.inf if self.half_width is None else self.half_width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of the time, from 0 to 1, and between what it lies."""

    low: float
    value: float
    high: float

    def times(self, other: Share) -> Share:
        """Multiply, ends with ends."""
        return Share(
            low=self.low * other.low,
            value=self.value * other.value,
            high=self.high * other.high,
        )

    def plus(self, other: Share) -> Share:
        """Add, up to the whole."""
        return share(
            self.low + other.low, self.value + other.value, self.high + other.high
        )

    def rest(self) -> Share:
        """Return what is left of the whole."""
        return Share(low=1 - self.high, value=1 - self.value, high=1 - self.low)


NOTHING = Share(low=0.0, value=0.0, high=0.0)
ANYTHING = Share(low=0.0, value=0.5, high=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One place where time may go, its share, and what says so."""

    name: str
    share: Share
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Where most time goes; ``cause`` is None where that cannot be told.

    ``advice`` is one sentence on what usually helps.

    ``needed`` then says what would tell.
    """

    cause: str | None
    evidence: str
    advice: str = ""
    ruled_out: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    needed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that is known of a target; None where something is not, ``na`` says why.

    ``problems`` are failures, ``notes`` what must be known of a run that went well.

    Times are nanoseconds, for one execution where they are not of a process.
    """

    target: str
    kind: str
    version: str = ""
    gil_enabled: bool | None = None
    free_threaded: bool = False
    baseline: Estimate | None = None
    bare: Estimate | None = None
    ready: Estimate | None = None
    first: Estimate | None = None
    steady: Estimate | None = None
    cpu: Estimate | None = None
    off_cpu: Share | None = None
    queued: Estimate | None = None
    threads: int | None = None
    pauses_ns: tuple[int, ...] = ()
    pause_count: int | None = None
    pause_share: float | None = None
    full_pause_share: float | None = None
    allocations: Estimate | None = None
    allocation_rate: float | None = None
    allocating: Estimate | None = None
    making: Estimate | None = None
    blocks: Estimate | None = None
    traced_peak_bytes: int | None = None
    fresh_ns: Mapping[str, float] = field(default_factory=dict)
    gil_wait_ns: Mapping[str, float] = field(default_factory=dict)
    collectors: Mapping[str, Estimate] = field(default_factory=dict)
    malloc_ratio: Estimate | None = None
    threads_ratio: Estimate | None = None
    functions: tuple[Mapping[str, Any], ...] = ()
    sampled: tuple[Mapping[str, Any], ...] = ()
    imports_ns: Mapping[str, int] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    verdict: Verdict | None = None
    na: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def share(low: float, value: float, high: float) -> Share:
    """Return a share within 0 and 1."""
    low, value, high = (min(1.0, max(0.0, one)) for one in (low, value, high))
    return Share(low=low, value=value, high=high)


def share_of(found: Estimate) -> Share:
    """Return an estimate as a share."""
    return share(found.low, found.mean, found.high)


def estimate(values: Sequence[float]) -> Estimate | None:
    """Return mean, interval and deviation of what independent processes gave."""
    if not values:
        return None
    count = len(values)
    mean = math.fsum(values) / count
    if count == 1:
        return Estimate(mean=mean, half_width=None, deviation=None, count=1)
    from scipy import stats

    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (count - 1))
    t = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1))
    return Estimate(
        mean=mean,
        half_width=t * deviation / math.sqrt(count),
        deviation=deviation,
        count=count,
    )


class Runs:
    """The children by condition; those that failed are left out."""

    def __init__(self, runs: Sequence[Ran]) -> None:
        self._by: dict[str, dict[int, Ran]] = {}
        for one in runs:
            if not one.problem:
                self._by.setdefault(one.condition, {})[one.number] = one

    def of(self, condition: str) -> list[Ran]:
        """Return those of a condition."""
        return [*self._by.get(condition, {}).values()]

    def values(
        self, condition: str, read: Callable[[Ran], float | None]
    ) -> list[float]:
        """Read one number of each; None is left out."""
        read_ones = [read(one) for one in self.of(condition)]
        return [one for one in read_ones if one is not None]

    def pairs(
        self,
        first: str,
        second: str,
        read: Callable[[Ran], float | None],
        combine: Callable[[float, float], float],
    ) -> list[float]:
        """Combine two conditions, turn by turn."""
        found = []
        for number, one in self._by.get(first, {}).items():
            other = self._by.get(second, {}).get(number)
            if other is None:
                continue
            a, b = read(one), read(other)
            if a is not None and b is not None and a > 0 and b > 0:
                found.append(combine(a, b))
        return found


def steady_wall(ran: Ran) -> float | None:
    """Return wall time of one steady execution."""
    steady = ran.report.get("steady")
    return float(steady["wall_ns"] / steady["calls"]) if steady else None


def steady_alone(ran: Ran) -> float | None:
    """Return wall time of one, less what it waited for a CPU."""
    steady = ran.report.get("steady")
    if not steady:
        return None
    return float(max(0, steady["wall_ns"] - steady["queued_ns"]) / steady["calls"])


def process_alone(ran: Ran) -> float:
    """Return wall time of a whole process, less what its main thread waited for a CPU.

    Beside times of executions that leave the waiting out, it must be left out as well:
    on a busy machine the start of an interpreter would pass for most of a run.
    """
    return float(max(0, ran.wall_ns - ran.queued_ns))


def steady_cpu(ran: Ran) -> float | None:
    """Return CPU time of one steady execution, child processes not included.

    That of the quickest batch: what else runs on the machine takes caches away and
    shares a core, and never makes anything faster.
    """
    steady = ran.report.get("steady")
    if not steady:
        return None
    calls = steady["calls"] / len(steady["batches"])
    return float(min(one["own_cpu_ns"] for one in steady["batches"]) / calls)


def treated(ran: Ran) -> float | None:
    """Return CPU time of an execution under a treatment over that of one without.

    The median over the turns that the two took in one process.
    """
    pairs = ran.report.get("pairs")
    if not pairs:
        return None
    ratios = [
        one["treated"]["own_cpu_ns"] / max(one["plain"]["own_cpu_ns"], 1)
        for one in pairs
    ]
    return float(statistics.median(ratios))


def allocated(ran: Ran) -> tuple[float, float, float] | None:
    """Return how many objects an execution allocates and what share of CPU time it is.

    Tracing each allocation costs so much in an execution, and so much for one fresh
    string: the quotient is their number. The first share takes the cheapest object
    for all of them, the second a string.
    """
    pairs = ran.report.get("pairs")
    if not pairs:
        return None
    counts, cheap, dear = [], [], []
    for one in pairs:
        cpu = one["plain"]["own_cpu_ns"] / one["plain"]["calls"]
        extra = one["treated"]["own_cpu_ns"] / one["treated"]["calls"] - cpu
        dose = one["dear"]["string"] - one["fresh"]["string"]
        if dose <= 0 or cpu <= 0:
            continue
        counts.append(max(0.0, extra / dose))
        cheap.append(counts[-1] * min(one["fresh"].values()) / cpu)
        dear.append(counts[-1] * max(one["fresh"].values()) / cpu)
    if not counts:
        return None
    return statistics.median(counts), statistics.median(cheap), statistics.median(dear)


def find(target: Target, runs: Sequence[Ran], *, free_threaded: bool) -> Findings:
    """Work out what the children tell.

    Parameters
    ----------
    target : Target
        What was run.
    runs : sequence of Ran
        As far as they came; after Ctrl-C some are missing.
    free_threaded : bool
        Of the build.
    """
    by = Runs(runs)
    plain = by.of(PLAIN)
    na: dict[str, str] = {}
    known: dict[str, Any] = {}
    if plain:
        known["version"] = plain[0].report.get("version", "")
        known["gil_enabled"] = plain[0].report.get("gil")
    known["baseline"] = estimate(by.values(WHOLE, lambda one: one.wall_ns))
    known["bare"] = estimate(by.values(BARE, lambda one: one.wall_ns))
    known["ready"] = estimate(
        by.values(PLAIN, lambda one: one.report["ready_ns"] - one.begun_ns)
    )
    known["first"] = estimate(
        by.values(PLAIN, lambda one: one.report["first"]["wall_ns"])
    )
    known["steady"] = estimate(by.values(PLAIN, steady_wall))
    known["cpu"] = estimate(by.values(PLAIN, steady_cpu))
    _collectors(by, known)
    _allocations(by, known, na, free_threaded=free_threaded)
    _functions(by, known)
    _probe(by, known, na)
    _threads_ratio(by, known, na, plain)
    imports = by.of(IMPORTS)
    known["imports_ns"] = dict(imports[0].imports_ns) if imports else {}
    problems = [f"{one.condition}: {one.problem}" for one in runs if one.problem]
    if any(one.left_behind for one in runs):
        problems.append("it left processes behind, which were ended")
    errors = [e for one in plain if (e := one.report.get("steady_error"))]
    if errors:
        na["steady time"] = f"it could not run twice in one process: {errors[0]}"
    causes, needed = _causes(target, by, known, na)
    if target.is_program:
        causes, needed = with_start_up(causes, by, known, needed)
    return Findings(
        target=target.words,
        kind=target.kind,
        free_threaded=free_threaded,
        causes=tuple(causes),
        verdict=judge(causes, needed),
        na=na,
        problems=tuple(dict.fromkeys(problems)),
        notes=notes_of(plain),
        **known,
    )


def notes_of(plain: Sequence[Ran]) -> tuple[str, ...]:
    """Say what the first process tells of the target besides times."""
    if not plain:
        return ()
    report = plain[0].report
    notes = []
    if makes := report.get("makes"):
        notes.append(unfinished.sentence(makes))
    notes += notes_of_rounds(report.get("row") or {})
    if report.get("read_stdin"):
        notes.append(
            "it reads standard input, which is empty here: the times do not show "
            "its work on input; name a file in its arguments, after --"
        )
    if threads := report.get("threads_left"):
        notes.append(
            f"daemon threads still ran when an execution ended: {', '.join(threads)}; "
            "they go on during the next execution, and its times include them"
        )
    return tuple(notes)


def notes_of_rounds(row: Mapping[str, Any]) -> list[str]:
    """Say what an execution of a row of ``benchmark.pedantic`` is, and how often."""
    notes = []
    parts = [*row.get("with", ())]
    if row.get("iterations", 1) > 1:
        parts.insert(0, f"{row['iterations']} iterations")
    if parts:
        notes.append(
            f"an execution is one round of the row with its {' and '.join(parts)}"
        )
    rounds = row.get("rounds")
    if rounds is not None:
        times = "once" if rounds == 1 else f"{rounds} times"
        # The first is not compared, and a comparison takes two.
        lost = "; what compares executions of one process is n/a" if rounds < 3 else ""
        notes.append(
            f"pedantic(rounds={rounds}): no process runs the row more than {times}"
            f"{lost}; write more rounds, or a setup that makes the state anew without "
            "rounds=1, if it may run more often"
        )
    return notes


def judge(causes: Sequence[Cause], needed: str = "") -> Verdict:
    """Name the cause whose share is above all others', if there is one.

    One that surely is more than half is above all others together. What measured
    nothing is ruled out, however wide its interval. Bytecode and C code are one
    verdict where their intervals overlap and the two together are above each of the
    others: both are computing.

    Parameters
    ----------
    causes : sequence of Cause
        Their shares are of the same whole.
    needed : str
        What is missing for them; without any cause, why there is none.
    """
    if not causes:
        return Verdict(
            cause=None,
            evidence="too little was measured",
            needed=needed or "all conditions, which an interruption cut off",
        )
    ordered = sorted(causes, key=lambda one: one.share.value, reverse=True)
    top = ordered[0]
    close = [
        one
        for one in ordered[1:]
        if one.share.high >= top.share.low
        and one.share.value >= NOTHING_BELOW
        and top.share.low <= 0.5
    ]
    ruled_out = tuple(
        f"{one.name}: {percent(one.share)}; {one.evidence}"
        for one in ordered[1:]
        if one not in close
    )
    said = f"{top.name}: {percent(top.share)}; {top.evidence}"
    if not close and top.share.value >= NOTHING_BELOW:
        return Verdict(
            cause=top.name,
            evidence=said,
            advice=ADVICE.get(top.name, ""),
            ruled_out=ruled_out,
        )
    computing = [one for one in (top, *close) if one.name in (BYTECODE, C_CODE)]
    others = [one for one in (top, *close) if one not in computing]
    if not needed and len(computing) == 2:
        together = computing[0].share.plus(computing[1].share)
        if together.low > max((one.share.high for one in others), default=-1.0):
            parts = " and ".join(
                f"{one.name} {percent(one.share)}" for one in computing
            )
            return Verdict(
                cause=COMPUTING,
                evidence=f"{parts}, together {together.value:.0%}; "
                f"{computing[0].evidence}",
                advice=ADVICE[COMPUTING],
                ruled_out=(
                    *(
                        f"{one.name}: {percent(one.share)}; {one.evidence}"
                        for one in others
                    ),
                    *ruled_out,
                ),
            )
    return Verdict(
        cause=None,
        evidence=f"{' or '.join(one.name for one in [top, *close])}: their shares "
        "overlap",
        ruled_out=ruled_out,
        open=(
            said,
            *(f"{one.name}: {percent(one.share)}; {one.evidence}" for one in close),
        ),
        needed=needed or "more processes (--repeat), or a quieter machine",
    )


def percent(part: Share) -> str:
    """Return ``61 % [55, 67]``."""
    return f"{part.value:.0%} [{part.low * 100:.0f}, {part.high * 100:.0f}]"


def _collectors(by: Runs, known: dict[str, Any]) -> None:
    known["collectors"] = {
        name: found
        for name, condition in (
            ("off", GC_OFF),
            ("frozen", GC_FROZEN),
            ("thresholds x100", GC_RAISED),
        )
        if (found := estimate(by.values(condition, treated)))
    }
    for ran in by.of(PAUSES):
        observed, steady = ran.report.get("observed"), ran.report.get("steady")
        if observed and steady:
            known["pauses_ns"] = tuple(observed["pauses_ns"])
            known["pause_count"] = observed["count"]
            known["pause_share"] = observed["sum_ns"] / max(steady["wall_ns"], 1)
            known["full_pause_share"] = full_share(observed)


def full_share(observed: Mapping[str, Any]) -> float | None:
    """Return the part of the pauses' time that full collections took, by those kept."""
    pauses, generations = observed["pauses_ns"], observed.get("generations", ())
    if not sum(pauses) or len(generations) != len(pauses):
        return None
    full = sum(ns for ns, which in zip(pauses, generations, strict=True) if which == 2)
    return float(full / sum(pauses))


def _allocations(
    by: Runs, known: dict[str, Any], na: dict[str, str], *, free_threaded: bool
) -> None:
    plain = by.of(PLAIN)
    steady = [s for one in plain if (s := one.report.get("steady"))]
    known["blocks"] = estimate([one["blocks"] / one["calls"] for one in steady])
    found = [one for ran in by.of(TRACED) if (one := allocated(ran))]
    known["allocations"] = estimate([count for count, _, _ in found])
    known["allocating"] = estimate([cheap for _, cheap, _ in found])
    known["making"] = estimate([dear for _, _, dear in found])
    if known["steady"] and known["allocations"]:
        known["allocation_rate"] = (
            known["allocations"].mean / known["steady"].mean * 1e9
        )
    for ran in by.of(TRACED):
        if pairs := ran.report.get("pairs"):
            known["traced_peak_bytes"] = max(one["peak_bytes"] for one in pairs)
            known["fresh_ns"] = pairs[-1]["fresh"]
    known["malloc_ratio"] = estimate(
        by.pairs(PLAIN, MALLOC, steady_cpu, lambda a, b: b / a)
    )
    if free_threaded:
        na["allocator swapped"] = (
            "a free-threaded build has one allocator, mimalloc; see fresh objects "
            "against reused ones"
        )


def _functions(by: Runs, known: dict[str, Any]) -> None:
    for ran in by.of(FUNCTIONS):
        if observed := ran.report.get("observed"):
            known["functions"] = tuple(observed["functions"])


def _probe(by: Runs, known: dict[str, Any], na: dict[str, str]) -> None:
    seen = [one for ran in by.of(PROBE) if (one := ran.report.get("observed"))]
    if known.get("gil_enabled") is False:
        na["waiting for the GIL"] = "this interpreter runs without the GIL"
        return
    if not any(one["late_ns"] for one in seen):
        na["waiting for the GIL"] = "the probe did not run long enough"
        return
    idle = sorted(ns for one in seen for ns in one["idle_ns"])
    middle = idle[len(idle) // 2]
    waits = sorted(max(0, late - middle) for one in seen for late in one["late_ns"])
    taken = estimate([min(1.0, ns / seen[0]["switch_ns"]) for ns in waits])
    assert taken is not None
    held = share_of(taken)
    known["gil_wait_ns"] = {
        "median": float(waits[len(waits) // 2]),
        "p95": float(waits[int(len(waits) * 0.95)]),
        "max": float(waits[-1]),
        "probes": float(len(waits)),
        "probe_idle": float(middle),
        "held": held.value,
        "held_low": held.low,
        "held_high": held.high,
    }
    probed = estimate(by.values(PROBE, steady_cpu))
    if known["cpu"] and probed and known["cpu"].mean:
        known["gil_wait_ns"]["probe_cost"] = probed.mean / known["cpu"].mean - 1


def _threads_ratio(
    by: Runs, known: dict[str, Any], na: dict[str, str], plain: Sequence[Ran]
) -> None:
    known["threads_ratio"] = estimate(
        by.pairs(ONE_THREAD, MANY_THREADS, steady_wall, lambda a, b: b / a)
    )
    if plain and not plain[0].report.get("takes_threads"):
        na["one thread against many"] = "it takes no argument called threads"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lives:
    """Shares of the lives of the threads, one number for each process."""

    cpu: list[float]
    lock: list[float]
    rest: list[float]
    queued: list[float]
    threads: int


def _lives(by: Runs) -> _Lives | None:
    cpu, lock, rest, queued, threads = [], [], [], [], 0
    for ran in by.of(WAITS):
        observed = ran.report.get("observed")
        if not observed:
            continue
        lives = [one for one in observed["threads"] if one]
        threads = max(threads, len(lives))
        waited = sum(one["queued_ns"] or 0 for one in lives)
        alive = sum(one["life_ns"] - one["idle_ns"] for one in lives)
        busy = sum(one["cpu_ns"] for one in lives)
        locked = sum(one["lock_ns"] for one in lives)
        # A thread that is woken waits for a CPU within what it waited for.
        own = max(alive - waited, busy, 1)
        cpu.append(busy / own)
        lock.append(min(locked, own - busy) / own)
        rest.append(1 - cpu[-1] - lock[-1])
        queued.append(waited / max(alive, 1))
    if not cpu:
        return None
    return _Lives(cpu=cpu, lock=lock, rest=rest, queued=queued, threads=threads)


def _part(values: Sequence[float]) -> Share:
    found = estimate(values)
    return share_of(found) if found else ANYTHING


def _causes(
    target: Target, by: Runs, known: dict[str, Any], na: dict[str, str]
) -> tuple[list[Cause], str]:
    """Return the causes of a steady execution, and what is missing for better ones."""
    lives = _lives(by)
    if lives is None or not by.of(GC_OFF) or known["cpu"] is None:
        return [], _missing(by, na)
    known["threads"] = lives.threads
    known["queued"] = estimate(lives.queued)
    cpu, lock, rest = map(_part, (lives.cpu, lives.lock, lives.rest))
    known["off_cpu"] = cpu.rest()
    collecting = _part([1 - one for one in by.values(GC_OFF, treated)])
    allocating, dearest = _allocating(known)
    managing = collecting.plus(allocating)
    native, how, needed = _native(by, known)
    computing = cpu.times(managing.rest())
    held = _held(known, lives)
    children = _children(by, rest)
    system = rest.times(held.rest()).times(children.rest())
    causes = [
        Cause(
            name=BYTECODE,
            share=computing.times(native.rest()),
            evidence=f"CPU time {percent(cpu)}, less the collector, the allocator "
            f"and C functions ({how}); C code behind operators and iterators "
            "counts here",
        ),
        Cause(name=C_CODE, share=computing.times(native), evidence=how),
        Cause(
            name=ALLOCATION,
            share=cpu.times(managing),
            # 0.0 less a share, since minus nothing would read -0%.
            evidence=f"without the collector CPU time changes by "
            f"{0.0 - collecting.value:+.0%} [{0.0 - collecting.high * 100:+.0f}, "
            f"{0.0 - collecting.low * 100:+.0f}]; the allocator takes "
            f"{allocating.value:.0%} (up to {dearest:.0%} with what it makes) of it",
        ),
        Cause(
            name=LOCKS,
            share=lock.plus(rest.times(held)),
            evidence=f"at locks {percent(lock)}, {_gil_words(known, lives, held)}",
        ),
        Cause(
            name=IO,
            share=system,
            evidence=f"off the CPU and at no lock {percent(rest)}",
        ),
    ]
    if children.value > 0:
        causes.append(
            Cause(
                name=CHILDREN,
                share=rest.times(children),
                evidence="they used the CPU while this process waited",
            )
        )
    return causes, needed


def _missing(by: Runs, na: Mapping[str, str]) -> str:
    if "steady time" in na:
        return "a target that can run twice in one process, such as module:function"
    return "all conditions, which an interruption or a failure cut off"


def _allocating(known: Mapping[str, Any]) -> tuple[Share, float]:
    """Return the allocator's share of CPU time, and the most that it may be.

    A fresh number is as cheap as an object can be, so its cost is the allocator's;
    that of a string is in part of making the string.
    """
    cheap, dear = known["allocating"], known["making"]
    if cheap is None or dear is None:
        return Share(low=0.0, value=0.0, high=0.5), 1.0
    return share_of(cheap), min(1.0, dear.mean)


def _native(by: Runs, known: dict[str, Any]) -> tuple[Share, str, str]:
    """Return the share of C code in what the collector leaves of CPU time, by samples.

    What remains open is between none and all of it.
    """
    ran = [seen for one in by.of(NATIVE) if (seen := one.report.get("observed"))]
    shares = [ends for seen in ran if (ends := sampled(seen))]
    if not shares:
        why = next((one["missing"] for one in ran if "missing" in one), "no samples")
        return ANYTHING, f"C code n/a: {why}", f"samples of what runs ({why})"
    low, high = (estimate([one[end] for one in shares]) for end in (0, 1))
    assert low is not None
    assert high is not None
    found = share(low.low, (low.mean + high.mean) / 2, high.high)
    known["sampled"] = tuple(ran[0].get("functions", ()))
    count = sum(one.get("samples", 0) for one in ran)
    how = f"C code {percent(found)} of CPU time by {count} samples"
    library = estimate(
        [one["library"] / _sampled_ns(one) for one in ran if sampled(one)]
    )
    if library is not None and library.mean >= 0.005:
        how += (
            f"; {library.mean:.0%} in other libraries behind operators and iterators, "
            "which count as bytecode"
        )
    return found, how, ""


def _sampled_ns(seen: Mapping[str, Any]) -> float:
    return float(seen["native"] + seen["bytecode"] + seen["open"])


def sampled(seen: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the least and the most share of C code in one process's samples."""
    if "missing" in seen or not (whole := _sampled_ns(seen)):
        return None
    return seen["native"] / whole, (seen["native"] + seen["open"]) / whole


def _held(known: Mapping[str, Any], lives: _Lives) -> Share:
    """Return how much of the waiting is for the GIL, as the probe found it taken."""
    if lives.threads < 2 or known.get("gil_enabled") is False:
        return NOTHING
    seen = known.get("gil_wait_ns")
    if not seen:
        return ANYTHING
    return share(seen["held_low"], seen["held"], seen["held_high"])


def _gil_words(known: Mapping[str, Any], lives: _Lives, held: Share) -> str:
    if known.get("gil_enabled") is False:
        return "and no GIL"
    if lives.threads < 2:
        return "and one thread waits for no GIL"
    return f"the GIL is taken {percent(held)} of the time"


def _children(by: Runs, rest: Share) -> Share:
    """Return how much of the waiting is for child processes at work."""
    shares = []
    for ran in by.of(PLAIN):
        steady = ran.report.get("steady")
        if steady:
            others = steady["cpu_ns"] - steady["own_cpu_ns"]
            waited = rest.value * steady["wall_ns"]
            # The kernel counts children by its ticks, of 10 ms.
            shares.append(min(1.0, others / waited) if others > 2e7 < waited else 0.0)
    if not any(shares):
        return NOTHING
    return _part(shares)


def with_start_up(
    causes: Sequence[Cause], by: Runs, known: dict[str, Any], needed: str
) -> tuple[list[Cause], str]:
    """Put start-up beside the causes, whose shares become those of the whole run."""
    whole_process = estimate(by.values(WHOLE, process_alone))
    bare = estimate(by.values(BARE, process_alone))
    shares = []
    for one in by.of(PLAIN):
        wall, first = steady_alone(one), one.report["first"]
        if wall is not None and bare is not None:
            # Both of one process, a moment apart, and what every process takes.
            whole = bare.mean + max(0, first["wall_ns"] - first["queued_ns"])
            shares.append(1 - wall / whole)
    if not causes or not shares or bare is None or whole_process is None:
        return [], needed
    once = _part(shares)
    imported = _imported(by, known)
    bare_share = min(1.0, bare.mean / max(1.0, whole_process.mean))
    explained = min(1.0, bare_share + imported)
    evidence = (
        f"a second execution in the same process saves so much of the whole run; "
        f"the bare interpreter is {bare_share:.0%} of it, imports are "
        f"{imported:.0%}"
    )
    if once.value > 0 and explained < once.value / 2:
        needed = (
            "to know what only the first execution does: neither imports nor the "
            "start of the interpreter explain it"
        )
        once = Share(low=0.0, value=once.value, high=once.high)
    scaled = [
        Cause(
            name=one.name,
            share=one.share.times(once.rest()),
            evidence=one.evidence,
        )
        for one in causes
    ]
    return [*scaled, Cause(name=START_UP, share=once, evidence=evidence)], needed


def _imported(by: Runs, known: Mapping[str, Any]) -> float:
    """Return the share of imports in the one process whose imports were timed.

    Not in the others': what it had to wait for a CPU is in both of its own times.
    """
    ran = next(iter(by.of(IMPORTS)), None)
    return sum(known["imports_ns"].values()) / ran.wall_ns if ran else 0.0
