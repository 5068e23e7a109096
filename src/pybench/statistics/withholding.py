"""When the run itself cannot be trusted: controls that moved, so no verdicts.

A control is a row that cannot differ: a copy of the baseline measured as if it were a
contender, or a kernel that no interpreter takes part in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pybench.statistics.decision import FASTER, SLOWER, Verdict

TWIN = "twin"
YARDSTICK = "yardstick"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What became of one control, in the class of rows it stands for."""

    row: str
    kind: str  # TWIN or YARDSTICK
    metric: str  # the class of rows: by CPU time or by wall time
    verdict: Verdict
    source: str = ""  # of which run, where several were joined

    @property
    def stands_for(self) -> str:
        """The rows that get no verdict when it moves."""
        return f"{self.metric} rows of {self.source}" if self.source else self.metric


def withheld_classes(controls: Iterable[Control]) -> dict[str, str]:
    """Say which classes of rows get no verdict, and why.

    A twin speaks as soon as it is called slower or faster. A yardstick is allowed what
    its margin allows: two builds of one kernel may lie differently in memory.

    Returns
    -------
    dict of str to str
        Metric to the reason, of one of several runs with its name; empty when all
        controls held still.
    """
    reasons: dict[str, str] = {}
    for control in controls:
        verdict = control.verdict
        moved = verdict.word in (SLOWER, FASTER)
        change = f"{verdict.ratio - 1:+.1%}"
        if control.kind == TWIN and moved:
            said = f"an A/A control came out {verdict.word} ({change})"
        elif control.kind == YARDSTICK and moved and verdict.is_beyond_margin:
            said = f"a kernel without Python in it came out {verdict.word} ({change})"
        else:
            continue
        reasons.setdefault(control.stands_for, f"{said}: {control.row}")
    return reasons
