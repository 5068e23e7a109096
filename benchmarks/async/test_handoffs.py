"""What passing things between tasks of one loop costs: queue, lock, event."""

import asyncio
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.benchmark(group="handoffs")

TimeBatch = Callable[..., None]


def test_benchmark_async_queue_nowait(time_batch: TimeBatch) -> None:
    """Put into a queue and get from it, in one task.

    One operation is `put_nowait` and `get_nowait`; no task waits. Expect 0.3 to
    1 us, all of it Python.
    """

    async def batch(operations: int) -> None:
        queue: asyncio.Queue[None] = asyncio.Queue()
        for _ in range(operations):
            queue.put_nowait(None)
            queue.get_nowait()

    time_batch(batch)


def test_benchmark_async_queue_handoff(time_batch: TimeBatch) -> None:
    """Pass items from one task to another through a queue of one place.

    One operation is one item: a `put` and a `get`, of which one has to wait, and
    the turn of the loop in which the waiter wakes. Expect 4 to 12 us.
    """

    async def batch(operations: int) -> None:
        queue: asyncio.Queue[None] = asyncio.Queue(maxsize=1)

        async def produce() -> None:
            for _ in range(operations):
                await queue.put(None)

        producer = asyncio.create_task(produce())
        for _ in range(operations):
            await queue.get()
        await producer

    time_batch(batch)


def test_benchmark_async_lock_uncontended(time_batch: TimeBatch) -> None:
    """Take a free lock and release it.

    One operation is `async with lock` around nothing. Expect 0.2 to 0.6 us: two
    coroutines that never suspend, and Python in between.
    """

    async def batch(operations: int) -> None:
        lock = asyncio.Lock()
        for _ in range(operations):
            async with lock:
                pass

    time_batch(batch)


def test_benchmark_async_lock_contended(time_batch: TimeBatch) -> None:
    """Take a lock that another task holds while it yields once.

    One operation is one turn as the holder, between two tasks that contend for it:
    wait, wake, hold during one turn of the loop, release. Expect 5 to 15 us.
    """

    async def batch(operations: int) -> None:
        lock = asyncio.Lock()

        async def hold(times: int) -> None:
            for _ in range(times):
                async with lock:
                    await asyncio.sleep(0)

        await asyncio.gather(hold(operations // 2), hold(operations // 2))

    time_batch(batch)


def test_benchmark_async_event_handoff(time_batch: TimeBatch) -> None:
    """Wake a task with an event and be woken by it.

    One operation is one wake-up, of which two tasks do half each: clear the own
    event, set the other's, wait. Expect 3 to 10 us, one turn of the loop each.
    """

    async def batch(operations: int) -> None:
        ping, pong = asyncio.Event(), asyncio.Event()

        async def answer() -> None:
            for _ in range(operations // 2):
                await ping.wait()
                ping.clear()
                pong.set()

        answering = asyncio.create_task(answer())
        for _ in range(operations // 2):
            ping.set()
            await pong.wait()
            pong.clear()
        await answering

    time_batch(batch)


def test_benchmark_async_future_handoff(time_batch: TimeBatch) -> None:
    """Await a future that a callback of the next turn completes.

    One operation is a future, `call_soon`, setting the result, and waking up: what
    every transport does when data has come. Expect 3 to 10 us.
    """

    async def batch(operations: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(operations):
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await future

    time_batch(batch)
