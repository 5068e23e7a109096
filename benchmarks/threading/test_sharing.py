"""What two threads cost each other by using the same object.

Each row has two threads that do a hundred thousand operations each and more, by
`benchmark_threads`: the threads exist, and the window goes from their common start to
the end of the slower one. `operations` are those of one thread. The object is a local
variable of each thread's loop, so that no global is read; on a free-threaded 3.13
loading it counts a reference all the same, which 3.14 learnt to avoid.

`layout=own` gives each thread an object that it made itself, and is the control:
with a GIL expect twice one thread's time in every layout, since the threads take
turns; without it `own` tells what this machine can do, and `shared`, of an object
that the main thread made, what sharing costs.
"""

from collections.abc import Callable

import pytest

from pybench.target.plugin import ThreadsFixture

pytestmark = [
    pytest.mark.benchmark(group="sharing"),
    pytest.mark.parametrize(
        "layout", ["own", "shared"], ids=lambda layout: f"layout={layout}"
    ),
]

Task = Callable[[], object]
Unrolled = Callable[..., Task]
TimePair = Callable[..., None]

REPEATS = 100  # of a thousand operations: 1 to 20 ms for each thread


class Record:
    """Something with an attribute."""

    def __init__(self) -> None:
        self.value: object = None


def repeat(thousand: Task) -> None:
    """Do a thousand operations over and over."""
    for _ in range(REPEATS):
        thousand()


@pytest.fixture
def time_pair(
    benchmark_threads: ThreadsFixture, unrolled: Unrolled, layout: str
) -> TimePair:
    """Return a function that times a statement in two threads.

    `time_pair(statement, make)` makes one object for both threads or one for each,
    as the layout says; the statement knows it as `item`.
    """

    def time(statement: str, make: Callable[[], object]) -> None:
        shared = make()

        def setup() -> tuple[tuple[Task], dict[str, object]]:
            # On its thread, so that the thread owns what it need not share: the
            # object, and the function, which holds it.
            item = shared if layout == "shared" else make()
            thousand = unrolled(statement, item=item)
            benchmark_threads.extra_info["operations"] *= REPEATS
            return (thousand,), {}

        benchmark_threads(repeat, threads=2, setup=setup)

    return time


def test_benchmark_threading_dict_read(time_pair: TimePair) -> None:
    """Read an immortal value from a dict, two threads.

    One operation is `item["key"]`. Without a GIL expect little difference between
    the layouts: the read takes no lock, and no thread counts references to None.
    """
    time_pair("_ = item['key']", lambda: {"key": None})


def test_benchmark_threading_dict_mortal(time_pair: TimePair) -> None:
    """Read an ordinary object from a dict, two threads.

    One operation is `item["key"]`. Without a GIL expect `shared` to be a few times
    slower: both threads count references in the same word of memory.
    """
    time_pair("_ = item['key']", lambda: {"key": object()})


def test_benchmark_threading_dict_write(time_pair: TimePair) -> None:
    """Store under a key that a dict has already, two threads.

    One operation is `item["key"] = None`. Without a GIL expect `shared` to be a
    few times slower: a store takes the dict's lock.
    """
    time_pair("item['key'] = None", lambda: {"key": None})


def test_benchmark_threading_list_read(time_pair: TimePair) -> None:
    """Read an immortal element of a list, two threads.

    One operation is `item[3]`. Expect as `dict_read`.
    """
    time_pair("_ = item[3]", lambda: [None] * 8)


def test_benchmark_threading_list_append(time_pair: TimePair) -> None:
    """Append to a list and pop from it, two threads.

    One operation is both, so that the list stays short. Without a GIL expect
    `shared` to be a few times slower; every append is locked, and none is lost.
    """
    time_pair("item.append(None); item.pop()", list)


def test_benchmark_threading_attr_read(time_pair: TimePair) -> None:
    """Read an immortal value from an instance, two threads.

    One operation is `item.value`. Without a GIL expect as `dict_read`.
    """
    time_pair("_ = item.value", Record)


def test_benchmark_threading_attr_write(time_pair: TimePair) -> None:
    """Store an attribute of an instance, two threads.

    One operation is `item.value = None`. Without a GIL expect `shared` to be a
    few times slower: a store takes the instance's lock.
    """
    time_pair("item.value = None", Record)
