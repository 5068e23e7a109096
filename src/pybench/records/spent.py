"""Where the time of a run went: seconds by kind of row and by phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Phases, in the order in which a run has them.
START = "start"  # of processes, until pytest has read its options
COLLECTION = "collection"
SIZING = "sizing"  # all of a row's first run on each arm
ROW = "row set-up"  # until a row is ready, and after its last sample
WARM_UP = "warm-up"
AROUND = "around samples"  # what is prepared for a sample and not timed
TIMED = "timed"
END = "end"  # of processes
JUDGING = "judging"
PHASES = (START, COLLECTION, SIZING, ROW, WARM_UP, AROUND, TIMED, END, JUDGING)

# Kinds of rows, as they are measured.
FUNCTIONS = "functions"
NATIVE = "native"
THREADS = "threads"
WAITING = "waiting"
EXCLUSIVE = "exclusive"
ALL = "all"  # what is of no row by itself
KINDS = (FUNCTIONS, NATIVE, THREADS, WAITING, EXCLUSIVE, ALL)

Seconds = Mapping[str, Mapping[str, float]]  # by kind, then by phase


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentRecord:
    """What a batch, a calibration or the judging of a round took."""

    seconds: Seconds


class Spent:
    """Adds seconds up by kind and phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = {}

    def add(self, kind: str, phase: str, seconds: float) -> None:
        """Add what one phase of rows of one kind took."""
        phases = self.seconds.setdefault(kind, {})
        phases[phase] = phases.get(phase, 0.0) + seconds

    def share(self, kinds: Sequence[str], phase: str, seconds: float) -> None:
        """Add what one phase of several rows took together, as much to each."""
        for kind in kinds:
            self.add(kind, phase, seconds / len(kinds))

    def add_all(self, seconds: Seconds) -> None:
        """Add what is in a record."""
        for kind, phases in seconds.items():
            for phase, value in phases.items():
                self.add(kind, phase, value)

    def taken(self) -> SpentRecord:
        """Return all of it as a record, and begin anew."""
        record = SpentRecord(
            seconds={
                kind: {phase: round(value, 4) for phase, value in phases.items()}
                for kind, phases in self.seconds.items()
            }
        )
        self.seconds = {}
        return record
