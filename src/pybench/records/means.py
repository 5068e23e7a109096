"""A number from repeats in fresh processes, as the records of profiles hold it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean with its 95 % interval; no ends where one repeat is all there is."""

    value: float
    low: float | None
    high: float | None
    repeats: int = 1

    @property
    def half_width(self) -> float | None:
        """Half of the interval, in the unit of the value."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2
