"""What monitoring a program costs it: profilers, tracers and sys.monitoring.

Each row runs the same small function under one kind of watcher that does nothing, and
takes it away again even if the row fails. Compare with `monitoring_off`.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="monitoring")

CALLS = 200  # of a function of three lines, per timed call

Watcher = Callable[..., object]


def step(value: int) -> int:
    """Do three lines of work."""
    value += 1
    value *= 2
    return value


def work() -> None:
    """Call the function again and again."""
    for _ in range(CALLS):
        step(1)


def nothing(*_: object) -> None:
    """Watch, and do nothing about it."""


def trace(frame: FrameType, event: str, argument: object) -> Any:
    """Ask for the events of every line, and do nothing about them."""
    return trace


@contextmanager
def monitored(*events: str) -> Iterator[None]:
    """Register a tool for some events of sys.monitoring; n/a before 3.12."""
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        pytest.skip("n/a: sys.monitoring is new in Python 3.12 (PEP 669)")
    tool = next((i for i in range(6) if monitoring.get_tool(i) is None), None)
    if tool is None:
        pytest.skip("n/a: all six tools of sys.monitoring are taken in this process")
    monitoring.use_tool_id(tool, "pybench")
    try:
        chosen = 0
        for name in events:
            event = getattr(monitoring.events, name)
            monitoring.register_callback(tool, event, nothing)
            chosen |= event
        monitoring.set_events(tool, chosen)
        yield
    finally:
        monitoring.set_events(tool, 0)
        for name in events:
            monitoring.register_callback(tool, getattr(monitoring.events, name), None)
        monitoring.free_tool_id(tool)


def time_watched(benchmark: BenchmarkFixture, before: Watcher, after: Watcher) -> None:
    """Time the work with a watcher set around it.

    pytest-benchmark takes tracers and profilers off while it times, so they are set
    inside the timed call.
    """

    def watched() -> None:
        before()
        try:
            work()
        finally:
            after()

    benchmark.extra_info["operations"] = CALLS
    benchmark(watched)


def test_benchmark_interpreter_monitoring_off(benchmark: BenchmarkFixture) -> None:
    """Call a function of three lines without monitoring.

    One operation is the call and its three lines. Expect 30 to 80 ns.
    """
    time_watched(benchmark, nothing, nothing)


def test_benchmark_interpreter_monitoring_tool(benchmark: BenchmarkFixture) -> None:
    """The same with a tool registered that asked for no event.

    One operation is the same call. Expect `monitoring_off`: a tool costs nothing
    until it asks for something.
    """
    with monitored():
        time_watched(benchmark, nothing, nothing)


def test_benchmark_interpreter_monitoring_calls(benchmark: BenchmarkFixture) -> None:
    """The same with the starts and returns of Python functions reported.

    One operation is the call and two reports to a function that does nothing. Expect
    `monitoring_off` and 50 to 150 ns.
    """
    with monitored("PY_START", "PY_RETURN"):
        time_watched(benchmark, nothing, nothing)


def test_benchmark_interpreter_monitoring_lines(benchmark: BenchmarkFixture) -> None:
    """The same with every line reported.

    One operation is the call and the reports of its lines and of the loop's. Expect
    more than `monitoring_calls`: there are more lines than calls.
    """
    with monitored("LINE"):
        time_watched(benchmark, nothing, nothing)


def test_benchmark_interpreter_monitoring_set(benchmark: BenchmarkFixture) -> None:
    """Turn the events of a tool on and off again.

    One operation is two calls of `sys.monitoring.set_events`. Expect microseconds and
    more: every code object that is running is instrumented again, and a free-threaded
    build stops all threads for it.
    """
    with monitored("PY_START"):
        monitoring: Any = getattr(sys, "monitoring")  # noqa: B009 - new in 3.12
        tool = next(i for i in range(6) if monitoring.get_tool(i) == "pybench")

        def switch() -> None:
            monitoring.set_events(tool, 0)
            monitoring.set_events(tool, monitoring.events.PY_START)

        benchmark(switch)


def test_benchmark_interpreter_monitoring_profile(benchmark: BenchmarkFixture) -> None:
    """The same under `sys.setprofile`, with a Python function that does nothing.

    One operation is the call and two reports; setting and clearing the profiler is
    inside, once per 200. Expect three to ten times `monitoring_off`.
    """
    time_watched(
        benchmark, lambda: sys.setprofile(nothing), lambda: sys.setprofile(None)
    )


def test_benchmark_interpreter_monitoring_trace(benchmark: BenchmarkFixture) -> None:
    """The same under `sys.settrace`, with every line traced.

    One operation is the call and the reports of the call, its lines and its return.
    Expect ten to thirty times `monitoring_off`.
    """
    time_watched(benchmark, lambda: sys.settrace(trace), lambda: sys.settrace(None))
