"""The gil area: exact counts, honest latencies, and an end for every wait."""

import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import _pybench

STATES = ("nested", "transient", "persistent")
BODIES = ("nothing", "allocate", "call")
PERCENTILES = ("p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns")


def gil_enabled() -> bool:
    """Tell whether the GIL is on in this process now."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


needs_gil = pytest.mark.skipif(not gil_enabled(), reason="n/a: the GIL is off here")


def run_child(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, under a watchdog."""
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", *options, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


# Ends `{call}` by Ctrl-C; afterwards no thread but the main one is left.
INTERRUPTED = """
    import os, signal, threading, time, _pybench
    own = 1 + (_pybench.BUILD["flavour"] == "tsan")  # it has one itself
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        _pybench.{call}
    except KeyboardInterrupt:
        print("interrupted")
    timer.join()
    if os.path.isdir("/proc/self/task"):
        # A joined thread stays listed for a moment.
        alone = any(len(os.listdir("/proc/self/task")) <= own
                    or time.sleep(0.01) for _ in range(500))
        print("1 thread" if alone else "threads left")
    (result,) = _pybench.gil_release(10)
    print(result.operations)
"""

# Defines run(code), which runs it in a fresh interpreter of this process.
SUBINTERPRETER = """
    import sys
    try:
        from concurrent import interpreters
        run = lambda code: interpreters.create().exec(code)
    except ImportError:
        import importlib
        low = importlib.import_module(
            "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
        def run(code):
            number = low.create()
            failure = low.run_string(number, code)
            assert not failure, failure
            low.destroy(number)
"""


def test_is_listed_with_what_this_process_lacks() -> None:
    """KERNELS says before the call whether there is a GIL to hand over."""
    area = {
        name: (entry["attached"], bool(entry["missing"]))
        for name, entry in _pybench.KERNELS.items()
        if entry["area"] == "gil"
    }

    assert area == {
        "gil_ensure": (True, False),
        "gil_handoff": (False, not gil_enabled()),
        "gil_reacquire": (False, False),
        "gil_release": (True, False),
    }


def test_is_listed_with_the_states_that_are_attached() -> None:
    """Whether the loop of gil_ensure is attached depends on its state."""
    by_state = {
        state: _pybench.gil_ensure(3, state=state)[0].attached for state in STATES
    }

    assert _pybench.KERNELS["gil_ensure"]["attached_by"] == {"state": by_state}
    assert by_state == {"nested": True, "transient": False, "persistent": False}
    assert _pybench.KERNELS["gil_release"]["attached_by"] == {}


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_releases_exactly_as_often_as_asked(threads: int) -> None:
    """Every thread does all of its iterations, over several blocks."""
    results = _pybench.gil_release(5003, threads=threads, rounds=3)

    assert [result.operations for result in results] == [(5003,) * threads] * 3
    assert all(result.attached for result in results)


def test_release_is_serialised_only_by_a_gil() -> None:
    """With several threads and the GIL on, the row is CPU time."""
    (result,) = _pybench.gil_release(100, threads=2)

    assert result.serialised is gil_enabled()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("state", STATES)
def test_ensures_exactly_as_often_as_asked(state: str, body: str, threads: int) -> None:
    """Each way in and out does all of its iterations, over several blocks."""
    iterations = 67 if state == "transient" else 9001

    results = _pybench.gil_ensure(
        iterations, threads=threads, rounds=2, state=state, body=body
    )

    assert [result.operations for result in results] == [(iterations,) * threads] * 2
    assert results[0].attached is (state == "nested")


@needs_gil
def test_hands_the_gil_over_exactly_as_often_as_asked() -> None:
    """Both threads take over the same number of times in every round."""
    results = _pybench.gil_handoff(21, rounds=3)

    assert [result.operations for result in results] == [(21, 21)] * 3
    assert all(result.threads == 2 for result in results)


@needs_gil
def test_handoff_is_the_takers_wait_and_wall_time() -> None:
    """The settling between two turns is not in the window."""
    (result,) = _pybench.gil_handoff(20, threads=2)

    assert (result.attached, result.serialised) == (False, False)
    spans = zip(result.start_ns, result.stop_ns, result.wall_ns, strict=True)
    assert all(0 < wall < stop - start for start, stop, wall in spans)
    assert set(result.detail) == {"sleeps"}
    assert len(result.detail["sleeps"]) == 2


@needs_gil
def test_hands_over_on_a_single_cpu() -> None:
    """Where the two threads share a CPU they still take turns."""
    if sys.platform != "linux":
        pytest.skip("only Linux confines a process to one CPU")
    child = run_child(
        """
        import os, _pybench
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        (result,) = _pybench.gil_handoff(20)
        print(result.operations)
        """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout == "(20, 20)\n"


@pytest.mark.skipif(gil_enabled(), reason="n/a: the GIL is on here")
def test_handoff_is_not_available_without_a_gil() -> None:
    """The row is n/a, with the reason that KERNELS gives."""
    with pytest.raises(NotImplementedError) as caught:
        _pybench.gil_handoff(10)

    assert str(caught.value) == _pybench.KERNELS["gil_handoff"]["missing"]
    assert "the GIL is off" in str(caught.value)


@pytest.mark.parametrize(("threads", "hogs"), [(1, 0), (3, 0), (1, 1), (2, 3)], ids=str)
def test_histogram_has_one_entry_per_request(threads: int, hogs: int) -> None:
    """No request is dropped for being late, and none is recorded twice."""
    results = _pybench.gil_reacquire(
        9, rounds=3, threads=threads, hogs=hogs, gap_us=500
    )

    counts = [result.detail["count"] for result in results]
    assert counts == [(9,) * threads, (18,) * threads, (27,) * threads]
    assert [result.operations for result in results] == [(9,) * threads] * 3


@pytest.mark.parametrize("releases", [2, 100])
def test_request_of_several_releases_is_one_request(releases: int) -> None:
    """It ends with the last attaching, and lasts for all that lies between."""
    (result,) = _pybench.gil_reacquire(3, hogs=1, releases=releases, gap_us=500)

    assert result.operations == (3,)
    assert result.detail["count"] == (3,)
    # The pauses between them are part of it, whatever the waits are.
    assert result.detail["p50_ns"][0] >= (releases - 1) * 50_000


def test_reacquire_tells_ordered_percentiles_and_counts_the_late() -> None:
    """Percentiles rise to the maximum; a request is late or it is not."""
    (result,) = _pybench.gil_reacquire(50, threads=2, hogs=1, gap_us=100)

    detail = result.detail
    assert set(detail) == {"count", *PERCENTILES, "restore_p50_ns", "late"}
    for thread in range(2):
        values = [detail[name][thread] for name in PERCENTILES]
        assert values == sorted(values)
        assert values[0] > 0
        assert 0 < detail["restore_p50_ns"][thread] <= values[-1]
        assert 0 <= detail["late"][thread] <= 50


def test_reacquire_takes_the_wait_for_deadlines_out_of_the_window() -> None:
    """The window is what requests took, the round what their schedule took."""
    (result,) = _pybench.gil_reacquire(10, gap_us=2000)

    # The first deadline is one gap after the start, and the last one is kept.
    assert result.elapsed_ns >= 10 * 2_000_000
    assert 0 < result.wall_ns[0] < result.elapsed_ns
    assert result.ns_per_operation == pytest.approx(result.wall_ns[0] / 10)
    assert (result.attached, result.serialised) == (False, False)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the affinity")
def test_hogs_need_cpus_of_their_own_with_the_gil_off() -> None:
    """With the GIL on they take turns, so their number says nothing."""
    (result,) = _pybench.gil_reacquire(3, hogs=len(os.sched_getaffinity(0)))

    assert result.threads == 1
    assert result.oversubscribed is not gil_enabled()


def test_hogs_are_gone_after_the_call() -> None:
    """Background threads end with the call that started them."""
    child = run_child(
        """
        import os, time, _pybench
        own = 1 + (_pybench.BUILD["flavour"] == "tsan")  # it has one itself
        if os.path.isdir("/proc/self/task"):
            for _ in range(5):
                _pybench.gil_reacquire(3, hogs=4)
                # A joined thread stays listed for a moment.
                assert any(len(os.listdir("/proc/self/task")) <= own
                           or time.sleep(0.01) for _ in range(500))
        """
    )

    assert child.returncode == 0, child.stderr


@pytest.mark.parametrize(
    "call",
    [
        "gil_reacquire(10**12, hogs=2)",
        "gil_reacquire(10**12, threads=3, hogs=2, gap_us=1)",
        "gil_reacquire(1, gap_us=10**7, hogs=1)",
        "gil_reacquire(10**12, gap_us=10**7)",
        "gil_release(10**12, threads=3)",
        "gil_ensure(10**12, threads=2, state='nested')",
        "gil_ensure(10**12, threads=2, state='transient', body='allocate')",
        "gil_ensure(10**12, threads=2, state='persistent')",
        pytest.param("gil_handoff(10**12)", marks=needs_gil),
        pytest.param("gil_handoff(1, rounds=10**5)", marks=needs_gil),
    ],
)
def test_an_interrupt_ends_it_and_leaves_no_thread(call: str) -> None:
    """Ctrl-C is obeyed while waiting, attached or detached, hogs or not."""
    child = run_child(INTERRUPTED.format(call=call))

    assert child.returncode == 0, child.stderr
    lines = child.stdout.splitlines()
    assert lines[0] == "interrupted"
    assert lines[-1] == "(10,)"
    if len(lines) == 3:
        assert lines[1] == "1 thread"


def test_works_in_a_subinterpreter_or_says_why_not() -> None:
    """PyGILState_* would attach to the wrong interpreter; the rest works."""
    child = run_child(
        SUBINTERPRETER
        + """
    run('''if True:
        import sys, _pybench
        print(_pybench.gil_release(50, threads=2)[0].operations)
        print(_pybench.gil_ensure(50, state="persistent")[0].operations)
        print(_pybench.gil_reacquire(3, hogs=1)[0].detail["count"])
        if not _pybench.KERNELS["gil_handoff"]["missing"]:
            assert _pybench.gil_handoff(5)[0].operations == (5, 5)
        for state in ("nested", "transient"):
            try:
                _pybench.gil_ensure(10, state=state)
            except NotImplementedError as error:
                print(error, flush=True)
    ''')
    """
    )

    assert child.returncode == 0, child.stderr
    lines = child.stdout.splitlines()
    assert lines[:3] == ["(50, 50)", "(50,)", "(3,)"]
    assert len(lines) == 5
    for state, line in zip(("nested", "transient"), lines[3:], strict=True):
        assert line.startswith(f"state='{state}' is PyGILState_Ensure")
        assert "main interpreter" in line


@pytest.mark.parametrize(
    ("kernel", "arguments", "error", "message"),
    [
        ("gil_release", {"iterations": 0}, ValueError, r"iterations must .*, not 0"),
        ("gil_release", {"threads": 257}, ValueError, r"threads must .*, not 257"),
        ("gil_release", {"rivals": 1}, TypeError, r"rivals"),
        (
            "gil_ensure",
            {"state": "borrowed"},
            ValueError,
            r"state must be one of 'nested', 'transient', 'persistent', not 'borrowed'",
        ),
        ("gil_ensure", {"state": 1}, TypeError, r"must be str, not int"),
        (
            "gil_ensure",
            {"body": "print"},
            ValueError,
            r"body must be one of 'nothing', 'allocate', 'call', not 'print'",
        ),
        ("gil_ensure", {"iterations": 2.0}, TypeError, r"iterations must be an int"),
        (
            "gil_handoff",
            {"threads": 1},
            ValueError,
            r"threads must be 2 for gil_handoff.*, not 1",
        ),
        (
            "gil_handoff",
            {"threads": 3},
            ValueError,
            r"threads must be 2 for gil_handoff.*, not 3",
        ),
        ("gil_handoff", {"threads": 0}, ValueError, r"threads must .*, not 0"),
        ("gil_handoff", {"iterations": -1}, ValueError, r"iterations .*, not -1"),
        ("gil_reacquire", {"hogs": -1}, ValueError, r"hogs must be from 0 to 256"),
        ("gil_reacquire", {"hogs": 257}, ValueError, r"hogs must .*, not 257"),
        ("gil_reacquire", {"hogs": 1.0}, TypeError, r"hogs must be an int, not float"),
        ("gil_reacquire", {"hogs": True}, TypeError, r"hogs must be an int, not bool"),
        ("gil_reacquire", {"gap_us": 0}, ValueError, r"gap_us must be from 1 .*not 0"),
        (
            "gil_reacquire",
            {"gap_us": 10_000_001},
            ValueError,
            r"gap_us must be from 1 to 10000000, not 10000001",
        ),
        ("gil_reacquire", {"gap_us": "1"}, TypeError, r"gap_us must be an int"),
        ("gil_reacquire", {"releases": 0}, ValueError, r"releases must .*, not 0"),
        ("gil_reacquire", {"releases": 101}, ValueError, r"releases .*, not 101"),
        ("gil_reacquire", {"rounds": 0}, ValueError, r"rounds must .*, not 0"),
    ],
)
def test_rejects_a_bad_argument(
    kernel: str, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The message names the argument, the value and what is allowed."""
    call = {"iterations": 10, **arguments}

    with pytest.raises(error, match=message):
        getattr(_pybench, kernel)(**call)


def test_leaves_no_memory_behind() -> None:
    """Many calls of every kernel do not grow the heap."""
    child = run_child(
        """
        import gc, sys, _pybench
        def calls(count):
            for turn in range(count):
                _pybench.gil_release(3, threads=2)
                _pybench.gil_ensure(3, state="persistent", body="allocate")
                _pybench.gil_ensure(3, body="allocate")
                _pybench.gil_reacquire(1, hogs=int(turn % 50 == 0), gap_us=1)
                if not _pybench.KERNELS["gil_handoff"]["missing"]:
                    _pybench.gil_handoff(1)
            gc.collect()
            return sys.getallocatedblocks()
        before = calls(100)
        print(calls(400) - before)
        """
    )

    assert child.returncode == 0, child.stderr
    assert int(child.stdout) < 200
