"""Which of two modes, or of two interpreters, runs a scenario faster: pairs, verdicts.

Host side. Each pair is one fresh process of either side, one after the other, since
both want all CPUs; a balanced coin says who goes first. One number per pair, the log
ratio of ``avg_iter_s``, and the looks and the decision of `pybench.statistics`.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pybench.comparison.schedule import hash_seed, sample_order
from pybench.profiles.scenario_child import ended, run_child
from pybench.records.documents import parse_json
from pybench.statistics.decision import Verdict, decide
from pybench.statistics.plan import Plan
from pybench.target.programs.scenario_settings import Settings

SCHEMA = 1
ROW = "avg_iter_s"


class SideError(Exception):
    """A side gave no figure; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side: a name, an interpreter and what it runs."""

    name: str
    python: Path
    settings: Settings


@dataclass(slots=True, kw_only=True)
class Comparison:
    """The pairs so far; ``problem`` says what ended it early.

    ``pairs`` holds the seconds of either side, baseline first, and ``orders`` who went
    first. ``verdict`` is None before the first pair.
    """

    sides: tuple[Side, Side]
    seed: int
    plan: Plan
    pairs: list[tuple[float, float]] = field(default_factory=list)
    orders: list[tuple[str, ...]] = field(default_factory=list)
    verdict: Verdict | None = None
    problem: str = ""
    interrupted: bool = False

    def judge(self) -> None:
        """Decide on the pairs there are."""
        if self.pairs:
            taken = [math.log(second) - math.log(first) for first, second in self.pairs]
            self.verdict = decide({ROW: taken}, self.plan)[ROW]

    def document(self) -> dict[str, Any]:
        """Return what is written to ``--json``."""
        verdict = None
        if self.verdict is not None:
            verdict = {
                # JSON has no infinity: an interval that has no end has none there.
                name: None if isinstance(value, float) and math.isinf(value) else value
                for name, value in asdict(self.verdict).items()
            }
        return {
            "pybench": "scenario-comparison",
            "schema": SCHEMA,
            "seed": self.seed,
            "sides": [
                {
                    "name": side.name,
                    "python": str(side.python),
                    "settings": asdict(side.settings),
                }
                for side in self.sides
            ],
            "row": ROW,
            "pairs": self.pairs,
            "first": [order[0] for order in self.orders],
            "verdict": verdict,
            "problem": self.problem,
            "interrupted": self.interrupted,
        }


def compare_sides(
    comparison: Comparison, tell: Callable[[Comparison], None]
) -> Comparison:
    """Take pairs until the verdict is settled, the looks are over, or a side fails.

    Parameters
    ----------
    comparison : Comparison
        Is filled, so that what there is survives Ctrl-C.
    tell : callable
        Gets it after every pair.
    """
    try:
        for pair in range(1, comparison.plan.most_pairs + 1):
            _take_pair(comparison, pair)
            if pair in comparison.plan.looks:
                comparison.judge()
            tell(comparison)
            if comparison.verdict is not None and not comparison.verdict.is_open:
                break
    except SideError as error:
        comparison.problem = str(error)
    except KeyboardInterrupt:
        comparison.interrupted = True
    comparison.judge()
    return comparison


def _take_pair(comparison: Comparison, pair: int) -> None:
    sides = {side.name: side for side in comparison.sides}
    order = sample_order(comparison.seed, ROW, pair, [*sides])
    seed = hash_seed(comparison.seed, pair, 0)
    figures = {name: measure_side(sides[name], seed) for name in order}
    first, second = (figures[side.name] for side in comparison.sides)
    comparison.pairs.append((first, second))
    comparison.orders.append(order)


def measure_side(side: Side, hash_seed: int) -> float:
    """Run a side in a fresh process; return its ``avg_iter_s``, without any hold.

    Raises
    ------
    SideError
        If it fails or loses a worker: with fewer workers it is another measurement.
    """
    with tempfile.TemporaryDirectory(prefix="pybench-scenario-") as folder:
        path = Path(folder) / "record.json"
        status, said = run_child(
            side.python,
            [*side.settings.words(), f"--json={path}", "--quiet"],
            environ=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
            quiet=True,
        )
        try:
            record = parse_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise SideError(f"{side.name}: {ended(status)}: {said}") from None
    if status:
        problem = [*record["problems"], ended(status)][0]
        raise SideError(f"{side.name}: {problem}")
    # The same sleep on both sides would hide a difference between them.
    hold_s = record["result"].get("avg_hold_s", 0.0)
    return float(record["result"][ROW]) - float(hold_s)
