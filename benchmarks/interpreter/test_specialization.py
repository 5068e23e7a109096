"""What adapting bytecode to types gains, and what it costs where types change.

From 3.11 an instruction that keeps seeing one type is rewritten for it; 3.13t does not
do it at all, later free-threaded builds do it per thread. Each row compiles its code
anew, so that no row inherits what another has taught it. Source: PEP 659.
"""

import statistics
import threading
import time
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="specialization")

Statement = Callable[..., object]

# Calls of a fresh function before it counts as warm: several times what any version
# takes (a few calls, or a few dozen turns of a loop).
WARM_CALLS = 200

# Functions that are called once each in what is timed: enough that a window is far
# above the clock, few enough that their code fits into the first cache.
FUNCTIONS = 8

# Sets of them, where waking a thread is in what is timed.
COPIES = 4

# The instructions of one operation, so often that a call of the function is a part of
# little weight.
OPERATIONS = 40
BODY = "\n".join(
    ["def work(point, first, second):"]
    + ["    first = first + second; point.value = first; first = point.value"]
    * OPERATIONS
    + ["    return first"]
)


class Point:
    """An instance with one attribute."""

    def __init__(self, value: object = 1) -> None:
        self.value = value


def point_class(number: int) -> type:
    """Make one more class whose instances have `value`."""
    return type(f"Point{number}", (Point,), {})


def compiled() -> CodeType:
    """Compile the function; nothing runs this very code."""
    module: CodeType = compile(BODY, "<fresh>", "exec")
    return next(one for one in module.co_consts if isinstance(one, CodeType))


CODE = compiled()


def fresh_function() -> Callable[..., object]:
    """Return the function with a code object of its own, which has seen nothing.

    A copy of code has the instructions as they were compiled, whatever became of the
    other's. Compiling again took a hundred times what is timed.
    """
    return FunctionType(CODE.replace(), {})


Functions = list[Callable[..., object]]
Arguments = tuple[tuple[Functions, Point, object, object], dict[str, Any]]


def fresh_functions() -> Functions:
    """Return several such functions."""
    return [fresh_function() for _ in range(FUNCTIONS)]


def trained_functions() -> Functions:
    """Return several that have seen instances of one class, and integers."""
    functions = fresh_functions()
    for function in functions:
        point = Point()
        for _ in range(WARM_CALLS):
            function(point, 1, 2)
    return functions


def call_each(
    functions: Functions, point: Point, first: object, second: object
) -> None:
    """Call each of them once."""
    for function in functions:
        function(point, first, second)


def time_once(benchmark: BenchmarkFixture, prepare: Callable[[], Arguments]) -> None:
    """Time one call of each of the functions that are prepared anew each time."""
    stock: Any = benchmark
    stock.extra_info["operations"] = OPERATIONS * FUNCTIONS
    stock.pedantic(call_each, setup=prepare, rounds=200)


@pytest.mark.parametrize("operands", ["int", "float", "str", "mixed"])
def test_benchmark_interpreter_special_add(statement: Statement, operands: str) -> None:
    """Add two values whose types never change at that place.

    One operation is an addition and the store of its result. Expect int and float
    to be cheapest, as they have instructions of their own; int and float together
    ("mixed") have none in most versions, and cost the full look-up of both types.
    """
    first, second = {
        "int": (1000, 2000),
        "float": (1.5, 2.5),
        "str": ("first", "second"),
        "mixed": (1000, 2.5),
    }[operands]
    statement("_ = first + second", first=first, second=second)


@pytest.mark.parametrize("kinds", ["same", "turns"])
def test_benchmark_interpreter_special_add_place(
    benchmark: BenchmarkFixture, kinds: str
) -> None:
    """Add at one place: floats alone, or a float and an int alternately.

    One operation is a turn of a loop over 160 numbers and the sum of one with itself.
    Expect the turns to cost more: whatever the instruction is made for, the next
    number is of the other type. On 3.13t expect no difference.
    """
    row = [7.5, 7.5] * 80 if kinds == "same" else [7.5, 7] * 80

    def add() -> None:
        for value in row:
            value + value

    benchmark.extra_info["operations"] = len(row)
    benchmark(add)


@pytest.mark.parametrize("classes", [1, 2, 4, 16])
def test_benchmark_interpreter_special_attribute(
    benchmark: BenchmarkFixture, classes: int
) -> None:
    """Read an attribute at one place from instances of so many classes in turn.

    One operation is a turn of a loop over 160 instances and the read. Expect one
    class to be cheapest, for the instruction remembers one; from two on it misses
    at every turn, and how many more there are matters little up to the size of the
    type's cache of names.
    """
    points = [point_class(number)() for number in range(classes)]
    row = (points * 160)[:160]

    def read() -> None:
        for point in row:
            point.value  # noqa: B018 - the read is the point

    benchmark.extra_info["operations"] = len(row)
    benchmark(read)


@pytest.mark.parametrize("kinds", [1, 4])
def test_benchmark_interpreter_special_call(
    benchmark: BenchmarkFixture, kinds: int
) -> None:
    """Call at one place so many kinds of callables in turn.

    One operation is a turn of a loop over 160 callables and the call. Kinds are a
    Python function, a built-in, a class and a bound method. Expect four kinds to
    cost well above the mean of the four alone.
    """
    of_kinds: list[Callable[[], object]] = [lambda: None, list, Point, [].copy]
    row = (of_kinds[:kinds] * 160)[:160]

    def call() -> None:
        for function in row:
            function()

    benchmark.extra_info["operations"] = len(row)
    benchmark(call)


def test_benchmark_interpreter_special_deopt(benchmark: BenchmarkFixture) -> None:
    """Read attributes once at places that were trained on another class.

    One operation is one of 40 reads and additions in each of 8 functions that have been
    called 200 times with instances of one class and are now called with one of another.
    Expect more than `special_warm`: every guard fails and takes the general way.
    """
    time_once(
        benchmark, lambda: ((trained_functions(), point_class(0)(), 1.5, 2.5), {})
    )


def test_benchmark_interpreter_special_cold(benchmark: BenchmarkFixture) -> None:
    """Call functions for the first time.

    One operation is one of 40 additions, stores and reads in the first call of each of
    8 new functions; making them is excluded. Expect two to ten times `special_warm`:
    nothing is specialized, and the caches are filled on the way.
    `extra_info["curve_ns"]` has the medians of the first 64 calls.
    """
    benchmark.extra_info["curve_ns"] = call_curve()
    time_once(benchmark, lambda: ((fresh_functions(), Point(), 1, 2), {}))


def test_benchmark_interpreter_special_warm(benchmark: BenchmarkFixture) -> None:
    """Call the same functions after they have been called two hundred times.

    One operation is one of 40 additions, stores and reads, all specialized where the
    build does that. The control of `special_cold`: the same code, timed the same way.
    """
    functions = trained_functions()
    time_once(benchmark, lambda: ((functions, Point(), 1, 2), {}))


@pytest.mark.parametrize("calls", ["first", "later"])
def test_benchmark_interpreter_special_thread(
    benchmark: BenchmarkFixture, calls: str
) -> None:
    """Call functions that are specialized, from a new thread: first or later calls.

    One operation is that of `special_warm`, of 32 functions, in a thread that is woken
    for it; the waking, 5 to 60 us, is 4 to 50 ns of each. Later ones are the control:
    the thread has called them two hundred times. Expect no difference with a GIL. From
    3.14t on each thread has its own copy of the bytecode, which is made and specialized
    by its first calls: expect `special_cold` and more.
    """
    threads: list[threading.Thread] = []

    def prepare() -> tuple[tuple[threading.Lock, threading.Lock], dict[str, Any]]:
        go, done = threading.Lock(), threading.Lock()
        go.acquire()
        done.acquire()
        # Anew: a thread inherits the copies of one that has ended.
        functions = [one for _ in range(COPIES) for one in trained_functions()]

        def serve() -> None:
            point = Point()
            for _ in range(WARM_CALLS if calls == "later" else 0):
                call_each(functions, point, 1, 2)
            done.release()
            go.acquire()
            call_each(functions, point, 1, 2)
            done.release()

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        done.acquire()
        return (go, done), {}

    def wake(go: threading.Lock, done: threading.Lock) -> None:
        go.release()
        done.acquire()

    stock: Any = benchmark
    stock.extra_info["operations"] = OPERATIONS * FUNCTIONS * COPIES
    stock.pedantic(wake, setup=prepare, rounds=20)
    for thread in threads:
        thread.join()


def call_curve(calls: int = 64, functions: int = 30) -> list[float]:
    """Return the median ns per operation of the first calls of fresh functions."""
    times: list[list[int]] = [[] for _ in range(calls)]
    for _ in range(functions):
        function, point = fresh_function(), Point()
        for taken in times:
            start = time.perf_counter_ns()
            function(point, 1, 2)
            taken.append(time.perf_counter_ns() - start)
    return [round(statistics.median(taken) / OPERATIONS, 2) for taken in times]
