"""What is known of rows before the first pair."""

from __future__ import annotations

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison import calibration
from pybench.comparison.calibration import Calibrated
from pybench.records.messages import RowFacts
from pybench.records.outcomes import ERROR, MEASURED, NOT_AVAILABLE, ReasonKind


def known(outcome: str, kind: ReasonKind | None = None) -> Calibrated:
    return Calibrated(
        outcome=outcome, reason="why", kind=kind, facts=RowFacts(), numbers={}
    )


@pytest.mark.parametrize(
    ("row", "lacking"),
    [
        ("a.pyperf", known(ERROR, ReasonKind.UNCOLLECTED)),
        ("a.pyperf::a", known(NOT_AVAILABLE)),
    ],
)
def test_rows_of_a_file_that_one_arm_lacks_have_its_reason(
    row: str, lacking: Calibrated
) -> None:
    """There is no further row for the file on that arm, and none for the others."""
    measured = known(MEASURED)
    there = {"a.pyperf::x": measured, "a.pyperf::y": measured, "b.py::a": measured}
    by_arm = {"a": dict(there), "b": {row: lacking, "b.py::a": measured}}

    calibration._spread_reasons(by_arm)

    assert by_arm["a"] == there
    assert by_arm["b"] == dict.fromkeys(("a.pyperf::x", "a.pyperf::y"), lacking) | {
        "b.py::a": measured
    }


def test_row_that_is_not_available_anywhere_stays_one() -> None:
    lacking = known(NOT_AVAILABLE)
    by_arm = {arm: {"a.pyperf::a": lacking} for arm in "ab"}

    calibration._spread_reasons(by_arm)

    assert by_arm == {arm: {"a.pyperf::a": lacking} for arm in "ab"}
