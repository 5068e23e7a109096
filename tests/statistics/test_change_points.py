"""Steps in a series are told where they are, with an interval, and noise is not."""

from __future__ import annotations

import pytest

pytest.importorskip("ruptures", reason="n/a: ruptures is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

import numpy as np

from pybench.statistics.change_points import LEAST, smallest_step, steps

pytestmark = pytest.mark.once


def series(*levels: tuple[int, float], spread: float = 0.005) -> list[float]:
    """Return ratios around levels, each for so many runs."""
    chance = np.random.default_rng(4)
    return [
        float(np.exp(chance.normal(np.log(level), spread)))
        for count, level in levels
        for _ in range(count)
    ]


def test_steps_are_told_with_their_intervals() -> None:
    ratios: list[float | None] = [*series((20, 1.0), (15, 1.05), (20, 0.9))]
    up, down = steps(ratios, 0.03)

    assert (up.index, down.index) == (20, 35)
    assert up.low < 1.05 < up.high
    assert down.low < 0.9 / 1.05 < down.high
    ratios.insert(3, None)
    assert [step.index for step in steps(ratios, 0.03)] == [21, 36]


def test_what_is_below_the_margin_or_too_young_is_not_told() -> None:
    assert not steps(series((20, 1.0), (20, 1.02)), 0.03)
    assert not steps(series((20, 1.0), (LEAST - 1, 1.2)), 0.03)
    assert not steps(series((2 * LEAST - 1, 1.0)), 0.03)
    assert not steps([], 0.03)
    assert not steps([1.0] * 30, 0.03)


def test_an_outlier_is_no_change() -> None:
    ratios = series((30, 1.0))
    ratios[12] = 3.0

    assert not steps(ratios, 0.03)


def test_noise_alone_rarely_alarms() -> None:
    """At most two of a hundred series."""
    chance = np.random.default_rng(8)
    alarms = sum(
        bool(steps(np.exp(chance.standard_t(3, 50) * 0.02).tolist(), 0.03))
        for _ in range(100)
    )

    assert alarms <= 2


def test_what_a_series_says_it_shows_is_mostly_told() -> None:
    """Nine in ten, of series that are drawn: not fewer than eight."""
    chance = np.random.default_rng(9)
    told = 0
    for _ in range(60):
        values = chance.normal(0, 0.02, 40)
        least = smallest_step(np.exp(values).tolist(), 0.03)
        assert least is not None
        values[10:] += np.log1p(least)
        told += any(
            abs(s.index - 10) <= 2 for s in steps(np.exp(values).tolist(), 0.03)
        )

    assert told >= 48
    assert smallest_step([None, *[1.0] * (2 * LEAST - 1)], 0.03) is None
    still = smallest_step([1.0] * 30, 0.03)
    assert still == pytest.approx(0.03)
