"""How much memory things take: objects, threads, interpreters, processes.

The table shows the time of making one. The bytes are in `extra_info["bytes"]`; all of
them are measured, none of them is written down anywhere:

`sizeof`    what `sys.getsizeof` says of one object, without what it refers to
`traced`    what one more asks the allocators for, from five readings of tracemalloc
`uss`       what one more takes from the system, rounded as the allocator rounds, from
            five readings of the USS of a child

What one more takes is the median of what four batches have added. So what was there
before does not count, nor does a single jump of the USS, as when another process begins
to share a page that was the child's own. Children have an empty heap (`serve.py`).
Without psutil there is no `uss`, and `extra_info["bytes_na"]` says so. On free-threaded
builds expect all headers to be larger by 16 bytes, the thread and a second count, but
for the objects of the collector, which have as much before the header elsewhere.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pybench.target.plugin import is_interleaved

pytestmark = [
    pytest.mark.benchmark(group="sizes", max_time=0.1),
    pytest.mark.usefixtures("collector_off"),
]

TimePrepared = Callable[..., None]
Bytes = dict[str, float]
ReadMemory = Callable[[Any], Bytes]
Start = Callable[..., Any]
MeasureObjects = Callable[..., None]

THREADS = 8  # started together
INTERPRETERS = 6

DISPLAYED = 1000  # objects that are made at once in the timing


def one_more(readings: Sequence[float], batch: int) -> float:
    """Return what one thing adds to readings that are a batch of things apart."""
    return median(after - before for before, after in pairwise(readings)) / batch


def one_more_in_memory(readings: Sequence[Bytes], batch: int, *names: str) -> Bytes:
    """Do the same for what was read of a process; nothing where it was not readable."""
    if not all(readings):
        return {}
    return {
        name: one_more([reading[name] for reading in readings], batch) for name in names
    }


def displayed(expression: str, prepare: str, copies: int) -> Callable[[], object]:
    """Compile a function that makes so many objects, in a list, and returns them.

    The list is written out, since a loop would cost as much as some of the objects.
    """
    elements = f"{expression}, " * copies
    scope: dict[str, Any] = {}
    source = f"{prepare}\ndef display_():\n    return [{elements}]\n"
    exec(compile(source, "<objects>", "exec"), scope)
    display: Callable[[], object] = scope["display_"]
    return display


@pytest.fixture
def bytes_of_object(
    request: pytest.FixtureRequest, serving: Start, read_memory: ReadMemory
) -> Callable[[str, str, int], Bytes]:
    """Return a function that finds the bytes of an object, in a child.

    `bytes_of_object(expression, prepare, batch)` has five batches of them made.
    """

    def find(expression: str, prepare: str, batch: int) -> Bytes:
        if is_interleaved(request.config):
            return {}  # only times are compared there, and each pair would pay for it
        child = serving("objects", expression, prepare, batch)
        readings = [read_memory(child)]
        for _ in range(4):
            child.prepare()
            readings.append(read_memory(child))
        report = child.report()
        return {
            "sizeof": report["sizeof"],
            "traced": one_more(report["traced"], batch),
            **one_more_in_memory(readings, batch, "uss"),
        }

    return find


@pytest.fixture
def measure_objects(
    benchmark: BenchmarkFixture, bytes_of_object: Callable[[str, str, int], Bytes]
) -> MeasureObjects:
    """Return a function that times the making of objects and finds their bytes.

    `measure_objects(expression, prepare="")` makes them by an expression, whose names
    are globals that `prepare` defines. One operation is one of a thousand that live at
    once, made and dropped, the store of its reference included.
    """

    def measure(expression: str, prepare: str = "") -> None:
        batch = 20_000
        benchmark.extra_info["bytes"] = bytes_of_object(expression, prepare, batch)
        benchmark.extra_info["operations"] = DISPLAYED
        benchmark(displayed(expression, prepare, DISPLAYED))

    return measure


SCALARS = {
    "int": ("number + 1", "number = 2**40"),
    "float": ("number + 0.5", "number = 1.0"),
    "str": ("text + 'x'", "text = 'x' * 15"),
    "bytes": ("data + b'x'", "data = b'x' * 15"),
}


@pytest.mark.parametrize("kind", SCALARS)
def test_benchmark_memory_size_scalar(
    measure_objects: MeasureObjects, kind: str
) -> None:
    """Make a number of 41 bits, a float, and a text or bytes of 16, by an addition.

    One operation is one object; see `measure_objects`. Expect 10 to 40 ns. On a GIL
    build expect 32 to 36 bytes for the int, 24, 57 and 49 for the others, which the
    allocator rounds up to a multiple of 16.
    """
    measure_objects(*SCALARS[kind])


CONTAINERS = {
    "tuple": "(x, x, x)",
    "list": "[x, x, x]",
    "dict": "{'a': x, 'b': x, 'c': x}",
    "set": "{x, y, z}",
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_benchmark_memory_size_container(
    measure_objects: MeasureObjects, kind: str
) -> None:
    """Make a container of three elements that exist.

    One operation is one object; see `measure_objects`. Expect 15 to 150 ns. On a GIL
    build expect 64 to 72 bytes for the tuple, 80 to 90 for the list with its items, 180
    to 240 for the dict with its table, and 216 for the set, whose table is in it.
    """
    measure_objects(CONTAINERS[kind], "x, y, z = 'x', 'y', 'z'")


BODY = "    def __init__(self): self.a = self.b = self.c = None\n"
INSTANCES = {
    "plain": f"class Thing:\n{BODY}",
    "slots": f"class Thing:\n    __slots__ = ('a', 'b', 'c')\n{BODY}",
    "named": (
        "from collections import namedtuple\n"
        "Named = namedtuple('Named', 'a b c')\n"
        "def Thing(): return Named(None, None, None)\n"
    ),
}


@pytest.mark.parametrize("kind", INSTANCES)
def test_benchmark_memory_size_instance(
    measure_objects: MeasureObjects, kind: str
) -> None:
    """Make an instance with three attributes: of a class, with slots, a namedtuple.

    One operation is one object, `__init__` or a function's call included; see
    `measure_objects`. Expect 40 to 300 ns. Expect 56 bytes with slots, 64 to 72 for the
    tuple, and 90 to 160 for the class: up to 3.12 its values are a block of their own,
    since 3.13 they are in the object. `sizeof` does not see them.
    """
    measure_objects("Thing()", INSTANCES[kind])


FUNCTIONS = {
    "function": ("lambda: None", ""),
    "closure": ("make(None)", "def make(value): return lambda: value"),
    "method": (
        "thing.bound",
        "class Thing:\n    def bound(self): pass\nthing = Thing()",
    ),
    "generator": ("make()", "def make():\n    yield"),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_benchmark_memory_size_function(
    measure_objects: MeasureObjects, kind: str
) -> None:
    """Make a function, a closure over one value, a bound method, or a generator.

    One operation is one object, for `closure` and `generator` the call of what makes it
    too; see `measure_objects`. The code is shared. Expect 20 to 150 ns. Expect 140 to
    180 bytes for the function, 90 to 110 more for the closure's cell and tuple, 64 for
    the method, and 180 to 250 for the generator, which has its frame in it.
    """
    measure_objects(*FUNCTIONS[kind])


def test_benchmark_memory_size_class(
    benchmark: BenchmarkFixture,
    bytes_of_object: Callable[[str, str, int], Bytes],
    time_prepared: TimePrepared,
) -> None:
    """Make an empty class.

    One operation is `type('Empty', (), {})`, a hundred to a round; dropping it is
    excluded, since a class is a cycle. Expect 2 to 15 us, and 1.5 to 2.5 KB: the type,
    its dict with two descriptors, its bases and its order of resolution.
    """
    expression, copies = "type('Empty', (), {})", 100
    benchmark.extra_info["bytes"] = bytes_of_object(expression, "", 1000)
    benchmark.extra_info["operations"] = copies
    time_prepared(displayed(expression, "", copies), rounds=10)
    gc.collect()  # or a thousand classes would stay in all following rows


def test_benchmark_memory_size_lock(measure_objects: MeasureObjects) -> None:
    """Make a lock.

    One operation is one `Lock()`; see `measure_objects`. Expect 20 to 80 ns. Up to
    3.13.0 the object refers to a semaphore in a block of its own, 70 to 80 bytes
    together; since 3.13.1 the lock is a byte in the object.
    """
    measure_objects("Lock()", "from threading import Lock")


def test_benchmark_memory_size_thread(
    benchmark: BenchmarkFixture, serving: Start, read_memory: ReadMemory
) -> None:
    """Start eight threads that wait, let them go, and join them, in a child.

    One operation is one thread's share. Expect 30 to 150 us, several times that where
    the CPUs have to be woken. `uss` is what one more thread that waits takes: 10 to
    20 KB, of its stack what it has touched, and some 50 KB more for its heap on a
    free-threaded build. `virtual` is what it reserves, 8 MB of stack for most.
    """
    child = serving("threads", THREADS)
    benchmark.extra_info["operations"] = THREADS
    benchmark(child.act)
    readings = [read_memory(child)]
    for _ in range(4):
        child.prepare()
        readings.append(read_memory(child))
    benchmark.extra_info["bytes"] = one_more_in_memory(
        readings, THREADS, "uss", "virtual"
    )


@pytest.mark.skipif(
    sys.version_info < (3, 12),
    reason="n/a: no interpreter has a GIL of its own before Python 3.12",
)
def test_benchmark_memory_size_interpreter(
    benchmark: BenchmarkFixture,
    time_prepared: TimePrepared,
    serving: Start,
    read_memory: ReadMemory,
) -> None:
    """Make an interpreter in a child and keep it.

    One operation is one of six. Expect 5 to 30 ms, and 1 to 5 MB each: modules, types
    and strings of its own, as little is shared with the first.
    """
    child = serving("interpreters")
    readings: list[Bytes] = []
    time_prepared(
        child.act,
        lambda: readings.append(read_memory(child)),
        rounds=INTERPRETERS,
    )
    readings.append(read_memory(child))
    benchmark.extra_info["bytes"] = one_more_in_memory(readings, 1, "uss", "rss")


PROGRAMS = {
    "bare": ("-S", ""),
    "site": ("-s", ""),
    "asyncio": ("-S", "import asyncio; "),
}
READY = "import os; os.write(1, b'!'); os.read(0, 1)"


@pytest.mark.parametrize("program", PROGRAMS)
def test_benchmark_memory_size_process(
    benchmark: BenchmarkFixture,
    time_prepared: TimePrepared,
    start: Start,
    read_memory: ReadMemory,
    program: str,
) -> None:
    """Start an interpreter and wait until it runs: what all memory is above.

    One operation is the start, by `subprocess.Popen`, up to the first statement:
    without `site`, with it, or without it but with asyncio imported. Expect 7 to 80 ms.
    `rss` counts pages that other processes have too, such as the interpreter's own
    code: 8 to 12 MB for the bare one. `uss` counts the others: 2 to 6 MB for the bare
    one, 10 to 20 MB with asyncio.
    """
    flag, statements = PROGRAMS[program]
    children = []

    def run() -> None:
        child = start(flag, "-c", statements + READY)
        child.wait_ready()
        children.append(child)

    run()  # leaves bytecode behind
    time_prepared(run, rounds=8)
    memory = read_memory(children[-1])
    benchmark.extra_info["bytes"] = {
        name: memory[name] for name in ("rss", "uss") if name in memory
    }
