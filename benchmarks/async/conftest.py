"""The event loop that the rows of this folder run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

# Operations of a timed call. `run_until_complete` itself costs 4 to 12 us (a task,
# its callbacks, the hooks of `run_forever`), so up to 12 ns an operation: below a
# tenth of the cheapest.
OPERATIONS = 1000

# The same for operations of some tens of microseconds, which pass the kernel.
ROUND_TRIPS = 100

Batch = Callable[[int], Coroutine[Any, Any, object]]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Give a row a loop of its own, made and closed outside the timing.

    Debug mode is off whatever the environment says: it multiplies every cost. An
    error in a callback, which asyncio would only log, stops the loop and the row:
    a task may be waiting for what the callback should have done.
    """
    event_loop = asyncio.new_event_loop()
    event_loop.set_debug(False)
    failures: list[dict[str, Any]] = []

    def fail(stopped: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failures.append(context)
        stopped.stop()

    event_loop.set_exception_handler(fail)
    try:
        yield event_loop
        if failures:
            raise RuntimeError(failures[0]["message"]) from failures[0].get("exception")
        event_loop.run_until_complete(event_loop.shutdown_asyncgens())
        event_loop.run_until_complete(event_loop.shutdown_default_executor())
    finally:
        event_loop.close()


@pytest.fixture
def time_batch(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop
) -> Callable[..., None]:
    """Return a function that times a coroutine which does many operations.

    `time_batch(batch)` times `loop.run_until_complete(batch(1000))`, on a loop that
    exists and stays open, and records the thousand in `extra_info["operations"]`;
    `passes_kernel=True` makes it a hundred.
    """

    def time(batch: Batch, *, passes_kernel: bool = False) -> None:
        operations = ROUND_TRIPS if passes_kernel else OPERATIONS
        benchmark.extra_info["operations"] = operations
        benchmark(lambda: loop.run_until_complete(batch(operations)))

    return time
