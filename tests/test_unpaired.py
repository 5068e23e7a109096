"""What two sessions one after the other can say, and what they cannot."""

import math
import random

import pytest

from pybench.statistics.unpaired import (
    FASTER,
    INCONCLUSIVE,
    ONE_PROCESS,
    PROCESSES_LEAST,
    SLOWER,
    THREADS,
    advice,
    changes,
    drift_of,
    spread_of,
)

STEADY = [1.0, 1.01, 0.99, 1.005, 0.995, 1.0, 1.01, 0.99]


def times(*factors: float) -> list[float]:
    """Return a side whose median is 1.0 times each factor."""
    return [factor * time for factor in factors for time in STEADY]


def word(then: list[float], now: list[float], drift: float | None = 0.0) -> str:
    """Judge a suite of one row."""
    return changes({"row": (then, now)}, drift)["row"].word


def test_a_large_change_is_told_either_way() -> None:
    """A fifth is far above what a spread of a percent explains."""
    assert word(STEADY, times(1.2)) == SLOWER
    assert word(STEADY, times(1 / 1.2)) == FASTER


def test_drift_explains_a_change() -> None:
    """It widens what is explained; the same change is nothing where it is as large."""
    wide = drift_of({"alu": (1.0, 1.12)})
    rows = {"row": (STEADY, times(1.2))}
    still, moved = changes(rows, 0.0, 0.15), changes(rows, wide, 0.15)

    assert (still["row"].word, moved["row"].word) == (SLOWER, SLOWER)
    assert moved["row"].explained > still["row"].explained + 0.11
    assert word(STEADY, times(1.1), drift_of({"alu": (1.0, 1.02)})) == SLOWER
    assert word(STEADY, times(1.1), drift_of({"alu": (1.0, 1.12)})) == INCONCLUSIVE


def test_a_drift_as_large_as_the_margin_refuses_every_verdict() -> None:
    """Whatever the change, and both sides are to be measured again."""
    drift = drift_of({"alu": (1.0, 1 / 1.031)})
    change = changes({"row": (STEADY, times(3.0))}, drift)["row"]

    assert change.word == INCONCLUSIVE
    assert change.reason == (
        "the machine moved by 3.1%, and the margin is 3.0%: measure both sides again, "
        "or take a wider margin"
    )
    assert "again soon" in advice(math.log(1.02), 0.03)
    assert advice(math.log(1.01), 0.03) == advice(None, 0.03) == ""


def test_nothing_is_told_of_rows_of_several_threads() -> None:
    """Their ratio is shown."""
    row = (STEADY, times(1.2))
    judged = changes({"one": row, "two": row}, 0.0, threaded={"two"})

    assert judged["one"].word == SLOWER
    assert (judged["two"].word, judged["two"].reason) == (INCONCLUSIVE, THREADS)
    assert judged["two"].ratio == pytest.approx(1.2)


def test_the_spread_is_that_of_the_middle_row() -> None:
    """Of rows with processes enough; without any, nobody knows."""
    rows = {"a": STEADY, "b": [1.0] * 4, "c": [1.0, 9.0] * 2, "d": [1.0]}

    assert spread_of(rows) == pytest.approx(0.0077, abs=0.0005)
    assert spread_of({"d": [1.0]}) is None


def test_a_change_below_the_margin_is_not_told() -> None:
    """However sure it is."""
    change = changes({"row": ([1.0, 1.0, 1.0, 1.0], [1.02] * 4)}, 0.0)["row"]

    assert change.word == INCONCLUSIVE
    assert "margin" in change.reason
    assert change.ratio == pytest.approx(1.02)


def test_one_process_per_side_says_nothing_and_keeps_the_ratio() -> None:
    """Its ratio is shown, marked, and never a verdict."""
    change = changes({"row": ([1.0], [3.0])}, 0.0)["row"]

    assert (change.word, change.reason) == (INCONCLUSIVE, ONE_PROCESS)
    assert change.ratio == pytest.approx(3.0)
    assert math.isinf(change.explained)


def test_few_processes_are_too_few() -> None:
    """On either side; their number and what is needed is said."""
    for then, now, said in (
        ([1.0, 1.1], STEADY, "2 processes of the baseline"),
        (STEADY, [3.0], "1 process here"),
    ):
        change = changes({"row": (then, now)}, 0.0)["row"]

        assert change.word == INCONCLUSIVE
        assert change.reason.startswith(f"{said}: {PROCESSES_LEAST} are the least")


def test_without_yardsticks_nobody_knows() -> None:
    """No yardstick row on both sides: no verdict, whatever the ratio."""
    assert drift_of({}) is None
    assert word(STEADY, times(9.0), None) == INCONCLUSIVE


def test_the_largest_drift_counts_in_either_direction() -> None:
    """A machine that became faster moved as well."""
    assert drift_of({"alu": (1.0, 1.01), "load": (2.0, 1.0)}) == pytest.approx(
        math.log(2)
    )


@pytest.mark.parametrize("odd", [0.0, -1.0, math.nan, math.inf])
def test_odd_times_are_refused_by_name(odd: float) -> None:
    """Not computed with."""
    with pytest.raises(ValueError, match="row: times must be positive"):
        changes({"row": (STEADY, [odd])}, 0.0)


def test_suites_without_a_change_are_rarely_alarmed() -> None:
    """Of 300 suites of 40 rows at most a handful, and a real change is found."""
    chance = random.Random(7)

    def drawn(count: int, centre: float = 1.0) -> list[float]:
        return [centre * math.exp(chance.gauss(0, 0.01)) for _ in range(count)]

    alarms = found = 0
    for _ in range(300):
        rows = {f"row{n}": (drawn(8), drawn(8)) for n in range(40)}
        rows["slower"] = (drawn(8), drawn(8, 1.1))
        judged = changes(rows, 0.0)
        words = {name: change.word for name, change in judged.items()}
        found += words.pop("slower") == SLOWER
        alarms += any(said != INCONCLUSIVE for said in words.values())

    assert alarms <= 9  # expected 3
    assert found >= 295
