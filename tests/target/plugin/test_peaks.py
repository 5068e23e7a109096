"""Lines of the moment at which a row has most memory."""

import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pybench.target.process.memory import PeakLines

SIZE = 4_000_000


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    """Trace the allocations of a test."""
    was_on = tracemalloc.is_tracing()
    tracemalloc.start()
    yield
    if not was_on:
        tracemalloc.stop()


def kept_and_dropped() -> object:
    """Keep a little, and have had much in the middle."""
    kept = bytearray(SIZE // 8)
    dropped = [bytearray(SIZE // 8) for _ in range(8)]  # most
    dropped.clear()
    return kept


def dropped_by_the_next_line() -> None:
    """Have it between two lines alone."""
    held: object = list(map(str, range(SIZE // 64)))  # most
    held = None
    assert held is None


def within_one_line() -> None:
    """Have it while one line runs, and no call begins or ends meanwhile."""
    word, times = b"word", SIZE // 4
    (word * times)[0]  # most


def within_a_call() -> int:
    """Have it as the argument of a call."""
    return len(bytes(SIZE))  # most


def in_a_thread() -> None:
    """Have it in another thread."""

    def work() -> None:
        held = bytearray(SIZE)  # most
        held.clear()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def look(row: Callable[[], object], expected: int = SIZE) -> dict[str, Any]:
    """Run a row and look at it."""
    gc.collect()
    tracemalloc.clear_traces()
    lines = PeakLines(expected, 3)
    lines.begin()
    try:
        kept = row()
    finally:
        found = lines.end()
    del kept
    return found


@pytest.mark.parametrize(
    ("row", "brief"),
    [
        (kept_and_dropped, False),
        (dropped_by_the_next_line, False),
        (within_one_line, True),
        (within_a_call, False),
        (in_a_thread, False),
    ],
)
def test_line_that_has_most_at_the_peak_comes_first(
    row: Callable[[], object], brief: bool
) -> None:
    source = Path(__file__).read_text().splitlines()

    found = look(row)

    file, line, size, blocks, given_back = found["peak_lines"][0]
    assert file == __file__
    assert line > row.__code__.co_firstlineno
    assert source[line - 1].endswith("# most")
    assert size > SIZE * 0.6
    assert (blocks > 0) != brief
    assert given_back == brief
    assert not found["peak_lines_cut"]


def test_row_that_traces_is_said_to_have_cut_it_short() -> None:
    import sys

    def row() -> None:
        sys.setprofile(None)

    assert look(row)["peak_lines_cut"]
    assert sys.getprofile() is None


def test_nothing_to_see_is_no_line() -> None:
    assert look(lambda: None)["peak_lines"] == []
