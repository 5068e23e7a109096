"""The programs of ``pybench profile``, what is expected of them, and whether it holds.

A claim is about one number that was measured. It holds or is refuted where the number's
interval lies on one side of its limit, else it is left open. No clock, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pybench.profiles.bottleneck import ALLOCATION, BYTECODE, START_UP
from pybench.profiles.targets import PROGRAMS, Target
from pybench.records.bottleneck import Estimate, Findings

Outcome = Literal["holds", "refuted", "open"]

RAISED = "thresholds x100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One claim with what became of it, and the number that says so."""

    claim: str
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One program, the cause that is expected, and why.

    Each of ``ways`` to collect less, by the name in the findings, is claimed to leave
    less than a limit of the CPU time; its words come first.
    """

    title: str
    target: Target
    expected: str
    cause: str
    ways: tuple[tuple[str, str, float], ...] = ()

    def judge(self, findings: Findings) -> tuple[Judged, ...]:
        """Judge all claims."""
        claim = f"the time is {self.cause}"
        named = findings.verdict.cause if findings.verdict else None
        outcome: Outcome = "holds" if named == self.cause else "refuted"
        why = f"the verdict is {named}"
        if named is None:
            outcome, why = "open", "there is no verdict"
        ways = (judge_way(findings, *way) for way in self.ways)
        return Judged(claim=claim, outcome=outcome, why=why), *ways


def judge_way(findings: Findings, words: str, way: str, limit: float) -> Judged:
    """Judge the claim that a way to collect less leaves less than a limit."""
    claim = f"{words}: below {limit:.0%} of the CPU time"
    left = findings.collections.collectors.get(way)
    if left is None:
        return Judged(claim=claim, outcome="open", why="not measured")
    outcome, why = side(left, limit), f"{left.mean:.0%}"
    if left.half_width is not None:
        why += f" ± {left.half_width:.0%}"
    full = findings.collections.full_pause_share
    if outcome == "refuted" and way == RAISED and full is not None:
        why += (
            f": {full:.0%} of the pause time is in full collections, which the program "
            "asks for by gc.collect(); thresholds put off only those that allocations "
            "set off"
        )
    return Judged(claim=claim, outcome=outcome, why=why)


def side(left: Estimate, limit: float) -> Outcome:
    """Tell on which side of a limit an estimate is; at 100 % or more it saves nothing.

    A claim to save something is refuted by a mean that does not, whatever its interval.
    """
    if left.high < limit:
        return "holds"
    if left.low >= limit or left.mean >= max(limit, 1.0):
        return "refuted"
    return "open"


_PROGRAM = str(PROGRAMS / "workloads.py")

WORKLOADS = (
    Workload(
        title="Tight Loop",
        target=Target(kind="function", name=f"{_PROGRAM}:tight_loop"),
        expected="bytecode alone: CPU time is wall time, the collector has nothing to "
        "do, no C function is called",
        cause=BYTECODE,
    ),
    Workload(
        title="GC Workload",
        target=Target(kind="function", name=f"{_PROGRAM}:collect_cycles"),
        expected="the collector: without it most of the time is gone; with frozen "
        "objects or raised thresholds, a part",
        cause=ALLOCATION,
        ways=(
            ("collector off", "off", 0.5),
            ("frozen objects", "frozen", 1.0),
            ("raised thresholds", RAISED, 1.0),
        ),
    ),
    Workload(
        title="Import",
        target=Target(kind="script", name=_PROGRAM),
        expected="imports: a second execution finds all modules there and takes "
        "nothing",
        cause=START_UP,
    ),
)
