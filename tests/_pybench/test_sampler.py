"""The sampler: what it refuses, that nothing of it stays, and what a sample says."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import _pybench

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="n/a: its timers are Linux's"
)


@pytest.fixture
def sampler() -> Iterator[Any]:
    yield _pybench
    _pybench.sampler_stop()


def use_cpu(seconds: float) -> None:
    """Run until this thread has used so much CPU time."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def sampled(thread: int | None = None) -> list[Any]:
    """Use the CPU until a sample of this thread came; return what is drained."""
    mine = thread or threading.get_native_id()
    found: list[Any] = []
    while not any(one[0] == mine for one in found):
        use_cpu(0.005)
        samples, lost = _pybench.sampler_drain()
        assert lost == 0
        found += samples
    return found


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"capacity": 0}, ValueError, "capacity must be .*1.*1000000"),
        ({"capacity": 10**7}, ValueError, "capacity"),
        ({"capacity": 10**40}, ValueError, "capacity"),
        ({"capacity": "many"}, TypeError, "capacity"),
        ({"interval_ns": 99_999}, ValueError, "interval_ns"),
        ({"interval_ns": -1}, ValueError, "interval_ns"),
        ({"interval_ns": 1.5}, TypeError, "interval_ns"),
        ({"rate": 1}, TypeError, "rate"),
    ],
)
def test_bad_argument_is_named(
    sampler: Any, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        sampler.sampler_start(**arguments)
    with pytest.raises(RuntimeError, match="not started"):
        sampler.sampler_drain()


def test_positional_arguments_are_refused(sampler: Any) -> None:
    with pytest.raises(TypeError):
        sampler.sampler_start(1000)


@pytest.mark.parametrize("name", ["sampler_join", "sampler_drain"])
def test_sampler_that_is_not_started_says_so(sampler: Any, name: str) -> None:
    with pytest.raises(RuntimeError, match="not started"):
        getattr(sampler, name)()


@pytest.mark.parametrize("name", ["sampler_leave", "sampler_stop"])
def test_ending_what_is_not_started_is_harmless(sampler: Any, name: str) -> None:
    assert getattr(sampler, name)() is None


def test_there_is_one_in_a_process(sampler: Any) -> None:
    sampler.sampler_start()

    with pytest.raises(RuntimeError, match="started already"):
        sampler.sampler_start()


def test_sample_names_the_thread_the_code_and_the_instruction(sampler: Any) -> None:
    sampler.sampler_start()

    samples = sampled()

    mine = {one[0] for one in samples}
    assert mine == {threading.get_native_id()}
    assert all(ns >= 0 for _, ns, *_ in samples)
    assert any(one[2] == id(use_cpu.__code__) for one in samples)
    for _, _, code, offset, opcode, place, entering in samples:
        if code == id(use_cpu.__code__):
            assert 0 <= offset < len(use_cpu.__code__.co_code)
            assert offset % 2 == 0
        assert -1 <= opcode < 256
        assert place in (0, 1, 2)
        assert isinstance(entering, bool)


def test_samples_stand_for_cpu_time_once(sampler: Any) -> None:
    """What was drained does not come again, and no sample is of time not used."""
    sampler.sampler_start()
    begun = time.thread_time_ns()

    samples = [*sampled(), *sampled(), *sampled()]
    used = time.thread_time_ns() - begun

    assert len(samples) >= 3
    # The start is before the first reading of the clock: less than a step.
    assert sum(ns for _, ns, *_ in samples) <= used + 1_000_000


def test_what_does_not_fit_is_counted(sampler: Any) -> None:
    sampler.sampler_start(capacity=1, interval_ns=100_000)

    lost = 0
    while not lost:
        use_cpu(0.01)
        samples, lost = sampler.sampler_drain()
        assert len(samples) <= 1

    assert lost > 0


def test_draining_does_not_end_the_sampling_of_a_thread(sampler: Any) -> None:
    """A step that ends during a drain is no sample; the next tick begins another."""
    sampler.sampler_start(interval_ns=100_000)
    until = time.thread_time() + 0.1
    while time.thread_time() < until:
        sampler.sampler_drain()

    use_cpu(0.1)

    assert sampler.sampler_drain()[0]


def test_thread_is_sampled_from_joining_to_leaving(sampler: Any) -> None:
    sampler.sampler_start()
    native: list[int] = []

    def work() -> None:
        native.append(threading.get_native_id())
        sampler.sampler_join()
        sampler.sampler_join()  # harmless
        native.append(len(sampled()))
        sampler.sampler_leave()
        sampler.sampler_drain()
        use_cpu(0.02)
        native.append(sum(one[0] == native[0] for one in sampler.sampler_drain()[0]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert native[1] > 0
    assert native[2] == 0


def test_threads_that_end_without_leaving_make_room(sampler: Any) -> None:
    """The sampler has room for 512 at once; this has more than that, in turn."""
    sampler.sampler_start()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            sampler.sampler_join()
        except RuntimeError as error:
            failures.append(error)

    for _ in range(600):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert not failures
    assert sampled()


def test_threads_that_start_and_stop_at_once_get_one_sampler(sampler: Any) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        for _ in range(50):
            try:
                sampler.sampler_start(interval_ns=100_000)
                outcomes.append("started")
            except RuntimeError as error:
                outcomes.append(str(error))
            try:
                sampler.sampler_join()
                sampler.sampler_drain()
            except RuntimeError as error:
                outcomes.append(str(error))
            sampler.sampler_leave()
            sampler.sampler_stop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert "started" in outcomes
    assert set(outcomes) <= {
        "started",
        "the sampler is started already: one in a process",
        "the sampler is not started",
    }


def test_functions_called_while_it_starts_do_not_wait_for_it(sampler: Any) -> None:
    """Starting runs Python code, so a profile function, a finalizer, anything."""
    called: list[Any] = []

    def profile(_: FrameType, event: str, what: Any) -> None:
        if event == "c_call" and what.__name__ == "sampler_note_chain":
            sys.setprofile(None)
            sampler.sampler_stop()
            sampler.sampler_start()
            called.append(what)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        with pytest.raises(RuntimeError, match="started already"):
            sampler.sampler_start()
    finally:
        sys.setprofile(before)

    assert called
    assert called[0]() is None  # what it was called with is still there
    assert sampled()


def test_starting_and_stopping_many_times_leaves_no_signal_behind(
    sampler: Any,
) -> None:
    """What is still under way when it stops would by default end the process."""
    free = list(range(signal.SIGRTMIN, signal.SIGRTMAX))
    before = [signal.getsignal(number) for number in free]

    for _ in range(50):
        sampler.sampler_start(interval_ns=100_000)
        use_cpu(0.001)
        sampler.sampler_stop()
    use_cpu(0.01)

    assert [signal.getsignal(number) for number in free] == before


def test_signal_that_the_program_took_is_told(sampler: Any) -> None:
    """And what it set stays set."""
    taken = signal.SIGRTMAX - 1
    sampler.sampler_start()
    old = signal.signal(taken, signal.SIG_IGN)
    try:
        with pytest.raises(RuntimeError, match=f"took signal {int(taken)}"):
            sampler.sampler_drain()
        sampler.sampler_stop()
        assert signal.getsignal(taken) is signal.SIG_IGN
    finally:
        signal.signal(taken, old or signal.SIG_DFL)


def test_signal_in_use_is_left_alone(sampler: Any) -> None:
    taken = signal.SIGRTMAX - 1
    heard: list[int] = []
    old = signal.signal(taken, lambda number, _: heard.append(number))
    try:
        sampler.sampler_start()
        assert sampled()
        signal.raise_signal(taken)
    finally:
        signal.signal(taken, old)

    assert heard == [taken]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="n/a: no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_child_of_a_fork_has_no_timer_and_is_told(sampler: Any) -> None:
    """A timer that survived would signal it; every function says whose it is."""
    sampler.sampler_start()
    child = os.fork()
    if child == 0:
        status, refused = 1, 0
        try:
            use_cpu(0.05)
            for name in ("start", "join", "drain", "leave", "stop"):
                try:
                    getattr(sampler, f"sampler_{name}")()
                except RuntimeError as error:
                    refused += "before a fork" in str(error)
            timers = Path("/proc/self/timers")  # not in every kernel
            left = timers.read_text() if timers.exists() else ""
            status = 0 if refused == 5 and not left else 2
        finally:
            os._exit(status)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert sampled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="n/a: no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_child_of_a_fork_after_the_end_has_its_own_sampler(sampler: Any) -> None:
    sampler.sampler_start()
    sampler.sampler_stop()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            sampler.sampler_start()
            status = 0 if sampled() else 2
            sampler.sampler_stop()
        finally:
            os._exit(status)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
