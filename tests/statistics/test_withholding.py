"""Controls that move take the verdicts of their class with them."""

from __future__ import annotations

import pytest

from pybench.statistics.decision import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    SLOWER,
    Verdict,
)
from pybench.statistics.withholding import TWIN, YARDSTICK, Control, withheld_classes


def control(kind: str, word: str, ratio: float, metric: str = "cpu") -> Control:
    """Return a control of which only these things matter."""
    verdict = Verdict(
        word=word, pairs=20, ratio=ratio, low=ratio, high=ratio, p=0.0, margin=0.03,
        below_margin=False, smallest_visible=0.01, pairs_to_settle=None,
    )  # fmt: skip
    return Control(row="row", kind=kind, metric=metric, verdict=verdict)


@pytest.mark.parametrize("word", [SLOWER, FASTER])
def test_a_copy_that_differs_withholds_its_class_alone(word: str) -> None:
    found = withheld_classes([control(TWIN, word, 1.01)])

    assert [*found] == ["cpu"]
    assert "row" in found["cpu"]
    assert word in found["cpu"]


@pytest.mark.parametrize("word", [EQUIVALENT, INCONCLUSIVE])
def test_a_copy_that_does_not_differ_withholds_nothing(word: str) -> None:
    assert withheld_classes([control(TWIN, word, 1.01)]) == {}


@pytest.mark.parametrize(
    ("ratio", "is_withheld"),
    [(1.02, False), (1.05, True), (0.98, False), (0.9, True)],
)
def test_a_yardstick_may_move_within_its_margin(
    ratio: float, is_withheld: bool
) -> None:
    found = withheld_classes([control(YARDSTICK, SLOWER, ratio, "wall")])

    assert ([*found] == ["wall"]) is is_withheld
