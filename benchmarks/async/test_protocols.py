"""What `async for` and `async with` cost when nothing has to wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

pytestmark = pytest.mark.benchmark(group="protocols")

TimeBatch = Callable[..., None]


class Manager:
    """An asynchronous context manager that does nothing."""

    async def __aenter__(self) -> None:
        """Do nothing."""

    async def __aexit__(self, *details: object) -> None:
        """Do nothing."""


@asynccontextmanager
async def generated() -> AsyncIterator[None]:
    """Do nothing, as a generator."""
    yield


def test_benchmark_async_generator(time_batch: TimeBatch) -> None:
    """Go through an async generator that never waits.

    One operation is one value through `async for`, the values' loop included.
    Expect 50 to 200 ns, several times a plain generator: each value travels in an
    exception-like stop. At this cost `run_until_complete` is up to a tenth of it.
    """

    async def constants(operations: int) -> AsyncIterator[None]:
        for _ in range(operations):
            yield None

    async def batch(operations: int) -> None:
        async for _ in constants(operations):
            pass

    time_batch(batch)


def test_benchmark_async_comprehension(time_batch: TimeBatch) -> None:
    """Build a list with an asynchronous comprehension.

    One operation is one value, from an async generator into the list. Expect a
    little more than `generator`.
    """

    async def constants(operations: int) -> AsyncIterator[None]:
        for _ in range(operations):
            yield None

    async def batch(operations: int) -> list[None]:
        return [value async for value in constants(operations)]

    time_batch(batch)


def test_benchmark_async_context_manager(time_batch: TimeBatch) -> None:
    """Enter and leave an async context manager written as a class.

    One operation is two coroutines made, run and dropped. Expect two to three
    times `await_coroutine`.
    """

    async def batch(operations: int) -> None:
        manager = Manager()
        for _ in range(operations):
            async with manager:
                pass

    time_batch(batch)


def test_benchmark_async_context_generator(time_batch: TimeBatch) -> None:
    """Enter and leave an async context manager written as a generator.

    One operation is the helper object, the generator, its start and its end.
    Expect ten times `context_manager` or more.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations):
            async with generated():
                pass

    time_batch(batch)


def test_benchmark_async_generator_suspended(time_batch: TimeBatch) -> None:
    """Go through an async generator that yields to the loop before every value.

    One operation is one value and one turn of the loop. Expect `generator` and
    `task_switch` together.
    """

    async def paced(operations: int) -> AsyncIterator[None]:
        for _ in range(operations):
            await asyncio.sleep(0)
            yield None

    async def batch(operations: int) -> None:
        async for _ in paced(operations):
            pass

    time_batch(batch)
