"""What threads gain from a second CPU, and what alternating costs them.

Every row times a `crew`: its threads exist, and the window goes from letting them
go to the end of the last. Work is split among the threads, so that rows of one
operation do the same work whatever their number of threads: a perfect machine
divides the time by the number of CPUs, and a GIL leaves it as it is.
"""

import hashlib
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="switching")

Task = Callable[[], object]
TimeCrew = Callable[..., None]
MakeCrew = Callable[..., Task]

TURNS = 1_200_000  # of an empty Python loop: 15 to 50 ms, several switch intervals
BLOCK = bytes(range(256)) * 256  # 64 KiB: long enough for a C call without the GIL
HASHES = 64  # 2 to 20 ms of SHA-256
COMPRESSIONS = 16  # 2 to 20 ms of zlib
RELEASES = 10  # each may wait a switch interval: 50 ms with a GIL
SLEEPS = 5
SLEEP_S = 0.001


def count_down(turns: int) -> None:
    """Keep the interpreter busy, and nothing else."""
    while turns:
        turns -= 1


def split(work: Callable[[int], object], total: int, threads: int) -> list[Task]:
    """Give each thread its part of the work."""
    return [lambda: work(total // threads)] * threads


@pytest.mark.parametrize("threads", [1, 2, 4], ids=lambda count: f"threads={count}")
def test_benchmark_gil_python_work(time_crew: TimeCrew, threads: int) -> None:
    """Count down in Python, split among threads.

    One operation is one turn of the loop; `operations` counts those of all threads.
    With a GIL expect the same time for any number of threads, and a few per cent
    for switching. Without it, half the time for two on two CPUs; more threads than
    CPUs (marked oversubscribed) gain nothing.
    """
    time_crew(*split(count_down, TURNS, threads), operations=TURNS)


@pytest.mark.parametrize("threads", [1, 2], ids=lambda count: f"threads={count}")
def test_benchmark_gil_sha256(time_crew: TimeCrew, threads: int) -> None:
    """Hash blocks of 64 KiB with SHA-256, split among threads.

    One operation is one block, hashed in C without the GIL. Expect half the time
    for two threads on two CPUs, on every build: nearly all of it is outside.
    """

    def work(blocks: int) -> None:
        for _ in range(blocks):
            hashlib.sha256(BLOCK).digest()

    time_crew(*split(work, HASHES, threads), operations=HASHES)


@pytest.mark.parametrize("threads", [1, 2], ids=lambda count: f"threads={count}")
def test_benchmark_gil_zlib(time_crew: TimeCrew, threads: int) -> None:
    """Compress blocks of 64 KiB with zlib, split among threads.

    One operation is one block, compressed in C without the GIL; the result's memory
    is allocated with it. Expect half the time for two threads on two CPUs, on every
    build.
    """

    def work(blocks: int) -> None:
        for _ in range(blocks):
            zlib.compress(BLOCK, 6)

    time_crew(*split(work, COMPRESSIONS, threads), operations=COMPRESSIONS)


class Beside:
    """A task and a companion that goes on until the task is done."""

    def __init__(self) -> None:
        self.begun = threading.Event()  # set by the companion
        self.finished = threading.Event()  # set by the task

    def count(self) -> None:
        """Keep the interpreter busy until told to stop."""
        self.begun.set()
        while not self.finished.is_set():
            count_down(100)

    def timed(self, run: Task) -> Task:
        """Return what a row times: a run with both events cleared before."""

        def run_afresh() -> None:
            self.begun.clear()
            self.finished.clear()
            run()

        return run_afresh


def test_benchmark_gil_release_beside_work(
    benchmark: BenchmarkFixture, crew: MakeCrew
) -> None:
    """Make short C calls that release the GIL, beside a thread that counts.

    One operation is 64 KiB compressed, some 0.2 ms in C; the wait for the counting
    to begin is inside, once per ten. With a GIL expect a switch interval each, 5 ms:
    whoever lets go during a call then waits until the counting thread is made to.
    Without it expect the compression alone. This is the convoy that slows servers
    down; the counting ends with the last call.
    """
    beside = Beside()

    def call() -> None:
        beside.begun.wait()
        for _ in range(RELEASES):
            zlib.compress(BLOCK, 6)
        beside.finished.set()

    benchmark.extra_info["operations"] = RELEASES
    benchmark(beside.timed(crew(call, beside.count)))


def test_benchmark_gil_sleep_beside_work(
    benchmark: BenchmarkFixture, crew: MakeCrew
) -> None:
    """Sleep for a millisecond at a time, beside a thread that counts.

    One operation is one sleep; the wait for the counting to begin is inside, once
    per five. With a GIL expect a switch interval more than the millisecond, so 6 ms:
    the sleeper wakes in time and then waits for its turn. Without it expect 1.1 ms.
    The counting ends with the last sleep.
    """
    beside = Beside()

    def doze() -> None:
        beside.begun.wait()
        for _ in range(SLEEPS):
            time.sleep(SLEEP_S)
        beside.finished.set()

    benchmark.extra_info["operations"] = SLEEPS
    benchmark(beside.timed(crew(doze, beside.count)))


def test_benchmark_gil_work_beside_sleeper(
    benchmark: BenchmarkFixture, crew: MakeCrew
) -> None:
    """Count down in Python beside a thread that wakes up every millisecond.

    One operation is one turn of the loop, and all of `python_work[threads=1]` is
    done: the difference to it is what an idle timer thread costs the working one.
    Expect some per cent with a GIL (each waking demands it, and gets it after an
    interval), and nothing without. The sleeper ends at once with the work.
    """
    beside = Beside()

    def work() -> None:
        count_down(TURNS)
        beside.finished.set()

    def wake_up() -> None:
        while not beside.finished.wait(SLEEP_S):
            pass

    benchmark.extra_info["operations"] = TURNS
    benchmark(beside.timed(crew(work, wake_up)))


@pytest.fixture
def switch_interval(
    request: pytest.FixtureRequest, benchmark: BenchmarkFixture
) -> Iterator[float]:
    """Set the switch interval for one row, in seconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(request.param)
    benchmark.extra_info["switch_interval_s"] = request.param
    yield request.param
    sys.setswitchinterval(before)


@pytest.mark.parametrize(
    "switch_interval", [0.0005, 0.005], ids=["0.5ms", "5ms"], indirect=True
)
def test_benchmark_gil_interval(time_crew: TimeCrew, switch_interval: float) -> None:
    """Count down in two Python threads, switching often or as usual.

    One operation is one turn of the loop; `operations` counts those of both. With a
    GIL expect a few per cent more at 0.5 ms than at the usual 5 ms: ten times the
    switches, each some tens of microseconds and cold caches. Without it the
    interval means nothing and both rows show the same.
    """
    time_crew(*split(count_down, TURNS, 2), operations=TURNS)
