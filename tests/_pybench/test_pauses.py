"""The pauses area: collections are noted, and a second thread sees what they stop."""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import _pybench

Recorder = Callable[[str, dict[str, int]], None]
INFO = {"generation": 2, "collected": 5, "uncollectable": 1}


@pytest.fixture
def listening() -> Iterator[Recorder]:
    """Return a recorder that hears of the collections of one test."""
    recorder = _pybench.pauses_recorder(100)
    was_on = gc.isenabled()
    gc.disable()
    gc.callbacks.append(recorder)
    try:
        yield recorder
    finally:
        gc.callbacks.remove(recorder)
        if was_on:
            gc.enable()


def run_child(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that can import the extension."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_collections_are_noted_with_what_they_found(listening: Recorder) -> None:
    cycles: list[Any] = [[] for _ in range(10)]
    for cycle in cycles:
        cycle.append(cycle)
    del cycle
    gc.collect()
    cycles.clear()
    before_ns = time.monotonic_ns()
    found = gc.collect()
    after_ns = time.monotonic_ns()

    recorded = _pybench.pauses_recorded(listening)

    assert recorded["lost"] == 0
    assert len(recorded["pauses"]) == 2
    start_ns, stop_ns, generation, collected, uncollectable = recorded["pauses"][1]
    assert before_ns <= start_ns < stop_ns <= after_ns
    assert (generation, collected, uncollectable) == (2, found, 0)
    assert found >= 10


def test_generation_is_that_of_the_collection(listening: Recorder) -> None:
    for generation in (0, 1, 2):
        gc.collect(generation)

    pauses = _pybench.pauses_recorded(listening)["pauses"]
    assert [pause[2] for pause in pauses] in ([0, 1, 2], [2, 2, 2])


@pytest.mark.parametrize(("told", "lost"), [(3, 0), (4, 0), (5, 1), (11, 7)])
def test_full_ring_keeps_the_latest_in_order(told: int, lost: int) -> None:
    recorder = _pybench.pauses_recorder(4)
    for number in range(told):
        recorder("start", INFO)
        recorder("stop", INFO | {"collected": number})

    recorded = _pybench.pauses_recorded(recorder)

    assert recorded["lost"] == lost
    assert [pause[3] for pause in recorded["pauses"]] == list(range(lost, told))
    for earlier, later in itertools.pairwise(recorded["pauses"]):
        assert earlier[1] <= later[0]


def test_stop_without_its_start_is_no_pause() -> None:
    recorder = _pybench.pauses_recorder(4)
    recorder("stop", INFO)
    recorder("start", INFO)
    recorder("stop", INFO)
    recorder("stop", INFO)

    assert len(_pybench.pauses_recorded(recorder)["pauses"]) == 1


def test_recorders_have_rings_of_their_own() -> None:
    one, other = _pybench.pauses_recorder(4), _pybench.pauses_recorder(4)
    one("start", INFO)
    one("stop", INFO)

    assert len(_pybench.pauses_recorded(one)["pauses"]) == 1
    assert _pybench.pauses_recorded(other) == {"pauses": [], "lost": 0}


def test_recording_allocates_nothing() -> None:
    """With a debug allocator or not: the number of blocks stays the same."""
    recorder = _pybench.pauses_recorder(100)
    recorder("start", INFO)
    recorder("stop", INFO)
    before = sys.getallocatedblocks()
    for _ in itertools.repeat(None, 1000):
        recorder("start", INFO)
        recorder("stop", INFO)
    after = sys.getallocatedblocks()

    assert abs(after - before) < 100


def test_reading_while_collections_go_on_is_safe() -> None:
    """Making the list may itself start a collection, and so may another thread."""
    recorder = _pybench.pauses_recorder(64)
    done = threading.Event()

    def tell() -> None:
        for number in itertools.count():
            recorder("start", INFO)
            recorder("stop", INFO | {"collected": number})
            if done.is_set():
                return

    thread = threading.Thread(target=tell)
    thread.start()
    try:
        for _ in range(200):
            pauses = _pybench.pauses_recorded(recorder)["pauses"]
            numbers = [pause[3] for pause in pauses]
            first = numbers[0] if numbers else 0
            assert numbers == list(range(first, first + len(numbers)))
            assert all(start <= stop for start, stop, *_ in pauses)
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ((), TypeError, "phase"),
        (("start",), TypeError, "phase"),
        (("start", []), TypeError, "dict"),
        ((1, INFO), TypeError, "phase"),
        (("middle", INFO), ValueError, "middle"),
        (("stop", {}), KeyError, "generation"),
        (("stop", INFO | {"collected": "5"}), TypeError, "int"),
        (("stop", INFO | {"collected": 2**80}), OverflowError, "int"),
    ],
)
def test_recorder_refuses_what_no_collector_says(
    arguments: tuple[Any, ...], error: type[Exception], named: str
) -> None:
    recorder = _pybench.pauses_recorder(4)
    recorder("start", INFO)
    with pytest.raises(error, match=named):
        recorder(*arguments)

    assert _pybench.pauses_recorded(recorder)["pauses"] == []


@pytest.mark.parametrize("capacity", [0, -1, 10**7 + 1, 1.5, "4", True])
def test_bad_capacity_is_refused(capacity: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="capacity"):
        _pybench.pauses_recorder(capacity)
    with pytest.raises((TypeError, ValueError), match="capacity"):
        _pybench.pauses_watch(int, capacity=capacity)


@pytest.mark.parametrize("thing", [None, len, [].append, lambda: None, gc.collect])
def test_only_a_recorder_can_be_read(thing: Any) -> None:
    with pytest.raises(TypeError, match="pauses_recorder"):
        _pybench.pauses_recorded(thing)


def test_watching_returns_what_the_function_returned() -> None:
    watched = _pybench.pauses_watch(lambda: "answer")

    assert watched["result"] == "answer"
    assert watched["lost"] == 0
    assert watched["naps"] is getattr(sys, "_is_gil_enabled", lambda: True)()


def test_victim_sees_a_full_collection() -> None:
    """Some gap meets each collection of a heap that takes milliseconds."""
    heap = [[None] for _ in range(200_000)]
    recorder = _pybench.pauses_recorder(100)

    def collect() -> None:
        for _ in range(3):
            gc.collect()
            time.sleep(0.005)

    gc.callbacks.append(recorder)
    try:
        watched = _pybench.pauses_watch(collect, threshold_ns=10_000)
    finally:
        gc.callbacks.remove(recorder)
    full = [p for p in _pybench.pauses_recorded(recorder)["pauses"] if p[2] == 2]

    assert len(heap) == 200_000
    assert len(full) >= 3
    assert watched["looks"] > 0
    for start_ns, stop_ns, *_ in full:
        assert any(a < stop_ns and start_ns < b for a, b, _ in watched["gaps"])


def test_gaps_are_in_order_above_the_threshold_and_no_more_than_fit() -> None:
    watched = _pybench.pauses_watch(
        lambda: time.sleep(0.05), threshold_ns=1000, capacity=5
    )

    assert len(watched["gaps"]) <= 5
    assert watched["lost"] == 0 or len(watched["gaps"]) == 5
    assert all(stop - start >= 1000 for start, stop, _ in watched["gaps"])
    for earlier, later in itertools.pairwise(watched["gaps"]):
        assert earlier[1] <= later[0]


def test_exception_of_the_function_comes_through() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        _pybench.pauses_watch(lambda: 1 // 0)

    assert threading.active_count() == before


def test_watching_within_watching() -> None:
    watched = _pybench.pauses_watch(lambda: _pybench.pauses_watch(lambda: 1))

    assert watched["result"]["result"] == 1


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"threshold_ns": 0}, ValueError, "threshold_ns"),
        ({"threshold_ns": 999}, ValueError, "threshold_ns"),
        ({"threshold_ns": 10**12}, ValueError, "threshold_ns"),
        ({"threshold_ns": 1e6}, TypeError, "threshold_ns"),
        ({"seconds": 1}, TypeError, "seconds"),
    ],
)
def test_bad_arguments_of_watching_are_named(
    arguments: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        _pybench.pauses_watch(lambda: None, **arguments)


def test_only_what_can_be_called_is_watched() -> None:
    with pytest.raises(TypeError, match="callable"):
        _pybench.pauses_watch("function")  # type: ignore[arg-type]


def test_interrupt_ends_the_function_and_the_victim() -> None:
    """Ctrl-C reaches Python code that is watched, as it would without."""
    child = run_child(
        """
        import _pybench, os, signal, threading, time
        tasks = "/proc/self/task"
        count = lambda: len(os.listdir(tasks)) if os.path.isdir(tasks) else 0
        own = 1 + (_pybench.BUILD["flavour"] == "tsan")  # it has one itself

        def work():
            os.kill(os.getpid(), signal.SIGINT)
            while True:
                time.sleep(0.01)

        try:
            _pybench.pauses_watch(work)
        except KeyboardInterrupt:
            print("interrupted")
        print(max(0, count() - own))
        """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout == "interrupted\n0\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="n/a: no fork here")
def test_forked_child_of_a_watched_function_goes_on() -> None:
    child = run_child(
        """
        import os, warnings, _pybench
        warnings.simplefilter("ignore")
        pid = None

        def work():
            global pid
            pid = os.fork()

        try:
            _pybench.pauses_watch(work)
        except RuntimeError as error:
            os._exit(3 if "forked" in str(error) else 4)
        print(pid > 0, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """
    )

    assert child.stdout == "True 3\n", child.stderr


def test_watching_is_refused_when_the_interpreter_is_finalizing() -> None:
    child = run_child(
        """
        import os, _pybench

        class Late:
            def __del__(self, watch=_pybench.pauses_watch, write=os.write):
                try:
                    watch(int)
                    write(1, b"ran")
                except RuntimeError as error:
                    write(1, str(error).encode())

        late = Late()
        """
    )

    assert child.returncode == 0, child.stderr
    assert "shuts down" in child.stdout


def test_recorder_left_in_the_callbacks_survives_the_end() -> None:
    """The last collections take place when the module has gone."""
    child = run_child(
        """
        import gc, sys, _pybench
        gc.callbacks.append(_pybench.pauses_recorder(10))
        del sys.modules["_pybench"], _pybench
        gc.collect()
        print("end")
        """
    )

    assert (child.returncode, child.stdout) == (0, "end\n"), child.stderr
    assert child.stderr == ""


@pytest.mark.parametrize("threads", [1, 2])
def test_every_operation_is_counted(threads: int) -> None:
    results = _pybench.pauses_record(3_003, rounds=2, threads=threads)

    assert [result.operations for result in results] == [(3_003,) * threads] * 2


@pytest.mark.parametrize("iterations", [0, -1, 10**13, 1.5, "a", None])
def test_bad_iterations_are_refused(iterations: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="iterations"):
        _pybench.pauses_record(iterations)


def test_is_listed() -> None:
    listing = _pybench.KERNELS["pauses_record"]

    assert listing == {
        "area": "pauses",
        "attached": True,
        "attached_by": {},
        "missing": "",
    }


STOPS = _pybench.KERNELS["pauses_stop"]["missing"] == ""
with_stops = pytest.mark.skipif(not STOPS, reason="n/a: no stops on this build")


def stops(count: int, **arguments: Any) -> dict[str, int]:
    """Stop the world so often and return the detail; skip what cannot be."""
    try:
        (result,) = _pybench.pauses_stop(count, pin=False, **arguments)
    except NotImplementedError as error:
        assert getattr(sys, "_is_gil_enabled", lambda: True)()
        pytest.skip(f"n/a: {error}")
    assert result.operations == (count,)
    return {name: value for name, (value,) in result.detail.items()}


@with_stops
@pytest.mark.parametrize("state", ["running", "attached", "detached"])
def test_threads_that_are_attached_stand_still_while_the_world_is_stopped(
    state: str,
) -> None:
    """Held for 20 ms, three stops let a detached thread make steps, others none."""
    detail = stops(3, state=state, hold_us=20_000)

    assert detail["stops"] == 3
    if state == "detached":
        assert detail["moved"] > 0
    else:
        assert detail["moved"] == 0
        # They saw at least what was held.
        assert detail["gap_p50_ns"] >= 20_000_000


@with_stops
@pytest.mark.parametrize("trigger", ["visit", "collect", "class", "method"])
@pytest.mark.parametrize("others", [0, 1, 3])
def test_each_stop_is_counted_with_a_gap_of_the_others(
    trigger: str, others: int
) -> None:
    detail = stops(4, trigger=trigger, others=others)

    assert detail["stops"] == 4
    assert 0 < detail["stop_p50_ns"] <= detail["stop_p99_ns"] <= detail["stop_max_ns"]
    assert (detail["gap_max_ns"] > 0) is (others > 0)


@pytest.mark.skipif(STOPS, reason="n/a: a free-threaded build")
def test_stops_are_not_available_with_the_gil() -> None:
    with pytest.raises(NotImplementedError, match="none has to be stopped"):
        _pybench.pauses_stop(1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"threads": 2}, ValueError, r"threads must be 1 for pauses_stop.*, not 2"),
        ({"others": 65}, ValueError, r"others must be from 0 to 64, not 65"),
        ({"others": None}, TypeError, r"others must be an int"),
        ({"state": "gone"}, ValueError, r"state must be one of .*, not 'gone'"),
        ({"trigger": 1}, TypeError, r"trigger must be str, not int"),
        ({"hold_us": 100_001}, ValueError, r"hold_us must be from 0 to 100000"),
        ({"iterations": 0}, ValueError, r"iterations must be"),
    ],
)
def test_bad_arguments_of_a_stop_are_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        _pybench.pauses_stop(**{"iterations": 1, **arguments})


@with_stops
def test_only_a_visit_can_be_held() -> None:
    with pytest.raises(ValueError, match="hold_us must be 0 with trigger='class'"):
        _pybench.pauses_stop(1, trigger="class", hold_us=1)


@with_stops
def test_interrupt_ends_the_stops_and_their_observers() -> None:
    child = run_child(
        """
        import os, signal, threading, time, _pybench
        own = 1 + (_pybench.BUILD["flavour"] == "tsan")  # it has one itself
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            _pybench.pauses_stop(10**9, others=2)
        except KeyboardInterrupt:
            print("interrupted")
        timer.join()
        if os.path.isdir("/proc/self/task"):
            assert any(len(os.listdir("/proc/self/task")) <= own
                       or time.sleep(0.01) for _ in range(500))
        """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout == "interrupted\n"
