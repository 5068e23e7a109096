"""How a function scales with threads, over fresh processes, and what it is beside.

A repeat is one process that runs the function on 1, 2, 4, ... threads in turns, and
then as many processes of one thread each, alone and together. The unit is the process:
what lies in one cache line, and what has specialised, is decided once in each.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Self

from pybench import children
from pybench.children import Child
from pybench.interpreters import Interpreter
from pybench.profiles.child_programs import ChildError, ask
from pybench.profiles.machine import usable_cpus
from pybench.profiles.machine_speed import PROGRAM, Probe
from pybench.profiles.means import profiled
from pybench.profiles.scaling_diagnosis import NO_INTERVAL, diagnose, words
from pybench.profiles.scaling_targets import ScalingTarget
from pybench.profiles.targets import PROGRAMS
from pybench.profiles.topology import read_topology, usable_at_once
from pybench.records.documents import DocumentError, convert, decode
from pybench.records.means import Mean
from pybench.records.scaling import (
    RUN,
    Contended,
    Kind,
    ScalingOrder,
    ScalingPoint,
    ScalingProfile,
    ScalingReport,
    ScalingWindow,
    Suspect,
    Work,
)
from pybench.records.speed_ups import LEAST_PROCESSES, median_of, modes, of_turns

WINDOW_NS = 8_000_000
# All windows of one process; of its group of processes about half as much.
BUDGET_NS = 1_500_000_000
GROUP_WINDOWS = 9
# A window of more threads than CPUs is so many times shorter at most.
SHORTEST = 16
# What is compared with what the threads do as it is.
_RE_RUNS = (Work.PRIVATE, Work.GC_OFF, Work.IMMORTAL)
# What a note says of a work that was not run.
_WITHOUT = {
    Work.PRIVATE: "no copy of the module for each thread",
    Work.IMMORTAL: "nothing was made immortal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One process of threads, and the group of processes after it.

    `message_ns` is what a message between the first two of its CPUs took; None if that
    is not known.
    """

    threads: ScalingReport
    message_ns: float | None = None
    # Calls of all processes together, over those of one alone, by their number.
    processes: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An interpreter with its name, and what its processes need to run rows.

    `packages` is the folder of `start_pytest`, for one that lacks pybench.
    """

    interpreter: Interpreter
    name: str = ""
    packages: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)


class ScalingError(Exception):
    """A child that ended, hung or answered something odd."""


def measure(
    place: Place,
    target: ScalingTarget,
    counts: Sequence[int],
    repeats: int,
    timeout_s: float,
) -> Iterator[Repeat]:
    """Measure repeat after repeat.

    Raises
    ------
    ScalingError
        If a process gives no answer, or the target fails.
    """
    order = _order(place, target, counts)
    for _ in range(repeats):
        threads = _asked(place, order, timeout_s)
        message = message_ns(timeout_s) if max(counts) > 1 else None
        groups = group_speed_ups(place, order, timeout_s)
        yield Repeat(threads=threads, message_ns=message, processes=groups)


def message_ns(timeout_s: float) -> float | None:
    """Return what a message between the CPUs of two threads takes; None if unknown.

    What threads share costs by it, and a hypervisor may move CPUs while they run.
    """
    cpus = sorted(usable_cpus())[:2]
    if len(cpus) < 2 or not hasattr(os, "sched_setaffinity"):
        return None
    probe = Probe("message", "ordering_message", {}, tuple(cpus))
    try:
        answer = ask(
            Path(sys.executable), PROGRAM, {"probes": [asdict(probe)]}, timeout_s
        )
    except ChildError:  # a Python without the extension
        return None
    found: float | None = answer["ns"][probe.key]
    return found


def rows(place: Place, target: ScalingTarget, timeout_s: float) -> list[ScalingTarget]:
    """Return the rows that a target means, each a target; others are one by itself.

    Raises
    ------
    ScalingError
        If there are none.
    """
    if target.kind != Kind.ROWS:
        return [target]
    report = _asked(place, _order(place, target, ()), timeout_s)
    return [target.row(name) for name in report.rows]


def _order(place: Place, target: ScalingTarget, counts: Sequence[int]) -> ScalingOrder:
    # Threads that wait for a CPU do their calls one after the other: many of them would
    # take a time-out's time for a window.
    usable = usable_at_once(read_topology())
    shorter = min(SHORTEST, max([usable, *counts]) // usable)
    return ScalingOrder(
        target=target.name,
        kind=target.kind,
        options=target.options,
        packages=place.packages,
        threads=tuple(counts),
        window_ns=WINDOW_NS // shorter,
        budget_ns=BUDGET_NS,
    )


def _asked(place: Place, order: ScalingOrder, timeout_s: float) -> ScalingReport:
    with _Session(place, order, timeout_s) as session:
        return session.answer()


def group_speed_ups(
    place: Place, order: ScalingOrder, timeout_s: float
) -> dict[int, float]:
    """Return what processes of one thread each do, over what one of them does alone.

    Those of one group begin together, and each has the same calls to do: what lies
    after the first has ended is not counted.
    """
    usable = sorted(usable_cpus()) if hasattr(os, "sched_setaffinity") else []
    # More of them than CPUs would do no more, and need memory each.
    most = min(max(order.threads), usable_at_once(read_topology()))
    with ExitStack() as stack:
        members = [
            stack.enter_context(
                _Session(
                    place,
                    replace(
                        order,
                        threads=(),
                        cpu=usable[number] if usable else None,
                    ),
                    timeout_s,
                )
            )
            for number in range(most)
        ]
        ready = [member.answer() for member in members]
        calls = ready[0].calls
        alone_ns: list[float] = []
        together: dict[int, list[float]] = {}
        for count in [count for count in order.threads if count <= most]:
            chosen = members[:count]
            for member in chosen:
                member.tell(f"{RUN} {GROUP_WINDOWS} {calls}")
            windows = [_middle(member.answer()) for member in chosen]
            if count == 1:
                alone_ns = windows
            together[count] = windows
    return {
        count: sum(alone_ns[0] / window_ns for window_ns in windows)
        for count, windows in together.items()
        if count > 1
    }


def _middle(report: ScalingReport) -> float:
    """Return the median time of the windows of one thread, in ns."""
    return statistics.median(turn[Work.SHARED]["1"].ends_ns[0] for turn in report.turns)


def scaling_profile(
    place: Place,
    target: ScalingTarget,
    counts: Sequence[int],
    repeats: Sequence[Repeat],
) -> ScalingProfile:
    """Put the repeats together, and say what they show."""
    reports = [repeat.threads for repeat in repeats]
    # Of more threads than CPUs nothing is judged.
    most = max([count for of in repeats for count in of.processes] or [counts[-1]])
    judged, other = by_distance(repeats, most)
    points = tuple(_point(count, judged) for count in counts if count > 1)
    elsewhere = tuple(_point(count, other) for count in counts if count > 1 and other)
    notes = [
        f"{_WITHOUT[Work(work)]}: {why}"
        for work, why in dict.fromkeys(
            chain.from_iterable(
                (report.unavailable or {}).items() for report in reports
            )
        )
    ]
    suspects = merged(reports)
    named = found_by_most(reports)
    on = [report for report in reports if report.gil_enabled]
    if target.kind == Kind.SCRIPT:
        notes.append(
            "a call runs the whole script; threads share what it imports, sys.argv and "
            "its files"
        )
    if other:
        notes.append(
            f"judged: {_apart(judged)}; {_apart(other)} do "
            f"{words(elsewhere[-1].by_work[Work.SHARED])} times"
        )
    if 0 < len(judged) < LEAST_PROCESSES:
        notes.append(f"{NO_INTERVAL}; here are {len(judged)} of {len(repeats)}")
    return ScalingProfile(
        target=target.name,
        arm=place.name,
        interpreter=profiled(place.interpreter),
        processes=len(repeats),
        points=points,
        elsewhere=elsewhere,
        speed_ups=_speed_ups(repeats, most),
        message_ns=tuple(repeat.message_ns for repeat in repeats),
        diagnosis=diagnose(
            points,
            gil_enabled=bool(on),
            culprit=next((report.culprit for report in on), ""),
            suspects=suspects,
            contended=named,
        ),
        suspects=suspects,
        contended=named,
        notes=tuple(notes),
    )


def by_distance(
    repeats: Sequence[Repeat], threads: int
) -> tuple[Sequence[Repeat], Sequence[Repeat]]:
    """Part the processes by the distance of their CPUs where both have two modes.

    The first are those to be judged, the more of them. Without two modes they are all.
    """
    known = [of.message_ns for of in repeats if of.message_ns is not None]
    parts = modes(known) if len(known) == len(repeats) else {}
    if not parts or not modes(_speed_ups(repeats, threads)):
        return repeats, []
    most = sorted(known)[int(parts["mode_1_processes"]) - 1]
    near = [of for of in repeats if (of.message_ns or 0.0) <= most]
    far = [of for of in repeats if (of.message_ns or 0.0) > most]
    return (near, far) if len(near) >= len(far) else (far, near)


def _speed_ups(repeats: Sequence[Repeat], threads: int) -> tuple[float, ...]:
    return tuple(of_turns(of.threads.turns, Work.SHARED, threads) for of in repeats)


def _apart(repeats: Sequence[Repeat]) -> str:
    middle = statistics.median(of.message_ns or 0.0 for of in repeats)
    return f"{len(repeats)} processes whose CPUs are {middle:.0f} ns apart"


def found_by_most(reports: Sequence[ScalingReport]) -> tuple[Contended, ...]:
    """Return the objects that half of the processes or more found, the costliest first.

    Where objects lie differs by process; what one alone found may be a disturbance.
    """
    of_name: dict[tuple[str, str], list[Contended]] = {}
    for each in chain.from_iterable(report.contended for report in reports):
        of_name.setdefault((each.name, each.kind), []).append(each)
    named = [
        replace(
            every[0],
            speed_up=statistics.median(each.speed_up for each in every),
            processes=len(every),
        )
        for every in of_name.values()
        if 2 * len(every) >= len(reports)
    ]
    return tuple(sorted(named, key=lambda each: each.speed_up))


def merged(reports: Sequence[ScalingReport]) -> tuple[Suspect, ...]:
    """Add up what was seen of each object; the most counted one comes first."""
    of_object: dict[tuple[str, str], Suspect] = {}
    for each in chain.from_iterable(report.suspects for report in reports):
        before = of_object.get((each.name, each.kind))
        of_object[each.name, each.kind] = (
            each
            if before is None
            else replace(
                each,
                samples=each.samples + before.samples,
                count_changes=each.count_changes + before.count_changes,
                locked=each.locked + before.locked,
            )
        )
    return tuple(sorted(of_object.values(), key=lambda each: each.rank))


def _point(count: int, repeats: Sequence[Repeat]) -> ScalingPoint:
    key = str(count)
    speed_ups: dict[Work, list[float]] = {}
    gains: dict[Work, list[float]] = {}
    off_cpu: list[float] = []
    waited: list[float] = []
    late: list[float] = []
    shared: list[ScalingWindow] = []
    calls = 0  # of one thread
    for repeat in repeats:
        turns = repeat.threads.turns
        as_it_is = of_turns(turns, Work.SHARED, count)
        for work in Work:
            if any(work in turn for turn in turns):
                value = of_turns(turns, work, count)
                speed_ups.setdefault(work, []).append(value)
                gains.setdefault(work, []).append(value / as_it_is)
        windows = [turn[Work.SHARED][key] for turn in turns]
        shared += windows
        calls += len(windows) * repeat.threads.calls
        late.append(statistics.median(of.late_ns / sum(of.ends_ns) for of in windows))
        off_cpu.append(statistics.median(map(_blocked_share, windows)))
        known = [
            of.waited_ns / sum(of.ends_ns) for of in windows if of.waited_ns is not None
        ]
        if known:
            waited.append(statistics.median(known))
    return ScalingPoint(
        threads=count,
        by_work=_means(speed_ups),
        gains=_means({work: gains[work] for work in _RE_RUNS if work in gains}),
        modes=modes(speed_ups[Work.SHARED]),
        processes=median_of(
            [each.processes[count] for each in repeats if count in each.processes]
        ),
        off_cpu_share=statistics.median(off_cpu),
        waited_share=statistics.median(waited) if waited else None,
        late_share=statistics.median(late),
        # Sums: the system counts its time by ticks, more than a window is long.
        system_share=sum(of.system_ns for of in shared)
        / max(sum(of.cpu_ns for of in shared), 1),
        faults=sum(of.faults for of in shared) / max(count * calls, 1),
    )


def _means(values: Mapping[Work, Sequence[float]]) -> dict[str, Mean]:
    means = {str(work): median_of(each) for work, each in values.items()}
    return {work: mean for work, mean in means.items() if mean}


def _blocked_share(of: ScalingWindow) -> float:
    """Return which share of its time a thread was neither on a CPU nor ready.

    Without the system's count of those that were ready, they are among the blocked.
    """
    own_ns = sum(of.ends_ns) - of.late_ns
    return max(0.0, 1 - (of.cpu_ns + (of.waited_ns or 0)) / own_ns)


class _Session:
    """A child of `scaling`: told lines, answers lines; ended with all it started."""

    def __init__(self, place: Place, order: ScalingOrder, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        self._rest = b""
        command = [
            str(place.interpreter.path), *place.interpreter.switches,
            "-P", str(PROGRAMS / "start_program.py"),
            "scaling", json.dumps(asdict(order)),
        ]  # fmt: skip
        self._child: Child = children.start(
            command,
            env=os.environ | place.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._child.end_group()
        self._child.wait()
        self._errors.close()

    def tell(self, line: str) -> None:
        """Send a line."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(f"{line}\n".encode())
            self._child.stdin.flush()
        except OSError:
            raise self._ended() from None

    def answer(self) -> ScalingReport:
        """Wait for a line, and read it; `ScalingError` if it says what failed."""
        line = self._line()
        try:
            report: ScalingReport = convert(decode(line), ScalingReport)
        except DocumentError as error:
            raise ScalingError(f"a child answered something odd: {error}") from None
        if report.problem:
            raise ScalingError(report.problem)
        return report

    def _line(self) -> bytes:
        assert self._child.stdout is not None
        descriptor = self._child.stdout.fileno()
        deadline = time.monotonic() + self._timeout_s
        while b"\n" not in self._rest:
            left_s = deadline - time.monotonic()
            ready = left_s > 0 and select.select([descriptor], [], [], left_s)[0]
            if not ready:
                raise ScalingError(
                    f"no answer within {self._timeout_s:g} seconds: it may wait for a "
                    "lock that nobody releases; a longer --timeout?"
                )
            data = os.read(descriptor, 65536)
            if not data:
                raise self._ended()
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _ended(self) -> ScalingError:
        status = self._child.wait()
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace")
        last = children.last_line(text)
        why = f": {last}" if last else ""
        return ScalingError(
            f"a process {children.describe_end(status)} before it answered{why}"
        )
