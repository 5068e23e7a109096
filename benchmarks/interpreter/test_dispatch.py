"""What the loop and the arithmetic of the interpreter cost.

The rows that other rows stand on: moving values, branching, adding numbers.
"""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="dispatch")

Statement = Callable[..., object]

LOOP_TURNS = 1000  # long enough that the call around it is under a hundredth


def test_benchmark_interpreter_dispatch(statement: Statement) -> None:
    """Move one local variable into another: the dispatch of a bytecode pair.

    One operation is a load and a store, which the compiler joins into one
    instruction where it can. Expect 1 to 3 ns on builds with computed gotos or
    tail calls; what remains is the interpreter's jump and two reference counts.
    """
    statement("second = first", first=None, second=None)


def test_benchmark_interpreter_loop_for(benchmark: BenchmarkFixture) -> None:
    """One step of `for` over a `range`, with an empty body.

    One operation is the next number and the jump back; making the range is inside,
    once per 1000. Expect 5 to 15 ns: a number above 256 is made every turn.
    """

    def loop() -> None:
        for _ in range(LOOP_TURNS):
            pass

    benchmark.extra_info["operations"] = LOOP_TURNS
    benchmark(loop)


def test_benchmark_interpreter_loop_while(benchmark: BenchmarkFixture) -> None:
    """One step of `while` that counts to a limit.

    One operation is an addition, a comparison and the jump back, which also looks
    whether the interpreter is interrupted. Expect one and a half to
    three times `loop_for`: the counting is done by instructions instead of in C.
    """

    def loop() -> None:
        count = 0
        while count < LOOP_TURNS:
            count += 1

    benchmark.extra_info["operations"] = LOOP_TURNS
    benchmark(loop)


def test_benchmark_interpreter_arithmetic(benchmark: BenchmarkFixture) -> None:
    """A tight loop of integer arithmetic: the CPU baseline of the suite.

    One operation is one turn: a multiplication, an addition, a remainder and the
    store, on numbers below 2**30, each depending on the turn before. Expect 30 to
    80 ns; the remainder alone is an integer division, and nearly all the rest is
    making and freeing numbers.
    """

    def loop() -> int:
        value = 1
        for _ in range(LOOP_TURNS):
            value = (value * 7621 + 1) % 32768
        return value

    benchmark.extra_info["operations"] = LOOP_TURNS
    assert benchmark(loop) < 32768


def test_benchmark_interpreter_add_int(statement: Statement) -> None:
    """Add two integers of one digit.

    One operation is a specialized addition whose result, 3000, is made anew.
    Expect 5 to 15 ns, most of it the new object; results up to 256 would be shared.
    """
    statement("first + second", first=1000, second=2000)


def test_benchmark_interpreter_add_float(statement: Statement) -> None:
    """Add two floats.

    One operation is a specialized addition and a float from the free list. Expect
    a little less than `add_int`.
    """
    statement("first + second", first=1.5, second=2.25)


def test_benchmark_interpreter_add_mixed(statement: Statement) -> None:
    """Add an integer to a float.

    One operation is an addition through the types' slots: the integer declines,
    the float converts it. Expect two to four times `add_float`, less from 3.14,
    where this pair is specialized.
    """
    statement("first + second", first=1000, second=2.25)


def test_benchmark_interpreter_branch(statement: Statement) -> None:
    """Compare two integers and branch, never taking the branch.

    One operation is a specialized comparison and a jump on its result. The branch
    is always the same, so the CPU predicts it. Expect 2 to 5 ns.
    """
    statement("if first > second: raise AssertionError", first=1, second=2)
