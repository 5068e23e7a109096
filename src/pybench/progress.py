"""How far a command is: a bar on a terminal, now and then a line elsewhere.

Always on standard error, and only when told: nothing is drawn by a thread of its own,
which would disturb what is timed. Both planes use this, and it imports only the
standard library.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Self

# For what may be done at once: nothing is shown of what takes less.
SHOWN_AFTER_S = 2.0

# Seconds between two lines; a bar is drawn more often.
LINE_EVERY_S = 10.0

_BAR_WIDTH = 20


class Meter:
    """Shows what is done of a whole, and about the time that is left.

    Parameters
    ----------
    name : str
        What the lines begin with.
    is_live : bool, optional
        A bar that is drawn again; by default where standard error is a terminal and
        `CI` is not set.
    after_s : float
        Seconds in which nothing is shown.
    draw_every_s : float
        Seconds between two drawings of the bar; by default each update draws it.
    """

    def __init__(
        self,
        *,
        name: str = "pybench",
        is_live: bool | None = None,
        after_s: float = 0.0,
        draw_every_s: float = 0.0,
    ) -> None:
        if is_live is None:
            is_live = sys.stderr.isatty() and not os.environ.get("CI")
        self._name = name
        self._is_live = is_live
        self._after_s = after_s
        self._every_s = draw_every_s if is_live else LINE_EVERY_S
        self._is_drawn = False
        self.begin()

    def begin(self) -> None:
        """Begin the time from which the rest is estimated."""
        self._began = time.monotonic()
        self._next = self._began + self._after_s

    def __enter__(self) -> Self:
        """Return it; the bar appears with the first update."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self.close()

    def update(
        self, stage: str, done: int, whole: int, *, left_s: float | None = None,
        until: str = "left", more: str = "", is_begun: bool = False,
    ) -> None:  # fmt: skip
        """Show that so much of a whole is done, if it is time to.

        Parameters
        ----------
        left_s : float or None
            Seconds that are left; by default from what was done so far.
        until : str
            To what they are left.
        more : str
            What else is known.
        is_begun : bool
            The last of what is counted has only begun: it is no measure yet.
        """
        now = time.monotonic()
        taken_s = now - self._began
        if taken_s < self._after_s or (now < self._next and done < whole):
            return
        self._next = now + self._every_s
        ended = done - is_begun
        if left_s is None and ended > 0:
            left_s = taken_s / ended * (whole - ended)
        left = ""
        if left_s:  # "0:00" would say that it is over
            left = f"about {clock(left_s)}" if left_s >= 1 else "less than a second"
            left = f"{left} {until}"
        facts = (f"{done} of {whole}", more, clock(taken_s), left)
        self._show(f"{stage} {', '.join(filter(None, facts))}", done / whole)

    def announce(self, what: str, left_s: float) -> None:
        """Show what takes a known time, unless that is short."""
        if left_s > self._after_s:
            self._show(f"{what}, about {clock(left_s)} left", 0.0)

    def close(self) -> None:
        """Take the bar away; nothing if there is none."""
        if self._is_drawn:
            self._is_drawn = False
            _write("\r\x1b[K")

    def _show(self, text: str, share: float) -> None:
        if not self._is_live:
            _write(f"{self._name}: {text}\n")
            return
        self._is_drawn = True
        bar = "━" * round(share * _BAR_WIDTH)
        # A line that is too long would wrap, and could not be drawn over.
        _write(f"\r\x1b[K{f'{bar:<{_BAR_WIDTH}} {text}'[: _columns() - 1]}")


def clock(duration_s: float) -> str:
    """Return ``2:05``."""
    return f"{int(duration_s) // 60}:{int(duration_s) % 60:02d}"


def _columns() -> int:
    with contextlib.suppress(ValueError, OSError):
        asked = os.environ.get("COLUMNS")
        return int(asked or os.get_terminal_size(sys.stderr.fileno()).columns) or 80
    return 80


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
