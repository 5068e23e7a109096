"""What the JIT gains, and which kind of interpreter loop this build has (PEP 744).

Every row runs its work in a child that was started with `PYTHON_JIT` on or off, and
asks for it through a pipe, which is some tens of microseconds of a few milliseconds.
The child has done it twice before, so loops are hot. `extra_info` says whether this
build's loop is made of tail calls, and the child's own word on the JIT.
"""

import sys
import sysconfig
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="jit", max_time=0.15),
    pytest.mark.parametrize("jit", ["off", "on"], ids=lambda jit: f"jit={jit}"),
]

StartChild = Callable[..., Any]
TimeChild = Callable[[str], None]


@pytest.fixture
def time_child(
    benchmark: BenchmarkFixture, start_child: StartChild, jit: str
) -> TimeChild:
    """Return a function that times work in a child with the JIT on or off."""

    def time(work: str) -> None:
        if jit == "on":
            state: Any = getattr(sys, "_jit", None)
            if state is None:
                pytest.skip("n/a: needs Python 3.14 (sys._jit)")
            if not state.is_available():
                pytest.skip("n/a: this Python was built without its JIT (PEP 744)")
        child = start_child(work, PYTHON_JIT=str(int(jit == "on")))
        if child.state["jit"] != (jit == "on"):
            raise RuntimeError(f"asked for the JIT {jit}, the child has the other")
        benchmark.extra_info["tail_call"] = bool(
            sysconfig.get_config_var("Py_TAIL_CALL_INTERP")
        )
        benchmark(child.ask)

    return time


def test_benchmark_python314_jit_arithmetic(
    benchmark: BenchmarkFixture, time_child: TimeChild
) -> None:
    """Run a loop of arithmetic and branches on small integers.

    One operation is one turn: nine operations, one branch that is not predictable,
    no calls. Expect 50 to 250 ns without the JIT, by the interpreter's dispatch;
    with it, as much on 3.14 and a third less on 3.15.
    """
    time_child("dispatch")


def test_benchmark_python314_jit_calls(
    benchmark: BenchmarkFixture, time_child: TimeChild
) -> None:
    """Run a loop that calls a method which reads and writes an attribute.

    One operation is one turn with its call. Expect 40 to 200 ns without the JIT, and
    a tenth to a third less with it: on one path from the loop into the method and
    back, it can leave out the checks and most of the frame.
    """
    time_child("calls")
