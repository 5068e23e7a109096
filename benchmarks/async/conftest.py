"""The event loop that the rows of this folder run on."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pybench.target.plugin import AsyncFixture

# Operations of a timed call: what it takes to read the clock is nothing then.
OPERATIONS = 1000

# The same for operations of some tens of microseconds, which pass the kernel.
ROUND_TRIPS = 100

Batch = Callable[[int], Coroutine[Any, Any, object]]


@pytest.fixture
def loop(benchmark_async: AsyncFixture) -> asyncio.AbstractEventLoop:
    """Give a row its loop, made and closed outside the timing."""
    return benchmark_async.loop


@pytest.fixture
def time_batch(benchmark_async: AsyncFixture) -> Callable[..., None]:
    """Return a function that times a coroutine which does many operations.

    `time_batch(batch)` times awaiting `batch(1000)` on a loop that exists and stays
    open, and records the thousand in `extra_info["operations"]`; `passes_kernel=True`
    makes it a hundred.
    """

    def time(batch: Batch, *, passes_kernel: bool = False) -> None:
        operations = ROUND_TRIPS if passes_kernel else OPERATIONS
        benchmark_async.extra_info["operations"] = operations
        benchmark_async(batch, operations)

    return time
