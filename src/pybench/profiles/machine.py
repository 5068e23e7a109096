"""What the system says of this machine now: a snapshot, read and not judged.

Everything is read from ``/proc`` and ``/sys``, as any user may. What is not there or
not allowed is None, and `Facts.unread` says which file it was and why. Not by psutil,
which the extra of the host does not bring, and which has half of it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from timeit import repeat
from typing import Any

# Seconds between the two readings of what only counts up.
WINDOW_S = 1.0

STAT = "proc/stat"
LOAD = "proc/loadavg"
GROUPS = "proc/self/cgroup"
MOUNTS = "proc/self/mountinfo"
ASLR = "proc/sys/kernel/randomize_va_space"
_CPU = "sys/devices/system/cpu"
SMT = f"{_CPU}/smt/active"
BOOST = f"{_CPU}/cpufreq/boost"
CLOCK = "sys/devices/system/clocksource/clocksource0"
HUGE_PAGES = "sys/kernel/mm/transparent_hugepage/enabled"

# Fields of a line of /proc/stat, in order.
_STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process: its name and the CPU time that it had, in seconds."""

    name: str
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What only counts up, at one moment; None where it cannot be read.

    Parameters
    ----------
    ticks : mapping of str to int
        Time of the usable CPUs by state, in clock ticks summed over them.
    throttled : int
        How often the quota stopped this control group or one above it.
    heat_events : int
        How often cores or packages were slowed for heat.
    processes : mapping of (int, str) to Process
        By number and start, so that a number that is used again is another one;
        without this process.
    """

    ticks: Mapping[str, int] | None = None
    throttled: int | None = None
    heat_events: int | None = None
    processes: Mapping[tuple[int, str], Process] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A snapshot; None where something cannot be read."""

    system: str
    cpus: int  # that this process may run on
    governors: tuple[str, ...] | None = None  # of the CPUs that have a choice
    turbo: bool | None = None
    load: float | None = None  # of one minute
    smt: bool | None = None
    aslr: int | None = None  # kernel.randomize_va_space: 0 off, 2 full
    groups_known: bool = False  # then no quota is unlimited
    quota_cpus: float | None = None  # the least of this group and those above
    clock_source: str | None = None
    clock_sources: tuple[str, ...] = ()  # that there would be
    clock_ns: float | None = None  # of one reading from Python
    clock_step_ns: float | None = None  # the least between two readings
    # Per cent of the last ten seconds in which something waited, by resource.
    pressure: Mapping[str, float] = field(default_factory=dict)
    temperature_c: float | None = None  # of the hottest sensor
    page_bytes: int | None = None
    huge_pages: str | None = None  # always, madvise or never
    hypervisor: str | None = None  # what is known of it; empty without one
    first: Counters = field(default_factory=Counters)
    second: Counters = field(default_factory=Counters)
    window_s: float = 0.0  # between the two
    unread: Mapping[str, str] = field(default_factory=dict)  # path to reason


def read_facts(
    root: Path = Path("/"),
    *,
    wait: Callable[[], None] = lambda: time.sleep(WINDOW_S),
    cpus: Collection[int] | None = None,
) -> Facts:
    """Read everything, twice what counts up.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are; another place in tests.
    wait : callable
        Lets the window pass.
    cpus : collection of int, optional
        The CPUs that count; those of this process without.
    """
    usable = sorted(usable_cpus() if cpus is None else cpus)
    reader = Reader(root)
    folders = [*_group_folders(reader)]
    governors = (
        reader.text(f"{_CPU}/cpu{cpu}/cpufreq/scaling_governor") for cpu in usable
    )
    temperatures = [
        number / 1000  # of thousandths of a degree
        for name in reader.names("sys/class/thermal", "thermal_zone*/temp")
        if (number := reader.number(name)) is not None
    ]
    turned_off = reader.flag(f"{_CPU}/intel_pstate/no_turbo")
    clock_ns, clock_step_ns = _time_clock()
    start = time.monotonic()
    first = _counters(reader, usable, folders)
    wait()
    second = _counters(reader, usable, folders)
    window_s = time.monotonic() - start
    return Facts(
        system=platform.system(),
        cpus=len(usable),
        governors=tuple(filter(None, governors)) or None,
        turbo=reader.flag(BOOST) if turned_off is None else not turned_off,
        load=_load(reader),
        smt=reader.flag(SMT),
        aslr=reader.number(ASLR),
        groups_known=bool(folders),
        quota_cpus=read_quota(reader),
        clock_source=reader.text(f"{CLOCK}/current_clocksource"),
        clock_sources=(*reader.words(f"{CLOCK}/available_clocksource"),),
        clock_ns=clock_ns,
        clock_step_ns=clock_step_ns,
        pressure=_pressure(reader),
        temperature_c=max(temperatures, default=None),
        page_bytes=_sysconf("SC_PAGE_SIZE"),
        # The word in brackets of "always [madvise] never".
        huge_pages=next(
            (word[1:-1] for word in reader.words(HUGE_PAGES) if word[:1] == "["), None
        ),
        hypervisor=_hypervisor(reader),
        first=first,
        second=second,
        window_s=window_s,
        unread=dict(reader.unread),
    )


class Reader:
    """Reads small files below a root, and remembers which it could not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unread: dict[str, str] = {}

    def text(self, path: str, *, expected: bool = True) -> str | None:
        """Return a file's text without the white space around it."""
        try:
            text = (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            # Files of drivers that do not support it: EINVAL, ENODEV, EOPNOTSUPP.
            reasons = {
                FileNotFoundError: "not there",
                PermissionError: "no permission to read it",
            }
            if expected:
                reason = reasons.get(type(error), error.strerror or str(error))
                self.unread[f"/{path}"] = reason
            return None
        return text.strip()

    def quiet(self, path: str) -> str:
        """Return a text that only some systems have, or nothing."""
        return self.text(path, expected=False) or ""

    def flag(self, path: str) -> bool | None:
        """Return what a file with 0 or 1 tells."""
        return {"0": False, "1": True}.get(self.text(path) or "")

    def words(self, path: str) -> list[str]:
        """Return the words of a file; none if it cannot be read."""
        return (self.text(path) or "").split()

    def lines(self, path: str) -> list[list[str]]:
        """Return the words of each line of a file."""
        return [line.split() for line in (self.text(path) or "").splitlines()]

    def number(self, path: str) -> int | None:
        """Return the whole number that a file has."""
        value: int | None = _to(int, self.text(path))
        return value

    def names(self, folder: str, pattern: str) -> list[str]:
        """List what is in a folder, as paths below the root."""
        with contextlib.suppress(OSError):
            paths = sorted((self.root / folder).glob(pattern))
            return [str(path.relative_to(self.root)) for path in paths]
        return []


def _to(kind: Callable[[str], Any], text: str | None) -> Any:
    """Return a number, None for what is none."""
    try:
        return kind(text or "")
    except ValueError:
        return None


def _sysconf(name: str) -> int | None:
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return os.sysconf(name)
    return None


def usable_cpus() -> Collection[int]:
    """Return the CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _group_folders(reader: Reader) -> Iterator[str]:
    """Yield the folders that may limit the CPU: this group's and those above it."""
    groups, mounts = reader.text(GROUPS), reader.lines(MOUNTS)
    if groups is None:
        return
    for line in groups.splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        for top, mounted in _group_mounts(mounts, is_v2=not controllers):
            group = PurePosixPath(path or "/")
            # In a container the mount may begin inside the hierarchy.
            inside = PurePosixPath()
            if group.is_relative_to(top):
                inside = group.relative_to(top)
            yield from dict.fromkeys(
                str(mounted.relative_to("/") / part)
                for part in (inside, *inside.parents)
            )


def _group_mounts(
    mounts: Collection[list[str]], *, is_v2: bool
) -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
    """Yield (root within the hierarchy, where it is mounted)."""
    for words in mounts:
        if "-" not in words[5:]:
            continue
        kind, *more = words[words.index("-", 5) + 1 :]
        is_v1 = kind == "cgroup" and "cpu" in ",".join(more[1:2]).split(",")
        if kind == "cgroup2" if is_v2 else is_v1:
            yield PurePosixPath(words[3]), PurePosixPath(words[4])


def read_quota(reader: Reader) -> float | None:
    """Return the least quota of this control group and those above it, in CPUs."""
    quotas = [_quota(reader, folder) for folder in _group_folders(reader)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota(reader: Reader, folder: str) -> float | None:
    """Return the quota of a control group in CPUs; None without one."""
    words = reader.quiet(f"{folder}/cpu.max").split() or [
        reader.quiet(f"{folder}/cpu.cfs_{of}_us") for of in ("quota", "period")
    ]
    try:
        ratio = int(words[0]) / int(words[1])
    except (ValueError, ZeroDivisionError, IndexError):
        return None
    return ratio if ratio > 0 else None


def _counters(
    reader: Reader, cpus: Collection[int], folders: Collection[str]
) -> Counters:
    stops = [
        _to(int, line.split()[1])
        for folder in folders
        for line in reader.quiet(f"{folder}/cpu.stat").splitlines()
        if line.startswith("nr_throttled ")
    ]
    # A package's count is repeated at each of its cores.
    heat = [
        reader.number(name)
        for cpu in cpus
        for name in reader.names(
            f"{_CPU}/cpu{cpu}/thermal_throttle", "*_throttle_count"
        )
    ]
    return Counters(
        ticks=_ticks(reader, cpus),
        throttled=_sum(stops),
        heat_events=_sum(heat),
        processes=_processes(reader),
    )


def _sum(numbers: Collection[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _ticks(reader: Reader, cpus: Collection[int]) -> dict[str, int] | None:
    """Sum the states of the CPUs that count."""
    total: dict[str, int] = {}
    wanted = {f"cpu{cpu}" for cpu in cpus}
    for name, *values in filter(None, reader.lines(STAT)):
        if name in wanted:
            for state, value in zip(_STATES, values, strict=False):
                total[state] = total.get(state, 0) + (_to(int, value) or 0)
    return total or None


def _processes(reader: Reader) -> dict[tuple[int, str], Process] | None:
    """Read name and CPU time of all processes that can be seen."""
    processes: dict[tuple[int, str], Process] = {}
    ticks_per_s = _sysconf("SC_CLK_TCK") or 100
    for name in reader.names("proc", "[0-9]*"):
        # The name may hold spaces and brackets; nothing after the last one does.
        before, _, after = reader.quiet(f"{name}/stat").rpartition(")")
        fields = after.split()
        number = _to(int, Path(name).name)
        if number in (None, os.getpid()) or len(fields) < 20:
            continue
        ticks = (_to(int, fields[11]) or 0) + (_to(int, fields[12]) or 0)
        processes[number, fields[19]] = Process(
            name=before.partition("(")[2], cpu_s=ticks / ticks_per_s
        )
    return processes or None


def _load(reader: Reader) -> float | None:
    words = reader.words(LOAD)
    if words or f"/{LOAD}" not in reader.unread:
        return _to(float, words[0]) if words else None
    # macOS has no /proc, but this.
    with contextlib.suppress(AttributeError, OSError):
        return os.getloadavg()[0] if reader.root == Path("/") else None
    return None


def _pressure(reader: Reader) -> dict[str, float]:
    """Read the share of ten seconds in which at least one task waited."""
    shares = {}
    for resource in ("cpu", "memory", "io"):
        for kind, *pairs in filter(None, reader.lines(f"proc/pressure/{resource}")):
            averages = dict(pair.partition("=")[::2] for pair in pairs)
            value = _to(float, averages.get("avg10"))
            if kind == "some" and value is not None:
                shares[resource] = value
    return shares


def _hypervisor(reader: Reader) -> str | None:
    """Return what is known of a hypervisor, "" without one, None if unknown."""
    folder = "sys/class/dmi/id"
    kind, *names = map(
        reader.text,
        ("sys/hypervisor/type", f"{folder}/sys_vendor", f"{folder}/product_name"),
    )
    cpuinfo = reader.text("proc/cpuinfo")
    if cpuinfo is None:
        return None
    flags = {
        word
        for line in cpuinfo.splitlines()
        if line.startswith(("flags", "Features"))
        for word in line.partition(":")[2].split()
    }
    if kind or "hypervisor" in flags:
        return " ".join(filter(None, [kind, *names])) or "of unknown make"
    # Only x86 has the flag: elsewhere its absence says nothing.
    return "" if "sse2" in flags else None


def _time_clock() -> tuple[float, float | None]:
    """Return what a reading of the clock takes from Python, and its least step, in ns.

    The fastest of a few batches: a batch that was interrupted says nothing of it.
    """
    clock = time.perf_counter_ns
    calls = 2_000
    best_s = min(repeat("clock()", globals={"clock": clock}, number=calls, repeat=7))
    readings = [clock() for _ in range(calls)]
    steps = (after - before for before, after in itertools.pairwise(readings))
    return best_s * 1e9 / calls, min(filter(None, steps), default=None)
