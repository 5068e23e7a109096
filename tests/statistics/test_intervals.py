"""Quantiles and intervals against those that a library computes."""

import pytest
from scipy import stats

from pybench.statistics.intervals import mean_and_half, percentile, student_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 8, 14, 31])
@pytest.mark.parametrize("p", [0.6, 0.975, 0.99999, 1 - 1e-7])
def test_quantiles_are_those_of_scipy(p: float, degrees: int) -> None:
    """The finite sums of whole degrees agree with the library that computes any."""
    expected = stats.t.ppf(p, degrees)

    assert student_quantile(p, degrees) == pytest.approx(expected, rel=1e-5)


def test_mean_has_students_interval() -> None:
    """The quantile of two degrees of freedom is 4.3027."""
    mean, half = mean_and_half([1.0, 2.0, 3.0])

    assert mean == 2.0
    assert half == pytest.approx(4.3027 / 3**0.5, abs=1e-4)


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    assert mean_and_half([5]) == (5, None)

    with pytest.raises(ValueError, match="no values"):
        mean_and_half([])


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.5, 2), (0.51, 3), (0.99, 4), (1.0, 4)]
)
def test_percentile_is_a_value_that_occurred(share: float, value: int) -> None:
    assert percentile([4, 2, 3, 1], share) == value


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1], 1.1), ([1], -0.1)])
def test_bad_percentiles_are_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match=r"percentile|share"):
        percentile(values, share)
