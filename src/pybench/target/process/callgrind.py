"""Counted windows of this process, where it was started under callgrind.

Callgrind writes what the windows since the last time came to into its next file, at
once: that file is read here and removed. Instrumented code takes about fifty times as
long, so that only the row which is counted is instrumented.
"""

import os
from pathlib import Path

from pybench.children import CALLGRIND_FILES
from pybench.target.process.identity import extension, extension_missing

# The count is in one of the last lines.
_END = 400


class CountError(RuntimeError):
    """There is no count; says why."""


class Callgrind:
    """Counts windows of the calling thread, and those of kernels.

    Between `begin` and `end`. `lacks` says why nothing can be counted here, "" if it
    can. `windows` counts those of the calling thread.
    """

    def __init__(self) -> None:
        self._native = extension()
        self._base = os.environ.get(CALLGRIND_FILES, "")
        self._files = 0
        self.windows = 0
        if self._native is None:
            self.lacks = extension_missing()
        elif not hasattr(self._native, "instructions_lacks"):
            self.lacks = "this _pybench is of a version that counts no instructions"
        else:
            self.lacks = str(self._native.instructions_lacks())
        if not self.lacks and not self._base:
            self.lacks = f"{CALLGRIND_FILES} does not say where callgrind writes"
        if not self.lacks and self._native is not None:
            # Bound here: what a window does besides the row is counted as well.
            self.start = self._native.instructions_start
            self.stop = self._native.instructions_stop

    def begin(self) -> None:
        """Instrument everything from here on."""
        assert self._native is not None
        self._native.instructions_begin()
        self.take()

    def end(self) -> None:
        """Instrument nothing any more."""
        assert self._native is not None
        self._native.instructions_end()

    def take(self) -> int:
        """Return the instructions of all windows since the last time."""
        assert self._native is not None
        self._native.instructions_dump()
        self._files += 1
        self.windows = 0
        path = Path(f"{self._base}.{self._files}")
        try:
            with path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _END))
                lines = file.read().splitlines()
            path.unlink()
        except OSError as error:
            raise CountError(f"callgrind's file {path}: {error.strerror}") from None
        totals = [line.split() for line in lines if line.startswith(b"totals:")]
        if not totals or len(totals[0]) < 2:
            raise CountError(
                f"callgrind's file {path} has no totals: is its disk full?"
            )
        return int(totals[0][1])
