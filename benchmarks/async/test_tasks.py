"""What tasks cost: making them, switching between them, waiting for them.

Each timed call is one `run_until_complete` of a thousand operations on a loop that
is open already; its own 4 to 12 us are inside, so 4 to 12 ns an operation.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

pytestmark = pytest.mark.benchmark(group="tasks")

TimeBatch = Callable[..., None]

GATHERED = 100  # tasks awaited together, as a program waits for its requests


async def nothing() -> None:
    """Return at once."""


def test_benchmark_async_await_coroutine(time_batch: TimeBatch) -> None:
    """Await a coroutine that returns at once: no task, the floor of this file.

    One operation is making the coroutine object, running it, and the stop that
    brings its result. Expect 50 to 120 ns: the loop is not involved. At this cost
    `run_until_complete` is up to a tenth of the row.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations):
            await nothing()

    time_batch(batch)


def test_benchmark_async_task_create(time_batch: TimeBatch) -> None:
    """Create a task and await it.

    One operation is the coroutine, the task, its turn on the loop, and waking the
    task that waits: two turns of the loop, each with one `select`. Expect 3 to
    10 us, half of it the system calls.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations):
            await asyncio.create_task(nothing())

    time_batch(batch)


def test_benchmark_async_task_create_many(time_batch: TimeBatch) -> None:
    """Create a hundred tasks, then await each.

    One operation is one task: making it, its turn, awaiting it when it is done.
    The turns of the loop are shared by a hundred. Expect a third of `task_create`:
    the difference is what one `select` per task costs.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations // GATHERED):
            tasks = [asyncio.create_task(nothing()) for _ in range(GATHERED)]
            for task in tasks:
                await task

    time_batch(batch)


@pytest.mark.skipif(
    not hasattr(asyncio, "eager_task_factory"),
    reason="n/a: asyncio.eager_task_factory is new in Python 3.12",
)
def test_benchmark_async_task_eager(
    time_batch: TimeBatch, loop: asyncio.AbstractEventLoop
) -> None:
    """Create an eager task that ends without waiting, and await it.

    One operation is the coroutine, the task, running it at once in the creator's
    turn, and taking its result. Expect a third of `task_create`: the loop has no
    part in it.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations):
            await asyncio.create_task(nothing())

    # Looked up by name: mypy's floor, 3.11, does not have it.
    loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009
    time_batch(batch)


def test_benchmark_async_task_switch(time_batch: TimeBatch) -> None:
    """Yield to the loop with `sleep(0)`, as the only task.

    One operation is one turn of the loop: suspend, schedule, `select` with a time
    of zero, resume. Expect 1 to 3 us, half of it the system call.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations):
            await asyncio.sleep(0)

    time_batch(batch)


def test_benchmark_async_task_switch_many(time_batch: TimeBatch) -> None:
    """Yield to the loop with `sleep(0)`, among a hundred tasks.

    One operation is one switch from a task to the next; a `select` is shared by a
    hundred. Making the tasks is inside, once per ten switches. Expect half of
    `task_switch`.
    """

    async def give_way(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def batch(operations: int) -> None:
        turns = operations // GATHERED
        await asyncio.gather(*(give_way(turns) for _ in range(GATHERED)))

    time_batch(batch)


def test_benchmark_async_task_cancel(time_batch: TimeBatch) -> None:
    """Cancel a task that waits for ever, and await its end.

    One operation is creating the task, letting it begin to wait, the cancellation
    delivered as an exception, and catching it. Expect three to four
    times `task_create`.
    """

    async def wait_forever() -> None:
        await asyncio.get_running_loop().create_future()

    async def batch(operations: int) -> None:
        for _ in range(operations):
            task = asyncio.create_task(wait_forever())
            await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    time_batch(batch)


def test_benchmark_async_gather(time_batch: TimeBatch) -> None:
    """Gather a hundred coroutines that return at once.

    One operation is one coroutine's share: its task, its callback, its place in the
    list of results. Expect one to two times `task_create_many`.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations // GATHERED):
            await asyncio.gather(*(nothing() for _ in range(GATHERED)))

    time_batch(batch)


def test_benchmark_async_task_group(time_batch: TimeBatch) -> None:
    """Run a hundred coroutines in a `TaskGroup`.

    One operation is one coroutine's share: its task, its entry in the group's set,
    its callback. Expect a little more than `gather`: the group's book-keeping is
    written in Python.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations // GATHERED):
            async with asyncio.TaskGroup() as group:
                for _ in range(GATHERED):
                    group.create_task(nothing())

    time_batch(batch)
