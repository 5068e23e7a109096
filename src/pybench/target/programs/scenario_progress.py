"""How far the rounds of a scenario are, in the process that runs them.

`pybench.cli.progress` is the richer one; this needs the standard library alone, since
any interpreter runs a scenario. Told between rounds, never within one.
"""

from __future__ import annotations

import os
import sys
import time

# What ends sooner says nothing.
AFTER_S = 2.0

# Seconds between two lines; a terminal has one that is written anew.
LINE_EVERY_S = 10.0
DRAW_EVERY_S = 0.5


class Progress:
    """Says on standard error what is done of a whole, and about the time left.

    Parameters
    ----------
    is_wanted : bool
        Else it says nothing at all.
    is_live : bool, optional
        One line that is written anew; by default where standard error is a terminal
        and `CI` is not set.
    """

    def __init__(self, *, is_wanted: bool = True, is_live: bool | None = None) -> None:
        if is_live is None:
            is_live = sys.stderr.isatty() and not os.environ.get("CI")
        self._is_wanted = is_wanted
        self._is_live = is_live
        self._every_s = DRAW_EVERY_S if is_live else LINE_EVERY_S
        self._is_drawn = False
        self._began = self._next = 0.0
        self.begin()

    def begin(self) -> None:
        """Begin the time from which the rest is reckoned."""
        self._began = time.monotonic()
        self._next = self._began + AFTER_S

    def tell(self, what: str, done: int, whole: int) -> None:
        """Say that so many are done, if it is time to; the cost is that of a clock."""
        now = time.monotonic()
        if now >= self._next and done and self._is_wanted:
            self._next = now + self._every_s
            taken_s = now - self._began
            self._say(
                f"{what} {done} of {whole}, {clock(taken_s)}, "
                f"about {clock(taken_s / done * (whole - done))} left"
            )

    def announce(self, what: str, left_s: float) -> None:
        """Say what takes a known time, unless that is short."""
        if left_s > AFTER_S and self._is_wanted:
            self._say(f"{what}, about {clock(left_s)} left")

    def close(self) -> None:
        """Take the line away; nothing if there is none."""
        if self._is_drawn:
            self._is_drawn = False
            _write("\r\x1b[K")

    def _say(self, text: str) -> None:
        if self._is_live:
            self._is_drawn = True
            _write(f"\r\x1b[Kscenario: {text}")
        else:
            _write(f"scenario: {text}\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def clock(duration_s: float) -> str:
    """Return ``2:05``."""
    return f"{int(duration_s) // 60}:{int(duration_s) % 60:02d}"
