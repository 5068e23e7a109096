"""What a scenario has measured so far, and the lines that are printed of its record."""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pybench.records.scenario import (
    KINDS,
    Environment,
    Result,
    SampledMemory,
    ScenarioRecord,
    ServerResult,
    Settings,
)
from pybench.target.programs.scenario_memory import Sampler

# Settings that the environment repeats.
_SETTINGS = (
    *("scenario", "mode", "profile", "workers", "iterations", "warmup"),
    *("work_iters", "hold_ms", "mem_interval_ms"),
)

# What ends a block of lines.
_RULE = "=" * 60


def gil_enabled() -> bool:
    """Tell whether the GIL is on now, which a module that is imported may turn on."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def environment(settings: Settings) -> Environment:
    """Return what a record says of the interpreter, the machine and the settings."""
    is_processes = settings.mode == "processes"
    return Environment(
        python=platform.python_version(),
        implementation=sys.implementation.name,
        free_threaded="free-threading" in sys.version,
        build=sys.version,
        os=platform.platform(),
        system=f"{platform.system()} {platform.release()}",
        arch=platform.machine(),
        mp_start_method=settings.start_method if is_processes else None,
        gil_enabled=gil_enabled(),
        mem_sample=settings.profile == "memory",
        **{name: getattr(settings, name) for name in _SETTINGS},
    )


@dataclass(kw_only=True)
class Measured:
    """What is known so far; complete at any time, since Ctrl-C may come at any."""

    settings: Settings
    environment: Environment
    times_s: list[float] = field(default_factory=list)
    holds_s: list[float] = field(default_factory=list)  # where they are part of a time
    overhead_s: float | None = None
    began: float = field(default_factory=time.perf_counter)
    total_s: float = 0.0
    left_out: int = 0
    memory: SampledMemory | None = None
    server: ServerResult | None = None
    problems: list[str] = field(default_factory=list)
    interrupted: bool = False
    abandoned: bool = False  # a worker that nobody can end still runs

    def note_lost(self, names: Sequence[str], lost: dict[int, str], when: str) -> None:
        """Write down which workers were lost."""
        for place, why in sorted(lost.items()):
            self.problems.append(f"{names[place]} was lost in {when}: {why}")

    def record(self) -> ScenarioRecord:
        """Return what is printed and saved."""
        times = sorted(self.times_s)
        holds = self.holds_s
        return ScenarioRecord(
            settings=self.settings,
            environment=self.environment,
            result=Result(
                iterations_done=len(times),
                iterations_left_out=self.left_out,
                total_wall_s=self.total_s,
                avg_iter_s=sum(times) / len(times) if times else None,
                p50_iter_s=quantile(times, 0.5),
                p95_iter_s=quantile(times, 0.95),
                p99_iter_s=quantile(times, 0.99),
                max_iter_s=times[-1] if times else None,
                overhead_iter_s=self.overhead_s,
                avg_hold_s=sum(holds) / len(holds) if holds else None,
                memory=self.memory,
                server=self.server,
            ),
            iter_s=tuple(self.times_s),
            problems=tuple(self.problems),
            interrupted=self.interrupted,
        )

    def end(self, sampler: Sampler | None) -> None:
        """Take the time and the samples, once: before the workers are gone."""
        if not self.total_s:
            self.total_s = time.perf_counter() - self.began
        if sampler is not None and self.memory is None:
            self.memory = sampler.end()
            if self.memory.problem:
                self.problems.append(f"sampling: {self.memory.problem}")
        self.environment = replace(self.environment, gil_enabled_after=gil_enabled())


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so large a share does not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def environment_lines(facts: Environment) -> list[str]:
    """Return ``=== environment ===``, its lines, and the line that ends them.

    The first of them have a form that others parse; what is ours comes after them.
    """
    lines = [
        "=== environment ===",
        f"Python ({facts.implementation}): {facts.build}".replace("\n", " "),
        f"OS: {facts.system}, arch {facts.arch}",
        f"Mode: {facts.mode}",
        f"Profile: {facts.profile}",
    ]
    if facts.mp_start_method:
        lines.append(f"mp_start_method: {facts.mp_start_method}")
    lines += [
        f"gil_enabled: {facts.gil_enabled}",
        _in_line(facts, "workers", "iterations", "warmup", "work_iters"),
    ]
    if facts.mem_sample:
        lines.append(_in_line(facts, "hold_ms", "mem_sample", "mem_interval_ms"))
    elif facts.hold_ms:
        lines.append(_in_line(facts, "hold_ms"))
    if facts.scenario != "cpu":
        lines.append(f"scenario: {facts.scenario}")
    return [*lines, _RULE]


def _in_line(facts: Environment, *names: str) -> str:
    values = {name: getattr(facts, name) for name in names}
    return "  ".join(
        f"{name}: {value:g}" if type(value) is float else f"{name}: {value}"
        for name, value in values.items()
    )


def result_lines(record: ScenarioRecord) -> list[str]:
    """Return ``=== result ===``, its lines, and the line that ends them.

    The times and the memory have a form that others parse; what is ours comes after
    them.
    """
    result = record.result
    return [
        "=== result ===",
        _seconds("total_wall_s", result.total_wall_s),
        _seconds("avg_iter_s", result.avg_iter_s),
        _seconds("p50_iter_s", result.p50_iter_s),
        _seconds("p95_iter_s", result.p95_iter_s),
        "",
        *_memory_lines(record),
        "",
        *_further_lines(record),
        *(f"problem: {problem}" for problem in record.problems),
        _RULE,
    ]


def _seconds(name: str, value: float | None) -> str:
    return f"{name}: " + ("n/a" if value is None else f"{value:.9f}")


def _memory_lines(record: ScenarioRecord) -> list[str]:
    """Return the bytes of each kind, or why there are none."""
    if record.result.memory is None:
        wanted = record.settings.profile == "memory"
        return [f"memory: {'n/a' if wanted else '(disabled)'}"]
    lines = ["--- memory (bytes) via psutil.memory_full_info() ---"]
    for kind in KINDS:
        of = getattr(record.result.memory, kind)
        if of.reason is not None:
            lines.append(f"{kind}: n/a: {of.reason}")
            continue
        bounds = {"min": of.min, "max": of.max, "avg": of.avg}
        words = (f"{kind}_{name}: {value:.0f}" for name, value in bounds.items())
        lines.append("  ".join(words))
    return lines


def _further_lines(record: ScenarioRecord) -> list[str]:
    """Return what nobody asked for by its form."""
    result, facts = record.result, record.environment
    lines = [
        _seconds("p99_iter_s", result.p99_iter_s),
        _seconds("max_iter_s", result.max_iter_s),
    ]
    if result.overhead_iter_s is not None:
        text = _seconds("overhead_iter_s", result.overhead_iter_s)
        lines.append(f"{text} (empty work, the median)")
    if result.avg_hold_s is not None:
        text = _seconds("avg_hold_s", result.avg_hold_s)
        lines.append(f"{text} (part of each iteration)")
    if result.memory is not None:
        lines += _sampling_lines(result.memory)
    if result.server is not None:
        lines += [
            "latencies from the intended start of each request, at "
            f"{result.server.rate_per_s:g} a second",
            _seconds("client_late_p95_s", result.server.client_late_p95_s),
            f"unanswered: {result.server.unanswered}",
        ]
    done, asked = result.iterations_done, record.settings.iterations
    if done != asked:
        left_out = result.iterations_left_out
        out = f"; {left_out} with a lost worker or without answer left out"
        lines.append(f"iterations: {done} of {asked}{out * bool(left_out)}")
    if facts.gil_enabled != facts.gil_enabled_after:
        lines.append("the GIL was turned on in the meantime, by something imported")
    return lines


def _sampling_lines(memory: SampledMemory) -> list[str]:
    """Return how the memory was sampled, and whether the interval was kept."""
    lines = [
        f"samples: {memory.samples} of the process tree, at most "
        f"{memory.processes_max} processes"
    ]
    if memory.interval_p95_error is None:
        lines.append("sampling: one sample at most, so no interval")
    else:
        kept = "kept" if memory.interval_kept else "NOT kept"
        lines.append(
            f"sampling: interval of {memory.interval_s * 1e3:g} ms {kept}: 95 % within "
            f"{memory.interval_p95_error:.1%} of it (priority {memory.priority})"
        )
    if memory.problem:
        lines.append(f"sampling ended early: {memory.problem}")
    return lines
