"""What the system says of this machine now: a snapshot, read and not judged.

Everything is read from ``/proc`` and ``/sys``, as any user may. What is not there or
not allowed is None, and `Facts.unread` says which file it was and why.
"""

from __future__ import annotations

import itertools
import os
import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

# Seconds between the two readings of what only counts up.
WINDOW_S = 1.0

_GROUPS = "proc/self/cgroup"
_MOUNTS = "proc/self/mountinfo"
_CPU = "sys/devices/system/cpu"
_CLOCK = "sys/devices/system/clocksource/clocksource0"
_STAT = "proc/stat"
_HUGE_PAGES = "sys/kernel/mm/transparent_hugepage/enabled"

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
    """A snapshot; None where something cannot be read.

    Parameters
    ----------
    system : str
        As `platform.system` has it.
    cpus : int
        CPUs that this process may run on.
    governors : tuple of str
        One per CPU that has a choice.
    turbo : bool
        Whether clocks above the nominal one are allowed.
    load : float
        The load average of one minute.
    smt : bool
        Whether cores run two threads.
    aslr : int
        ``kernel.randomize_va_space``: 0 off, 2 full.
    groups_known : bool
        Whether the control groups could be read; no quota is then unlimited.
    quota_cpus : float
        The least quota of this group and those above, in CPUs.
    clock_source : str
        What the kernel reads the time from.
    clock_sources : tuple of str
        What else it could.
    clock_ns, clock_step_ns : float
        What one reading from Python takes, and the least step between two.
    pressure : mapping of str to float
        Share of the last ten seconds in which something waited, per cent, by resource.
    temperature_c : float
        The hottest sensor.
    page_bytes : int
        Size of a page.
    huge_pages : str
        ``always``, ``madvise`` or ``never``.
    hypervisor : str
        What is known of it; empty without one.
    first, second : Counters
        Before and after the window.
    window_s : float
        Seconds between the two.
    unread : mapping of str to str
        Paths that could not be read, with the reason.
    """

    system: str
    cpus: int
    governors: tuple[str, ...] | None = None
    turbo: bool | None = None
    load: float | None = None
    smt: bool | None = None
    aslr: int | None = None
    groups_known: bool = False
    quota_cpus: float | None = None
    clock_source: str | None = None
    clock_sources: tuple[str, ...] = ()
    clock_ns: float | None = None
    clock_step_ns: float | None = None
    pressure: Mapping[str, float] = field(default_factory=dict)
    temperature_c: float | None = None
    page_bytes: int | None = None
    huge_pages: str | None = None
    hypervisor: str | None = None
    first: Counters = field(default_factory=Counters)
    second: Counters = field(default_factory=Counters)
    window_s: float = 0.0
    unread: Mapping[str, str] = field(default_factory=dict)


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
    usable = _affinity() if cpus is None else cpus
    reader = _Reader(root)
    folders = [*_group_folders(reader)]
    quotas = [q for q in map(reader.quota, folders) if q is not None]
    clock_ns, clock_step_ns = _time_clock()
    start = time.monotonic()
    first = _counters(reader, usable, folders)
    wait()
    second = _counters(reader, usable, folders)
    window_s = time.monotonic() - start
    return Facts(
        system=platform.system(),
        cpus=len(usable),
        governors=_governors(reader, usable),
        turbo=_turbo(reader),
        load=_load(reader),
        smt=_flag(reader.text(f"{_CPU}/smt/active")),
        aslr=_whole(reader.text("proc/sys/kernel/randomize_va_space")),
        groups_known=bool(folders),
        quota_cpus=min(quotas, default=None),
        clock_source=reader.text(f"{_CLOCK}/current_clocksource"),
        clock_sources=tuple(
            (reader.text(f"{_CLOCK}/available_clocksource") or "").split()
        ),
        clock_ns=clock_ns,
        clock_step_ns=clock_step_ns,
        pressure=_pressure(reader),
        temperature_c=_temperature(reader),
        page_bytes=_page_bytes(),
        huge_pages=_chosen(reader.text(_HUGE_PAGES)),
        hypervisor=_hypervisor(reader),
        first=first,
        second=second,
        window_s=window_s,
        unread=dict(reader.unread),
    )


class _Reader:
    """Reads small files below a root, and remembers which it could not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unread: dict[str, str] = {}

    def text(self, path: str) -> str | None:
        """Return a file's text without the white space around it."""
        try:
            text = (self.root / path).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            self.unread[f"/{path}"] = "not there"
        except PermissionError:
            self.unread[f"/{path}"] = "no permission to read it"
        except OSError as error:
            # Files of drivers that do not support it: EINVAL, ENODEV, EOPNOTSUPP.
            self.unread[f"/{path}"] = error.strerror or str(error)
        else:
            return text.strip()
        return None

    def names(self, folder: str, pattern: str) -> list[str]:
        """List what is in a folder, as paths below the root."""
        try:
            found = sorted((self.root / folder).glob(pattern))
        except OSError:
            return []
        return [str(path.relative_to(self.root)) for path in found]

    def quota(self, folder: str) -> float | None:
        """Return the quota of a control group in CPUs; None without one."""
        words = (self._quiet(f"{folder}/cpu.max") or "").split()
        if not words:
            quota = self._quiet(f"{folder}/cpu.cfs_quota_us")
            words = [quota or "max", self._quiet(f"{folder}/cpu.cfs_period_us") or ""]
        try:
            ratio = int(words[0]) / int(words[1])
        except (ValueError, ZeroDivisionError, IndexError):
            return None
        return ratio if ratio > 0 else None

    def throttled(self, folder: str) -> int | None:
        """Return how often a control group was stopped."""
        for line in (self._quiet(f"{folder}/cpu.stat") or "").splitlines():
            name, _, value = line.partition(" ")
            if name == "nr_throttled":
                return _whole(value)
        return None

    def _quiet(self, path: str) -> str | None:
        """Read what one version of the control groups has and the other has not."""
        try:
            return (self.root / path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None


def _group_folders(reader: _Reader) -> Iterator[str]:
    """Yield the folders that may limit the CPU: this group's and those above it."""
    groups, mounts = reader.text(_GROUPS), reader.text(_MOUNTS)
    if groups is None or mounts is None:
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
            start = mounted.relative_to("/")
            for part in (inside, *inside.parents):
                yield str(start / part)
                if part == PurePosixPath():
                    break


def _group_mounts(
    mounts: str, *, is_v2: bool
) -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
    """Yield (root within the hierarchy, where it is mounted)."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        place, kind = before.split(), after.split()
        if len(place) < 5 or len(kind) < 3:
            continue
        is_one = kind[0] == "cgroup" and "cpu" in kind[2].split(",")
        if kind[0] == "cgroup2" if is_v2 else is_one:
            yield PurePosixPath(place[3]), PurePosixPath(place[4])


def _counters(
    reader: _Reader, cpus: Collection[int], folders: Collection[str]
) -> Counters:
    throttled = [n for n in map(reader.throttled, folders) if n is not None]
    # A package's count is repeated at each of its cores.
    heat = {
        name: _whole(reader.text(name))
        for cpu in sorted(cpus)
        for name in reader.names(
            f"{_CPU}/cpu{cpu}/thermal_throttle", "*_throttle_count"
        )
    }
    events = [number for number in heat.values() if number is not None]
    return Counters(
        ticks=_ticks(reader.text(_STAT), cpus),
        throttled=sum(throttled) if throttled else None,
        heat_events=sum(events) if events else None,
        processes=_processes(reader),
    )


def _ticks(stat: str | None, cpus: Collection[int]) -> dict[str, int] | None:
    """Sum the states of the CPUs that count."""
    total: dict[str, int] = {}
    wanted = {f"cpu{cpu}" for cpu in cpus}
    for line in (stat or "").splitlines():
        name, *values = line.split()
        if name in wanted:
            for state, value in zip(_STATES, values, strict=False):
                total[state] = total.get(state, 0) + (_whole(value) or 0)
    return total or None


def _processes(reader: _Reader) -> dict[tuple[int, str], Process] | None:
    """Read name and CPU time of all processes that can be seen."""
    found: dict[tuple[int, str], Process] = {}
    for name in reader.names("proc", "[0-9]*"):
        number = _whole(Path(name).name)
        try:
            stat = (reader.root / name / "stat").read_text(
                encoding="utf-8", errors="replace"
            )
        except OSError:
            continue  # it has ended
        # The name may hold spaces and brackets; nothing after the last one does.
        before, _, after = stat.rpartition(")")
        fields = after.split()
        if number is None or number == os.getpid() or len(fields) < 20:
            continue
        ticks = (_whole(fields[11]) or 0) + (_whole(fields[12]) or 0)
        found[number, fields[19]] = Process(
            name=before.partition("(")[2], cpu_s=ticks / _ticks_per_s()
        )
    return found or None


def _governors(reader: _Reader, cpus: Collection[int]) -> tuple[str, ...] | None:
    found = [
        reader.text(f"{_CPU}/cpu{cpu}/cpufreq/scaling_governor") for cpu in sorted(cpus)
    ]
    return tuple(one for one in found if one) or None


def _turbo(reader: _Reader) -> bool | None:
    refused = _flag(reader.text(f"{_CPU}/intel_pstate/no_turbo"))
    if refused is not None:
        return not refused
    return _flag(reader.text(f"{_CPU}/cpufreq/boost"))


def _load(reader: _Reader) -> float | None:
    text = reader.text("proc/loadavg")
    if text is not None:
        return _number(text.split()[0]) if text else None
    try:
        # macOS has no /proc, but this.
        return os.getloadavg()[0] if reader.root == Path("/") else None
    except (AttributeError, OSError):
        return None


def _pressure(reader: _Reader) -> dict[str, float]:
    """Read the share of ten seconds in which at least one task waited."""
    found = {}
    for resource in ("cpu", "memory", "io"):
        for line in (reader.text(f"proc/pressure/{resource}") or "").splitlines():
            kind, *pairs = line.split()
            value = _number(dict(p.partition("=")[::2] for p in pairs).get("avg10"))
            if kind == "some" and value is not None:
                found[resource] = value
    return found


def _temperature(reader: _Reader) -> float | None:
    """Return the hottest zone; the files are in thousandths of a degree."""
    values = [
        _whole(reader.text(name))
        for name in reader.names("sys/class/thermal", "thermal_zone*/temp")
    ]
    return max((value / 1000 for value in values if value is not None), default=None)


def _hypervisor(reader: _Reader) -> str | None:
    """Return what is known of a hypervisor, "" without one, None if unknown."""
    named = [
        reader.text(path)
        for path in (
            "sys/hypervisor/type",
            "sys/class/dmi/id/sys_vendor",
            "sys/class/dmi/id/product_name",
        )
    ]
    cpuinfo = reader.text("proc/cpuinfo")
    if cpuinfo is None:
        return None
    flags = [
        line.partition(":")[2].split()
        for line in cpuinfo.splitlines()
        if line.startswith(("flags", "Features"))
    ]
    if named[0] or any("hypervisor" in words for words in flags):
        return " ".join(name for name in named if name) or "of unknown make"
    # Only x86 has the flag: elsewhere its absence says nothing.
    is_x86 = any("sse2" in words for words in flags)
    return "" if is_x86 else None


def _time_clock() -> tuple[float, float | None]:
    """Return what a reading of the clock takes from Python, and its least step, in ns.

    The fastest of a few batches: a batch that was interrupted says nothing of it.
    """
    clock = time.perf_counter_ns
    calls = 2_000
    best = min(_batch(clock, calls) for _ in range(7)) / calls
    readings = [clock() for _ in range(calls)]
    steps = [
        after - before
        for before, after in itertools.pairwise(readings)
        if after > before
    ]
    return best, min(steps, default=None)


def _batch(clock: Callable[[], int], calls: int) -> int:
    start = clock()
    for _ in range(calls):
        clock()
    return clock() - start


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _page_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _ticks_per_s() -> int:
    try:
        return os.sysconf("SC_CLK_TCK")
    except (AttributeError, ValueError, OSError):
        return 100


def _chosen(text: str | None) -> str | None:
    """Return the word in brackets of ``always [madvise] never``."""
    for word in (text or "").split():
        if word.startswith("[") and word.endswith("]"):
            return word[1:-1]
    return None


def _flag(text: str | None) -> bool | None:
    return {"0": False, "1": True}.get(text or "")


def _whole(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
