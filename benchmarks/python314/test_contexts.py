"""What 3.14's two flags about contexts cost, each switched off and on.

`-X context_aware_warnings` keeps changed warning filters in a context instead of in
the module; `-X thread_inherit_context` starts threads with a copy of their parent's
context. Free-threaded builds have both on, others off. Each row asks a child that was
started with its flag; older Pythons are asked without any, for `off`.
"""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="contexts", max_time=0.15),
    pytest.mark.parametrize("flag", ["off", "on"], ids=lambda flag: f"flag={flag}"),
]

StartChild = Callable[..., Any]


def start_with(start_child: StartChild, work: str, name: str, flag: str) -> Any:
    """Start a child with a flag off or on, and see that it is."""
    if hasattr(sys.flags, name):
        child = start_child(work, "-X", f"{name}={int(flag == 'on')}")
    elif flag == "on":
        pytest.skip(f"n/a: needs Python 3.14 (-X {name})")
    else:
        child = start_child(work)
    if child.state[name] != (flag == "on"):
        raise RuntimeError(f"asked for {name} {flag}, the child has the other")
    return child


def test_benchmark_python314_catch_warnings(
    benchmark: BenchmarkFixture, start_child: StartChild, flag: str
) -> None:
    """Enter and leave an empty `warnings.catch_warnings`.

    One operation is the block, from its object to its end. Expect 0.4 to 3 us off,
    when filters are copied and put back and what was decided before is forgotten;
    with the flag on it is a context variable that is set and reset, in Python: two
    to five times that.
    """
    child = start_with(start_child, "catch-warnings", "context_aware_warnings", flag)
    benchmark(child.ask)


def test_benchmark_python314_inherit_context(
    benchmark: BenchmarkFixture, start_child: StartChild, flag: str
) -> None:
    """Start and join a thread, from a context with twenty variables.

    One operation is one thread. Expect 30 to 300 us, and no difference that could be
    seen next to it: a context is copied by sharing its tree.
    """
    child = start_with(start_child, "start-threads", "thread_inherit_context", flag)
    benchmark(child.ask)
