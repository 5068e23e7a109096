"""A file of JSON Lines that is only appended to, each line whole on the disk."""

from __future__ import annotations

import contextlib
import os


class JsonLines:
    """Appends lines to a descriptor, which was opened for that, and owns it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._whole_bytes = os.fstat(descriptor).st_size

    def append(self, line: bytes) -> None:
        """Write a line; it is on the disk when this returns.

        Raises
        ------
        OSError
            If the disk does not take all of it. A part of it is taken back, so that a
            later line does not follow on it.
        """
        rest = memoryview(line + b"\n")
        try:
            # A disk that fills up takes a part first.
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):  # what is no regular file
                os.ftruncate(self._descriptor, self._whole_bytes)
            raise
        self._whole_bytes += len(line) + 1

    @property
    def is_deleted(self) -> bool:
        """Whether the file has lost its name: what is written is kept nowhere."""
        return os.fstat(self._descriptor).st_nlink == 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def split_lines(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the whole lines, and what a kill left of the last one."""
    *lines, torn = data.split(b"\n")
    return lines, torn
