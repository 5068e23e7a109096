"""Sample the memory of a process and all its children, from a process beside them.

Run as a file, it is the sampler: ``python -P scenario_memory.py PID INTERVAL_S``
says ``ready`` or why not, begins at the first byte of its input, ends at the end of
it, and prints one JSON object. The rest is for the process that is sampled, which
imports neither psutil nor anything else for it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

KINDS = ("rss", "uss", "pss")

# The sampler keeps its interval if so many of the intervals are off by no more.
KEPT_SHARE = 0.95
KEPT_WITHIN = 0.10

# Samples that a record keeps for a chart of them: a screen has no more points.
COURSE_MOST = 400

_READY_S = 20.0


def tree_memory(psutil: Any, pid: int, leave_out: int) -> dict[str, int | str]:
    """Add up the memory of a process and all below it.

    Parameters
    ----------
    psutil : module
        Which reads it.
    pid, leave_out : int
        The root, and one of its children that does not count: the sampler.

    Returns
    -------
    dict of str to int or str
        Bytes by `KINDS`, and how many ``processes``. A sum that lacks a process would
        be wrong, so where one cannot be read there is the reason in its place.

    Raises
    ------
    psutil.Error
        If the root itself cannot be found.
    """
    root = psutil.Process(pid)
    sums: dict[str, int | str] = dict.fromkeys((*KINDS, "processes"), 0)
    for process in [root, *root.children(recursive=True)]:
        if process.pid == leave_out:
            continue
        reason = ""
        try:
            found = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue  # it ended since the list was made
        except (psutil.AccessDenied, OSError) as error:
            reason = f"no permission to read it of process {process.pid}"
            if not isinstance(error, (psutil.AccessDenied, PermissionError)):
                reason = f"process {process.pid}: {error}"
            try:
                found = process.memory_info()
            except psutil.NoSuchProcess:
                continue
            except (psutil.AccessDenied, OSError):
                found = None
        _add(sums, found, reason)
    return sums


def _add(sums: dict[str, int | str], found: Any, reason: str) -> None:
    """Add one process, or the reason why it cannot be."""
    for kind in KINDS:
        value, sum_ = getattr(found, kind, None), sums[kind]
        if isinstance(sum_, str):
            continue
        sums[kind] = (
            reason or f"{sys.platform} does not tell it"
            if value is None
            else sum_ + value
        )
    sums["processes"] = int(sums["processes"]) + 1


def sample(psutil: Any, pid: int, interval_s: float, file: int) -> dict[str, Any]:
    """Sample at fixed times until a file ends; return all samples and their times."""
    begin = time.monotonic()
    times, samples = [], []
    problem = ""
    due = begin
    while True:
        times.append(time.monotonic() - begin)
        try:
            samples.append(tree_memory(psutil, pid, os.getpid()))
        except (psutil.Error, OSError) as error:
            times.pop()
            problem = str(error)
            break
        due += interval_s
        # What is late is not made up for: two samples at once say no more than one.
        while due <= time.monotonic():
            due += interval_s
        left = due - time.monotonic()
        if select.select([file], [], [], max(0.0, left))[0]:
            break
    return {"times_s": times, "samples": samples, "problem": problem}


def summary(document: dict[str, Any], interval_s: float) -> dict[str, Any]:
    """Return what a record says of the samples.

    Returns
    -------
    dict
        ``samples``, ``processes_max``; by kind its ``min``, ``max`` and ``avg`` in
        bytes or the reason why not; ``interval_s`` and ``interval_p95_error`` (a
        share of it), ``interval_kept``, the ``priority`` of the sampler; and the
        ``problem`` that ended it, or ""; and the ``course``, of at most `COURSE_MOST`
        samples: seconds, then bytes by kind, None where there is a reason instead.
    """
    samples = document["samples"]
    times = document["times_s"]
    found: dict[str, Any] = {
        "samples": len(samples),
        "problem": document["problem"],
        "priority": document.get("priority"),
    }
    for kind in KINDS:
        values = [one[kind] for one in samples]
        reasons = [value for value in values if isinstance(value, str)]
        if reasons or not values:
            reason = reasons[0] if reasons else document["problem"] or "no sample"
            found[kind] = {"reason": reason}
            continue
        found[kind] = {
            "min": min(values),
            "max": max(values),
            "avg": sum(values) / len(values),
        }
    found["processes_max"] = max((one["processes"] for one in samples), default=0)
    off = sorted(
        abs(later - sooner - interval_s) / interval_s
        for sooner, later in pairwise(times)
    )
    error = off[math.ceil(KEPT_SHARE * len(off)) - 1] if off else None
    step = max(1, math.ceil(len(samples) / COURSE_MOST))
    found["course"] = [
        [moment, *(one[kind] if isinstance(one[kind], int) else None for kind in KINDS)]
        for moment, one in zip(times[::step], samples[::step], strict=True)
    ]
    found["interval_s"] = interval_s
    found["interval_p95_error"] = error
    found["interval_kept"] = error is not None and error <= KEPT_WITHIN
    return found


class Sampler:
    """A sampler of this process, which is its child and not counted.

    Parameters
    ----------
    interval_s : float
        Seconds from the start of a sample to the start of the next.

    Raises
    ------
    RuntimeError
        If it cannot sample; says why.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        folders = os.pathsep.join(path for path in sys.path if path)
        # -P: the folder of this file holds modules with names of everyday.
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(os.getpid()), str(interval_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": folders},
            # Ctrl-C is for us, who then ask it for what it has.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        ready = select.select([self._process.stdout], [], [], _READY_S)[0]
        said = self._process.stdout.readline().strip() if ready else ""
        if said != "ready":
            self._process.kill()
            _, errors = self._process.communicate()
            last = ["no answer", *filter(None, errors.splitlines())][-1]
            raise RuntimeError(said or last)

    def begin(self) -> None:
        """Take the first sample now."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # `end` says what became of it
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """End it and return the summary."""
        try:
            output, errors = self._process.communicate(timeout=_READY_S)
            document = json.loads(output)
        except (ValueError, subprocess.TimeoutExpired):
            self._process.kill()
            _, errors = self._process.communicate()
            last = ["it gave no samples", *filter(None, errors.splitlines())][-1]
            document = {"times_s": [], "samples": [], "problem": f"sampler: {last}"}
        return summary(document, self._interval_s)


def _main(words: Sequence[str]) -> None:
    pid, interval_s = int(words[0]), float(words[1])
    problem = ""
    try:
        psutil = import_module("psutil")
    except ImportError as error:
        _say(f"psutil cannot be imported by {sys.executable}: {error}")
        return
    try:
        tree_memory(psutil, pid, os.getpid())
    except Exception as error:
        # psutil's answers to a machine without /proc are of many kinds.
        proc = "" if Path("/proc/self/stat").exists() else "no /proc here: "
        problem = f"memory cannot be read: {proc}{type(error).__name__}: {error}"
    _say(problem or "ready")
    if problem or not os.read(0, 1):
        return
    priority = _be_punctual()
    document = sample(psutil, pid, interval_s, 0)
    _say(json.dumps(document | {"priority": priority}))


def _be_punctual() -> str:
    """Come first when due, where that is permitted; return by what means.

    Beside more workers than CPUs an ordinary process waits for a turn of theirs. What
    a sample costs is the same either way.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        return "real-time"
    with contextlib.suppress(OSError):
        os.nice(-10)
        return "raised"
    return "ordinary"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main(sys.argv[1:])
