"""What the records of profiles share: a number from repeats, and the interpreter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean with its 95 % interval; no ends where one repeat is all there is.

    Of a speed-up a median, with the interval of `speed_ups`.
    """

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledPython:
    """The interpreter of a profile."""

    label: str
    path: str = ""
    free_threaded: bool = False
    gil_enabled: bool = True
