"""What the less common ways to wait cost: semaphores, conditions, shields, contexts."""

import asyncio
import contextvars
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.benchmark(group="waiting")

TimeBatch = Callable[..., None]


async def nothing() -> None:
    """Return at once."""


def test_benchmark_async_semaphore_free(time_batch: TimeBatch) -> None:
    """Enter and leave a semaphore that has room.

    One operation is one `async with`. Expect 0.2 to 0.6 us: no task waits, and the
    loop is not involved.
    """

    async def batch(operations: int) -> None:
        semaphore = asyncio.Semaphore(2)
        for _ in range(operations):
            async with semaphore:
                pass

    time_batch(batch)


def test_benchmark_async_semaphore_contended(time_batch: TimeBatch) -> None:
    """Pass a semaphore of one between two tasks.

    One operation is one entry, of both tasks together; each lets the loop turn while
    it is inside. Expect 2 to 8 us.
    """

    async def batch(operations: int) -> None:
        semaphore = asyncio.Semaphore(1)

        async def enter() -> None:
            for _ in range(operations // 2):
                async with semaphore:
                    await asyncio.sleep(0)

        await asyncio.gather(enter(), enter())

    time_batch(batch)


def test_benchmark_async_condition_notify(time_batch: TimeBatch) -> None:
    """Wake a task through a condition, and be woken by it.

    One operation is one waking, of both tasks together, with the lock that belongs to
    it. Expect 4 to 12 us.
    """

    async def batch(operations: int) -> None:
        condition = asyncio.Condition()
        turn = [0]

        async def player(own: int) -> None:
            for _ in range(operations // 2):
                async with condition:
                    await condition.wait_for(lambda: turn[0] == own)
                    turn[0] = 1 - own
                    condition.notify()

        await asyncio.gather(player(0), player(1))

    time_batch(batch)


def test_benchmark_async_shield(time_batch: TimeBatch) -> None:
    """Await a coroutine behind `asyncio.shield`.

    One operation is the task that it makes, the future in front, and both turns of the
    loop. Expect one and a half to three times `task_create`.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations):
            await asyncio.shield(nothing())

    time_batch(batch)


def test_benchmark_async_context_read(time_batch: TimeBatch) -> None:
    """Set and read a context variable in a task.

    One operation is one `set` and one `get`. Expect 0.1 to 0.3 us; the variable's
    cache does not help after a `set`.
    """
    variable: contextvars.ContextVar[int] = contextvars.ContextVar(
        "variable", default=0
    )

    async def batch(operations: int) -> None:
        for number in range(operations):
            variable.set(number)
            variable.get()

    time_batch(batch)


def test_benchmark_async_as_completed(time_batch: TimeBatch) -> None:
    """Take the results of a hundred tasks as they come.

    One operation is one task: making it, its turn, and its result out of
    `asyncio.as_completed`. Expect 5 to 20 us.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations // 100):
            for one in asyncio.as_completed([nothing() for _ in range(100)]):
                await one

    time_batch(batch)
