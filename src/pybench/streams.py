"""The standard streams of a command: nothing that is written to them can fail.

What a stream cannot show is replaced. What it does not take, because it is closed or
full or its reader has gone, is dropped. So neither what is measured nor the exit status
depends on a stream. Both planes use this, and it imports only the standard library.
"""

import codecs
import contextlib
import errno
import io
import os
import select
import sys
import threading
from collections.abc import Iterator
from typing import Any

_ERRORS = "pybench"

# Our own signs, for a stream that has ASCII alone: one character each, so that the
# columns stay. Everything else is written as Python would escape it.
_PLAIN = str.maketrans("·…±µ▲▼≈─━→", ".~~u^v=-->")

# How long a child's last words may take, whose own children hold its streams open.
_LAST_WORDS_S = 1.0


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(_ERRORS, _replaced)


class _Sink(io.RawIOBase):
    """Writes to a descriptor until that fails, and drops the rest."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """Write some of the data, or drop all of it; return how much was taken."""
        while self.failure is None:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.failure = error
        return len(data)


_sinks: dict[str, _Sink] = {}


def prepare() -> None:
    """Make the standard streams of this process such that writing never fails.

    Descriptors that are closed are opened on nothing, before a file takes their place.
    A stream that is not the process's own, such as one that captures, stays as it is.
    """
    for descriptor in range(3):
        _open_if_closed(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        old = getattr(sys, name)
        if name not in _sinks and old is getattr(sys, f"__{name}__"):
            _sinks[name] = _Sink(descriptor)
            setattr(sys, name, _text(_sinks[name], old))


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        os.dup2(opened, descriptor)  # and children inherit it
        if opened != descriptor:
            os.close(opened)
        else:
            os.set_inheritable(descriptor, True)


def _text(sink: _Sink, old: Any) -> io.TextIOWrapper:
    if old is not None:
        with contextlib.suppress(OSError):
            old.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(sink),
        encoding=getattr(old, "encoding", "utf-8"),
        errors=_ERRORS,
        line_buffering=getattr(old, "line_buffering", False),
        write_through=getattr(old, "write_through", False),
    )


def finish() -> None:
    """Write out what is left, and say which stream was full.

    Of a reader who has gone nothing is said: that is how a pipe ends.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    output = _sinks.get("stdout")
    failure = output and output.failure
    if failure and failure.errno not in (errno.EPIPE, errno.EBADF):
        sys.stderr.write(
            f"pybench: standard output took only a part: {failure.strerror}\n"
        )
        sys.stderr.flush()


@contextlib.contextmanager
def outlet(descriptor: int) -> Iterator[int]:
    """Give a child a descriptor that takes all it writes, whatever becomes of ours.

    Parameters
    ----------
    descriptor : int
        1 or 2. A terminal is given as it is, for a child that asks how wide it is.
    """
    if os.isatty(descriptor):
        yield descriptor
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    reading, writing = os.pipe()
    copier = threading.Thread(target=_copy, args=(reading, descriptor), daemon=True)
    copier.start()
    try:
        yield writing
    finally:
        os.close(writing)
        copier.join(_LAST_WORDS_S)


def _copy(reading: int, descriptor: int) -> None:
    sink = _Sink(descriptor)
    with open(reading, "rb", buffering=0) as pipe:
        while data := pipe.read(65536):
            while data:
                data = data[sink.write(data) :]
