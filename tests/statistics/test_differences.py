"""From the samples of a pair to its number."""

from __future__ import annotations

import math

import pytest

from pybench.records.samples import Sample
from pybench.statistics.differences import (
    CPU,
    WALL,
    DifferenceError,
    adjacent_difference,
    choose_metric,
    exclusive_difference,
    timed_ns,
    waits,
)


def sample(
    wall: int, cpu: int | None = None, waited: int = 0, blocked: int | None = None
) -> Sample:
    """Return a sample that used the CPU all the time, if nothing else is said."""
    return Sample(
        wall_ns=wall,
        cpu_ns=wall if cpu is None else cpu,
        waited_ns=waited,
        blocked=blocked,
    )


def test_wall_time_leaves_out_the_wait_for_a_cpu() -> None:
    assert timed_ns(sample(1000, cpu=700, waited=200), WALL) == 800
    assert timed_ns(sample(1000, cpu=700, waited=200), CPU) == 700


@pytest.mark.parametrize(
    ("cpu", "waited", "wanted"),
    [
        (1900, 950, 1000),  # two threads worked while the first one waited
        (1000, 900, 1000),  # one other did
        (900, 300, 900),  # and here for most of it
        (0, 300, 700),
    ],
)
def test_a_wait_in_which_other_threads_work_is_not_left_out(
    cpu: int, waited: int, wanted: int
) -> None:
    assert timed_ns(sample(1000, cpu=cpu, waited=waited), WALL) == wanted


def test_a_wait_longer_than_the_sample_is_not_believed() -> None:
    assert timed_ns(sample(1000, waited=5000), WALL) == 1000


def test_neighbours_are_compared_with_each_other() -> None:
    """A machine that gets slower does so for both: the ratios do not see it."""
    baseline = [sample(100 * step) for step in (1, 2, 4, 8)]
    contender = [sample(110 * step) for step in (1, 2, 4, 8)]

    assert adjacent_difference(baseline, contender, CPU) == pytest.approx(math.log(1.1))


def test_one_disturbed_sample_does_not_count() -> None:
    baseline = [sample(100)] * 5
    contender = [sample(100)] * 4 + [sample(900)]

    assert adjacent_difference(baseline, contender, WALL) == 0.0


def test_sides_mirror_exactly() -> None:
    ours = [sample(101), sample(99), sample(107)]
    theirs = [sample(111), sample(120), sample(98)]
    for compute in (adjacent_difference, exclusive_difference):
        assert compute(ours, theirs, CPU) == -compute(theirs, ours, CPU)


@pytest.mark.parametrize(
    ("samples", "metric"),
    [
        ([sample(1000, cpu=1000)], CPU),
        ([sample(1000, cpu=1900)], WALL),  # two threads
        ([sample(1000, cpu=300)], WALL),  # waits for something
        ([sample(1000, cpu=500, waited=500)], CPU),  # only waits for the CPU
        ([sample(1000, cpu=300, blocked=2)], WALL),  # for a child, and says so
        ([sample(1000, cpu=300, blocked=0)], CPU),  # a hypervisor took the rest
        # Disturbed once; what it does by itself it would do each time.
        ([sample(1000, cpu=300, blocked=1), sample(1000, cpu=300, blocked=0)], CPU),
        ([sample(1000, cpu=1900, blocked=0)], WALL),  # threads that spin
        ([sample(1000, cpu=900, waited=300)], CPU),  # more than it can have waited
    ],
)
def test_clock_fits_what_the_row_does(samples: list[Sample], metric: str) -> None:
    assert choose_metric([samples]) == metric


def test_a_row_whose_cpu_time_is_not_known_is_judged_by_wall_time() -> None:
    """As one that times itself by a clock of its own, and gives no CPU up."""
    assert choose_metric([[sample(1000, cpu=0, blocked=0)]] * 2) == WALL


@pytest.mark.parametrize(
    ("counts", "answer"),
    [((3, 1), True), ((3, 0), False), ((None, 3), None), ((), None)],
)
def test_who_gives_the_cpu_up_each_time_waits(
    counts: tuple[int | None, ...], answer: bool | None
) -> None:
    """Not known of one sample is not known of the row."""
    assert waits([sample(1000, blocked=count) for count in counts]) is answer


def test_what_two_samples_gave_up_adds_up() -> None:
    both = sample(10, blocked=1) + sample(10, blocked=2)

    assert both == sample(20, blocked=3)
    assert (both + sample(10)).blocked is None


def test_one_side_that_waits_decides_the_clock_for_both() -> None:
    busy, waiting = [sample(1000)], [sample(1000, cpu=100)]

    assert choose_metric([busy, waiting]) == choose_metric([waiting, busy]) == WALL


@pytest.mark.parametrize("wrong", [0, -5])
def test_a_time_that_cannot_be_is_an_error(wrong: int) -> None:
    with pytest.raises(DifferenceError, match=f"{wrong} ns"):
        adjacent_difference([sample(100)], [sample(wrong)], CPU)


def test_unequal_or_missing_samples_are_an_error() -> None:
    with pytest.raises(DifferenceError, match="1 samples of the baseline, 2"):
        adjacent_difference([sample(1)], [sample(1), sample(2)], CPU)
    with pytest.raises(DifferenceError, match="without samples"):
        exclusive_difference([], [sample(1)], CPU)
    with pytest.raises(DifferenceError, match="no samples"):
        choose_metric([])
