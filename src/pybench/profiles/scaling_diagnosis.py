"""What keeps threads from doing more, named from controlled re-runs.

Pure. No cause is named from one threshold alone. Each rule compares intervals over
fresh processes; where they do not part, the answer is that nobody can tell. A re-run
is compared with what the same process did as it is: where objects lie moves both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pybench.records.means import Mean
from pybench.records.scaling import (
    Cause,
    Contended,
    Diagnosis,
    ScalingPoint,
    Suspect,
    SuspectKind,
    Work,
)
from pybench.records.speed_ups import LEAST_PROCESSES

# What counts as scaling, of what the machine can give.
ENOUGH = 0.8
# From this factor on, threads do more in a re-run.
GAIN = 1.1
# A re-run that takes away this share of what is lost, as logarithm, shows the cause.
MOST = 0.5
# From this share of its time on, a thread that is blocked waits for a lock.
BLOCKED_SHARE = 0.15
# From this one on, a thread that is ready did not get its CPU.
WAITED_SHARE = 0.1
# From this share of the readings on, the lock of an object is what threads wait for.
LOCKED_SHARE = 0.02
# From this share of its CPU time on, the system's part counts.
SYSTEM_SHARE = 0.3
NO_INTERVAL = f"fewer than {LEAST_PROCESSES} processes have no interval"
# So many objects are named.
SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Better:
    """What threads do more in a re-run: anything, most of what is lost, all of it."""

    is_any: bool = False
    is_most: bool = False
    is_all: bool = False


def diagnose(
    points: Sequence[ScalingPoint],
    *,
    gil_enabled: bool,
    culprit: str = "",
    suspects: Sequence[Suspect] = (),
    contended: Sequence[Contended] = (),
) -> Diagnosis:
    """Say what the largest number of threads shows.

    Parameters
    ----------
    points : sequence of ScalingPoint
        By number of threads, more than one each.
    gil_enabled : bool
        Whether the GIL was on when a process had ended.
    culprit : str
        What turned it on, where it was off before.
    suspects : sequence of Suspect
        The objects that the threads write to, the most counted one first.
    contended : sequence of Contended
        The objects of the module that cost by themselves, the costliest first.
    """
    if not points:
        return Diagnosis(
            cause=Cause.UNKNOWN,
            what="one usable CPU by affinity or quota: two threads cannot run at once",
            would_tell="a machine, an affinity or a quota of two CPUs or more",
        )
    # Of more threads than CPUs nobody knows what would be possible.
    point = next((of for of in reversed(points) if of.processes), points[-1])
    shared = point.by_work.get(Work.SHARED)
    if shared is None:
        return Diagnosis(cause=Cause.UNKNOWN, what="nothing was measured")
    shown = [f"{point.threads} threads do {words(shared)} times what one does"]
    ceiling = point.processes
    if ceiling is not None:
        shown.append(f"{point.threads} processes do {words(ceiling)} times")
    if gil_enabled:
        what = f"turned on by {culprit}" if culprit else "one thread runs at a time"
        return Diagnosis(cause=Cause.GIL, what=what, evidence=tuple(shown))
    if shared.low is None or shared.high is None:
        return Diagnosis(
            cause=Cause.UNKNOWN,
            what=NO_INTERVAL,
            evidence=tuple(shown),
            would_tell=f"{LEAST_PROCESSES} processes or more whose CPUs are equally "
            "far apart: --processes",
            needs_processes=True,
        )
    most = float(point.threads)
    possible = most if ceiling is None else min(most, ceiling.value)
    if disturbed := _disturbance(point, possible):
        return Diagnosis(
            cause=Cause.DISTURBED,
            what="threads did not get their CPUs",
            evidence=(*shown, disturbed),
            would_tell="the same on an idle machine; pybench doctor names what runs",
        )
    if shared.low >= ENOUGH * possible and possible >= ENOUGH * most:
        return Diagnosis(
            cause=Cause.SCALES,
            what=f"at least {shared.low / most:.0%} of {point.threads} times",
            evidence=tuple(shown),
        )
    is_bounded = ceiling is not None and _is_below(ceiling, ENOUGH * most)
    if is_bounded and ceiling is not None and shared.high >= (ceiling.low or 0.0):
        return _machine(point, tuple(shown))
    if shared.high < ENOUGH * possible:
        return _contended(point, shared, possible, shown, suspects, contended)
    return Diagnosis(
        cause=Cause.UNKNOWN,
        what=f"the interval holds {ENOUGH:.0%} of what is possible, {possible:.3g}",
        evidence=tuple(shown),
        would_tell="more processes: --processes, or a machine with less beside it",
        needs_processes=True,
    )


def _disturbance(point: ScalingPoint, possible: float) -> str:
    """Return what shows that something else had the CPUs; empty if nothing does."""
    waited = (point.waited_share or 0.0) + point.late_share
    if waited > WAITED_SHARE:
        return f"a thread was ready and had no CPU for {waited:.0%} of its time"
    control = point.by_work.get(Work.CONTROL)
    enough = ENOUGH * point.threads
    # Processes scale at another moment; the control ran in the threads' own turns.
    if control is not None and control.value < enough <= possible:
        return f"in the same turns hashing of private bytes does {words(control)} times"
    return ""


def _machine(point: ScalingPoint, shown: tuple[str, ...]) -> Diagnosis:
    control = point.by_work.get(Work.CONTROL)
    cause, what = Cause.MACHINE, "work that shares nothing does not scale here either"
    hashing = "hashing of private bytes"
    if control is not None and _is_above(control, ENOUGH * point.threads):
        cause = Cause.MEMORY
        what = "the bandwidth of memory, or a cache that the CPUs share"
        hashing = "hashing in a cache of one's own"
    evidence = [] if control is None else [f"{hashing} does {words(control)} times"]
    return Diagnosis(
        cause=cause,
        what=what,
        evidence=(*shown, *evidence),
        ruled_out=("what Python shares: processes scale no better",),
    )


def _contended(
    point: ScalingPoint,
    shared: Mean,
    possible: float,
    shown: list[str],
    suspects: Sequence[Suspect],
    contended: Sequence[Contended],
) -> Diagnosis:
    ruled_out = [f"this machine: it gives {possible:.3g} times"]

    def told(
        cause: Cause, what: str, would_tell: str = "", *, needs_processes: bool = False
    ) -> Diagnosis:
        """Return it with what was shown and ruled out so far."""
        return Diagnosis(
            cause=cause,
            what=what,
            evidence=tuple(shown),
            ruled_out=tuple(ruled_out),
            would_tell=would_tell,
            needs_processes=needs_processes,
        )

    def better(work: Work) -> Better:
        """Return what a re-run brings."""
        return _better(point, work, shared, possible)

    locked = [each for each in suspects if _is_lock(each)]
    blocked = point.off_cpu_share or 0.0
    shown += [
        f"with {_listed([each])}{_used(each)} alone shared {each.speed_up:.2f} times "
        f"({each.processes} processes)"
        for each in contended[:SHOWN]
    ]
    idle = point.by_work.get(Work.GC_OFF)
    if idle is not None:
        shown.append(f"with the collector off {words(idle)} times")
        gained = better(Work.GC_OFF)
        if gained.is_most:
            return told(
                Cause.STOP_THE_WORLD,
                "the collector stops all threads",
                "pybench profile gc says how long and how often",
            )
        if not gained.is_any:
            ruled_out.append("the collector: without it the threads do no more")
    immortal = point.by_work.get(Work.IMMORTAL)
    if immortal is not None:
        counted = [each for each in suspects if each.count_changes]
        shown.append(
            f"with no references to {_listed(counted)} counted {words(immortal)} times"
        )
        gained = better(Work.IMMORTAL)
        # A lock has a reference count too: beside one, it must be all of it.
        is_lock = bool(locked) or blocked > BLOCKED_SHARE
        if gained.is_all or (gained.is_most and not is_lock):
            return told(
                Cause.REFCOUNT,
                f"threads count references to {_listed(counted)}"
                + ("" if gained.is_all else "; that is most of it, not all"),
            )
        if _is_below(immortal, ENOUGH * possible):
            ruled_out.append(
                "counts of references alone: without them it is too little"
            )
    private = point.by_work.get(Work.PRIVATE)
    is_private_better = better(Work.PRIVATE).is_any
    is_private_as_bad = private is not None and _is_below(private, ENOUGH * possible)
    if private is not None:
        shown.append(
            f"with a copy of the module for each thread {words(private)} times"
        )
    if not is_private_better and point.system_share > SYSTEM_SHARE and point.faults > 1:
        shown.append(
            f"a call asks the system for {point.faults:.3g} pages of memory; "
            f"{point.system_share:.0%} of the CPU time is the system's"
        )
        return told(
            Cause.MEMORY,
            "threads take memory from the system and give it back; the map of a "
            "process's memory has one lock",
            "the same with memory that is kept and used again",
        )
    shown.append(f"a thread was blocked for {blocked:.0%} of its time")
    if blocked > BLOCKED_SHARE:
        where = "; whose it is cannot be told"
        if is_private_better:
            where = f" of {_listed(contended) or 'an object'} of the module"
        elif is_private_as_bad:
            where = " of the interpreter, of a module that is imported, or of a file"
        return told(Cause.LOCK, f"threads wait for a lock{where}")
    if locked:
        shown.append(_lock_evidence(locked))
        return told(
            Cause.LOCK, f"threads take the lock of {_listed(locked)}; they spin for it"
        )
    # Not a lock that is held briefly: free-threaded builds spin for it, on their CPUs.
    ruled_out.append("a lock that is held for long: the threads have their CPUs")
    if is_private_better:
        return told(
            Cause.OBJECT,
            f"the threads write to {_listed(contended) or 'the same objects'} of "
            "the module: a reference count, a value, a lock that is held briefly, or "
            "a cache line that two objects share",
        )
    gain = point.gains.get(Work.IMMORTAL)
    if gain is not None and gain.value >= GAIN and not better(Work.IMMORTAL).is_any:
        return told(
            Cause.UNKNOWN,
            "the intervals do not say whether counts of references are it",
            "more processes: --processes",
            needs_processes=True,
        )
    if private is None:
        return told(
            Cause.UNKNOWN,
            "the threads share something, and there were no copies of it to try",
            "the function by itself, in a module in Python: module:function",
        )
    if not is_private_as_bad:
        return told(
            Cause.UNKNOWN,
            "the intervals do not say whether copies of the module help",
            "more processes: --processes",
            needs_processes=True,
        )
    return told(
        Cause.UNKNOWN,
        "the threads share something that is not an object of the module",
        "smaller functions: each of them by itself",
    )


def _is_lock(suspect: Suspect) -> bool:
    if suspect.kind == SuspectKind.LOCK:
        return suspect.count_changes > 0
    return suspect.locked >= LOCKED_SHARE * suspect.samples


def _lock_evidence(locked: Sequence[Suspect]) -> str:
    return "; ".join(
        f"{each.name}: a function uses it"
        if each.kind == SuspectKind.LOCK
        else f"{each.name}: held in {each.locked / each.samples:.0%} of readings"
        for each in locked
    )


def _used(of: Contended) -> str:
    return f", used in {', '.join(of.lines)}," if of.lines else ""


def _listed(suspects: Sequence[Suspect | Contended]) -> str:
    """Name objects, those that were seen most often first."""
    named = [f"{each.kind} {each.name} ({each.type_name})" for each in suspects[:SHOWN]]
    more = len(suspects) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def words(mean: Mean) -> str:
    """Return a speed-up with its interval."""
    if mean.low is None or mean.high is None:
        return f"{mean.value:.2f}"
    return f"{mean.value:.2f} [{mean.low:.2f}, {mean.high:.2f}]"


def _is_below(mean: Mean, limit: float) -> bool:
    return mean.high is not None and mean.high < limit


def _is_above(mean: Mean, limit: float) -> bool:
    return mean.low is not None and mean.low >= limit


def _better(point: ScalingPoint, work: Work, shared: Mean, possible: float) -> Better:
    """Compare a re-run with what the threads do as it is."""
    re_run = point.by_work.get(work)
    gain = point.gains.get(work)
    if re_run is None or gain is None or not _is_above(gain, GAIN):
        return Better()
    lost = math.log(max(possible / shared.value, 1.0))
    return Better(
        is_any=True,
        is_most=math.log(gain.value) >= MOST * lost,
        is_all=re_run.value >= ENOUGH * possible,
    )
