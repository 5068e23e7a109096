"""Children in sessions of their own: what they used, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess


def reap(child: subprocess.Popen[bytes], options: int = 0) -> tuple[int, int] | None:
    """Take its status and the CPU time that it used, in nanoseconds.

    Returns
    -------
    (int, int) or None
        None under `os.WNOHANG` while it runs.
    """
    # wait4 tells the CPU time of this child; others tell the sum over all.
    pid, status, usage = os.wait4(child.pid, options)
    if pid == 0:
        return None
    child.returncode = os.waitstatus_to_exitcode(status)  # so that Popen knows as well
    return child.returncode, round((usage.ru_utime + usage.ru_stime) * 1e9)


def end_group(child: subprocess.Popen[bytes]) -> bool:
    """End a child and all it left in its group; return whether there was anything."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
        return True
    return False
