"""What is known of rows before the first pair."""

from __future__ import annotations

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

from pybench.comparison import calibration
from pybench.comparison.beginning import new_run
from pybench.comparison.judging import gil_turned_on
from pybench.comparison.suites import Suite
from pybench.records.calibration import Calibrated
from pybench.records.messages import RowFacts
from pybench.records.outcomes import ERROR, MEASURED, NOT_AVAILABLE, VOID, ReasonKind
from pybench.records.run import LostRecord, RowRecord


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


@pytest.mark.parametrize("own_process", [True, False])
def test_gil_that_a_row_turns_on_in_its_own_process_voids_it_alone(
    own_process: bool,
) -> None:
    record = RowRecord(
        row="a", group=None, apart=False, pinned=True, margin=None, metric=None,
        operations=1, threads=1, numbers={}, per_sample_ns=0.0,
        outcomes={"b": VOID}, reasons={"b": "void: GIL turned on by module 'old'"},
        kinds={"b": ReasonKind.GIL_TURNED_ON}, own_process=own_process,
    )  # fmt: skip
    run = new_run((), Suite(text="", paths=()))
    run.add(record)
    run.add(
        LostRecord(
            row="a", pair=1, side="b", reason="why", kind=ReasonKind.GIL_TURNED_ON
        )
    )

    assert bool(gil_turned_on(run)) is not own_process
