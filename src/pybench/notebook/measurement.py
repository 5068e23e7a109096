"""What `pybench.measure` found: rounds per number of threads, and what they amount to.

Frozen records and pure functions; `session` measures and `display` shows.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pybench.target.process.lazy_results import sentence

if TYPE_CHECKING:
    from pybench.notebook.pictures import Picture

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
        return statistics.median(one.value_ns for one in self.rounds)

    @property
    def iqr_ns(self) -> float:
        """Distance between the quartiles of the rounds; 0 for a single round."""
        values = [one.value_ns for one in self.rounds]
        if len(values) < 2:
            return 0.0
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return high - low

    @property
    def cpu_ns(self) -> float:
        """Median over the rounds of the CPU time of one operation."""
        return statistics.median(one.cpu_ns for one in self.rounds)

    @property
    def overlap(self) -> float:
        """Median over the rounds."""
        return statistics.median(one.overlap for one in self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
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
        for one in self.counts:
            if one.threads == threads:
                return one
        known = ", ".join(str(one.threads) for one in self.counts) or "none"
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
        said = []
        if self.void:
            said.append(f"void: {self.void}")
        if self.makes:
            said.append(sentence(self.makes))
        turns = [one.threads for one in self.counts if one.turns]
        if turns:
            how = "took turns under" if self.kind == "kernel" else "shared"
            said.append(f"{_some(turns)} threads {how} the GIL")
        over = [one.threads for one in self.counts if one.oversubscribed]
        if over:
            said.append(
                f"{_some(over)} threads are oversubscribed: {self.usable_cpus} usable "
                "CPUs"
            )
        disturbed = [one.threads for one in self.counts if one.disturbed]
        if disturbed:
            said.append(f"disturbed rounds kept at {_some(disturbed)} threads")
        floor = self.floor_ns
        if floor is not None and any(floor > 0.1 * c.median_ns for c in self.counts):
            said.append(
                f"the empty loop takes {floor:.3g} ns of each value, more than a tenth"
            )
        if self.no_control and any(one.threads > 1 for one in self.counts):
            said.append(f"no share-nothing control: {self.no_control}")
        said.append("unreplicated: another process may differ by several per cent")
        return tuple(said)

    def records(self) -> list[dict[str, Any]]:
        """Return one flat record per number of threads."""
        return [
            {
                "name": self.name,
                "kind": self.kind,
                "threads": one.threads,
                "median_ns": one.median_ns,
                "iqr_ns": one.iqr_ns,
                "cpu_ns": one.cpu_ns,
                "rounds": len(one.rounds),
                "dropped": one.dropped,
                "iterations": one.rounds[0].iterations,
                "overlap": one.overlap,
                "speed_up": self.speed_up(one.threads),
                "control_speed_up": self.control_speed_up(one.threads),
                "took_turns": one.turns,
                "oversubscribed": one.oversubscribed,
                "disturbed": one.disturbed,
                "free_threaded": self.free_threaded,
                "gil_enabled": self.gil_enabled,
                "interpreter": self.interpreter,
            }
            for one in self.counts
        ]

    def to_pandas(self) -> Any:
        """Return the records as a `pandas.DataFrame`."""
        from pybench.notebook.frames import to_pandas

        return to_pandas(self.records())

    def to_polars(self) -> Any:
        """Return the records as a `polars.DataFrame`."""
        from pybench.notebook.frames import to_polars

        return to_polars(self.records())

    def plot(self) -> Picture:
        """Return the chart alone.

        Raises
        ------
        ValueError
            If there is nothing to draw.
        """
        from pybench.notebook.pictures import Picture, measurement_spec

        if not self.counts:
            raise ValueError(f"nothing to draw: void: {self.void}")
        return Picture(spec=measurement_spec(self))

    def _repr_html_(self) -> str:
        from pybench.notebook.display import measurement_html

        return measurement_html(self)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> dict[str, Any]:
        from pybench.notebook.display import VEGALITE, measurement_text
        from pybench.notebook.pictures import measurement_spec

        bundle: dict[str, Any] = {
            "text/plain": measurement_text(self),
            "text/html": self._repr_html_(),
        }
        if self.counts:
            bundle[VEGALITE] = measurement_spec(self)
        return bundle

    def __str__(self) -> str:
        from pybench.notebook.display import measurement_text

        return measurement_text(self)


def _speed_up(counts: Sequence[ThreadCount], threads: int, which: str) -> float | None:
    """Return the ratio of operations per second to those of one thread.

    Both from first start to last finish, so that waiting for a turn counts.
    """
    per_second = {}
    for one in counts:
        rounds: tuple[Round, ...] = getattr(one, which)
        if rounds:
            per_second[one.threads] = statistics.median(
                one.threads * of.iterations / max(1, of.elapsed_ns) for of in rounds
            )
    if threads not in per_second or 1 not in per_second:
        return None
    return per_second[threads] / per_second[1]


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)
