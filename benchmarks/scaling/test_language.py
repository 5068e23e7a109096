"""Which ordinary things scale with a second thread, and which share something hidden.

Each thread runs the same function, with objects of its own unless the row says what is
shared: code, constants, types and module globals always are. Read the row's speed-up
(`extra_info["scaling"]`, and the table after the run) against `scaling_nothing`, which
shares no object at all: what it loses, the machine loses. With the GIL on, everything
is at 1. The patterns are those that CPython's own Tools/ftscalingbench watches.
"""

import copy
import marshal
import math
import sys
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, make_dataclass
from enum import Enum
from itertools import repeat
from operator import methodcaller
from typing import Any, NamedTuple

import pytest

from pybench.target.plugin import Kernel

pytestmark = pytest.mark.benchmark(group="language")

Scale = Callable[..., None]

# Copies of the statement to a turn of the loop, and operations of a call: about a
# millisecond for the cheapest, far above starting the threads. Expensive ones do fewer.
COPIES = 20
OPERATIONS = 50_000
FEW_OPERATIONS = 2_000


class Base:
    """A class with the kinds of methods that rows call."""

    def method(self) -> None:
        """Do nothing."""

    @classmethod
    def of_class(cls) -> None:
        """Do nothing."""

    @staticmethod
    def static() -> None:
        """Do nothing."""


class Derived(Base):
    """A class whose method calls its parent's."""

    def method(self) -> None:
        """Call the method above."""
        super().method()


class Descriptor:
    """A descriptor written in Python."""

    def __get__(self, instance: object, owner: type) -> None:
        """Give nothing."""


class Described:
    """A class with that descriptor."""

    field = Descriptor()


class Managed:
    """A context manager written in Python."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *details: object) -> None:
        """Do nothing."""


class Colour(Enum):
    """An enumeration."""

    RED = 1


class Empty:
    """A class whose instances take any attribute."""


@dataclass
class Record:
    """A dataclass of two fields."""

    first: int
    second: int


Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024 - the older way is a row


class TypedPair(NamedTuple):
    """The newer way."""

    first: int
    second: int


@contextmanager
def generated() -> Iterator[None]:
    """Be a context manager made of a generator."""
    yield


def nothing() -> None:
    """Be a function of this module."""


def numbers() -> Iterator[int]:
    """Yield what a turn of the loop takes."""
    yield from range(COPIES)


def closing_over(value: object) -> Callable[[], object]:
    """Return a function that has a cell."""

    def function() -> object:
        return value

    return function


def task(
    statement: str,
    prepare: str = "pass",
    operations: int = OPERATIONS,
    **names: object,
) -> Callable[[], None]:
    """Compile a function that does a statement so many times.

    Called once for both threads, as a program's functions are: they share the code
    and its constants. `prepare` runs in each thread and makes what is its own.
    """
    lines = ["def work():", *(f"    {line}" for line in prepare.splitlines())]
    lines += [f"    for _ in repeat(None, {operations // COPIES}):"]
    lines += [f"        {line}" for line in statement.splitlines()] * COPIES
    scope: dict[str, Any] = {**globals(), **names, "repeat": repeat}
    # Through marshal, as code comes from a .pyc: on 3.13t what compile() gives keeps
    # its constants mortal, and two threads would contend for their counts.
    name = "; ".join(line.strip() for line in statement.splitlines())
    code = compile("\n".join(lines), f"<statement: {name}>", "exec")
    exec(marshal.loads(marshal.dumps(code)), scope)
    made: Callable[[], None] = scope["work"]
    return made


# Statement, what each thread prepares for itself, and what the row says.
CALLS = {
    "function": ("nothing()", "pass"),
    "method": ("own.method()", "own = Base()"),
    "classmethod": ("Base.of_class()", "pass"),
    "staticmethod": ("Base.static()", "pass"),
    "module": ("module.nothing()", "pass"),
}


def test_benchmark_scaling_nothing(scale: Scale) -> None:
    """Add two floats of the thread's own: the share-nothing control.

    One operation is an addition and a store. Expect the full speed-up without a GIL,
    less what the machine's second CPU lacks: they may be two halves of one core.
    """
    prepare = "first = float('1.5')\nsecond = float('2.5')"
    scale(task("_ = first + second", prepare), operations=OPERATIONS)


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_scaling_hardware(kernel: Kernel, threads: int) -> None:
    """Add to a counter of the thread's own, in plain C: the other control.

    One operation is an atomic addition; no Python runs. Expect the same time with one
    and two threads: what it lacks, the hardware lacks.
    """
    kernel("counters_increment", layout="padded", threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_benchmark_scaling_bandwidth(kernel: Kernel, threads: int) -> None:
    """Read memory one byte after the other, each thread its own.

    One operation is one cache line. Expect two threads to read each somewhat slower
    than one: they share the way to memory.
    """
    kernel("yardstick_bandwidth", threads=threads)


@pytest.mark.parametrize("kind", CALLS)
def test_benchmark_scaling_call(scale: Scale, kind: str) -> None:
    """Call something of this module that does nothing.

    One operation is one call; the function, the class, the module and its dict are
    shared, and `module` looks the function up in it. Expect the full speed-up of
    functions and of methods, whose counts threads do not write (deferred reference
    counting); class and static methods stay near one thread's rate in early builds.
    Source: gh-145685.
    """
    statement, prepare = CALLS[kind]
    work = task(statement, prepare, module=sys.modules[__name__])
    scale(work, operations=OPERATIONS)


def test_benchmark_scaling_super(scale: Scale) -> None:
    """Call a method that calls its parent's through `super()`.

    One operation is both calls. Expect less than the full speed-up on 3.13t.
    """
    scale(task("own.method()", "own = Derived()"), operations=OPERATIONS)


def test_benchmark_scaling_builtin(scale: Scale) -> None:
    """Call a function of a C module through its name: `math.cos`.

    One operation is the look-up in the module and the call. Expect the full speed-up
    in later builds; early ones contended for the module's function. Source: gh-125985.
    """
    scale(task("math.cos(1.5)", math=math), operations=OPERATIONS)


def test_benchmark_scaling_list_methods(scale: Scale) -> None:
    """Append to a list of the thread's own, and pop it again.

    One operation is both calls of C methods, each under the list's own lock. Expect
    the full speed-up.
    """
    scale(task("own.append(None); own.pop()", "own = []"), operations=OPERATIONS)


def test_benchmark_scaling_special_method(scale: Scale) -> None:
    """Call `round`, which looks for `__round__` on the type.

    One operation is one call. Expect the full speed-up in later builds. Source:
    gh-125985.
    """
    scale(task("round(own)", "own = float('1.25')"), operations=OPERATIONS)


def test_benchmark_scaling_manager(scale: Scale) -> None:
    """Enter and leave a context manager of the thread's own.

    One operation is one `with`. Expect the full speed-up.
    """
    scale(task("with own:\n    pass", "own = Managed()"), operations=OPERATIONS)


def test_benchmark_scaling_manager_made(scale: Scale) -> None:
    """Enter and leave a manager made of a generator, anew each time.

    One operation is the making, the generator and one `with`. Expect less than the
    full speed-up where its class's count is written by both.
    """
    work = task("with generated():\n    pass", operations=FEW_OPERATIONS)
    scale(work, operations=FEW_OPERATIONS)


def test_benchmark_scaling_generator(scale: Scale) -> None:
    """Make a generator and take twenty numbers from it.

    One operation is one number. Expect the full speed-up: frames are the thread's own.
    """
    work = task("for _ in numbers():\n    pass", operations=OPERATIONS // COPIES)
    scale(work, operations=OPERATIONS)


def test_benchmark_scaling_closure_read(scale: Scale) -> None:
    """Call a closure that both threads share, and read its cell.

    One operation is the call and the read; the value is None, which has no count.
    Expect two threads to do less than one alone: a nested function has an ordinary
    count, which every call writes.
    """
    scale(task("shared()", shared=closing_over(None)), operations=OPERATIONS)


CONSTANTS = {
    "int": "_ = own * 12345",
    "float": "_ = own * 1.01",
    "str": "_ = 'a constant of the code'",
    "tuple": "_ = (1, 'two', None)",
}


@pytest.mark.parametrize("kind", CONSTANTS)
def test_benchmark_scaling_constant(scale: Scale, kind: str) -> None:
    """Use a constant of the code that both threads run.

    One operation is loading it and a store, of the number also a product. Expect the
    full speed-up: a code's constants have no counts (they are immortal) from 3.13t on.
    """
    scale(task(CONSTANTS[kind], "own = 3"), operations=OPERATIONS)


MADE = {
    "object": "object()",
    "instance": "Empty()",
    "dict": "{'first': 1, 'second': 2}",
    "closure": "closing_over(None)",
    "dataclass": "Record(1, 2)",
    "namedtuple": "Pair(1, 2)",
    "typed": "TypedPair(1, 2)",
}


@pytest.mark.parametrize("kind", ["object", "instance", "dict", "closure"])
def test_benchmark_scaling_make(scale: Scale, kind: str) -> None:
    """Make an object and drop it.

    One operation is one object of a type that both threads use. Expect the full
    speed-up: each thread has its own pages and free lists, and the count of a built-in
    type is not written; that of a Python class is, by each thread in its own place.
    """
    scale(task(f"_ = {MADE[kind]}"), operations=OPERATIONS)


@pytest.mark.parametrize("kind", ["dataclass", "namedtuple", "typed"])
def test_benchmark_scaling_make_record(scale: Scale, kind: str) -> None:
    """Make a record of a class of this module and drop it.

    One operation is one record. Expect less than the full speed-up where the class's
    own count is written by both threads. Source: gh-139103.
    """
    scale(task(f"_ = {MADE[kind]}"), operations=OPERATIONS)


def test_benchmark_scaling_make_frozendict(scale: Scale) -> None:
    """Make a frozendict of two and drop it.

    One operation is one call of its type with a dict of the thread's own. Expect the
    full speed-up. New in 3.15 (PEP 814).
    """
    builtins: Any = __builtins__
    names = builtins if isinstance(builtins, dict) else vars(builtins)
    if "frozendict" not in names:
        pytest.skip("n/a: frozendict is new in Python 3.15 (PEP 814)")
    prepare = "own = {'first': 1, 'second': 2}"
    scale(task("_ = frozendict(own)", prepare), operations=OPERATIONS)


def test_benchmark_scaling_thread_local(scale: Scale) -> None:
    """Read an attribute of a `threading.local` that both threads share.

    One operation is one read of the thread's own value. Expect less than the full
    speed-up where the look-up writes a count of the shared object.
    """
    local = threading.local()
    scale(task("_ = local.x", "local.x = 1", local=local), operations=OPERATIONS)


def test_benchmark_scaling_descriptor(scale: Scale) -> None:
    """Read through a descriptor written in Python, on an instance of the thread's own.

    One operation is the call of its `__get__`. Expect less than one thread alone on
    builds before 3.15: the descriptor's count is written. Source: gh-148906.
    """
    scale(task("_ = own.field", "own = Described()"), operations=OPERATIONS)


def test_benchmark_scaling_enum(scale: Scale) -> None:
    """Read a member of an enumeration through its class.

    One operation is one read of `Colour.RED`. Expect less than the full speed-up: the
    member is one object, whose count both threads write.
    """
    scale(task("_ = Colour.RED"), operations=OPERATIONS)


def test_benchmark_scaling_attribute_shared(scale: Scale) -> None:
    """Read an attribute, a mortal value, of one instance that both threads share.

    One operation is one read. Expect two threads to do less than one alone on a
    free-threaded build: each read counts the value up and down. Source: gh-139103.
    """
    shared = Empty()
    shared.value = object()  # type: ignore[attr-defined]
    scale(task("_ = shared.value", shared=shared), operations=OPERATIONS)


def test_benchmark_scaling_setattr(scale: Scale) -> None:
    """Set an attribute by a name that is made each time, and so is not interned.

    One operation is making the name, interning it and the store. Expect less than the
    full speed-up: all threads share one table of interned texts.
    """
    scale(
        task("setattr(own, prefix + 'name', None)", "own = Empty()", prefix="the_"),
        operations=OPERATIONS,
    )


def test_benchmark_scaling_methodcaller(scale: Scale) -> None:
    """Call a method through one `operator.methodcaller` that both threads share.

    One operation is one call. Expect less than the full speed-up where it counts its
    own arguments up and down.
    """
    shared = methodcaller("method")
    scale(task("shared(own)", "own = Base()", shared=shared), operations=OPERATIONS)


def test_benchmark_scaling_deepcopy(scale: Scale) -> None:
    """Copy a list of three small lists in depth.

    One operation is one `copy.deepcopy`. Expect nearly the full speed-up: all it
    shares is code and the table of how to copy what.
    """
    prepare = "own = [[1], [2], [3]]"
    work = task("copy.deepcopy(own)", prepare, FEW_OPERATIONS, copy=copy)
    scale(work, operations=FEW_OPERATIONS)


def test_benchmark_scaling_types(scale: Scale) -> None:
    """Look a method up on five thousand classes in turn: more than a cache holds.

    One operation is one look-up that the cache of names misses. Expect less than the
    full speed-up: filling that cache takes a lock that all threads share.
    """
    classes: list[type[Base]] = [
        type(f"Class{number}", (Base,), {}) for number in range(5_000)
    ]

    def work() -> None:
        for one in classes:
            one.method  # noqa: B018 - the read is the point

    scale(work, operations=len(classes))


@pytest.mark.parametrize("value", ["immortal", "mortal"])
def test_benchmark_scaling_global(scale: Scale, value: str) -> None:
    """Read a global variable of the module, None or an object with a count.

    One operation is one read and a store into a local. Expect the full speed-up of
    None, and two threads to do less than one alone of the other on a free-threaded
    build.
    """
    shared = None if value == "immortal" else object()
    scale(task("_ = shared", shared=shared), operations=OPERATIONS)


# What rows above share, made by each thread for itself.
OWN = {
    "super": (
        "own.method()",
        "class Own(Base):\n"
        "    def method(self):\n"
        "        super().method()\n"
        "own = Own()",
    ),
    "classmethod": (
        "Own.of_class()",
        "class Own:\n    @classmethod\n    def of_class(cls):\n        pass",
    ),
    "closure": ("own()", "own = closing_over(None)"),
    "descriptor": (
        "_ = own.field",
        "class Own:\n    field = Descriptor()\nown = Own()",
    ),
    "enum": ("_ = Own.RED", "Own = Enum('Own', ['RED'])"),
    "dataclass": ("_ = Own(1, 2)", "Own = make_dataclass('Own', ['first', 'second'])"),
    "attribute": ("_ = own.value", "own = Empty()\nown.value = object()"),
    "setattr": ("setattr(own, 'the_name', None)", "own = Empty()"),
}


@pytest.mark.parametrize("kind", OWN)
def test_benchmark_scaling_own(scale: Scale, kind: str) -> None:
    """Do what a row above does, with the class or the object of each thread's own.

    One operation is that of `super`, `call[classmethod]`, `closure_read`, `descriptor`,
    `enum`, `make_record[dataclass]`, `attribute_shared`, or of `setattr` with a name
    that is interned: their share-nothing controls. Expect the full speed-up. What such
    a row loses besides is the price of the shared object.
    """
    statement, prepare = OWN[kind]
    work = task(statement, prepare, make_dataclass=make_dataclass)
    scale(work, operations=OPERATIONS)
