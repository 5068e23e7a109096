"""The driver: arguments, windows, result fields, interruption, failing threads."""

import itertools
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import _pybench

# Any one, and not typed, for calls that a type checker would not let pass.
ANY_KERNEL: Any = _pybench.yardstick_alu

FIELDS = {
    "iterations": int,
    "threads": int,
    "elapsed_ns": int,
    "ns_per_operation": float,
    "cpu_ns_per_operation": float,
    "operations": tuple,
    "start_ns": tuple,
    "stop_ns": tuple,
    "wall_ns": tuple,
    "cpu_ns": tuple,
    "attach_wait_ns": tuple,
    "involuntary_switches": tuple,
    "cpus": tuple,
    "overlap": float,
    "fairness": float,
    "attached": bool,
    "serialised": bool,
    "oversubscribed": bool,
    "disturbed": str,
    "clock_cost_ns": float,
    "detail": type(None),
    "loop": str,
}


def gil_enabled() -> bool:
    """Whether the GIL is on in this process now."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def run_child(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter with a watchdog; it can import the extension."""
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_result_has_every_field_with_its_type(threads: int) -> None:
    (result,) = _pybench.refcount_pair(1000, threads=threads)

    assert {name: type(getattr(result, name)) for name in FIELDS} == FIELDS
    for name, kind in FIELDS.items():
        if kind is tuple:
            values = getattr(result, name)
            assert len(values) == threads
            assert all(type(value) is int for value in values)


def test_windows_and_derived_numbers_agree() -> None:
    (result,) = _pybench.yardstick_alu(20_000, threads=2)

    starts, stops = result.start_ns, result.stop_ns
    assert all(start < stop for start, stop in zip(starts, stops, strict=True))
    assert result.elapsed_ns == max(stops) - min(starts)
    shared = max(0, min(stops) - max(starts))
    assert result.overlap == pytest.approx(shared / result.elapsed_ns)
    per_operation = [wall / 20_000 for wall in result.wall_ns]
    assert result.ns_per_operation == pytest.approx(sum(per_operation) / 2)
    cpu = [used / 20_000 for used in result.cpu_ns]
    assert result.cpu_ns_per_operation == pytest.approx(sum(cpu) / 2)
    rates = [20_000 / wall for wall in result.wall_ns]
    jain = sum(rates) ** 2 / (2 * sum(rate**2 for rate in rates))
    assert result.fairness == pytest.approx(jain)


def test_one_thread_overlaps_with_itself() -> None:
    (result,) = _pybench.yardstick_alu(1000)

    assert (result.overlap, result.fairness) == (1.0, 1.0)


def test_rounds_follow_one_another() -> None:
    results = _pybench.yardstick_alu(1000, rounds=20, threads=2)

    assert len(results) == 20
    for earlier, later in itertools.pairwise(results):
        assert max(earlier.stop_ns) <= min(later.start_ns)


def test_attached_kernels_are_serialised_exactly_when_the_gil_is_on() -> None:
    (attached,) = _pybench.refcount_pair(1000, threads=2)
    (detached,) = _pybench.yardstick_alu(1000, threads=2)
    (alone,) = _pybench.refcount_pair(1000)

    assert attached.serialised is gil_enabled()
    assert (detached.serialised, alone.serialised) == (False, False)


def test_serialised_windows_do_not_overlap_and_are_not_disturbed_for_it() -> None:
    results = _pybench.refcount_pair(20_000, threads=2, rounds=5)

    for result in results:
        if result.serialised:
            first, second = sorted(zip(result.start_ns, result.stop_ns, strict=True))
            assert first[1] <= second[0]
            assert "overlap" not in result.disturbed


def test_more_threads_than_cpus_are_marked_oversubscribed() -> None:
    (result,) = _pybench.yardstick_alu(100, threads=256)

    assert result.threads == 256
    assert result.operations == (100,) * 256
    if sys.platform == "linux":
        assert result.oversubscribed
        assert result.disturbed == ""


@pytest.fixture
def two_cpus() -> Iterator[None]:
    """Have a quota leave two CPUs for one test."""
    _pybench.limit_cpus(2)
    yield
    _pybench.limit_cpus(0)


def test_more_threads_than_a_quota_leaves_are_oversubscribed(two_cpus: None) -> None:
    """Such a round is not disturbed by it."""
    (within,) = _pybench.yardstick_alu(100, threads=1)
    (beyond,) = _pybench.yardstick_alu(100, threads=3)

    assert (within.oversubscribed, beyond.oversubscribed) == (False, True)
    assert beyond.disturbed == ""


@pytest.mark.parametrize(
    ("cpus", "error"),
    [(-1, ValueError), (65537, ValueError), (2.0, TypeError), (True, TypeError)],
)
def test_rejects_a_limit_that_is_none(cpus: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="cpus must be"):
        _pybench.limit_cpus(cpus)


def test_unpinned_threads_are_allowed() -> None:
    (result,) = _pybench.yardstick_alu(1000, threads=2, pin=False)

    assert result.operations == (1000, 1000)


def test_the_callers_affinity_is_left_alone() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells the affinity")
    before = os.sched_getaffinity(0)

    _pybench.yardstick_alu(1000, threads=2)

    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("name", ["iterations", "rounds", "threads"])
@pytest.mark.parametrize("value", [1.0, "10", None, True, [3]])
def test_rejects_what_is_not_an_int(name: str, value: object) -> None:
    arguments = {"iterations": 10, name: value}

    message = f"{name} must be an int, not {type(value).__name__} ({value!r})"
    with pytest.raises(TypeError, match=re.escape(message)):
        ANY_KERNEL(**arguments)


@pytest.mark.parametrize(
    ("name", "most"), [("iterations", 10**12), ("rounds", 10**5), ("threads", 256)]
)
@pytest.mark.parametrize("value", [0, -1, -(2**62)])
def test_rejects_a_number_below_one(name: str, most: int, value: object) -> None:
    message = f"{name} must be from 1 to {most}, not {value}"
    with pytest.raises(ValueError, match=re.escape(message)):
        ANY_KERNEL(**{"iterations": 10, name: value})


@pytest.mark.parametrize(
    ("name", "most"), [("iterations", 10**12), ("rounds", 10**5), ("threads", 256)]
)
def test_rejects_a_number_above_the_range(name: str, most: int) -> None:
    for value in (most + 1, 2**63 - 1):
        message = f"{name} must be from 1 to {most}, not {value}"
        with pytest.raises(ValueError, match=re.escape(message)):
            ANY_KERNEL(**{"iterations": 10, name: value})


@pytest.mark.parametrize("value", [2**63, 10**30, -(2**63) - 1, -(10**30)])
def test_rejects_numbers_beyond_64_bits(value: object) -> None:
    with pytest.raises(ValueError, match=r"iterations must be from 1 to 10{12}"):
        ANY_KERNEL(value)


def test_rejects_a_number_too_long_to_print() -> None:
    with pytest.raises(ValueError, match=r"from 1 to 10{12}; .* above 2\*\*63"):
        _pybench.yardstick_alu(10**9000)


def test_rejects_too_many_positions_and_unknown_names() -> None:
    with pytest.raises(TypeError):
        ANY_KERNEL(10, 2)
    with pytest.raises(TypeError):
        ANY_KERNEL(10, colour="red")
    with pytest.raises(TypeError):
        ANY_KERNEL()


@pytest.mark.parametrize(
    "call",
    [
        "refcount_pair(10**12)",
        "refcount_pair(10**12, threads=2)",
        "refcount_pair(10**6, rounds=10**5, threads=2)",
        "refcount_stress(10**12, threads=8)",
        "yardstick_alu(10**12, threads=2)",
        "yardstick_syscall(10**12)",
    ],
)
def test_an_interrupt_ends_a_long_kernel_and_leaves_no_thread(call: str) -> None:
    child = run_child(
        f"""
        import os, signal, threading, time, _pybench
        own = 1 + (_pybench.BUILD["flavour"] == "tsan")  # it has one itself
        try:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            _pybench.{call}
        except KeyboardInterrupt:
            print("interrupted")
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join()
        if os.path.isdir("/proc/self/task"):
            # A joined thread stays listed for a moment.
            assert any(len(os.listdir("/proc/self/task")) <= own
                       or time.sleep(0.01) for _ in range(500))
        assert _pybench.{call.split("(")[0]}(10)[0].iterations == 10
        """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout == "interrupted\n"


def test_a_signal_handler_that_raises_ends_the_kernel_with_its_exception() -> None:
    child = run_child(
        """
        import os, signal, threading, _pybench
        def handler(*ignored):
            raise ZeroDivisionError("from the handler")
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            _pybench.yardstick_alu(10**12)
        except ZeroDivisionError as error:
            print(error)
        """
    )

    assert child.stdout == "from the handler\n", child.stderr


def test_a_signal_handler_that_returns_does_not_end_the_kernel() -> None:
    child = run_child(
        """
        import signal, _pybench
        seen = []
        signal.signal(signal.SIGALRM, lambda *ignored: seen.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        while len(seen) < 3:
            (result,) = _pybench.yardstick_alu(50_000_000)
            assert result.operations == (50_000_000,)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print("finished")
        """
    )

    assert child.stdout == "finished\n", child.stderr


def test_a_thread_that_cannot_start_is_reported_and_the_rest_is_joined() -> None:
    pytest.importorskip("resource")
    if not Path("/proc/self/task").is_dir():
        pytest.skip("thread counts are read from /proc")
    child = run_child(
        """
        import os, resource, time, _pybench
        own = 1 + (_pybench.BUILD["flavour"] == "tsan")  # it has one itself
        if os.geteuid() == 0:
            # The limit does not bind root: become nobody, in this child alone.
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        for call in (_pybench.yardstick_alu, _pybench.refcount_stress):
            try:
                call(1000, threads=8)
            except RuntimeError as error:
                print(error)
            # A joined thread stays listed for a moment.
            assert any(len(os.listdir("/proc/self/task")) <= own
                       or time.sleep(0.01) for _ in range(500))
        """
    )

    assert child.returncode == 0, child.stderr
    for line in child.stdout.splitlines():
        assert line.startswith("worker thread 1 of 8 could not start: ")
        assert "ask for fewer threads" in line
    assert len(child.stdout.splitlines()) == 2


def test_some_threads_that_cannot_start_are_reported_too() -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("thread counts are read from /proc")
    child = run_child(
        """
        import os, resource, time, _pybench
        own = 1 + (_pybench.BUILD["flavour"] == "tsan")  # it has one itself
        # Address space for the module and a few stacks of 8 MiB, not for 256.
        resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.RLIM_INFINITY))
        pages = int(open("/proc/self/statm").read().split()[0])
        used = pages * os.sysconf("SC_PAGESIZE")
        limit = used + (300 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for call in (_pybench.yardstick_alu, _pybench.refcount_stress):
            try:
                call(1000, threads=256)
            except (RuntimeError, MemoryError) as error:
                print(type(error).__name__)
            # A joined thread stays listed for a moment.
            assert any(len(os.listdir("/proc/self/task")) <= own
                       or time.sleep(0.01) for _ in range(500))
        """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout.split() == ["RuntimeError", "RuntimeError"]


def test_kernels_run_in_several_python_threads_at_once() -> None:
    failures = []

    def call() -> None:
        for _ in range(20):
            (result,) = _pybench.refcount_pair(5000, threads=2, target="shared")
            if result.operations != (5000, 5000):
                failures.append(result)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert failures == []
