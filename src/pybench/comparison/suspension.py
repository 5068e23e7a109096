"""Tell whether the controller or the whole machine was suspended meanwhile.

Asked of the system, never of the samples: what a pair says has no say in whether it
counts. A session that was stopped is known to its `Worker`, whose child it is.
"""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any, Self

# The two clocks are read one after the other, and this process may lose the CPU in
# between; no machine sleeps for less.
_ASLEEP_LEAST_S = 0.5


class Suspension:
    """Notes, while it is entered, that this process or the machine was suspended.

    Nothing is noticed of this process outside of the main thread, where Python has no
    signals, and of the machine where the system has no clock that goes on (Linux has).
    """

    def __init__(self) -> None:
        self._signals = 0
        self._source = self
        self._kept: Any = None
        self.forget()

    def beside(self) -> Suspension:
        """Return one that forgets by itself, for a batch beside others."""
        other = Suspension()
        other._source = self
        other.forget()
        return other

    def __enter__(self) -> Self:
        """Begin to watch."""
        if _has_signals():
            self._kept = signal.signal(signal.SIGCONT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signal back."""
        if _has_signals():
            kept = signal.SIG_DFL if self._kept is None else self._kept
            signal.signal(signal.SIGCONT, kept)

    def forget(self) -> None:
        """Begin anew: what was before does not count."""
        self._seen = self._source._signals
        self._asleep_s = _asleep_s()

    @property
    def happened(self) -> bool:
        """Whether there was one since it was made or told to forget."""
        slept_s = _asleep_s() - self._asleep_s
        return self._source._signals > self._seen or slept_s > _ASLEEP_LEAST_S

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._signals += 1


def _has_signals() -> bool:
    is_main = threading.current_thread() is threading.main_thread()
    return hasattr(signal, "SIGCONT") and is_main


def _asleep_s() -> float:
    """Return how long the machine has slept since it was started, in seconds."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    awake_s = time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.clock_gettime(time.CLOCK_BOOTTIME) - awake_s
