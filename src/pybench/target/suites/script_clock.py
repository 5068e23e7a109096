"""The clock of a script: each reading carries the CPU time of the same moment.

A function that times itself reads a clock, subtracts, adds up, and returns seconds. Its
clock is replaced by one whose readings have a second number beside them: what the
script computes of the first is computed of the second. So what it returns as wall time
has the CPU time of the same windows, and how often the CPU was given up in them.
"""

from __future__ import annotations

import operator
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pybench.target.plugin.interleaving_timer import blocked, children_ns
from pybench.target.process import clocks

# The clocks of wall time, in seconds and in ns.
_NAMES = ("perf_counter", "monotonic", "time")

# What is beside a reading that begins a window: that one is a plain number, since
# making another would be in the window.
_beside: dict[float, complex] = {}

_new = float.__new__


class Reading(float):
    """Wall time, and beside it one number of two parts, in the same unit.

    Its real part is CPU time. The imaginary one is how often the CPU was given up until
    then: of readings in seconds once is 1, of those in ns it is 1e9.
    """

    __slots__ = ("beside",)

    beside: complex

    def __add__(self, other: object) -> Any:
        """Add both."""
        return _combined(operator.add, float(self), self.beside, other)

    __radd__ = __add__

    def __sub__(self, other: object) -> Any:
        """Subtract both."""
        return _combined(operator.sub, float(self), self.beside, other)

    def __rsub__(self, other: object) -> Any:
        """Subtract both from another."""
        difference = self - other
        return difference * -1 if isinstance(difference, Reading) else difference

    def __mul__(self, factor: object) -> Any:
        """Scale both."""
        return _scaled(operator.mul, self, factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: object) -> Any:
        """Divide both."""
        return _scaled(operator.truediv, self, divisor)


def reading(wall: float, beside: complex) -> Reading:
    """Return wall time with what is beside it."""
    made = _new(Reading, wall)
    made.beside = beside
    return made


def _combined(
    by: Callable[[Any, Any], Any], wall: float, beside: complex, other: object
) -> Any:
    if isinstance(other, Reading):
        return reading(by(wall, float(other)), by(beside, other.beside))
    if isinstance(other, int | float):
        # A number of the script's own is time in which the CPU worked.
        return reading(by(wall, other), by(beside, _beside.get(other, other)))
    return NotImplemented


def _scaled(by: Callable[[Any, Any], Any], number: Reading, factor: object) -> Any:
    if isinstance(factor, int | float):
        return reading(
            by(float(number), float(factor)), by(number.beside, float(factor))
        )
    return NotImplemented


class ScriptClock:
    """The replaced clocks of one row, and how often they were read."""

    def __init__(self) -> None:
        self.readings = 0
        self.lost = ""  # what the function did with it that lost the CPU time
        self._functions = {
            getattr(time, name + suffix): self._clock(
                getattr(time, name + suffix), scale
            )
            for name in _NAMES
            for suffix, scale in (("", 1e-9), ("_ns", 1.0))
        }

    def _clock(self, wall: Callable[[], float], scale: float) -> Callable[[], float]:
        count = 1j * scale * 1e9

        def rest() -> complex:
            return children_ns() * scale + (blocked() or 0) * count

        def read() -> float:
            # At once, as every second reading ends a window: what else is read is read
            # before the first and after the second, outside of what is timed.
            now = wall()
            self.readings += 1
            if self.readings % 2:
                beside = rest()
                own = clocks.process_cpu_ns()
                now = wall()
                _beside[now] = beside + own * scale
                return now
            own = clocks.process_cpu_ns()
            return reading(now, own * scale + rest())

        return read

    def lose(self) -> None:
        """Note that a time came out that is not of these readings any more."""
        self.lost = (
            "makes another number of what it reads"
            if self.readings
            else "reads no clock that could be replaced (time.perf_counter, "
            "time.monotonic, time.time)"
        )

    def forget(self) -> None:
        """Begin with the first reading of a window, and forget those before."""
        _beside.clear()
        self.readings += self.readings % 2

    @contextmanager
    def put_into(self, namespaces: Iterator[dict[str, Any]]) -> Iterator[None]:
        """Replace the clocks that modules of the script see, and put them back.

        What the script calls by itself, a library that it measures, keeps its own.
        """
        replaced: list[tuple[dict[str, Any], str, Any, Any]] = []
        for namespace in namespaces:
            for name, value in [*namespace.items()]:
                ours = self._replaced(value)
                if ours is not None:
                    namespace[name] = ours
                    replaced.append((namespace, name, value, ours))
        try:
            yield
        finally:
            for namespace, name, value, ours in replaced:
                if namespace.get(name) is ours:
                    namespace[name] = value

    def _replaced(self, value: object) -> object:
        """Return what stands in for a clock or for a module with clocks, or None."""
        if isinstance(value, ModuleType):
            if value is not time and value is not sys.modules.get("pyperf"):
                return None
            other = ModuleType(value.__name__, value.__doc__)
            other.__dict__.update(
                (name, self._of(item)) for name, item in vars(value).items()
            )
            return other
        ours = self._of(value)
        return None if ours is value else ours

    def _of(self, value: Any) -> Any:
        functions: Mapping[Any, Any] = self._functions
        try:
            return functions.get(value, value)
        except TypeError:  # it cannot be hashed
            return value
