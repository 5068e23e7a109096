"""How far a command is: a bar where somebody looks, lines now and then elsewhere.

Always on standard error, and only when told: nothing is drawn by a thread of its own,
which would cost the turns that are being timed.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Self

# From what a bare interpreter can import as well: this one has rich, where it is.
from pybench.target.programs.scenario_progress import LINE_EVERY_S, clock

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# For what may be done at once: nothing is shown of what takes less.
SHOWN_AFTER_S = 2.0


class Meter:
    """Shows what is done of a whole, and the time that is left.

    Parameters
    ----------
    is_live : bool, optional
        A bar that is drawn again; by default where standard error is a terminal and
        `CI` is not set.
    after_s : float
        Seconds in which nothing is shown.
    """

    def __init__(self, *, is_live: bool | None = None, after_s: float = 0.0) -> None:
        if is_live is None:
            is_live = sys.stderr.isatty() and not os.environ.get("CI")
        self._is_live = is_live
        self._after_s = after_s
        self._began = time.monotonic()
        self._last: float | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Return it; the bar appears with the first thing that is told."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self.close()

    def tell(
        self, stage: str, done: int, whole: int, *, left_s: float | None = None,
        until: str = "left", more: str = "", is_begun: bool = False,
    ) -> None:  # fmt: skip
        """Say that so much of a whole is done.

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
        if now - self._began < self._after_s:
            return
        ended = done - is_begun
        if left_s is None and ended > 0:
            left_s = (now - self._began) / ended * (whole - ended)
        left = ""
        if left_s:  # "0:00" would say that it is over
            left = f"about {clock(left_s)}" if left_s >= 1 else "less than a second"
            left = f"{left} {until}"
        known = [f"{done} of {whole}", more, clock(now - self._began), left]
        text = f"{stage} {', '.join(part for part in known if part)}"
        if self._is_live:
            self._draw(text, done, whole)
        elif self._last is None or now - self._last >= LINE_EVERY_S or done == whole:
            self._last = now
            print(f"pybench: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away; nothing if there is none."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None

    def _draw(self, text: str, done: int, whole: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        if self._bar is None:
            self._bar = Progress(
                BarColumn(bar_width=20),
                TextColumn("{task.description}", markup=False),
                console=Console(stderr=True),
                auto_refresh=False,
                transient=True,
                # Else what is printed meanwhile would go through rich.
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task("", total=whole)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, description=text, completed=done, total=whole)
        self._bar.refresh()
