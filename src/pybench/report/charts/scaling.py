"""What more threads gain: speed-up over one thread, beside the ideal and a control.

A row whose name differs from another's in its number of threads alone is the same
work: the ratio of their times is the speed-up, and nothing is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pybench.records.run import Run
from pybench.records.summary import Summary
from pybench.report.charts.looks import (
    MUTED,
    Look,
    colour,
    dash,
    number,
    shape,
    tooltip,
    whole,
)
from pybench.report.row_names import short_names

# Share-nothing rows: what this machine gives when nothing is in the way.
CONTROLS = ("threading_counters_padded", "refcount_private")

IDEAL = "ideal"
_MOST = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedUp:
    """How much more so many threads do in the same time than one, on one side."""

    pattern: str
    side: str
    threads: int
    speed_up: float
    is_control: bool


def speed_ups(run: Run, summary: Summary) -> tuple[SpeedUp, ...]:
    """Return what each pattern gains, by side; the baseline too."""
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
        for side, time_ns in ((baseline, row.baseline_ns), (row.side, row.side_ns)):
            if time_ns:
                times.setdefault((pattern, side), {})[record.threads] = time_ns
    names = short_names(pattern for pattern, _ in times)
    return tuple(
        SpeedUp(
            pattern=names[pattern],
            side=side,
            threads=threads,
            # A kernel's threads do all iterations each; other rows share them out.
            speed_up=by[1] / time_ns * (threads if pattern in per_thread else 1),
            is_control=names[pattern].endswith(CONTROLS),
        )
        for (pattern, side), by in sorted(times.items())
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


def scaling_spec(looks: Sequence[Look], found: Sequence[SpeedUp]) -> dict[str, Any]:
    """Return one small panel per pattern, controls first, with the ideal line."""
    patterns = list(
        dict.fromkeys(
            one.pattern for one in sorted(found, key=lambda one: not one.is_control)
        )
    )[:_MOST]
    most = max(one.threads for one in found)
    values = [
        {
            "pattern": one.pattern + (" (control)" if one.is_control else ""),
            "side": one.side,
            "threads": one.threads,
            "speed_up": one.speed_up,
            "ideal": one.threads,
        }
        for one in found
        if one.pattern in patterns
    ]
    threads = number(
        "threads",
        "threads",
        axis={"values": [*range(1, most + 1)], "format": "d"},
    )
    gain = number("speed_up", "speed-up", scale={"zero": True})
    return whole(
        {
            "data": {"values": values},
            "facet": {
                "field": "pattern",
                "type": "nominal",
                "title": None,
                "sort": None,
            },
            "columns": 4,
            "spec": {
                "width": 150,
                "height": 110,
                "layer": [
                    {
                        "mark": {"type": "line", "color": MUTED, "strokeDash": [2, 3]},
                        "encoding": {"x": threads, "y": {**gain, "field": "ideal"}},
                    },
                    {
                        "mark": {"type": "line"},
                        "encoding": {
                            "x": threads,
                            "y": gain,
                            "color": colour(looks),
                            "strokeDash": dash(looks),
                        },
                    },
                    {
                        "mark": {"type": "point", "filled": True, "opacity": 1},
                        "encoding": {
                            "x": threads,
                            "y": gain,
                            "color": colour(looks),
                            "shape": shape(looks),
                            "tooltip": tooltip(
                                "pattern", "side", "threads", speed_up=".2f"
                            ),
                        },
                    },
                ],
            },
        },
        "Speed-up over one thread by number of threads, pattern by pattern; the dotted "
        "line is the ideal",
    )
