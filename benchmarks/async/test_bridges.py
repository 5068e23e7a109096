"""What crossing between an event loop and a thread costs."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="bridges")

TimeBatch = Callable[..., None]

# What the answering thread is asked to do; None ends it.
Requests = SimpleQueue[Callable[[], object] | None]


def nothing() -> None:
    """Do nothing."""


@pytest.fixture
def thread_requests(benchmark: BenchmarkFixture) -> Iterator[Requests]:
    """Start a thread that does what it is asked for, outside the timing."""
    requests: Requests = SimpleQueue()

    def serve() -> None:
        while (request := requests.get()) is not None:
            request()

    benchmark.extra_info["threads"] = 2
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield requests
    requests.put(None)
    thread.join()


def test_benchmark_async_call_soon(time_batch: TimeBatch) -> None:
    """Schedule a callback from the loop's own thread, and let it run.

    One operation is `call_soon`, its handle, and the call; a thousand run in one
    turn of the loop. Expect 0.2 to 1 us: the reference for the next row.
    """

    async def batch(operations: int) -> None:
        call_soon = asyncio.get_running_loop().call_soon
        for _ in range(operations):
            call_soon(nothing)
        await asyncio.sleep(0)

    time_batch(batch)


def test_benchmark_async_call_soon_threadsafe(time_batch: TimeBatch) -> None:
    """Schedule a callback the thread-safe way, from the loop's own thread.

    One operation is `call_soon` and one byte sent through the loop's wake-up
    socket; reading the bytes back is shared by thousands. Expect 1 to 4 us, nearly
    all of it the system call. No second thread takes part: see the next row.
    """

    async def batch(operations: int) -> None:
        call_soon = asyncio.get_running_loop().call_soon_threadsafe
        for _ in range(operations):
            call_soon(nothing)
        await asyncio.sleep(0)

    time_batch(batch)


def test_benchmark_async_thread_handoff(
    time_batch: TimeBatch, thread_requests: Requests
) -> None:
    """Ask a thread that waits, and be woken by it.

    One operation is one round trip: a `SimpleQueue.put` to a thread that exists,
    its `call_soon_threadsafe`, and waking the loop out of its `select`. Expect 20
    to 100 us: two threads wake, and with a GIL each waits for the other to let go.
    """

    async def batch(operations: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(operations):
            answered = loop.create_future()

            def answer(answered: asyncio.Future[None] = answered) -> None:
                loop.call_soon_threadsafe(answered.set_result, None)

            thread_requests.put(answer)
            await answered

    time_batch(batch, passes_kernel=True)


def test_benchmark_async_to_thread(
    time_batch: TimeBatch, loop: asyncio.AbstractEventLoop
) -> None:
    """Run an empty function in the default executor with `to_thread`.

    One operation is the copied context, the executor's queue, the thread, and the
    way back; the pool's thread is started before. Expect one to two times
    `thread_handoff`: two futures and a lock more.
    """

    async def batch(operations: int) -> None:
        for _ in range(operations):
            await asyncio.to_thread(nothing)

    loop.run_until_complete(batch(1))
    time_batch(batch, passes_kernel=True)
