"""What this machine's state costs measurements, and what to do about it.

Pure: `examine` takes a snapshot of `pybench.profiles.machine` and returns findings.
Nothing is changed; the advice says what a person could.

A machine is *unfit* when what is measured would be the disturbance, which more pairs
do not cure:

- less than a CPU is idle: what is measured waits for its turns;
- steal of `STEAL_UNFIT` or more: the host takes the CPU away in bursts;
- the control group was throttled during the window, or may have less than one CPU;
- a core was slowed for heat during the window;
- tasks waited for memory in `PRESSURE_MEMORY_UNFIT` per cent of the time: it swaps.

All else costs accuracy or comparability, and is said with its cost. What cannot be
read is unknown, and makes a machine neither fit nor unfit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pybench.profiles.machine import Facts

SCHEMA = 1

State = Literal["fine", "costs", "unfit", "unknown"]

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
_QUICK_CLOCKS = {
    "tsc",
    "kvm-clock",
    "arch_sys_counter",
    "hyperv_clocksource_tsc_page",
    "timebase",
    "tod",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What it is.
    state : {"fine", "costs", "unfit", "unknown"}
        What it means for measurements.
    now : str
        How it is; for "unknown" why that cannot be told.
    cost : str
        What it does to measurements; empty if nothing.
    advice : str
        What to do; empty if nothing.
    """

    name: str
    state: State
    now: str
    cost: str = ""
    advice: str = ""


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Judge a snapshot: one finding for each thing, always all of them."""
    return (
        _governor(facts),
        _turbo(facts),
        _load(facts),
        _processes(facts),
        _steal(facts),
        _machine(facts),
        _smt(facts),
        _aslr(facts),
        _quota(facts),
        _throttling(facts),
        _clock_source(facts),
        _clock_cost(facts),
        *(_pressure(facts, resource) for resource in ("cpu", "memory", "io")),
        _heat(facts),
        _page(facts),
        _huge_pages(facts),
    )


def is_fit(findings: Sequence[Finding]) -> bool:
    """Tell whether nothing that was found makes the machine unfit."""
    return all(finding.state != "unfit" for finding in findings)


def doctor_document(facts: Facts, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the record: the verdict, the findings, and what was read."""
    # Thousands of processes and their names are nobody's business but this machine's.
    known = replace(
        facts,
        first=replace(facts.first, processes=None),
        second=replace(facts.second, processes=None),
    )
    return {
        "pybench": "doctor",
        "schema": SCHEMA,
        "fit": is_fit(findings),
        "findings": [asdict(finding) for finding in findings],
        "facts": asdict(known),
    }


def busy(facts: Facts) -> list[tuple[str, int, float]]:
    """List other processes that computed in the window: name, number, CPUs used."""
    first, second = facts.first.processes, facts.second.processes
    if first is None or second is None or facts.window_s <= 0:
        return []
    used = [
        # One that is new has all its time from within the window.
        (one.name, key[0], one.cpu_s - (first[key].cpu_s if key in first else 0.0))
        for key, one in second.items()
    ]
    shares = [(name, number, cpu_s / facts.window_s) for name, number, cpu_s in used]
    return sorted(
        (one for one in shares if one[2] >= BUSY_LEAST),
        key=lambda one: one[2],
        reverse=True,
    )


def idle_cpus(facts: Facts) -> float | None:
    """Return how many of the usable CPUs had nothing to do in the window."""
    parts = _ticks(facts)
    if parts is None:
        return None
    return facts.cpus * (parts.get("idle", 0.0) + parts.get("iowait", 0.0))


def _ticks(facts: Facts) -> Mapping[str, float] | None:
    """Return the share of each state in the window; None if no time passed."""
    first, second = facts.first.ticks, facts.second.ticks
    if first is None or second is None:
        return None
    # The kernel may set idle time back by a tick.
    grown = {s: max(0, value - first.get(s, 0)) for s, value in second.items()}
    total = sum(grown.values())
    return {s: value / total for s, value in grown.items()} if total else None


def _unknown(facts: Facts, name: str, *paths: str, why: str = "") -> Finding:
    """Say that it is unknown, with the file that would have said it."""
    reasons = [
        f"{path}: {facts.unread[path]}" for path in paths if path in facts.unread
    ]
    if facts.system != "Linux":
        reasons = [f"not read on {facts.system or 'this system'}: no /proc and /sys"]
    said = reasons[0] if reasons else "nothing there says it"
    if why and facts.system == "Linux":
        said += f" ({why})"
    return Finding(name=name, state="unknown", now=said)


def _governor(facts: Facts) -> Finding:
    name = "governor"
    if facts.governors is None:
        path = next(
            (p for p in facts.unread if p.endswith("/cpufreq/scaling_governor")), ""
        )
        why = "in a virtual machine the host decides" if facts.hypervisor else ""
        return _unknown(facts, name, path, why=why)
    now = ", ".join(dict.fromkeys(facts.governors))
    if now == "performance":
        return Finding(name=name, state="fine", now=now)
    return Finding(
        name=name,
        state="costs",
        now=now,
        cost="the clock follows the load: a row's first samples are slow, and times "
        "of different days differ; turns keep a comparison fair",
        advice="sudo cpupower frequency-set -g performance",
    )


def _turbo(facts: Facts) -> Finding:
    name = "turbo"
    if facts.turbo is None:
        return _unknown(facts, name, "/sys/devices/system/cpu/cpufreq/boost")
    if not facts.turbo:
        return Finding(name=name, state="fine", now="off")
    return Finding(
        name=name,
        state="costs",
        now="on",
        cost="the clock depends on heat and on how many cores work: rows with more "
        "threads run at a lower one, so that scaling looks worse than it is",
        advice="for scaling rows: echo 1 | sudo tee "
        "/sys/devices/system/cpu/intel_pstate/no_turbo, or 0 into cpufreq/boost",
    )


def _load(facts: Facts) -> Finding:
    name = "load"
    idle = idle_cpus(facts)
    average = "unknown" if facts.load is None else f"{facts.load:.2f}"
    if idle is None:
        if facts.load is None:
            return _unknown(facts, name, "/proc/stat", "/proc/loadavg")
        is_full = facts.load > facts.cpus - IDLE_LEAST_CPUS
        now = f"average {average} on {facts.cpus} CPUs; what is idle is unknown"
        return Finding(
            name=name,
            state="costs" if is_full else "fine",
            now=now,
            cost="others may compute beside what is measured" if is_full else "",
            advice="see what runs, and end it or wait" if is_full else "",
        )
    now = f"{idle:.1f} of {facts.cpus} CPUs idle, load average {average}"
    if idle >= min(IDLE_LEAST_CPUS, facts.cpus):
        return Finding(name=name, state="fine", now=now)
    return Finding(
        name=name,
        state="unfit",
        now=now,
        cost="what is measured waits for its turns: wall times hold the others' work, "
        "and CPU times their cache misses",
        advice="end what runs (see busy processes), or wait",
    )


def _processes(facts: Facts) -> Finding:
    name = "busy processes"
    if facts.first.processes is None or facts.second.processes is None:
        return _unknown(facts, name, "/proc/stat")
    found = busy(facts)
    if not found:
        return Finding(name=name, state="fine", now="none that can be seen")
    shown = ", ".join(f"{n} ({pid}) {cpus:.0%}" for n, pid, cpus in found[:5])
    more = f" and {len(found) - 5} more" * (len(found) > 5)
    return Finding(
        name=name,
        state="costs",
        now=f"{shown}{more} of a CPU",
        cost="they share caches, memory and, where CPUs are few, the CPU",
        advice="end them, or keep them off the CPUs that are measured (taskset)",
    )


def _steal(facts: Facts) -> Finding:
    name = "steal"
    parts = _ticks(facts)
    if parts is None or "steal" not in parts:
        return _unknown(facts, name, "/proc/stat")
    share = parts["steal"]
    now = f"{share:.1%} in {facts.window_s:.1f} s"
    total = sum((facts.second.ticks or {}).values())
    if total:
        now += f", {(facts.second.ticks or {}).get('steal', 0) / total:.1%} since boot"
    if share < STEAL_COSTS:
        return Finding(name=name, state="fine", now=now)
    return Finding(
        name=name,
        state="unfit" if share >= STEAL_UNFIT else "costs",
        now=now,
        cost=f"the host runs others in our place: wall times are {share:.0%} longer on "
        "average, in bursts that hit some samples and not others",
        advice="a machine with CPUs of its own, or another hour",
    )


def _machine(facts: Facts) -> Finding:
    name = "virtual machine"
    if facts.hypervisor is None:
        return _unknown(facts, name, "/proc/cpuinfo")
    if not facts.hypervisor:
        return Finding(name=name, state="fine", now="none")
    return Finding(
        name=name,
        state="costs",
        now=f"hypervisor {facts.hypervisor}",
        cost="clock, heat and neighbours are the host's and cannot be seen here; page "
        "faults, system calls and wake-ups are dearer than on the machine itself",
        advice="compare builds on it, but quote absolute times of another machine",
    )


def _smt(facts: Facts) -> Finding:
    name = "SMT"
    if facts.smt is None:
        return _unknown(facts, name, "/sys/devices/system/cpu/smt/active")
    if not facts.smt:
        return Finding(name=name, state="fine", now="off, or one thread per core")
    return Finding(
        name=name,
        state="costs",
        now="on: two threads share a core",
        cost="threads that land on one core get little more than half each: rows with "
        "threads scatter, and scaling ends at half of the CPUs",
        advice="keep to one thread of each core (taskset), or echo off | sudo tee "
        "/sys/devices/system/cpu/smt/control",
    )


def _aslr(facts: Facts) -> Finding:
    name = "ASLR"
    if facts.aslr is None:
        return _unknown(facts, name, "/proc/sys/kernel/randomize_va_space")
    if facts.aslr:
        return Finding(
            name=name,
            state="fine",
            now="on" if facts.aslr > 1 else "on, but not for the heap",
            cost="each process has another layout, so a row differs between processes; "
            "fresh processes per pair average over it",
            advice="leave it on",
        )
    return Finding(
        name=name,
        state="costs",
        now="off",
        cost="all processes of a build share one layout: a difference between builds "
        "may be luck of it, and no number of pairs shows that",
        advice="sudo sysctl kernel.randomize_va_space=2",
    )


def _quota(facts: Facts) -> Finding:
    name = "CPU quota"
    if not facts.groups_known:
        return _unknown(facts, name, "/proc/self/cgroup", "/proc/self/mountinfo")
    if facts.quota_cpus is None:
        return Finding(name=name, state="fine", now="none")
    now = f"{facts.quota_cpus:g} CPUs, on {facts.cpus}"
    if facts.quota_cpus >= facts.cpus:
        return Finding(name=name, state="fine", now=now)
    is_unfit = facts.quota_cpus < 1
    return Finding(
        name=name,
        state="unfit" if is_unfit else "costs",
        now=now,
        cost="even one thread is stopped for a part of each period"
        if is_unfit
        else f"more than {int(facts.quota_cpus)} threads are stopped for a part of "
        "each period, as gaps of milliseconds",
        advice="a container with a whole number of CPUs pinned to it (--cpuset-cpus) "
        "and no quota (--cpus)",
    )


def _throttling(facts: Facts) -> Finding:
    name = "throttling"
    first, second = facts.first.throttled, facts.second.throttled
    if first is None or second is None:
        why = "the control group has no such count" if facts.groups_known else ""
        return _unknown(facts, name, "/proc/self/cgroup", why=why)
    times = second - first
    now = f"{times} times in {facts.window_s:.1f} s, {second} since the group is there"
    if times > 0:
        return Finding(
            name=name,
            state="unfit",
            now=now,
            cost="the quota stops all threads at once, for milliseconds",
            advice="a larger quota, or none",
        )
    if second > 0:
        return Finding(
            name=name,
            state="costs",
            now=now,
            cost="what used the CPUs as fully as a benchmark was stopped by the quota",
            advice="fewer threads than the quota has CPUs, or a larger one",
        )
    return Finding(name=name, state="fine", now="never")


def _clock_source(facts: Facts) -> Finding:
    name = "clock source"
    source = facts.clock_source
    if source is None:
        path = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
        return _unknown(facts, name, path)
    if source in _QUICK_CLOCKS:
        return Finding(name=name, state="fine", now=source)
    better = [one for one in facts.clock_sources if one in _QUICK_CLOCKS]
    return Finding(
        name=name,
        state="costs",
        now=source,
        cost="each reading is a system call or slower, about a microsecond: short "
        "windows and latencies hold it",
        advice=f"echo {better[0]} | sudo tee /sys/devices/system/clocksource/"
        "clocksource0/current_clocksource"
        if better
        else "the kernel offers no quicker one here; see dmesg for why",
    )


def _clock_cost(facts: Facts) -> Finding:
    name = "clock"
    if facts.clock_ns is None:
        return _unknown(facts, name)
    step = facts.clock_step_ns
    now = f"{facts.clock_ns:.0f} ns per reading from Python, " + (
        "least step unknown" if step is None else f"least step {step:.0f} ns"
    )
    if max(facts.clock_ns, step or 0.0) < CLOCK_COSTS_NS:
        return Finding(name=name, state="fine", now=now)
    return Finding(
        name=name,
        state="costs",
        now=now,
        cost="times of single short calls hold it twice",
        advice="see clock source; windows of a millisecond, as of kernels, do not mind",
    )


def _pressure(facts: Facts, resource: str) -> Finding:
    name = f"{resource} pressure"
    value = facts.pressure.get(resource)
    if value is None:
        return _unknown(facts, name, f"/proc/pressure/{resource}")
    now = f"some task waited {value:.0f} % of the last 10 s"
    if value < PRESSURE_COSTS:
        return Finding(name=name, state="fine", now=now)
    is_unfit = resource == "memory" and value >= PRESSURE_MEMORY_UNFIT
    cost, advice = {
        "cpu": (
            "there was more to run than CPUs, so what is measured may wait as well",
            "see load",
        ),
        "memory": (
            "memory is taken back or swapped: any access may wait for a disk",
            "end what takes the memory, or wait",
        ),
        "io": (
            "rows that read or write files wait for others; so do imports",
            "wait until the disk is quiet",
        ),
    }[resource]
    state: State = "unfit" if is_unfit else "costs"
    return Finding(name=name, state=state, now=now, cost=cost, advice=advice)


def _heat(facts: Facts) -> Finding:
    name = "thermal throttling"
    first, second = facts.first.heat_events, facts.second.heat_events
    warm = (
        "" if facts.temperature_c is None else f", hottest {facts.temperature_c:.0f} °C"
    )
    if first is None or second is None:
        finding = _unknown(
            facts,
            name,
            why="in a virtual machine only the host sees it"
            if facts.hypervisor
            else "",
        )
        if not warm:
            return finding
        return Finding(name=name, state="unknown", now=f"{finding.now}{warm}")
    times = second - first
    now = f"{times} times in {facts.window_s:.1f} s, {second} since boot{warm}"
    if times > 0:
        return Finding(
            name=name,
            state="unfit",
            now=now,
            cost="the clock is cut for heat: what runs later is slower",
            advice="let it cool, clean the fan, or measure with turbo off",
        )
    if second > 0:
        return Finding(
            name=name,
            state="costs",
            now=now,
            cost="under load this machine has been slowed before, and may be again "
            "during a long run",
            advice="turbo off, and shorter runs with pauses",
        )
    return Finding(name=name, state="fine", now=f"never{warm}")


def _page(facts: Facts) -> Finding:
    name = "page size"
    if facts.page_bytes is None:
        return _unknown(facts, name)
    now = f"{facts.page_bytes:,} bytes"
    if facts.page_bytes == PAGE_BYTES:
        return Finding(name=name, state="fine", now=now)
    return Finding(
        name=name,
        state="costs",
        now=now,
        cost="memory is counted in whole pages: sizes and page faults are not those of "
        "machines with pages of 4,096 bytes",
        advice="compare memory rows between machines of one page size",
    )


def _huge_pages(facts: Facts) -> Finding:
    name = "huge pages"
    if facts.huge_pages is None:
        return _unknown(facts, name, "/sys/kernel/mm/transparent_hugepage/enabled")
    now = f"transparent: {facts.huge_pages}"
    if facts.huge_pages != "always":
        return Finding(name=name, state="fine", now=now)
    return Finding(
        name=name,
        state="costs",
        now=now,
        cost="whether an arena gets a huge page is luck: resident memory moves in "
        "steps of 2 MiB, and memory rows differ between processes",
        advice="echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
    )
