"""The histogram's quantiles are exact below 64 ns and within 1/32 above."""

import math
import random
from typing import Any

import pytest

import _pybench

FRACTIONS = [0.0, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0]


def exact_quantile(values: list[int], fraction: float) -> int:
    """Smallest value that at least this fraction of the values do not exceed."""
    return sorted(values)[max(1, math.ceil(fraction * len(values))) - 1]


def test_small_values_are_exact() -> None:
    values = list(range(64))

    quantiles = _pybench.histogram_quantiles(values, FRACTIONS)

    assert quantiles == [exact_quantile(values, f) for f in FRACTIONS]


@pytest.mark.parametrize("seed", range(5))
def test_large_values_are_within_a_thirty_second(seed: int) -> None:
    generator = random.Random(seed)
    values = [int(2 ** generator.uniform(0, 40)) for _ in range(2000)]

    quantiles = _pybench.histogram_quantiles(values, FRACTIONS)

    for fraction, quantile in zip(FRACTIONS, quantiles, strict=True):
        exact = exact_quantile(values, fraction)
        assert exact <= quantile <= exact + exact // 32 + 1


@pytest.mark.parametrize("power", range(63))
def test_edges_of_the_buckets_hold_their_own_value(power: int) -> None:
    for value in (2**power - 1, 2**power, 2**power + 1):
        assert _pybench.histogram_quantiles([value], [0.5]) == [value]


def test_values_beyond_the_last_bucket_keep_the_exact_maximum() -> None:
    assert _pybench.histogram_quantiles([2**50, 2**51 + 3], [1.0]) == [2**51 + 3]


def test_negative_values_count_as_zero() -> None:
    assert _pybench.histogram_quantiles([-5, -1, 7], [0.5, 1.0]) == [0, 7]


def test_no_value_has_quantile_zero() -> None:
    assert _pybench.histogram_quantiles([], [0.5]) == [0]


@pytest.mark.parametrize("fraction", [-0.1, 1.1, math.nan])
def test_rejects_a_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(ValueError, match="a fraction must be from 0 to 1, not"):
        _pybench.histogram_quantiles([1], [fraction])


@pytest.mark.parametrize("arguments", [(1, [0.5]), ([1], 0.5), (["a"], [0.5]), ([1],)])
def test_rejects_what_is_not_a_sequence_of_numbers(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        _pybench.histogram_quantiles(*arguments)


def test_rejects_a_value_above_64_bits() -> None:
    with pytest.raises(OverflowError):
        _pybench.histogram_quantiles([2**64], [0.5])
