"""What is known of rows on one arm before the first pair, kept as each arm is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pybench.records.messages import COUNTS, RowFacts
from pybench.records.outcomes import MEASURED, ReasonKind
from pybench.records.samples import Sample
from pybench.records.values import RowValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What became of one row on one arm.

    `kind` is that of a reason which is more than the outcome. `sample_ns` is the
    shortest sample, had it been of `numbers`, and `turn_ns` the same with all that is
    prepared for it. `session` counts the sessions of this arm that share no files, and
    `own_process` says that this one has no other file by the suite's wish. `native` is
    a kernel in C, and `took_s` what all of it took.
    """

    outcome: str
    reason: str
    facts: RowFacts
    kind: ReasonKind | None = None
    counts: Mapping[str, int] = field(default_factory=lambda: COUNTS)
    rounds: int | None = None  # the most in one process
    numbers: Mapping[str, int]
    samples: tuple[Sample, ...] = ()
    sample_ns: float = 0.0
    turn_ns: float = 0.0
    session: int = 0
    own_process: bool = False
    value: RowValue | None = None
    native: bool = False
    took_s: float = 0.0

    @property
    def is_measured(self) -> bool:
        """Whether pairs can be taken of it."""
        return self.outcome == MEASURED


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRecord:
    """An arm whose rows have all been run once: a run that is resumed goes on after it.

    `root` is the folder that the names of its rows begin in.
    """

    arm: str
    rows: Mapping[str, Calibrated]
    root: str = ""
