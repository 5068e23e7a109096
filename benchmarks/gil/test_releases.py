"""Which C calls let other Python threads run, and what two threads gain from it.

Every row does the same work split among one thread or two: half the time for two says
that the call lets go of the GIL (or that there is none), the same time that it does
not. `python_work` is the row without any such call.
"""

import bz2
import hashlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="releases")

Task = Callable[[], object]
TimeCrew = Callable[..., None]
MakeCrew = Callable[..., Task]

TEXT = b"0123456789abcdef" * 4096  # 64 KiB
PIECES = 8  # of work, shared out
PASSES = 64  # of a file or pipe, shared out
THREADS = pytest.mark.parametrize(
    "threads", [1, 2], ids=lambda count: f"threads={count}"
)


def shared_out(work: Callable[[int], object], pieces: int, threads: int) -> list[Task]:
    """Give each thread its part."""
    return [lambda: work(pieces // threads)] * threads


@THREADS
def test_benchmark_gil_bz2(time_crew: TimeCrew, threads: int) -> None:
    """Compress blocks of 64 KiB with bz2, split among threads.

    One operation is one block, compressed without the GIL. Expect half the time for
    two threads on two CPUs, on every build.
    """

    def work(blocks: int) -> None:
        for _ in range(blocks):
            bz2.compress(TEXT, 1)

    time_crew(*shared_out(work, PIECES, threads), operations=PIECES)


@THREADS
def test_benchmark_gil_pbkdf2(time_crew: TimeCrew, threads: int) -> None:
    """Derive keys with PBKDF2, split among threads.

    One operation is one key of 2 000 turns, a millisecond in C without the GIL. Expect
    half the time for two threads on two CPUs, on every build.
    """

    def work(keys: int) -> None:
        for _ in range(keys):
            hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2_000)

    time_crew(*shared_out(work, PIECES, threads), operations=PIECES)


@THREADS
def test_benchmark_gil_hash_small(time_crew: TimeCrew, threads: int) -> None:
    """Hash texts of 64 bytes, split among threads: too short to release the GIL.

    One operation is one SHA-256 of so little that hashlib keeps the GIL (below 2 048
    bytes). With the GIL expect the same time for two threads.
    """

    def work(texts: int) -> None:
        for _ in range(texts):
            hashlib.sha256(TEXT[:64]).digest()

    time_crew(*shared_out(work, 4_000, threads), operations=4_000)


@THREADS
def test_benchmark_gil_json(time_crew: TimeCrew, threads: int) -> None:
    """Write a document as JSON, split among threads: C code that keeps the GIL.

    One operation is one `json.dumps` of a hundred pairs. With the GIL expect the same
    time for two threads; without it half, less what the shared encoder's counts cost.
    """
    document = {f"key{number}": number / 4 for number in range(100)}

    def work(documents: int) -> None:
        for _ in range(documents):
            json.dumps(document)

    time_crew(*shared_out(work, 200, threads), operations=200)


@THREADS
def test_benchmark_gil_regex(time_crew: TimeCrew, threads: int) -> None:
    """Search a text of 64 KiB, split among threads: C code that keeps the GIL.

    One operation is one search in vain. With the GIL expect the same time for two
    threads, each waiting for the whole search of the other: `re` never lets go.
    """
    pattern = re.compile(rb"fedcba")

    def work(searches: int) -> None:
        for _ in range(searches):
            pattern.search(TEXT)

    time_crew(*shared_out(work, PASSES, threads), operations=PASSES)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[list[IO[bytes]]]:
    """Open two files of 64 KiB, without Python's buffers; the system has them."""
    opened: list[IO[bytes]] = []
    for name in ("first", "second"):
        (tmp_path / name).write_bytes(TEXT)
        opened.append((tmp_path / name).open("r+b", buffering=0))
    yield opened
    for file in opened:
        file.close()


@THREADS
@pytest.mark.parametrize("direction", ["read", "write"])
def test_benchmark_gil_file(
    time_crew: TimeCrew, files: list[IO[bytes]], direction: str, threads: int
) -> None:
    """Read or write a file of 64 KiB in the system's cache, each thread its own.

    One operation is one call of `os.pread` or `os.pwrite`, without the GIL. Expect 5
    to 30 us, and up to half of it with two threads: the copying is the system's.
    """

    def of(file: IO[bytes]) -> Task:
        number = file.fileno()

        def work() -> None:
            for _ in range(PASSES // threads):
                if direction == "read":
                    os.pread(number, len(TEXT), 0)
                else:
                    os.pwrite(number, TEXT, 0)

        return work

    time_crew(*[of(file) for file in files[:threads]], operations=PASSES)


@THREADS
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_benchmark_gil_channel(
    benchmark: BenchmarkFixture, crew: MakeCrew, kind: str, threads: int
) -> None:
    """Write 4 KiB into a pipe or socket pair and read it back, each thread its own.

    One operation is both calls; no thread waits. Each releases the GIL for a few
    microseconds. With the GIL expect two threads to gain little or to lose: they hand
    it to each other twice an operation.
    """
    ends: list[int] = []
    sockets: list[socket.socket] = []
    for _ in range(threads):
        if kind == "pipe":
            ends += os.pipe()
        else:
            pair = socket.socketpair()
            sockets += pair
            ends += [one.fileno() for one in pair]

    def of(reader: int, writer: int) -> Task:
        def work() -> None:
            for _ in range(400 // threads):
                os.write(writer, TEXT[:4096])
                os.read(reader, 4096)

        return work

    benchmark.extra_info["operations"] = 400
    try:
        benchmark(crew(*[of(*ends[at : at + 2]) for at in range(0, len(ends), 2)]))
    finally:
        for one in sockets:
            one.close()
        for end in ends if kind == "pipe" else ():
            os.close(end)
