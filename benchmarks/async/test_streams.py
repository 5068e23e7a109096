"""What real sockets cost an event loop: round trips and bulk, by transport.

Client and server share one loop and one thread, so that a round trip is the work
of both sides: two writes, two reads and two wake-ups, without a second CPU. The
servers listen on 127.0.0.1 at a port that the system chooses, or on a path in a
folder of their own; connections are made and closed outside the timing.
"""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import cast

import pytest

from pybench.target.plugin import AsyncFixture

pytestmark = pytest.mark.benchmark(group="streams")

TimeBatch = Callable[..., None]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

MESSAGE = b"x" * 64
CHUNK = b"x" * 65536  # a stream's default limit before `drain` waits
CHUNKS = 64  # per timed call: 4 MiB, each way
LOST_S = 20.0  # after which a datagram will not come any more

needs_unix = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="n/a: this platform has no Unix sockets"
)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back whatever comes, until the client closes."""
    while data := await reader.read(len(CHUNK)):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def connected(path: Path | None = None) -> AsyncIterator[Connection]:
    """Serve `echo`, over TCP or at a path, and connect to it."""
    if path is None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    else:
        server = await asyncio.start_unix_server(echo, path)
        reader, writer = await asyncio.open_unix_connection(path)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()
        # The echoing task reads the end of the stream in a later turn of the loop.
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.001)
        server.close()
        await server.wait_closed()


@contextmanager
def connection(
    loop: asyncio.AbstractEventLoop, path: Path | None = None
) -> Iterator[Connection]:
    """Hold a connection open between calls of `run_until_complete`."""
    manager = connected(path)
    ends = loop.run_until_complete(manager.__aenter__())
    try:
        yield ends
    finally:
        loop.run_until_complete(manager.__aexit__(None, None, None))


async def exchange(ends: Connection, message: bytes, count: int) -> None:
    """Send a message and wait for its echo, as often as said."""
    reader, writer = ends
    for _ in range(count):
        writer.write(message)
        await reader.readexactly(len(message))


@pytest.mark.usefixtures("loopback")
def test_benchmark_async_tcp_round_trip(
    time_batch: TimeBatch, loop: asyncio.AbstractEventLoop
) -> None:
    """Send 64 bytes over TCP and get them back.

    One operation is one round trip through streams on both sides. Expect 25 to
    100 us: four system calls that move data, at least two that wait for it, and
    two tasks woken.
    """
    with connection(loop) as ends:
        time_batch(lambda count: exchange(ends, MESSAGE, count), passes_kernel=True)


@needs_unix
def test_benchmark_async_unix_round_trip(
    time_batch: TimeBatch, loop: asyncio.AbstractEventLoop
) -> None:
    """Send 64 bytes over a Unix socket and get them back.

    One operation is one round trip through streams on both sides. Expect less than
    `tcp_round_trip` by the kernel's TCP, 5 to 20 us: asyncio's share is the same.
    """
    # Not pytest's own folder: a socket's path has to fit 108 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="pybench") as folder,
        connection(loop, Path(folder) / "echo") as ends,
    ):
        time_batch(lambda count: exchange(ends, MESSAGE, count), passes_kernel=True)


@pytest.mark.usefixtures("loopback")
def test_benchmark_async_tcp_bulk(
    benchmark_async: AsyncFixture, loop: asyncio.AbstractEventLoop
) -> None:
    """Send 64 KiB over TCP and get them back, as one of 64 in a row.

    One operation is one chunk written, with `drain`, while another task reads what
    the server returns. Expect 50 to 200 us, most of it copying in the kernel and
    joining what has come.
    """
    with connection(loop) as (reader, writer):

        async def receive() -> None:
            for _ in range(CHUNKS):
                await reader.readexactly(len(CHUNK))

        async def batch() -> None:
            receiving = asyncio.create_task(receive())
            for _ in range(CHUNKS):
                writer.write(CHUNK)
                await writer.drain()
            await receiving

        benchmark_async.extra_info["operations"] = CHUNKS
        benchmark_async(batch)


class Echo(asyncio.DatagramProtocol):
    """Send every datagram back to where it came from."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is needed to answer."""
        # A cast: before 3.12 the loop's own class does not derive from this one.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer."""
        self._transport.sendto(data, addr)


class Client(asyncio.DatagramProtocol):
    """Complete a future when a datagram has come."""

    received: asyncio.Future[bytes]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Wake whoever waits for an answer."""
        self.received.set_result(data)


@pytest.mark.usefixtures("loopback")
def test_benchmark_async_udp_round_trip(
    time_batch: TimeBatch, loop: asyncio.AbstractEventLoop
) -> None:
    """Send a datagram of 64 bytes over UDP and get it back.

    One operation is one round trip between two protocols; there are no streams and
    only the client is a task. Expect half to two thirds of `tcp_round_trip`.
    """
    server, _ = loop.run_until_complete(
        loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    )
    client, protocol = loop.run_until_complete(
        loop.create_datagram_endpoint(
            Client, remote_addr=server.get_extra_info("sockname")
        )
    )

    async def batch(operations: int) -> None:
        # Once per batch, since a datagram may be dropped and then nothing comes.
        async with asyncio.timeout(LOST_S):
            for _ in range(operations):
                protocol.received = loop.create_future()
                client.sendto(MESSAGE)
                await protocol.received

    try:
        time_batch(batch, passes_kernel=True)
    finally:
        client.close()
        server.close()
        # Transports close in the next turn of the loop.
        loop.run_until_complete(asyncio.sleep(0))


@needs_unix
def test_benchmark_async_socket_round_trip(
    time_batch: TimeBatch, loop: asyncio.AbstractEventLoop
) -> None:
    """Send 64 bytes through a socket pair and back, with the loop's `sock_` calls.

    One operation is one round trip without transports or streams: the loop's
    lowest calls. Expect more than `unix_round_trip`: a transport stays registered
    with the selector, these calls register and leave again at every wait.
    """
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)

    async def answer(operations: int) -> None:
        for _ in range(operations):
            await loop.sock_sendall(far, await loop.sock_recv(far, len(MESSAGE)))

    async def batch(operations: int) -> None:
        answering = asyncio.create_task(answer(operations))
        for _ in range(operations):
            await loop.sock_sendall(near, MESSAGE)
            await loop.sock_recv(near, len(MESSAGE))
        await answering

    with near, far:
        time_batch(batch, passes_kernel=True)
