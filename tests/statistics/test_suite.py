"""The geometric mean and its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pybench.statistics.suite import geometric_mean


def test_mean_of_ratios_that_cancel_is_one() -> None:
    up = math.log(2.0)
    found = geometric_mean({"slow": [up, up], "fast": [-up, -up]})

    assert found is not None
    assert found.ratio == pytest.approx(1.0)
    assert (found.rows, found.rounds) == (2, 2)


def test_only_rounds_that_all_rows_have_count() -> None:
    """A row stops early because of its values; later rounds would be of few rows."""
    found = geometric_mean({"early": [0.0] * 6, "late": [0.0] * 6 + [1.0] * 14})

    assert found is not None
    assert found.rounds == 6
    assert found.ratio == pytest.approx(1.0)


def test_rows_that_were_cut_short_do_not_count() -> None:
    rows = {"whole": [0.1] * 6, "cut short": [0.9]}

    mean = geometric_mean(rows, fewest=6)
    assert mean is not None
    assert (mean.rows, mean.rounds) == (1, 6)
    assert mean.high == pytest.approx(math.exp(0.1))

    only = geometric_mean({"cut short": [0.9]}, fewest=6)
    assert only is not None
    assert (only.rows, only.rounds) == (1, 1)


def test_interval_is_about_rounds_not_rows() -> None:
    """What all rows share in a round is seen in the interval."""
    rng = np.random.default_rng(20261121)
    moods = rng.normal(0, 0.02, 6)
    rows = {f"row{i}": [*(moods + rng.normal(0, 0.001, 6))] for i in range(100)}
    found = geometric_mean(rows)

    assert found is not None
    assert found.high - found.low > 0.02


def test_one_round_has_no_interval_and_no_rows_have_no_mean() -> None:
    found = geometric_mean({"row": [0.1]})

    assert found is not None
    assert found.low == 0.0
    assert math.isinf(found.high)
    assert geometric_mean({}) is None
    assert geometric_mean({"row": []}) is None


def test_rounds_that_differ_by_the_last_bits_are_alike() -> None:
    """No warning of catastrophic cancellation either, which would be an error here."""
    third = math.log(1.2)
    for rounds in ([third] * 8, [third, math.nextafter(third, 1)] * 4, [0.0] * 3):
        found = geometric_mean({"row": rounds, "other": rounds})

        assert found is not None
        assert (found.low, found.high) == pytest.approx((found.ratio, found.ratio))
