"""Verdicts on counts of instructions."""

import pytest

from pybench.statistics.counts import (
    LESS,
    MORE,
    SAME,
    UNDECIDED,
    compare_counts,
    spread_between,
    spread_within,
)


@pytest.mark.parametrize(
    ("baseline", "side", "word"),
    [
        ([1000, 1000], [1000, 1000], SAME),
        ([1000, 1000.5], [1000, 999.7], SAME),
        ([1000, 1000], [1010, 1010], MORE),
        ([1000, 1000], [990, 990], LESS),
        # The least ratio of two processes decides, not the middle one.
        ([1000, 1001.5], [1002, 1003], UNDECIDED),
        ([1000, 1000], [1000.5, 1001.5], UNDECIDED),
    ],
)
def test_processes_that_agree_decide(
    baseline: list[float], side: list[float], word: str
) -> None:
    found = compare_counts([[n] for n in baseline], [[n] for n in side])

    assert found.word == word
    assert found.low <= found.ratio <= found.high


def test_the_least_window_is_that_of_a_process() -> None:
    found = compare_counts([[10, 10, 999], [11, 10, 10]], [[11, 11, 12], [11]])

    assert (found.low, found.high) == (1.1, 1.1)


def test_spreads_tell_processes_from_windows() -> None:
    assert spread_within([[100, 100], [150, 101, 100]]) == pytest.approx(0.01)
    assert spread_within([[100]]) == 0
    assert spread_between([[100, 100], [150, 102]]) == pytest.approx(0.02)
