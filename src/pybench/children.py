"""Children in sessions of their own: what they used, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path


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


def group_runs(group: int) -> bool:
    """Tell whether anything of a process group runs.

    One that has ended and that nobody has waited for yet, as some containers leave
    them for ever, does not.
    """
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if not Path("/proc/self/stat").exists():
        return True
    return any(
        found is not None and found[0] == group and found[1] not in "ZX"
        for found in map(_group_and_state, Path("/proc").glob("[0-9]*/stat"))
    )


def _group_and_state(stat: Path) -> tuple[int, str] | None:
    try:
        # The name of the program stands in parentheses, with whatever is in it.
        words = stat.read_text(errors="replace").rpartition(")")[2].split()
        return int(words[2]), words[0]
    except (OSError, ValueError, IndexError):
        return None
