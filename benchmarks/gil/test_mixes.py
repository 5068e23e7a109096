"""Threads that compute beside threads that wait: delays and fairness.

A hog computes in Python until the measured thread is done. With the GIL, a thread that
comes back from a wait has to ask for it, and is given it a switch interval later at
the latest: 5 ms by default.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="mixes")

Task = Callable[[], object]
TimeCrew = Callable[..., None]
MakeCrew = Callable[..., Task]

TRIPS = 8  # each may wait two switch intervals: 80 ms with the GIL
TURNS = 600_000  # of a Python loop, split among threads: some 20 ms
FAIR_S = 0.05  # of the threads whose progress is compared


class Hogs:
    """Threads that compute until the task is done."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.finished = threading.Event()

    def hog(self) -> None:
        """Compute until told to stop."""
        self.begun.set()
        while not self.finished.is_set():
            for _ in range(100):
                pass

    def beside(self, crew: MakeCrew, task: Task, hogs: int) -> Task:
        """Return what times a task beside so many hogs."""

        def measured() -> None:
            if hogs:
                self.begun.wait()
            task()
            self.finished.set()

        run = crew(measured, *[self.hog] * hogs)

        def run_afresh() -> None:
            self.begun.clear()
            self.finished.clear()
            run()

        return run_afresh


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    """Give one end of a socket pair; a thread in C, without the GIL, has the other.

    It is a process, so that answering takes no thread of this one.
    """
    ours, theirs = socket.socketpair()
    code = (
        "import socket, sys\n"
        "end = socket.socket(fileno=int(sys.argv[1]))\n"
        "while data := end.recv(64):\n"
        "    end.sendall(data)\n"
    )
    arguments = [sys.executable, "-I", "-S", "-c", code, str(theirs.fileno())]
    os.set_inheritable(theirs.fileno(), True)
    child = os.posix_spawn(sys.executable, arguments, os.environ)
    theirs.close()
    ours.settimeout(30)
    try:
        ours.sendall(b"?")
        assert ours.recv(64) == b"?"
        yield ours
    finally:
        ours.close()
        os.waitpid(child, 0)


@pytest.mark.parametrize("hogs", [0, 1, 2])
def test_benchmark_gil_echo_beside(
    benchmark: BenchmarkFixture, crew: MakeCrew, echo: socket.socket, hogs: int
) -> None:
    """Send a message to another process and wait for the answer, beside hogs.

    One operation is one `sendall` and one `recv`, each of which lets the GIL go; the
    wait for the hogs to begin is inside, once per eight. Expect 10 to 60 us alone. With
    the GIL expect one to two switch intervals beside one hog, 5 to 10 ms, and more
    beside two: the convoy. Without it, what the CPUs allow. Source: gh-52194.
    """

    def trips() -> None:
        for _ in range(TRIPS):
            echo.sendall(b"ping")
            echo.recv(64)

    benchmark.extra_info["operations"] = TRIPS
    benchmark(Hogs().beside(crew, trips, hogs))


def test_benchmark_gil_pipe_beside(benchmark: BenchmarkFixture, crew: MakeCrew) -> None:
    """Write to a pipe and read it back beside a hog: calls that never wait.

    One operation is both calls of a few microseconds. With the GIL expect a switch
    interval for each of the two, though neither had to wait for anything.
    """
    reader, writer = os.pipe()

    def trips() -> None:
        for _ in range(TRIPS):
            os.write(writer, b"ping")
            os.read(reader, 64)

    benchmark.extra_info["operations"] = TRIPS
    try:
        benchmark(Hogs().beside(crew, trips, 1))
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("interval_ms", [0.1, 1, 20])
@pytest.mark.threads(2)
def test_benchmark_gil_echo_interval(
    benchmark: BenchmarkFixture,
    crew: MakeCrew,
    echo: socket.socket,
    interval_ms: float,
) -> None:
    """The same beside one hog, with another switch interval than 5 ms.

    One operation is one message and its answer. With the GIL expect one to two such
    intervals; without it the interval means nothing.
    """

    def trips() -> None:
        for _ in range(TRIPS):
            echo.sendall(b"ping")
            echo.recv(64)

    before = sys.getswitchinterval()
    sys.setswitchinterval(interval_ms / 1000)
    benchmark.extra_info["operations"] = TRIPS
    benchmark.extra_info["switch_interval_s"] = interval_ms / 1000
    try:
        benchmark(Hogs().beside(crew, trips, 1))
    finally:
        sys.setswitchinterval(before)


def fairness(counts: list[int]) -> float:
    """Return Jain's index: 1 when all did the same, 1/n when one did all."""
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))


@pytest.mark.parametrize("threads", [2, 4])
def test_benchmark_gil_shares(
    benchmark: BenchmarkFixture, crew: MakeCrew, threads: int
) -> None:
    """Let threads compute for 50 ms and see how much each has done.

    One operation is a thousand turns of the loop, of all threads together, so that
    the time falls as the CPUs are used. `extra_info["fairness"]` is Jain's index of
    what each did in the last round. Expect near 1 without the GIL; with it 0.7 to 1, as
    50 ms are ten switch intervals, of which some thread may get none.
    """
    counts = [0] * threads

    def of(index: int) -> Task:
        def work() -> None:
            counts[index] = 0
            while time.perf_counter() < deadline[0]:
                for _ in range(1_000):
                    pass
                counts[index] += 1

        return work

    deadline = [0.0]
    run = crew(*map(of, range(threads)))
    done: list[int] = []

    def round_of() -> None:
        deadline[0] = time.perf_counter() + FAIR_S
        run()
        done.append(sum(counts))

    benchmark.pedantic(round_of, rounds=8)  # type: ignore[no-untyped-call]
    assert sum(counts) > 0  # one thread may have had no turn at all: that is the row
    benchmark.extra_info["fairness"] = round(fairness(counts), 4)
    benchmark.extra_info["operations"] = sum(done) // len(done)


@pytest.mark.parametrize("threads", [2, 8])
def test_benchmark_gil_cpu_bound(time_crew: TimeCrew, threads: int) -> None:
    """Share one piece of computing out among threads that also pass a lock around.

    One operation is one of 600 000 turns; every thousand a thread takes and returns
    the lock. With the GIL expect the time of one thread, and a little more for eight.
    """
    lock = threading.Lock()

    def work() -> None:
        for _ in range(TURNS // threads // 1_000):
            with lock:
                pass
            for _ in range(1_000):
                pass

    time_crew(*[work] * threads, operations=TURNS)
