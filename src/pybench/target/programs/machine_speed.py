"""A child that runs kernels without Python in them, and says what an operation takes.

Run as a file with one argument in JSON, an order of `pybench.profiles.machine_speed`;
prints one line of JSON. It imports the standard library and the extension alone.
"""

import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping
from typing import Any

import _pybench

# A window long beside the cost of a clock, and short beside the time that a scheduler
# lets a thread run.
WINDOW_NS = 2e6
ROUNDS = 5
# The count that sizes the next: enough to be far above the clock.
FIRST = 2_000


def measure(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return ns per operation by key, None where each round was disturbed."""
    numbers: dict[str, float | None] = {}
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    for probe in order["probes"]:
        if probe["cpus"]:
            os.sched_setaffinity(0, probe["cpus"])
        numbers[probe["key"]] = run(
            getattr(_pybench, probe["kernel"]), probe["options"]
        )
        if probe["cpus"]:
            os.sched_setaffinity(0, usable)
    return {
        "ns": numbers,
        "clock_cost_ns": _pybench.clock_cost_ns(),
        "clock_step_ns": _pybench.clock_granularity_ns(),
    }


def run(kernel: Callable[..., list[Any]], options: Mapping[str, Any]) -> float | None:
    """Return the median of the undisturbed rounds of one kernel."""
    (first,) = kernel(FIRST, **options)
    iterations = max(FIRST, int(WINDOW_NS / max(first.ns_per_operation, 0.01)))
    rounds = kernel(iterations, rounds=ROUNDS, **options)
    times = [of.ns_per_operation for of in rounds if not of.disturbed]
    return statistics.median(times) if times else None


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(json.loads(sys.argv[1]))) + "\n")
