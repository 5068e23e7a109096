"""What this machine's state costs measurements, and what to do about it.

Pure: `examine` takes a snapshot of `pybench.profiles.machine` and returns findings.
Nothing is changed; the advice is for a person.

A machine is *unfit* when what is measured would be the disturbance, which more pairs
do not cure: less than a CPU is idle; steal of `STEAL_UNFIT` or more; the control group
was throttled during the window, or may have less than one CPU; a core was slowed for
heat during the window; tasks waited for memory in `PRESSURE_MEMORY_UNFIT` per cent of
the time. All else costs accuracy or comparability. What cannot be read is unknown, and
makes a machine neither fit nor unfit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from pybench.profiles import machine
from pybench.profiles.machine import Facts
from pybench.records.doctor import DoctorReport, Finding, State

# A pair's own noise is about 1 %: less steal than that is lost in it.
STEAL_COSTS = 0.01
STEAL_UNFIT = 0.05
# Of a CPU: the tool itself and the system's own work take the rest.
IDLE_LEAST_CPUS = 0.9
# Of a CPU; below it a process is one of the many that wake up now and then.
BUSY_LEAST = 0.05
PRESSURE_COSTS = 10.0
PRESSURE_MEMORY_UNFIT = 10.0
# From Python a reading that needs no system call takes 30 to 150 ns.
CLOCK_COSTS_NS = 400.0
PAGE_BYTES = 4096

# Sources that are read without a system call.
_QUICK_CLOCKS = (
    *("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"),
    *("timebase", "tod"),
)


class Judged(NamedTuple):
    """A state, how it is now, and what differs from the texts of the check."""

    state: State
    now: str
    cost: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at; ``judge`` returns None where it cannot be told.

    ``cost`` and ``advice`` are of a state that is not fine, unless `judge` has others;
    ``paths`` end the names of the files that would have told it, and ``why`` is why
    they do not on this machine.
    """

    name: str
    judge: Callable[[Facts], Judged | None]
    cost: str
    advice: str
    paths: tuple[str, ...] = ()
    why: Callable[[Facts], str] = lambda _facts: ""

    def finding(self, facts: Facts) -> Finding:
        """Return what is found of it, for "unknown" with the reason."""
        judged = self.judge(facts)
        if judged is None or judged.state == "unknown":
            now = self._unknown(facts) + (judged.now if judged else "")
            return Finding(name=self.name, state="unknown", now=now)
        is_fine = judged.state == "fine"
        return Finding(
            name=self.name,
            state=judged.state,
            now=judged.now,
            cost=judged.cost or ("" if is_fine else self.cost),
            advice=judged.advice or ("" if is_fine else self.advice),
        )

    def _unknown(self, facts: Facts) -> str:
        if facts.system != "Linux":
            return f"not read on {facts.system or 'this system'}: no /proc and /sys"
        unread = (
            f"{path}: {reason}"
            for wanted in self.paths
            for path, reason in facts.unread.items()
            if path.endswith(f"/{wanted}")
        )
        why = self.why(facts)
        return next(unread, "nothing there says it") + (f" ({why})" if why else "")


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Judge a snapshot: one finding for each thing, always all of them."""
    return tuple(check.finding(facts) for check in CHECKS)


def is_fit(findings: Sequence[Finding]) -> bool:
    """Tell whether nothing that was found makes the machine unfit."""
    return all(finding.state != "unfit" for finding in findings)


def doctor_report(facts: Facts, findings: Sequence[Finding]) -> DoctorReport:
    """Return the record: the verdict, the findings, and what was read."""
    # Thousands of processes and their names are nobody's business but this machine's.
    known = replace(
        facts,
        first=replace(facts.first, processes=None),
        second=replace(facts.second, processes=None),
    )
    return DoctorReport(
        fit=is_fit(findings), findings=tuple(findings), facts=asdict(known)
    )


def busy(facts: Facts) -> list[tuple[str, int, float]]:
    """List other processes that computed in the window: name, number, CPUs used."""
    first, second = facts.first.processes, facts.second.processes
    if first is None or second is None or facts.window_s <= 0:
        return []
    used = []
    for key, process in second.items():
        # One that is new has all its time from within the window.
        before_s = first[key].cpu_s if key in first else 0.0
        cpus = (process.cpu_s - before_s) / facts.window_s
        if cpus >= BUSY_LEAST:
            used.append((process.name, key[0], cpus))
    return sorted(used, key=lambda process: -process[2])


def idle_cpus(facts: Facts) -> float | None:
    """Return how many of the usable CPUs had nothing to do in the window."""
    shares = _shares(facts)
    if shares is None:
        return None
    return facts.cpus * (shares.get("idle", 0.0) + shares.get("iowait", 0.0))


def _shares(facts: Facts) -> Mapping[str, float] | None:
    """Return the share of each state in the window; None if no time passed."""
    first, second = facts.first.ticks, facts.second.ticks
    if first is None or second is None:
        return None
    # The kernel may set idle time back by a tick.
    grown = {s: max(0, value - first.get(s, 0)) for s, value in second.items()}
    total = sum(grown.values())
    return {s: value / total for s, value in grown.items()} if total else None


def _one_of(value: str | None, is_fine: bool) -> Judged | None:
    """Judge what is either fine or costs; None is unknown."""
    if value is None:
        return None
    return Judged("fine" if is_fine else "costs", value)


def _governor(facts: Facts) -> Judged | None:
    if facts.governors is None:
        return None
    now = ", ".join(dict.fromkeys(facts.governors))
    return _one_of(now, now == "performance")


def _switch(value: bool | None, on: str, off: str) -> Judged | None:
    """Judge what costs when it is on."""
    return None if value is None else _one_of(on if value else off, not value)


def _load(facts: Facts) -> Judged | None:
    idle = idle_cpus(facts)
    average = "unknown" if facts.load is None else f"{facts.load:.2f}"
    if idle is not None:
        now = f"{idle:.1f} of {facts.cpus} CPUs idle, load average {average}"
        is_fine = idle >= min(IDLE_LEAST_CPUS, facts.cpus)
        return Judged("fine" if is_fine else "unfit", now)
    if facts.load is None:
        return None
    now = f"average {average} on {facts.cpus} CPUs; what is idle is unknown"
    if facts.load <= facts.cpus - IDLE_LEAST_CPUS:
        return Judged("fine", now)
    return Judged(
        "costs",
        now,
        "others may compute beside what is measured",
        "see what runs, and end it or wait",
    )


def _processes(facts: Facts) -> Judged | None:
    if facts.first.processes is None or facts.second.processes is None:
        return None
    processes = busy(facts)
    if not processes:
        return Judged("fine", "none that can be seen")
    shown = ", ".join(f"{name} ({pid}) {cpus:.0%}" for name, pid, cpus in processes[:5])
    more = f" and {len(processes) - 5} more" * (len(processes) > 5)
    return Judged("costs", f"{shown}{more} of a CPU")


def _steal(facts: Facts) -> Judged | None:
    shares = _shares(facts)
    if shares is None or "steal" not in shares:
        return None
    share = shares["steal"]
    now = f"{share:.1%} in {facts.window_s:.1f} s"
    ticks = facts.second.ticks or {}
    if total := sum(ticks.values()):
        now += f", {ticks.get('steal', 0) / total:.1%} since boot"
    if share < STEAL_COSTS:
        return Judged("fine", now)
    return Judged(
        "unfit" if share >= STEAL_UNFIT else "costs",
        now,
        f"the host runs others in our place: wall times are {share:.0%} longer on "
        "average, in bursts that hit some samples and not others",
    )


def _hypervisor(facts: Facts) -> Judged | None:
    name = facts.hypervisor
    return _one_of("none" if name == "" else name and f"hypervisor {name}", not name)


def _aslr(facts: Facts) -> Judged | None:
    if facts.aslr is None:
        return None
    if not facts.aslr:
        return Judged("costs", "off")
    return Judged(
        "fine",
        "on" if facts.aslr > 1 else "on, but not for the heap",
        "each process has another layout, so a row differs between processes; fresh "
        "processes per pair average over it",
        "leave it on",
    )


def _quota(facts: Facts) -> Judged | None:
    if not facts.groups_known:
        return None
    if facts.quota_cpus is None:
        return Judged("fine", "none")
    now = f"{facts.quota_cpus:g} CPUs, on {facts.cpus}"
    if facts.quota_cpus >= facts.cpus:
        return Judged("fine", now)
    if facts.quota_cpus < 1:
        return Judged("unfit", now)
    return Judged(
        "costs",
        now,
        f"more than {int(facts.quota_cpus)} threads are stopped for a part of each "
        "period, as gaps of milliseconds",
    )


def _events(
    facts: Facts, counts: Sequence[int | None], since: str, *before: str, warm: str = ""
) -> Judged:
    """Judge what counts up: unfit in the window, and ``before`` it what that costs."""
    first, second = counts
    if first is None or second is None:
        return Judged("unknown", warm)
    times = second - first
    now = f"{times} times in {facts.window_s:.1f} s, {second} since {since}{warm}"
    if times > 0:
        return Judged("unfit", now)
    return Judged("costs", now, *before) if second else Judged("fine", f"never{warm}")


def _throttling(facts: Facts) -> Judged:
    return _events(
        facts,
        (facts.first.throttled, facts.second.throttled),
        "the group is there",
        "what used the CPUs as fully as a benchmark was stopped by the quota",
        "fewer threads than the quota has CPUs, or a larger one",
    )


def _heat(facts: Facts) -> Judged:
    degrees = facts.temperature_c
    return _events(
        facts,
        (facts.first.heat_events, facts.second.heat_events),
        "boot",
        "under load this machine has been slowed before, and may be again during a "
        "long run",
        "turbo off, and shorter runs with pauses",
        warm="" if degrees is None else f", hottest {degrees:.0f} °C",
    )


def _clock_source(facts: Facts) -> Judged | None:
    source = facts.clock_source
    if source is None or source in _QUICK_CLOCKS:
        return _one_of(source, True)
    better = [other for other in facts.clock_sources if other in _QUICK_CLOCKS]
    place = f"/{machine.CLOCK}/current_clocksource"
    advice = f"echo {better[0]} | sudo tee {place}" if better else ""
    return Judged("costs", source, "", advice)


def _clock_cost(facts: Facts) -> Judged | None:
    if facts.clock_ns is None:
        return None
    step = facts.clock_step_ns
    least = "unknown" if step is None else f"{step:.0f} ns"
    now = f"{facts.clock_ns:.0f} ns per reading from Python, least step {least}"
    return _one_of(now, max(facts.clock_ns, step or 0.0) < CLOCK_COSTS_NS)


def _pressure(facts: Facts, resource: str) -> Judged | None:
    value = facts.pressure.get(resource)
    if value is None:
        return None
    now = f"some task waited {value:.0f} % of the last 10 s"
    if value < PRESSURE_COSTS:
        return Judged("fine", now)
    is_unfit = resource == "memory" and value >= PRESSURE_MEMORY_UNFIT
    return Judged("unfit" if is_unfit else "costs", now)


def _page(facts: Facts) -> Judged | None:
    size = facts.page_bytes
    return _one_of(None if size is None else f"{size:,} bytes", size == PAGE_BYTES)


def _huge_pages(facts: Facts) -> Judged | None:
    pages = facts.huge_pages
    return _one_of(pages and f"transparent: {pages}", pages != "always")


def _in_a_guest(text: str) -> Callable[[Facts], str]:
    return lambda facts: text if facts.hypervisor else ""


def _pressure_check(resource: str, cost: str, advice: str) -> Check:
    judge = functools.partial(_pressure, resource=resource)
    paths = (f"proc/pressure/{resource}",)
    return Check(f"{resource} pressure", judge, cost, advice, paths)


CHECKS = (
    Check(
        "governor", _governor,
        "the clock follows the load: a row's first samples are slow, and times of "
        "different days differ; pairs keep a comparison fair",
        "sudo cpupower frequency-set -g performance",
        paths=("cpufreq/scaling_governor",),
        why=_in_a_guest("in a virtual machine the host decides"),
    ),
    Check(
        "turbo", lambda facts: _switch(facts.turbo, "on", "off"),
        "the clock depends on heat and on how many cores work: rows with more "
        "threads run at a lower one, so that scaling looks worse than it is",
        "for scaling rows: echo 1 | sudo tee "
        "/sys/devices/system/cpu/intel_pstate/no_turbo, or 0 into cpufreq/boost",
        paths=(machine.BOOST,),
    ),
    Check(
        "load", _load,
        "what is measured waits for its turns: wall times hold the others' work, "
        "and CPU times their cache misses",
        "end what runs (see busy processes), or wait",
        paths=(machine.STAT, machine.LOAD),
    ),
    Check(
        "busy processes", _processes,
        "they share caches, memory and, where CPUs are few, the CPU",
        "end them, or keep them off the CPUs that are measured (taskset)",
        paths=(machine.STAT,),
    ),
    Check(
        "steal", _steal,
        "",
        "a machine with CPUs of its own, or another hour",
        paths=(machine.STAT,),
    ),
    Check(
        "virtual machine", _hypervisor,
        "clock, heat and neighbours are the host's and cannot be seen here; page "
        "faults, system calls and wake-ups are dearer than on the machine itself",
        "compare builds on it, but quote absolute times of another machine",
        paths=("proc/cpuinfo",),
    ),
    Check(
        "SMT", lambda facts: _switch(
            facts.smt, "on: two threads share a core", "off, or one thread per core"
        ),
        "threads that land on one core get little more than half each: rows with "
        "threads scatter, and scaling ends at half of the CPUs",
        "keep to one thread of each core (taskset), or echo off | sudo tee "
        "/sys/devices/system/cpu/smt/control",
        paths=(machine.SMT,),
    ),
    Check(
        "ASLR", _aslr,
        "all processes of a build share one layout: a difference between builds "
        "may be luck of it, and no number of pairs shows that",
        "sudo sysctl kernel.randomize_va_space=2",
        paths=(machine.ASLR,),
    ),
    Check(
        "CPU quota", _quota,
        "even one thread is stopped for a part of each period",
        "a container with a whole number of CPUs pinned to it (--cpuset-cpus) "
        "and no quota (--cpus)",
        paths=(machine.GROUPS, machine.MOUNTS),
    ),
    Check(
        "throttling", _throttling,
        "the quota stops all threads at once, for milliseconds",
        "a larger quota, or none",
        paths=(machine.GROUPS,),
        why=lambda facts: (
            "the control group has no such count" if facts.groups_known else ""
        ),
    ),
    Check(
        "clock source", _clock_source,
        "each reading is a system call or slower, about a microsecond: short "
        "windows and latencies hold it",
        "the kernel offers no quicker one here; see dmesg for why",
        paths=(f"{machine.CLOCK}/current_clocksource",),
    ),
    Check(
        "clock", _clock_cost,
        "times of single short calls hold it twice",
        "see clock source; windows of a millisecond, as of kernels, do not mind",
    ),
    _pressure_check(
        "cpu",
        "there was more to run than CPUs, so what is measured may wait as well",
        "see load",
    ),
    _pressure_check(
        "memory",
        "memory is taken back or swapped: any access may wait for a disk",
        "end what takes the memory, or wait",
    ),
    _pressure_check(
        "io",
        "rows that read or write files wait for others; so do imports",
        "wait until the disk is quiet",
    ),
    Check(
        "thermal throttling", _heat,
        "the clock is cut for heat: what runs later is slower",
        "let it cool, clean the fan, or measure with turbo off",
        why=_in_a_guest("in a virtual machine only the host sees it"),
    ),
    Check(
        "page size", _page,
        "memory is counted in whole pages: sizes and page faults are not those of "
        "machines with pages of 4,096 bytes",
        "compare memory rows between machines of one page size",
    ),
    Check(
        "huge pages", _huge_pages,
        "whether an arena gets a huge page is luck: resident memory moves in "
        "steps of 2 MiB, and memory rows differ between processes",
        f"echo madvise | sudo tee /{machine.HUGE_PAGES}",
        paths=(machine.HUGE_PAGES,),
    ),
)  # fmt: skip
