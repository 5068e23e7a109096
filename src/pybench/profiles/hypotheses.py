"""What is expected of the programs of ``pybench profile``, and whether it holds.

A hypothesis is a list of claims, each about one number that was measured. A claim holds
or is refuted where the number's interval lies on one side of its limit, else it is left
open. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pybench.profiles.bottleneck import (
    ALLOCATION,
    BYTECODE,
    START_UP,
    Estimate,
    Findings,
)

Outcome = Literal["holds", "refuted", "open"]

OFF, FROZEN, RAISED = "off", "frozen", "thresholds x100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One claim with what became of it, and the number that says so."""

    claim: str
    outcome: Outcome
    why: str


Claim = Callable[[Findings], Judged]


def cause_is(cause: str) -> Claim:
    """Claim what most of the time is."""

    def judged(findings: Findings) -> Judged:
        verdict = findings.verdict
        if verdict is None or verdict.cause is None:
            return Judged(
                claim=f"the time is {cause}", outcome="open", why="there is no verdict"
            )
        return Judged(
            claim=f"the time is {cause}",
            outcome="holds" if verdict.cause == cause else "refuted",
            why=f"the verdict is {verdict.cause}",
        )

    return judged


def collector_leaves_less(
    way: str, limit: float, because: Callable[[Findings], str] = lambda _: ""
) -> Claim:
    """Claim that a way to collect less leaves less than so much of the CPU time.

    Parameters
    ----------
    way : str
        The name of it in `Findings.collectors`.
    limit : float
        Of the CPU time with the collector on.
    because : callable
        Says why it is refuted, where that was measured.
    """
    words = {
        OFF: "collector off",
        FROZEN: "frozen objects",
        RAISED: "raised thresholds",
    }
    claim = f"{words[way]}: below {limit:.0%} of the CPU time"

    def judged(findings: Findings) -> Judged:
        found = findings.collectors.get(way)
        if found is None:
            return Judged(claim=claim, outcome="open", why="not measured")
        outcome = side(found, limit)
        why = f"{found.mean:.0%}"
        if found.half_width is not None:
            why += f" ± {found.half_width:.0%}"
        if outcome == "refuted" and (reason := because(findings)):
            why += f": {reason}"
        return Judged(claim=claim, outcome=outcome, why=why)

    return judged


def side(found: Estimate, limit: float) -> Outcome:
    """Tell on which side of a limit an estimate is; at 100 % or more it saves nothing.

    A claim to save something is refuted by a mean that does not, whatever its interval.
    """
    if found.high < limit:
        return "holds"
    if found.low >= limit or found.mean >= max(limit, 1.0):
        return "refuted"
    return "open"


def full_collections(findings: Findings) -> str:
    """Say why raised thresholds change nothing: what they do not put off."""
    share = findings.full_pause_share
    if share is None:
        return ""
    return (
        f"{share:.0%} of the pause time is in full collections, which the program asks "
        "for by gc.collect(); thresholds put off only those that allocations set off"
    )


HYPOTHESES: dict[str, Sequence[Claim]] = {
    "Tight Loop": (cause_is(BYTECODE),),
    "GC Workload": (
        cause_is(ALLOCATION),
        collector_leaves_less(OFF, 0.5),
        collector_leaves_less(FROZEN, 1.0),
        collector_leaves_less(RAISED, 1.0, full_collections),
    ),
    "Import": (cause_is(START_UP),),
}


def judge_hypothesis(title: str, findings: Findings) -> tuple[Judged, ...]:
    """Judge all claims about one of the programs."""
    return tuple(claim(findings) for claim in HYPOTHESES[title])
