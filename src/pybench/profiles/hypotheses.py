"""The programs of ``pybench profile``, what is expected of them, and whether it holds.

A hypothesis is a list of claims, each about one number that was measured. A claim holds
or is refuted where the number's interval lies on one side of its limit, else it is left
open. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pybench.profiles.bottleneck import ALLOCATION, BYTECODE, START_UP
from pybench.profiles.targets import PROGRAMS, Target
from pybench.records.bottleneck import Estimate, Findings

Outcome = Literal["holds", "refuted", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One claim with what became of it, and the number that says so."""

    claim: str
    outcome: Outcome
    why: str


Claim = Callable[[Findings], Judged]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One program, what is expected of it in words, and as claims."""

    title: str
    target: Target
    expected: str
    claims: tuple[Claim, ...]

    def judge(self, findings: Findings) -> tuple[Judged, ...]:
        """Judge all claims."""
        return tuple(claim(findings) for claim in self.claims)


def cause_is(cause: str) -> Claim:
    """Claim what most of the time is."""
    claim = f"the time is {cause}"

    def judged(findings: Findings) -> Judged:
        named = findings.verdict.cause if findings.verdict else None
        if named is None:
            return Judged(claim=claim, outcome="open", why="there is no verdict")
        outcome: Outcome = "holds" if named == cause else "refuted"
        return Judged(claim=claim, outcome=outcome, why=f"the verdict is {named}")

    return judged


def collector_leaves_less(
    way: str,
    words: str,
    limit: float,
    because: Callable[[Findings], str] = lambda _: "",
) -> Claim:
    """Claim that a way to collect less leaves less than so much of the CPU time.

    Parameters
    ----------
    way : str
        The name of it in the findings.
    limit : float
        Of the CPU time with the collector on.
    because : callable
        Says why it is refuted, where that was measured.
    """
    claim = f"{words}: below {limit:.0%} of the CPU time"

    def judged(findings: Findings) -> Judged:
        left = findings.collections.collectors.get(way)
        if left is None:
            return Judged(claim=claim, outcome="open", why="not measured")
        outcome = side(left, limit)
        why = f"{left.mean:.0%}"
        if left.half_width is not None:
            why += f" ± {left.half_width:.0%}"
        if outcome == "refuted" and (reason := because(findings)):
            why += f": {reason}"
        return Judged(claim=claim, outcome=outcome, why=why)

    return judged


def side(left: Estimate, limit: float) -> Outcome:
    """Tell on which side of a limit an estimate is; at 100 % or more it saves nothing.

    A claim to save something is refuted by a mean that does not, whatever its interval.
    """
    if left.high < limit:
        return "holds"
    if left.low >= limit or left.mean >= max(limit, 1.0):
        return "refuted"
    return "open"


def full_collections(findings: Findings) -> str:
    """Say why raised thresholds change nothing: what they do not put off."""
    share = findings.collections.full_pause_share
    if share is None:
        return ""
    return (
        f"{share:.0%} of the pause time is in full collections, which the program asks "
        "for by gc.collect(); thresholds put off only those that allocations set off"
    )


_PROGRAM = str(PROGRAMS / "workloads.py")

WORKLOADS = (
    Workload(
        title="Tight Loop",
        target=Target(kind="function", name=f"{_PROGRAM}:tight_loop"),
        expected="bytecode alone: CPU time is wall time, the collector has nothing to "
        "do, no C function is called",
        claims=(cause_is(BYTECODE),),
    ),
    Workload(
        title="GC Workload",
        target=Target(kind="function", name=f"{_PROGRAM}:collect_cycles"),
        expected="the collector: without it most of the time is gone; with frozen "
        "objects or raised thresholds, a part",
        claims=(
            cause_is(ALLOCATION),
            collector_leaves_less("off", "collector off", 0.5),
            collector_leaves_less("frozen", "frozen objects", 1.0),
            collector_leaves_less(
                "thresholds x100", "raised thresholds", 1.0, full_collections
            ),
        ),
    ),
    Workload(
        title="Import",
        target=Target(kind="script", name=_PROGRAM),
        expected="imports: a second execution finds all modules there and takes "
        "nothing",
        claims=(cause_is(START_UP),),
    ),
)
