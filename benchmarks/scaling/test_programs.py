"""Small programs whose work two threads share out, over data that both read.

Each row does the whole work once; with two threads each does a half, so the speed-up
in `extra_info["scaling"]` is against one thread that does one half, as in all rows of
this folder. What was computed is checked after the timing.
"""

import random
from array import array
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.benchmark(group="programs")

Scale = Callable[..., None]

SEED = 20261121

# All sizes are such that a half lasts a millisecond and more: letting two threads go
# and collecting them takes 20 to 90 microseconds.
PAGES = 4_000
LINKS = 8  # from each page
WIDTH = 64  # of the picture, in points; as high
QUEENS = 10
LENGTH = 80_000  # of a vector


def test_benchmark_scaling_pagerank(scale: Scale) -> None:
    """Compute one round of ranks over a graph of 4 000 pages with eight links each.

    One operation is one page: eight reads of the shared graph and of the shared old
    ranks, and a store into the thread's own list. Expect well below the full speed-up
    where reading shared objects writes their counts.
    """
    draw = random.Random(SEED)
    graph = [[draw.randrange(PAGES) for _ in range(LINKS)] for _ in range(PAGES)]
    ranks = [draw.random() for _ in range(PAGES)]
    halves = [range(PAGES // 2), range(PAGES // 2, PAGES)]
    new: list[list[float]] = [[], []]

    def half(index: int) -> Callable[[], None]:
        def work() -> None:
            new[index] = [
                0.15 / PAGES + 0.85 * sum([ranks[to] for to in graph[page]]) / LINKS
                for page in halves[index]
            ]

        return work

    scale(half(0), half(1), operations=PAGES // 2)
    expected = [0.15 / PAGES + 0.85 * sum(ranks[to] for to in g) / LINKS for g in graph]
    assert new[0] + new[1] == pytest.approx(expected)


def escape_turns(x: float, y: float) -> int:
    """Return after how many turns a point leaves the circle, 50 at most."""
    point, start = complex(0, 0), complex(x, y)
    for turn in range(50):
        if abs(point) > 2:
            return turn
        point = point * point + start
    return 50


def test_benchmark_scaling_mandelbrot(scale: Scale) -> None:
    """Draw a picture of 64 times 64 points, every other line on each thread.

    One operation is one line. Expect nearly the full speed-up: all it makes is complex
    numbers of the thread's own.
    """
    lines: list[list[int]] = [[] for _ in range(WIDTH)]

    def every_other(first: int) -> Callable[[], None]:
        def work() -> None:
            for line in range(first, WIDTH, 2):
                y = line / (WIDTH / 2) - 1
                lines[line] = [
                    escape_turns(column / (WIDTH / 2) - 1.5, y)
                    for column in range(WIDTH)
                ]

        return work

    scale(every_other(0), every_other(1), operations=WIDTH // 2)
    assert lines[WIDTH // 2][WIDTH // 2] == escape_turns(-0.5, 0.0)
    assert all(len(line) == WIDTH for line in lines)


def solutions(size: int, row: int, columns: int, left: int, right: int) -> int:
    """Count the ways to place the queens of the rows from `row` on."""
    if row == size:
        return 1
    count = 0
    free = ~(columns | left | right) & ((1 << size) - 1)
    while free:
        place = free & -free
        free ^= place
        count += solutions(
            size, row + 1, columns | place, (left | place) << 1, (right | place) >> 1
        )
    return count


def test_benchmark_scaling_queens(scale: Scale) -> None:
    """Count the ways to place ten queens, half of the first columns on each thread.

    One operation is one first column. Expect nearly the full speed-up: calls of a
    shared function with small numbers, which have no counts.
    """
    found = [0, 0]

    def half(index: int) -> Callable[[], None]:
        columns = range(index * QUEENS // 2, (index + 1) * QUEENS // 2)

        def work() -> None:
            found[index] = sum(
                solutions(QUEENS, 1, 1 << c, 2 << c, (1 << c) >> 1) for c in columns
            )

        return work

    scale(half(0), half(1), operations=QUEENS // 2)
    assert sum(found) == 724


def test_benchmark_scaling_vector_lists(scale: Scale) -> None:
    """Add two lists of floats element by element, half of them on each thread.

    One operation is one element: two reads of a shared list, a sum, and a place in
    the thread's own. Expect well below the full speed-up where reading a shared float
    writes its count.
    """
    draw = random.Random(SEED)
    first = [draw.random() for _ in range(LENGTH)]
    second = [draw.random() for _ in range(LENGTH)]
    result: list[list[float]] = [[], []]

    def half(index: int) -> Callable[[], None]:
        start, stop = index * LENGTH // 2, (index + 1) * LENGTH // 2

        def work() -> None:
            result[index] = [first[at] + second[at] for at in range(start, stop)]

        return work

    scale(half(0), half(1), operations=LENGTH // 2)
    assert result[0] + result[1] == [a + b for a, b in zip(first, second, strict=True)]


def test_benchmark_scaling_vector_arrays(scale: Scale) -> None:
    """Add two arrays of doubles element by element, half of them on each thread.

    One operation is one element, as above; but an array holds no objects, so a read
    makes a float of the thread's own. Expect more of the speed-up than lists have, up
    to what the count of the shared array itself costs.
    """
    draw = random.Random(SEED)
    first = array("d", [draw.random() for _ in range(LENGTH)])
    second = array("d", [draw.random() for _ in range(LENGTH)])
    result: list[list[float]] = [[], []]

    def half(index: int) -> Callable[[], None]:
        start, stop = index * LENGTH // 2, (index + 1) * LENGTH // 2

        def work() -> None:
            result[index] = [first[at] + second[at] for at in range(start, stop)]

        return work

    scale(half(0), half(1), operations=LENGTH // 2)
    assert result[0] + result[1] == [a + b for a, b in zip(first, second, strict=True)]
