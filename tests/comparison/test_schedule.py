"""Who runs when: balanced, repeatable, and different for each row."""

from __future__ import annotations

from collections import Counter

from pybench.comparison import schedule

SIDES = ("A", "B")


def test_same_seed_draws_the_same() -> None:
    rows = [f"row{index}" for index in range(50)]

    assert schedule.shuffled(7, 3, rows) == schedule.shuffled(7, 3, rows[::-1])
    assert schedule.shuffled(7, 3, rows) != schedule.shuffled(8, 3, rows)
    assert schedule.control_rows(7, rows) == schedule.control_rows(7, rows)
    assert schedule.hash_seed(7, 3, 1) != schedule.hash_seed(7, 3, 2)


def test_each_block_of_two_pairs_has_both_orders() -> None:
    """So an advantage of the one who starts falls on both sides alike."""
    for block in range(10):
        first = schedule.sample_order(5, "row", 2 * block + 1, SIDES)
        second = schedule.sample_order(5, "row", 2 * block + 2, SIDES)
        assert first == second[::-1]


def test_rows_have_coins_of_their_own() -> None:
    """One coin for all would be one bias for all."""
    firsts = Counter(
        schedule.sample_order(5, f"row{index}", 1, SIDES)[0] for index in range(1000)
    )

    assert 400 < firsts["A"] < 600


def test_lots_hold_every_row_once_and_none_is_too_large() -> None:
    rows = [f"row{index}" for index in range(47)]
    lots = schedule.chunks(rows, 20)

    assert sorted(row for lot in lots for row in lot) == sorted(rows)
    assert {len(lot) for lot in lots} <= {15, 16}
    assert schedule.chunks([], 20) == []


def test_a_tenth_of_the_rows_and_at_least_twelve_are_copied() -> None:
    many = [f"row{index}" for index in range(400)]

    assert len(schedule.control_rows(1, many)) == 40
    assert len(schedule.control_rows(1, many[:50])) == 12
    assert schedule.control_rows(1, many[:5]) == set(many[:5])


def test_no_cpu_is_chosen_where_none_can_be() -> None:
    assert schedule.cpu(1, 1, 1, []) is None
    assert schedule.cpu(1, 1, 1, [3]) == 3
