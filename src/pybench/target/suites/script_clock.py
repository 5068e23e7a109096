"""The clock of a script: each reading carries the CPU time of the same moment.

A function that times itself reads a clock, subtracts, adds up, and returns seconds. Its
clock is replaced by one whose readings are numbers with a second number beside them:
what the script computes of the first is computed of the second, so that what it returns
as wall time has the CPU time of the same windows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Self

from pybench.target.plugin.interleaving_timer import cpu_ns

# The clocks of wall time, in seconds and in ns.
_NAMES = ("perf_counter", "monotonic", "time")


class Reading(float):
    """Wall time with the CPU time beside it, in the same unit."""

    cpu: float

    def __new__(cls, wall: float, cpu: float) -> Self:
        """Return a number of wall time."""
        reading = super().__new__(cls, wall)
        reading.cpu = cpu
        return reading

    def __add__(self, other: object) -> Any:
        """Add both."""
        wall = float.__add__(self, other)  # type: ignore[operator]
        return _with(wall, self.cpu + _cpu_of(other))

    __radd__ = __add__

    def __sub__(self, other: object) -> Any:
        """Subtract both."""
        wall = float.__sub__(self, other)  # type: ignore[operator]
        return _with(wall, self.cpu - _cpu_of(other))

    def __rsub__(self, other: object) -> Any:
        """Subtract both from another."""
        wall = float.__rsub__(self, other)  # type: ignore[operator]
        return _with(wall, _cpu_of(other) - self.cpu)

    def __mul__(self, factor: object) -> Any:
        """Scale both."""
        return self._scaled(float.__mul__, factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: object) -> Any:
        """Divide both."""
        return self._scaled(float.__truediv__, divisor)

    def _scaled(self, by: Callable[[Any, Any], Any], number: object) -> Any:
        wall = by(self, number)
        return _with(wall, by(self.cpu, number))


def _with(wall: Any, cpu: Any) -> Any:
    is_number = isinstance(wall, float) and isinstance(cpu, float)
    return Reading(wall, cpu) if is_number else wall


def _cpu_of(other: object) -> float:
    """Return the second number; of a plain one it is that one."""
    if isinstance(other, Reading):
        return other.cpu
    return float(other) if isinstance(other, int | float) else 0.0


class ScriptClock:
    """The replaced clocks of one row, and how often they were read."""

    def __init__(self) -> None:
        self.readings = 0
        self._functions = {
            getattr(time, name + suffix): self._clock(
                getattr(time, name + suffix), scale
            )
            for name in _NAMES
            for suffix, scale in (("", 1e-9), ("_ns", 1.0))
        }

    def _clock(self, wall: Callable[[], float], scale: float) -> Callable[[], float]:
        def read() -> float:
            # Every second reading ends a window: what reading the CPU's clock takes
            # is before the first and after the second, outside of what is timed.
            self.readings += 1
            if self.readings % 2:
                cpu = cpu_ns()
                return Reading(wall(), cpu * scale)
            now = wall()
            return Reading(now, cpu_ns() * scale)

        return read

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
