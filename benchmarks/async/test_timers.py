"""What timers cost: arming, disarming and letting them fire."""

import asyncio
from collections.abc import Callable

import pytest

from pybench.target.plugin import AsyncFixture

pytestmark = pytest.mark.benchmark(group="timers")

TimeBatch = Callable[..., None]

PENDING = 1000  # timers that a busy server has waiting
FAR_S = 3600.0  # never reached


def nothing() -> None:
    """Do nothing."""


def test_benchmark_async_timer_arm(
    benchmark_async: AsyncFixture, loop: asyncio.AbstractEventLoop
) -> None:
    """Arm a timer among a thousand that wait, and cancel it.

    One operation is `call_later` (the clock, a handle, its place in a heap of 1000
    to 2000) and `cancel`, which only marks it. A turn of the loop that throws the
    cancelled ones away is inside, once per 1000. Expect 1 to 3 us.
    """
    waiting = [loop.call_later(FAR_S + number, nothing) for number in range(PENDING)]

    async def batch() -> None:
        for _ in range(PENDING):
            loop.call_later(FAR_S, nothing).cancel()
        # The loop drops cancelled timers when they are more than half of the heap.
        await asyncio.sleep(0)

    benchmark_async.extra_info["operations"] = PENDING
    benchmark_async(batch)
    for handle in waiting:
        handle.cancel()


def test_benchmark_async_timer_fire(time_batch: TimeBatch) -> None:
    """Let a timer fire whose time has come.

    One operation is `call_later` with no delay, its way through the heap and its
    callback; a thousand fire in one turn of the loop. Expect 1 to 3 us.
    """

    async def batch(operations: int) -> None:
        done = asyncio.get_running_loop().create_future()
        remaining = operations

        def fire() -> None:
            nonlocal remaining
            remaining -= 1
            if not remaining:
                done.set_result(None)

        call_later = asyncio.get_running_loop().call_later
        for _ in range(operations):
            call_later(0, fire)
        await done

    time_batch(batch)


def test_benchmark_async_timeout(time_batch: TimeBatch) -> None:
    """Put a timeout around something that needs no time.

    One operation is `asyncio.timeout` entered and left: one timer armed and
    cancelled, and the state around it. Expect one to three times `timer_arm`: the
    heap is small here.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations):
            async with asyncio.timeout(FAR_S):
                pass
        await asyncio.sleep(0)

    time_batch(batch)


def test_benchmark_async_wait_for(time_batch: TimeBatch) -> None:
    """Await a coroutine that returns at once through `wait_for`.

    One operation is the call and a timer armed and cancelled. Expect about
    `timeout` from 3.12 on, where it no longer makes a task; on 3.11 it does, and
    costs two turns of the loop.
    """

    async def quick() -> None:
        """Return at once."""

    async def batch(operations: int) -> None:
        for _ in range(operations):
            await asyncio.wait_for(quick(), FAR_S)
        await asyncio.sleep(0)

    time_batch(batch)
