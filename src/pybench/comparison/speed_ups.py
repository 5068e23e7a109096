"""What more threads gain in a run: speed-up over one thread, row by row.

A row whose name differs from another's in its number of threads alone is the same
work: the ratio of their times is the speed-up, and nothing is judged here.
"""

from __future__ import annotations

import re

from pybench.records.contents import SpeedUp
from pybench.records.run import Run
from pybench.records.summary import Summary


def speed_ups(run: Run, summary: Summary) -> tuple[SpeedUp, ...]:
    """Return what each pattern gains, by arm; the baseline too."""
    baseline = summary.sides[0].name
    times: dict[tuple[str, str], dict[int, float]] = {}
    per_thread: set[str] = set()
    for row in summary.rows:
        record = run.rows[row.row]
        pattern = _pattern(row.row, record.threads)
        if pattern is None:
            continue
        if "iterations" in record.numbers:
            per_thread.add(pattern)
        for arm, time_ns in ((baseline, row.baseline_ns), (row.side, row.side_ns)):
            if time_ns:
                times.setdefault((pattern, arm), {})[record.threads] = time_ns
    return tuple(
        SpeedUp(
            pattern=pattern,
            arm=arm,
            threads=threads,
            # A kernel's threads do all iterations each; other rows share them out.
            speed_up=by[1] / time_ns * (threads if pattern in per_thread else 1),
        )
        for (pattern, arm), by in sorted(times.items())
        if 1 in by and len(by) > 1
        for threads, time_ns in sorted(by.items())
    )


def _pattern(row: str, threads: int) -> str | None:
    """Return a row's name without its number of threads, None if it is not in it."""
    name, _, parameters = row.partition("[")
    parts = parameters.removesuffix("]").split("-") if parameters else []
    own = [part for part in parts if re.fullmatch(rf"(threads=)?{threads}", part)]
    if len(own) != 1:
        return None
    rest = "-".join(part for part in parts if part is not own[0])
    return f"{name}[{rest}]" if rest else name
