"""One sample of a row: about 5 ms of it, timed by two clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The clocks that a row can be judged by.
CPU = "cpu"
WALL = "wall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one sample of a row took, in whole nanoseconds.

    `waited_ns` is time in which the thread could have run and did not (Linux tells);
    zero where it is not known. `blocked` counts how often the process gave the CPU up
    of itself, as one does that waits for a socket, a child or a lock, and never one
    that lost it to others; None where the system does not say. `events` has what the
    kernel and the CPU counted meanwhile, by name; None where nobody looked.
    """

    wall_ns: int
    cpu_ns: int
    waited_ns: int
    blocked: int | None = None
    events: Mapping[str, int] | None = None

    def __add__(self, other: Sample) -> Sample:
        """Return the sample that both are together."""
        known = self.blocked is not None and other.blocked is not None
        return Sample(
            wall_ns=self.wall_ns + other.wall_ns,
            cpu_ns=self.cpu_ns + other.cpu_ns,
            waited_ns=self.waited_ns + other.waited_ns,
            blocked=(self.blocked or 0) + (other.blocked or 0) if known else None,
            events=_sum(self.events, other.events),
        )


def _sum(
    ours: Mapping[str, int] | None, theirs: Mapping[str, int] | None
) -> Mapping[str, int] | None:
    if ours is None or theirs is None:
        return ours if theirs is None else theirs
    return {name: count + theirs.get(name, 0) for name, count in ours.items()}
