"""What queues cost, within one thread and between two.

Rows of two threads time a `crew`: the threads exist, and the window goes from
letting them go to the end of the slower one. Threads that alternate share one CPU,
as in `test_locks.py`; those of the streams have one each.
"""

from collections import deque
from collections.abc import Callable
from queue import Queue, SimpleQueue

import pytest

pytestmark = pytest.mark.benchmark(group="queues")

Statement = Callable[..., object]
TimeCrew = Callable[..., None]
AnyQueue = Queue[None] | SimpleQueue[None]

HANDOFFS = 200  # round trips per timed call, 2 to 20 ms
STREAMED = 2000  # items in one direction per timed call, 2 to 40 ms

QUEUES: dict[str, Callable[[], AnyQueue]] = {"Queue": Queue, "Simple": SimpleQueue}


def test_benchmark_threading_queue_same_thread(statement: Statement) -> None:
    """Put into a `Queue` and get from it, in one thread.

    One operation is one `put` and one `get` that never wait. Expect 1 to 3 us: a
    lock and two conditions, in Python.
    """
    statement("queue.put(None); queue.get()", queue=Queue())


def test_benchmark_threading_simplequeue_same_thread(statement: Statement) -> None:
    """Put into a `SimpleQueue` and get from it, in one thread.

    One operation is one `put` and one `get` that never wait. Expect 50 to 150 ns:
    it is written in C.
    """
    statement("queue.put(None); queue.get()", queue=SimpleQueue())


def test_benchmark_threading_deque_same_thread(statement: Statement) -> None:
    """Append to a `deque` and pop from its other end, in one thread.

    One operation is one `append` and one `popleft`; nothing could wait. Expect 30
    to 60 ns: the floor of the two rows before, and safe for threads by itself.
    """
    statement("queue.append(None); queue.popleft()", queue=deque())


@pytest.mark.parametrize("kind", QUEUES, ids=lambda kind: f"kind={kind}")
def test_benchmark_threading_queue_handoff(time_crew: TimeCrew, kind: str) -> None:
    """Send an item to another thread and wait for its answer.

    One operation is one round trip through two queues: two items, two wake-ups.
    Expect 4 to 12 us with `SimpleQueue`, about `lock_handoff[cpus=1]`, and twice
    that with `Queue`, whose `get` waits on a condition.
    """
    there, back = QUEUES[kind](), QUEUES[kind]()

    def ask() -> None:
        for _ in range(HANDOFFS):
            there.put(None)
            back.get()

    def answer() -> None:
        for _ in range(HANDOFFS):
            there.get()
            back.put(None)

    time_crew(ask, answer, together=True, operations=HANDOFFS)


@pytest.mark.parametrize("kind", QUEUES, ids=lambda kind: f"kind={kind}")
def test_benchmark_threading_queue_stream(time_crew: TimeCrew, kind: str) -> None:
    """Send items to another thread without waiting for it.

    One operation is one item put by one thread and got by the other. How often the
    receiver has to be woken is left to the two, as in a program; expect one to
    three times the same-thread row, and with a GIL a wide spread.
    """
    queue = QUEUES[kind]()

    def send() -> None:
        for _ in range(STREAMED):
            queue.put(None)

    def receive() -> None:
        for _ in range(STREAMED):
            queue.get()

    time_crew(send, receive, operations=STREAMED)
