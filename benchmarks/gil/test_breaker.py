"""What it takes to interrupt a thread: pending calls, signals, exceptions from outside.

All three set a bit that bytecode looks at between some instructions (the eval
breaker); C code does not look, and a thread that waits looks when it has waited. The
requests come through ctypes, whose call is in the time: see the control,
`breaker_direct`. The next request is made when the last one has been served, and a
request that is lost fails the row.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ctypes = pytest.importorskip("ctypes", reason="n/a: this Python has no ctypes")

pytestmark = pytest.mark.benchmark(group="breaker")

SENT = 200  # requests of a thread to itself, in one timed call
SENT_ABROAD = 5  # to another thread; each may wait for a switch interval

# That of C: functions of `signal` run the handler themselves, and ask nobody.
send_signal = getattr(ctypes.pythonapi, "raise")

# The same without the GIL, as a thread of C sends.
FROM_C = ctypes.CDLL(None)

CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
DEPTH = 20_000  # numbers that C code adds up without looking, 0.1 to 1 ms


class DeliveredError(Exception):
    """What is raised in a thread from outside."""


def raise_in(ident: int) -> None:
    """Have a thread raise that exception at its next look."""
    found = ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(ident), ctypes.py_object(DeliveredError)
    )
    assert found == 1


class Served:
    """Counts what was served, in each of the ways to be interrupted."""

    def __init__(self) -> None:
        self.count = 0
        self.callback = CALLBACK(self.call)

    def call(self, _argument: object) -> int:
        """Be a pending call, for ctypes."""
        self.count += 1
        return 0

    def handle(self, _number: int, _frame: object) -> None:
        """Be the handler of a signal."""
        self.count += 1

    def direct(self) -> None:
        """Call the callback without asking anybody."""
        self.callback(None)

    def pending(self) -> None:
        """Ask for a pending call and wait for it."""
        before = self.count
        assert ctypes.pythonapi.Py_AddPendingCall(self.callback, None) == 0
        while self.count == before:
            pass

    def signal(self) -> None:
        """Send this process a signal and wait for its handler."""
        before = self.count
        send_signal(signal.SIGUSR1)
        while self.count == before:
            pass

    def exception(self) -> None:
        """Raise an exception in this thread and wait for it."""
        try:
            raise_in(threading.get_ident())
            while True:
                pass
        except DeliveredError:
            self.count += 1


@pytest.fixture
def served() -> Iterator[Served]:
    """Return what counts, with its signal handler set."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("n/a: only the main thread runs pending calls and handlers")
    counting = Served()
    before = signal.signal(signal.SIGUSR1, counting.handle)
    yield counting
    signal.signal(signal.SIGUSR1, before)


def time_served(
    benchmark: BenchmarkFixture, served: Served, once: Callable[[], None]
) -> None:
    """Time so many requests, and check that none was lost."""
    calls = 0

    def send() -> None:
        nonlocal calls
        calls += 1
        for _ in range(SENT):
            once()

    benchmark.extra_info["operations"] = SENT
    benchmark(send)
    assert served.count == calls * SENT


def test_benchmark_gil_breaker_direct(
    benchmark: BenchmarkFixture, served: Served
) -> None:
    """Call what a pending call calls, through ctypes: the control.

    One operation is one call to C and back. Expect 0.2 to 1 us.
    """
    time_served(benchmark, served, served.direct)


@pytest.mark.parametrize("kind", ["pending", "signal", "exception"])
def test_benchmark_gil_breaker(
    benchmark: BenchmarkFixture, served: Served, kind: str
) -> None:
    """Interrupt the thread itself, while it runs bytecode.

    One operation is a request and its service: a pending call, a signal whose handler
    is Python, or an exception that is raised and caught. Expect `breaker_direct` and
    0.2 to 2 us more: the request is seen at the next look.
    """
    time_served(benchmark, served, getattr(served, kind))


def run_on() -> None:
    """Run bytecode."""
    for _ in range(1_000):
        pass


WORK: dict[str, Callable[[], object]] = {
    "running": run_on,
    "attached": lambda: sum(range(DEPTH)),
    "detached": lambda: time.sleep(0.0005),
}


@pytest.mark.parametrize("state", WORK)
@pytest.mark.threads(2)
def test_benchmark_gil_breaker_abroad(benchmark: BenchmarkFixture, state: str) -> None:
    """Raise an exception in a thread that runs bytecode, is in C, or sleeps.

    One operation is a request, its service and word of it. Expect a switch interval,
    5 ms, with the GIL on: who asks has to get the GIL back. Without it expect some
    microseconds for bytecode, and up to the rest of the C call or of the sleep, which
    are not cut short: 0.1 to 1 ms.
    """
    sent = 0
    served = 0  # and caught
    ready = -1  # `served`, once the thread can be interrupted again
    over = False

    def work() -> None:
        while not over:
            WORK[state]()

    def target() -> None:
        nonlocal served, ready
        while True:
            try:
                ready = served
                # A call: 3.13 has the jump of a loop, which looks, outside of the try.
                work()
            except DeliveredError:
                served += 1
            else:
                return

    thread = threading.Thread(target=target)
    thread.start()

    def wait() -> None:
        while ready != sent:
            assert thread.is_alive()
            time.sleep(0)

    def send() -> None:
        nonlocal sent
        for _ in range(SENT_ABROAD):
            wait()
            sent += 1
            raise_in(thread.ident or 0)
        wait()

    benchmark.extra_info["operations"] = SENT_ABROAD
    benchmark.extra_info["threads"] = 2
    try:
        benchmark(send)
    finally:
        over = True
        thread.join()
    assert served == sent


@pytest.mark.parametrize("state", WORK)
@pytest.mark.parametrize("kind", ["pending", "signal"])
@pytest.mark.threads(2)
def test_benchmark_gil_breaker_from_c(
    benchmark: BenchmarkFixture, served: Served, kind: str, state: str
) -> None:
    """Ask the main thread for a pending call, or send it a signal, from another.

    One operation is a request, made while detached as C code makes it, its service, and
    word of it. Expect one to two switch intervals with the GIL on: the thread that
    asks has to get it back. Without it expect some microseconds for bytecode, and up to
    the rest of the C call; a signal cuts a sleep short, a pending call does not.
    """
    goal = sent = 0
    over = False
    main = ctypes.c_ulong(threading.get_ident())

    def ask() -> None:
        nonlocal sent
        while not over:
            if sent == goal or served.count < sent:
                time.sleep(0)
                continue
            sent += 1
            if kind == "pending":
                assert FROM_C.Py_AddPendingCall(served.callback, None) == 0
            else:
                assert FROM_C.pthread_kill(main, signal.SIGUSR1) == 0

    def serve() -> None:
        nonlocal goal
        goal += SENT_ABROAD
        while served.count < goal:
            WORK[state]()

    thread = threading.Thread(target=ask)
    thread.start()
    benchmark.extra_info["operations"] = SENT_ABROAD
    benchmark.extra_info["threads"] = 2
    try:
        benchmark(serve)
    finally:
        over = True
        thread.join()
    assert served.count == sent
