"""The result of `pybench.measure`: rounds per number of threads, and what they say."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybench.notebook.charts import measurement_spec
from pybench.notebook.shown import Shown, escape, table_html
from pybench.records.texts import duration
from pybench.target.process.lazy_results import sentence

# What no number of this kind may be read without.
IN_PROCESS = "in process, one interpreter, kernel threads running"
IN_FRESH_PROCESS = "in one fresh process, one interpreter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round: every thread did the operation `iterations` times.

    Parameters
    ----------
    value_ns : float
        Time of one operation: mean over the threads of the time in their windows, or
        of their CPU time for a kernel whose threads take turns under the GIL.
    cpu_ns : float
        Mean over the threads of the CPU time of one operation.
    elapsed_ns : int
        First start to last finish.
    overlap : float
        Window that all threads shared over the whole window, 0 to 1.
    disturbed : str
        Why the round says little, "" if it does not.
    """

    iterations: int
    value_ns: float
    cpu_ns: float
    elapsed_ns: int
    overlap: float
    disturbed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadCount:
    """All rounds with one number of threads, and those of its control.

    Parameters
    ----------
    threads : int
        Threads that did the operation at the same time.
    rounds, control : tuple of Round
        Of what is measured; of counters that share nothing, taken in between.
    dropped : int
        Disturbed rounds that were left out.
    disturbed : bool
        Whether disturbed rounds had to be kept, for want of others.
    turns : bool
        Whether the threads took turns under the GIL.
    oversubscribed : bool
        Whether there are more threads than usable CPUs.
    """

    threads: int
    rounds: tuple[Round, ...]
    control: tuple[Round, ...]
    dropped: int
    disturbed: bool
    turns: bool
    oversubscribed: bool

    @property
    def median_ns(self) -> float:
        """Median over the rounds of the time of one operation."""
        return statistics.median(r.value_ns for r in self.rounds)

    @property
    def iqr_ns(self) -> float:
        """Distance between the quartiles of the rounds; 0 for a single round."""
        values = [r.value_ns for r in self.rounds]
        if len(values) < 2:
            return 0.0
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return high - low

    @property
    def cpu_ns(self) -> float:
        """Median over the rounds of the CPU time of r operation."""
        return statistics.median(r.cpu_ns for r in self.rounds)

    @property
    def overlap(self) -> float:
        """Median over the rounds."""
        return statistics.median(r.overlap for r in self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(Shown):
    """The result of `pybench.measure`; a notebook shows it as a table and a chart.

    Parameters
    ----------
    name, kind : str
        What was measured; "kernel" or "callable".
    counts : tuple of ThreadCount
        In rising order of threads; empty if void.
    void : str
        Why there are no numbers: what turned the GIL on. "" if it stayed as it was.
    gil_enabled, free_threaded : bool
        State of the GIL in this process; property of the build.
    interpreter, machine, extension : str
        Version and kind of build, CPU model, how `_pybench` was built ("" if not).
    usable_cpus : int
        By affinity and quota.
    floor_ns : float or None
        Time of the empty loop, which is part of every value and not subtracted.
    no_control : str
        Why there is no control, "" if there is one.
    place : str
        In which process this was.
    makes : str
        What a call makes and does not run, which was run to its end; "" for a result.
    """

    name: str
    kind: str
    counts: tuple[ThreadCount, ...]
    void: str
    gil_enabled: bool
    free_threaded: bool
    interpreter: str
    machine: str
    extension: str
    usable_cpus: int
    floor_ns: float | None
    no_control: str
    place: str = IN_PROCESS
    makes: str = ""

    def at(self, threads: int) -> ThreadCount:
        """Return what was measured with so many threads.

        Raises
        ------
        LookupError
            If nothing was.
        """
        for count in self.counts:
            if count.threads == threads:
                return count
        known = ", ".join(str(count.threads) for count in self.counts) or "none"
        raise LookupError(
            f"not measured with {threads!r} threads, but with: {known}"
            + (f" ({self.void})" if self.void else "")
        )

    def speed_up(self, threads: int) -> float | None:
        """Return how much more is done a second than by one thread.

        None without rounds of one thread.
        """
        return _speed_up(self.counts, threads, "rounds")

    def control_speed_up(self, threads: int) -> float | None:
        """Return the same of counters that share nothing: what the machine allows now.

        None without a control.
        """
        return _speed_up(self.counts, threads, "control")

    @property
    def limits(self) -> tuple[str, ...]:
        """What must be known to read the numbers, in sentences."""
        notes = []
        if self.void:
            notes.append(f"void: {self.void}")
        if self.makes:
            notes.append(sentence(self.makes))
        turns = [count.threads for count in self.counts if count.turns]
        if turns:
            how = "took turns under" if self.kind == "kernel" else "shared"
            notes.append(f"{_some(turns)} threads {how} the GIL")
        over = [count.threads for count in self.counts if count.oversubscribed]
        if over:
            notes.append(
                f"{_some(over)} threads are oversubscribed: {self.usable_cpus} usable "
                "CPUs"
            )
        disturbed = [count.threads for count in self.counts if count.disturbed]
        if disturbed:
            notes.append(f"disturbed rounds kept at {_some(disturbed)} threads")
        floor = self.floor_ns
        if floor is not None and any(floor > 0.1 * c.median_ns for c in self.counts):
            notes.append(
                f"the empty loop takes {floor:.3g} ns of each value, more than a tenth"
            )
        if self.no_control and any(count.threads > 1 for count in self.counts):
            notes.append(f"no share-nothing control: {self.no_control}")
        notes.append("unreplicated: another process may differ by several per cent")
        return tuple(notes)

    def records(self) -> list[dict[str, Any]]:
        """Return one flat record per number of threads."""
        return [
            {
                "name": self.name,
                "kind": self.kind,
                "threads": count.threads,
                "median_ns": count.median_ns,
                "iqr_ns": count.iqr_ns,
                "cpu_ns": count.cpu_ns,
                "rounds": len(count.rounds),
                "dropped": count.dropped,
                "iterations": count.rounds[0].iterations,
                "overlap": count.overlap,
                "speed_up": self.speed_up(count.threads),
                "control_speed_up": self.control_speed_up(count.threads),
                "took_turns": count.turns,
                "oversubscribed": count.oversubscribed,
                "disturbed": count.disturbed,
                "free_threaded": self.free_threaded,
                "gil_enabled": self.gil_enabled,
                "interpreter": self.interpreter,
            }
            for count in self.counts
        ]

    def _headline(self) -> str:
        if not self.counts:
            return f"{self.name}: void"
        first = self.counts[0]
        threads = "1 thread" if first.threads == 1 else f"{first.threads} threads"
        return f"{self.name}: {duration(first.median_ns)} with {threads}"

    def _identity(self) -> str:
        gil = "GIL on" if self.gil_enabled else "GIL off"
        return (
            f"{self.place}; {self.interpreter}, {gil}; {self.machine}, "
            f"{self.usable_cpus} usable CPUs; _pybench: {self.extension or 'not built'}"
        )

    def _cells(self, count: ThreadCount) -> list[str]:
        dropped = f" (-{count.dropped})" if count.dropped else ""
        factors = (self.speed_up(count.threads), self.control_speed_up(count.threads))
        return [
            str(count.threads),
            *map(duration, (count.median_ns, count.iqr_ns, count.cpu_ns)),
            f"{len(count.rounds)}{dropped}",
            str(count.rounds[0].iterations),
            f"{count.overlap:.0%}" if count.threads > 1 else "",
            *("" if factor is None else f"{factor:.2f}" for factor in factors),
        ]

    def _tables(self) -> str:
        identity = f"<div>{escape(self._identity())}</div>"
        if not self.counts:
            return identity
        return identity + table_html(_COLUMNS, [*map(self._cells, self.counts)])

    def _notes(self) -> Sequence[str]:
        return self.limits

    def _spec(self) -> dict[str, Any] | None:
        if not self.counts:
            return None
        factors = {
            count.threads: {
                "measured": self.speed_up(count.threads),
                "control": self.control_speed_up(count.threads),
                "ideal": float(count.threads),
            }
            for count in self.counts
        }
        has_factors = len(factors) > 1 and factors[max(factors)]["measured"] is not None
        return measurement_spec(
            self.name,
            {
                count.threads: [r.value_ns for r in count.rounds]
                for count in self.counts
            },
            factors if has_factors else {},
        )

    def __str__(self) -> str:
        lines = [self._headline(), self._identity()]
        if self.counts:
            table = [_COLUMNS, *map(self._cells, self.counts)]
            widths = [max(map(len, column)) for column in zip(*table, strict=True)]
            lines += [
                "  ".join(map(str.rjust, cells, widths)).rstrip() for cells in table
            ]
        return "\n".join([*lines, *(f"! {note}" for note in self.limits)])


_COLUMNS = (
    "threads",
    "median",
    "IQR",
    "CPU",
    "rounds",
    "iterations",
    "overlap",
    "speed-up",
    "control",
)


def _speed_up(counts: Sequence[ThreadCount], threads: int, which: str) -> float | None:
    """Return the ratio of operations per second to those of one thread.

    Both from first start to last finish, so that waiting for a turn counts.
    """
    per_second = {}
    for count in counts:
        rounds: tuple[Round, ...] = getattr(count, which)
        if rounds:
            per_second[count.threads] = statistics.median(
                count.threads * of.iterations / max(1, of.elapsed_ns) for of in rounds
            )
    if threads not in per_second or 1 not in per_second:
        return None
    return per_second[threads] / per_second[1]


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)
