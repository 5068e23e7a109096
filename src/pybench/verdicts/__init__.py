"""From paired differences to verdicts: pure functions, no files, no clock, no chance.

A difference is one number per row and pair: the logarithm of contender over baseline.
Everything decided here is decided from those numbers alone, so that the same record
gives the same verdicts, and exchanging the sides mirrors them.
"""

from pybench.verdicts.decision import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    SLOWER,
    VERDICTS,
    Verdict,
    decide,
)
from pybench.verdicts.differences import (
    CPU,
    WALL,
    DifferenceError,
    adjacent_difference,
    apart_difference,
    choose_metric,
    timed_ns,
    waits,
)
from pybench.verdicts.plan import Plan, PlanError
from pybench.verdicts.ranks import Interval, estimate, interval, signed_rank_p
from pybench.verdicts.suite import GeometricMean, geometric_mean
from pybench.verdicts.withholding import Control, withheld_classes

__all__ = [
    "CPU",
    "EQUIVALENT",
    "FASTER",
    "INCONCLUSIVE",
    "SLOWER",
    "VERDICTS",
    "WALL",
    "Control",
    "DifferenceError",
    "GeometricMean",
    "Interval",
    "Plan",
    "PlanError",
    "Verdict",
    "adjacent_difference",
    "apart_difference",
    "choose_metric",
    "decide",
    "estimate",
    "geometric_mean",
    "interval",
    "signed_rank_p",
    "timed_ns",
    "waits",
    "withheld_classes",
]
