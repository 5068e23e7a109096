"""What is fixed before the first pair: when to look, and what each look may spend."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Looks at these numbers of pairs. Six is the least that has a 95 % interval; the
# exact test of a lone change in a suite of 250 needs sixteen or more, hence 20.
LOOKS = (6, 12, 20, 28, 40)

# How the error of "slower or faster" is split over the looks. The first gets nothing:
# 2 / 2**6 is far above what a suite allows.
WEIGHTS = (0.0, 0.15, 0.35, 0.25, 0.25)

# The same for "equivalent", whose sum is the chance, per row, to call a row that lies
# exactly at the margin equivalent. 1/64: all six pairs inside the margin.
EQUIVALENCE_ALPHAS = (1 / 64, 0.01, 0.01, 0.01, 0.004)

# Above about this many rows, 20 pairs cannot reach the threshold of the third look:
# what it would spend goes to the fourth.
MANY_ROWS = 1800


class PlanError(ValueError):
    """A plan that cannot be followed; the message names the value and the range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The decision's parameters, frozen before anything is measured.

    Parameters
    ----------
    margin : float
        Relative change below which two sides count as equal, 0.03 for 3 %.
    false_discovery_rate : float
        Share of false ones allowed among the rows called slower or faster, which
        is also the chance of any such row in a suite where nothing differs.
    confidence : float
        Level of the interval of each row, not adjusted for the suite.
    looks, weights, equivalence_alphas : tuple
        Numbers of pairs at which is looked, and what each look may spend.

    Raises
    ------
    PlanError
        For a value out of range, or looks and weights that do not belong together.
    """

    margin: float = 0.03
    false_discovery_rate: float = 0.01
    confidence: float = 0.95
    looks: tuple[int, ...] = LOOKS
    weights: tuple[float, ...] = WEIGHTS
    equivalence_alphas: tuple[float, ...] = EQUIVALENCE_ALPHAS

    def __post_init__(self) -> None:
        for name in ("margin", "false_discovery_rate", "confidence"):
            value = getattr(self, name)
            if not 0 < value < 1:  # also refuses what is not a number
                raise PlanError(f"{name} must lie between 0 and 1, not {value!r}")
        if not self.looks or sorted({*self.looks}) != [*self.looks]:
            raise PlanError(f"looks must rise from one to the next, not {self.looks}")
        if self.looks[0] < 1:
            raise PlanError(f"looks must be whole numbers of pairs, not {self.looks}")
        lengths = {len(self.looks), len(self.weights), len(self.equivalence_alphas)}
        if len(lengths) > 1:
            raise PlanError("looks, weights and equivalence_alphas differ in length")
        if min(self.weights) < 0 or sum(self.weights) > 1 + 1e-9:
            raise PlanError(f"weights must be shares of one, not {self.weights}")

    @property
    def log_margin(self) -> float:
        """The margin as a logarithm, the same distance up and down."""
        return math.log1p(self.margin)

    @property
    def most_pairs(self) -> int:
        """Pairs at the last look."""
        return self.looks[-1]

    def for_rows(self, rows: int) -> Plan:
        """Return the plan for a suite of so many rows."""
        if rows <= MANY_ROWS or self.looks != LOOKS or self.weights != WEIGHTS:
            return self
        none, few, some, more, rest = self.weights
        return self._replaced(weights=(none, few, 0.0, some + more, rest))

    def for_pairs(self, pairs: int) -> Plan:
        """Return a plan with exactly one look, at a number of pairs chosen ahead.

        Raises
        ------
        PlanError
            If it is not a whole number of at least 1.
        """
        if type(pairs) is not int or pairs < 1:
            raise PlanError(f"pairs must be a whole number from 1 on, not {pairs!r}")
        # Sum, so that one look may spend what all looks of the usual plan may.
        spent = sum(self.equivalence_alphas)
        return self._replaced(
            looks=(pairs,), weights=(1.0,), equivalence_alphas=(spent,)
        )

    def _replaced(
        self,
        *,
        weights: tuple[float, ...],
        looks: tuple[int, ...] | None = None,
        equivalence_alphas: tuple[float, ...] | None = None,
    ) -> Plan:
        return Plan(
            margin=self.margin,
            false_discovery_rate=self.false_discovery_rate,
            confidence=self.confidence,
            looks=looks or self.looks,
            weights=weights,
            equivalence_alphas=equivalence_alphas or self.equivalence_alphas,
        )
