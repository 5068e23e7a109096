"""Sample the memory of a process and all its children, from a process beside them.

Run as a file, it is the sampler: ``python -P scenario_memory.py PID INTERVAL_S``
prints ``ready`` or why not, begins at the first byte of its input, ends at the end of
it, and prints one JSON object. The rest is for the process that is sampled, which
imports neither psutil nor anything else for it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybench.records.scenario import Extremes, SampledMemory

# Those of `pybench.records.scenario`, which the sampler does not import.
KINDS = ("rss", "uss", "pss")

# The sampler keeps its interval if so many of the intervals are off by no more.
KEPT_SHARE = 0.95
KEPT_WITHIN = 0.10

# Samples that a record keeps for a chart of them: a screen has no more points.
COURSE_MOST = 400

_READY_S = 20.0


def tree_memory(psutil: Any, pid: int, leave_out: int) -> dict[str, int | str]:
    """Add up the memory of a process and all below it, without the sampler.

    Returns
    -------
    dict of str to int or str
        Bytes by `KINDS`, and how many ``processes``. A sum that lacks a process would
        be wrong, so where one cannot be read there is the reason in its place.
    """
    root = psutil.Process(pid)
    sums: dict[str, int | str] = dict.fromkeys((*KINDS, "processes"), 0)
    for process in [root, *root.children(recursive=True)]:
        if process.pid == leave_out:
            continue
        reason = f"{sys.platform} does not tell it"
        try:
            try:
                memory = process.memory_full_info()
            except (psutil.AccessDenied, PermissionError):
                reason = f"no permission to read it of process {process.pid}"
                memory = process.memory_info()
            except OSError as error:
                reason = f"process {process.pid}: {error}"
                memory = process.memory_info()
        except psutil.NoSuchProcess:
            continue  # it ended since the list was made
        except (psutil.AccessDenied, OSError):
            memory = None
        for kind in KINDS:
            value, total = getattr(memory, kind, None), sums[kind]
            if not isinstance(total, str):
                sums[kind] = reason if value is None else total + value
        sums["processes"] = int(sums["processes"]) + 1
    return sums


def sample(psutil: Any, pid: int, interval_s: float, file: int) -> dict[str, Any]:
    """Sample at fixed times until a file ends; return all samples and their times."""
    begin = due = time.monotonic()
    times, samples = [], []
    problem = ""
    while True:
        moment = time.monotonic() - begin
        try:
            samples.append(tree_memory(psutil, pid, os.getpid()))
        except (psutil.Error, OSError) as error:
            problem = str(error)
            break
        times.append(moment)
        due += interval_s
        # What is late is not made up for: two samples at once say no more than one.
        while due <= time.monotonic():
            due += interval_s
        if select.select([file], [], [], max(0.0, due - time.monotonic()))[0]:
            break
    return {"times_s": times, "samples": samples, "problem": problem}


def summary(document: dict[str, Any], interval_s: float) -> SampledMemory:
    """Return what a record says of the samples; the course is thinned."""
    from pybench.records.scenario import SampledMemory

    samples, times = document["samples"], document["times_s"]
    off = sorted(
        abs(later - sooner - interval_s) / interval_s
        for sooner, later in pairwise(times)
    )
    error = off[math.ceil(KEPT_SHARE * len(off)) - 1] if off else None
    step = max(1, math.ceil(len(samples) / COURSE_MOST))
    rss, uss, pss = (_extremes(document, kind) for kind in KINDS)
    return SampledMemory(
        rss=rss,
        uss=uss,
        pss=pss,
        course=tuple(
            (moment, *(_number(of[kind]) for kind in KINDS))
            for moment, of in zip(times[::step], samples[::step], strict=True)
        ),
        samples=len(samples),
        processes_max=max((of["processes"] for of in samples), default=0),
        interval_s=interval_s,
        interval_p95_error=error,
        interval_kept=error is not None and error <= KEPT_WITHIN,
        priority=document.get("priority"),
        problem=document["problem"],
    )


def _number(value: int | str) -> int | None:
    return None if isinstance(value, str) else value


def _extremes(document: dict[str, Any], kind: str) -> Extremes:
    from pybench.records.scenario import Extremes

    values = [of[kind] for of in document["samples"]]
    reasons = [value for value in values if isinstance(value, str)]
    if reasons or not values:
        return Extremes(reason=[*reasons, document["problem"] or "no sample"][0])
    return Extremes(min=min(values), max=max(values), avg=sum(values) / len(values))


class Sampler:
    """A sampler of this process, which is its child and not counted.

    Raises `RuntimeError` if it cannot sample; says why.
    """

    def __init__(self, interval_s: float) -> None:
        from subprocess import PIPE

        from pybench.children import start

        self._interval_s = interval_s
        folders = os.pathsep.join(path for path in sys.path if path)
        # -P: the folder of this file holds modules with names of everyday.
        self._process = start(
            [sys.executable, "-P", __file__, str(os.getpid()), str(interval_s)],
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=os.environ | {"PYTHONPATH": folders},
        )
        assert self._process.stdout is not None
        ready = select.select([self._process.stdout], [], [], _READY_S)[0]
        answer = self._process.stdout.readline().decode().strip() if ready else ""
        if answer != "ready":
            error = self._killed("no answer")
            raise RuntimeError(answer or error)

    def _killed(self, otherwise: str) -> str:
        """Kill it; return the last line of its errors."""
        from pybench.children import last_line

        self._process.kill()
        _, errors = self._process.communicate()
        return last_line(errors.decode(errors="replace")) or otherwise

    def begin(self) -> None:
        """Take the first sample now."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # `end` says what became of it
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    def end(self) -> SampledMemory:
        """End it and return the summary."""
        from subprocess import TimeoutExpired

        try:
            output, _ = self._process.communicate(timeout=_READY_S)
            document = json.loads(output)
        except (ValueError, TimeoutExpired):
            problem = f"sampler: {self._killed('it gave no samples')}"
            document = {"times_s": [], "samples": [], "problem": problem}
        return summary(document, self._interval_s)


def _main(words: Sequence[str]) -> None:
    pid, interval_s = int(words[0]), float(words[1])
    problem = ""
    psutil: Any = None
    try:
        psutil = import_module("psutil")
        tree_memory(psutil, pid, os.getpid())
    except ImportError as error:
        problem = f"psutil cannot be imported by {sys.executable}: {error}"
    except Exception as error:
        # psutil's answers to a machine without /proc are of many kinds.
        proc = "" if Path("/proc/self/stat").exists() else "no /proc here: "
        problem = f"memory cannot be read: {proc}{type(error).__name__}: {error}"
    _print(problem or "ready")
    if problem or not os.read(0, 1):
        return
    priority = _raise_priority()
    document = sample(psutil, pid, interval_s, 0)
    _print(json.dumps(document | {"priority": priority}))


def _raise_priority() -> str:
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


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main(sys.argv[1:])
