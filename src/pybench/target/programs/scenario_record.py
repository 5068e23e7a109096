"""What came of a scenario: figures, lines to print, and the record to save."""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pybench.target.programs.scenario_memory import KINDS, Sampler
from pybench.target.programs.scenario_settings import Settings

SCHEMA = 1

# The statuses of `pybench.cli`, which is not imported here.
OK, USAGE, FAILED, INTERRUPTED = 0, 2, 4, 130

# What ends a block of lines.
_RULE = "=" * 60


def environment(settings: Settings) -> dict[str, Any]:
    """Return what a record says of the interpreter, the machine and the settings."""
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    memory = settings.profile == "memory"
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "free_threaded": "free-threading" in sys.version,
        "build": sys.version,
        "os": platform.platform(),
        "system": f"{platform.system()} {platform.release()}",
        "arch": platform.machine(),
        "scenario": settings.scenario,
        "mode": settings.mode,
        "profile": settings.profile,
        "mp_start_method": settings.start_method
        if settings.mode == "processes"
        else None,
        "gil_enabled": gil,
        "workers": settings.workers,
        "iterations": settings.iterations,
        "warmup": settings.warmup,
        "work_iters": settings.work_iters,
        "hold_ms": settings.hold_ms,
        "mem_sample": memory,
        "mem_interval_ms": settings.mem_interval_ms,
    }


def environment_lines(facts: dict[str, Any]) -> list[str]:
    """Return ``=== environment ===``, its lines, and the line that ends them.

    The first of them have a form that others parse; what is ours comes after them.
    """
    lines = [
        "=== environment ===",
        f"Python ({facts['implementation']}): {facts['build']}".replace("\n", " "),
        f"OS: {facts['system']}, arch {facts['arch']}",
        f"Mode: {facts['mode']}",
        f"Profile: {facts['profile']}",
    ]
    if facts["mp_start_method"]:
        lines.append(f"mp_start_method: {facts['mp_start_method']}")
    lines += [
        f"gil_enabled: {facts['gil_enabled']}",
        _in_line(facts, "workers", "iterations", "warmup", "work_iters"),
    ]
    if facts["mem_sample"]:
        lines.append(_in_line(facts, "hold_ms", "mem_sample", "mem_interval_ms"))
    elif facts["hold_ms"]:
        lines.append(_in_line(facts, "hold_ms"))
    if facts["scenario"] != "cpu":
        lines.append(f"scenario: {facts['scenario']}")
    return [*lines, _RULE]


def _in_line(facts: dict[str, Any], *names: str) -> str:
    """Put several facts into one line."""
    values = (facts[name] for name in names)
    texts = (f"{one:g}" if type(one) is float else str(one) for one in values)
    return "  ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=True))


class Record:
    """What is known so far; complete at any time, since Ctrl-C may come at any."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.environment = environment(settings)
        self.times_s: list[float] = []
        self.holds_s: list[float] = []  # of the rounds whose time has them in it
        self.overhead_s: float | None = None
        self.began = time.perf_counter()
        self.total_s = 0.0
        self.left_out = 0
        self.memory: dict[str, Any] | None = None
        self.server: dict[str, Any] = {}
        self.problems: list[str] = []
        self.interrupted = False
        self.abandoned = False  # a worker that nobody can end still runs

    def result(self) -> dict[str, Any]:
        """Return the figures; None where there is none."""
        times = sorted(self.times_s)
        found: dict[str, Any] = {
            "iterations_done": len(times),
            "iterations_left_out": self.left_out,
            "total_wall_s": self.total_s,
            "avg_iter_s": sum(times) / len(times) if times else None,
        }
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            found[f"{name}_iter_s"] = quantile(times, share)
        found["max_iter_s"] = times[-1] if times else None
        found["overhead_iter_s"] = self.overhead_s
        if self.holds_s:
            found["avg_hold_s"] = sum(self.holds_s) / len(self.holds_s)
        found["memory"] = self.memory
        if self.server:
            found["server"] = self.server
        return found

    def note_lost(self, names: Sequence[str], lost: dict[int, str], when: str) -> None:
        """Write down which workers were lost."""
        for place, why in sorted(lost.items()):
            self.problems.append(f"{names[place]} was lost in {when}: {why}")

    def end_sampling(self, sampler: Sampler | None) -> None:
        """Take the samples, unless they were taken: before the workers are gone."""
        if sampler is None or self.memory is not None:
            return
        self.memory = sampler.end()
        if self.memory["problem"]:
            self.problems.append(f"sampling: {self.memory['problem']}")

    def document(self) -> dict[str, Any]:
        """Return what is written to ``--json``."""
        return {
            "pybench": "scenario",
            "schema": SCHEMA,
            "settings": asdict(self.settings),
            "environment": self.environment,
            "result": self.result(),
            "iter_s": self.times_s,
            "problems": self.problems,
            "interrupted": self.interrupted,
        }

    def status(self) -> int:
        """Return the exit status."""
        if self.interrupted:
            return INTERRUPTED
        return FAILED if self.problems else OK


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so large a share does not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def result_lines(record: Record) -> list[str]:
    """Return ``=== result ===``, its lines, and the line that ends them.

    The times and the memory have a form that others parse; what is ours comes after
    them.
    """
    result = record.result()
    asked = ("total_wall_s", "avg_iter_s", "p50_iter_s", "p95_iter_s")
    return [
        "=== result ===",
        *(_seconds_line(name, result[name]) for name in asked),
        "",
        *_memory_lines(record),
        "",
        *_further_lines(record, result),
        _RULE,
    ]


def _seconds_line(name: str, value: float | None) -> str:
    return f"{name}: " + ("n/a" if value is None else f"{value:.9f}")


def _further_lines(record: Record, result: dict[str, Any]) -> list[str]:
    """Return what nobody asked for by its form."""
    lines = [_seconds_line(name, result[name]) for name in ("p99_iter_s", "max_iter_s")]
    if record.overhead_s is not None:
        text = _seconds_line("overhead_iter_s", record.overhead_s)
        lines.append(f"{text} (empty work, the median)")
    if record.holds_s:
        text = _seconds_line("avg_hold_s", result["avg_hold_s"])
        lines.append(f"{text} (part of each iteration)")
    lines += _sampling_lines(record)
    if record.server:
        facts = record.server
        lines += [
            "latencies from the intended start of each request, at "
            f"{facts['rate_per_s']:g} a second",
            _seconds_line("client_late_p95_s", facts["client_late_p95_s"]),
            f"unanswered: {facts['unanswered']}",
        ]
    asked = record.settings.iterations
    if len(record.times_s) != asked:
        out = f"; {record.left_out} with a lost worker or without answer left out"
        lines.append(
            f"iterations: {len(record.times_s)} of {asked}{out * bool(record.left_out)}"
        )
    if record.environment["gil_enabled"] != record.environment["gil_enabled_after"]:
        lines.append("the GIL was turned on in the meantime, by something imported")
    return lines + [f"problem: {problem}" for problem in record.problems]


def _memory_lines(record: Record) -> list[str]:
    """Return the bytes of each kind, or why there are none."""
    memory = record.memory
    if memory is None:
        wanted = record.settings.profile == "memory"
        return [f"memory: {'n/a' if wanted else '(disabled)'}"]
    lines = ["--- memory (bytes) via psutil.memory_full_info() ---"]
    for kind in KINDS:
        values = memory[kind]
        if "reason" in values:
            lines.append(f"{kind}: n/a: {values['reason']}")
            continue
        lines.append(
            "  ".join(f"{kind}_{w}: {values[w]:.0f}" for w in ("min", "max", "avg"))
        )
    return lines


def _sampling_lines(record: Record) -> list[str]:
    """Return how the memory was sampled, and whether the interval was kept."""
    memory = record.memory
    if memory is None:
        return []
    lines = [
        f"samples: {memory['samples']} of the process tree, at most "
        f"{memory['processes_max']} processes"
    ]
    error, interval_ms = memory["interval_p95_error"], memory["interval_s"] * 1e3
    if error is None:
        lines.append("sampling: one sample at most, so no interval")
    else:
        kept = "kept" if memory["interval_kept"] else "NOT kept"
        lines.append(
            f"sampling: interval of {interval_ms:g} ms {kept}: 95 % within "
            f"{error:.1%} of it (priority {memory['priority']})"
        )
    if memory["problem"]:
        lines.append(f"sampling ended early: {memory['problem']}")
    return lines
