"""What reaching a name costs, by where the name lives.

Every row reads one name into a local variable, or stores one; the value exists
before and after, so nothing is made or freed.
"""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="attributes")

Statement = Callable[..., object]


class Record:
    """An instance with a dict, a property and a class variable."""

    shared = "class"

    def __init__(self) -> None:
        self.value = "instance"

    @property
    def computed(self) -> str:
        """Return a constant, from Python."""
        return "property"


class Answering:
    """An instance that has every name: a class apart, since 3.11 specializes none."""

    def __getattr__(self, name: str) -> str:
        """Answer for a missing name."""
        return name


class Slotted:
    """An instance without a dict."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = "slot"


def test_benchmark_interpreter_read_instance(statement: Statement) -> None:
    """Read an attribute that the instance holds.

    One operation is a specialized read from the values inside the instance: the
    class is checked by its version, no dict is searched. Expect 2 to 5 ns.
    """
    statement("_ = record.value", record=Record())


def test_benchmark_interpreter_read_slot(statement: Statement) -> None:
    """Read an attribute that lives in a slot.

    One operation is a specialized read at a fixed offset. Expect about
    `read_instance`: slots save memory, not time.
    """
    statement("_ = record.value", record=Slotted())


def test_benchmark_interpreter_read_class(statement: Statement) -> None:
    """Read a class variable through an instance.

    One operation is a specialized read of a value that the site remembers, guarded
    by the class's version and by the instance not having the name. Expect about
    `read_instance`.
    """
    statement("_ = record.shared", record=Record())


def test_benchmark_interpreter_read_property(statement: Statement) -> None:
    """Read a property that returns a constant.

    One operation is the read and the Python call behind it. Expect a call: about
    `call_method` where the read is specialized, more where it is not.
    """
    statement("_ = record.computed", record=Record())


def test_benchmark_interpreter_read_missing(statement: Statement) -> None:
    """Read a missing name, answered by `__getattr__`.

    One operation is the search of instance and classes, in vain, and the Python
    call. Expect a hundred nanoseconds or more above `read_property` where, as on
    3.11, an AttributeError is made and swallowed on the way.
    """
    statement("_ = record.absent", record=Answering())


def test_benchmark_interpreter_read_global(statement: Statement) -> None:
    """Read a global variable.

    One operation is a specialized read at a known index of the module's dict,
    guarded by the version of its keys. Expect 1 to 4 ns.
    """
    statement("_ = setting", outside={"setting": "global"})


def test_benchmark_interpreter_read_builtin(statement: Statement) -> None:
    """Read a builtin name.

    One operation is a specialized read guarded by two dicts' keys, since the
    module might have come to hide the name. Expect about `read_global`.
    """
    statement("_ = len")


def test_benchmark_interpreter_read_closure(benchmark: BenchmarkFixture) -> None:
    """Read a variable of the enclosing function.

    One operation is the read of a cell and a store to a local. Ten are in each of
    100 turns, so a tenth of a turn of `loop_for` is inside. Expect 1 to 4 ns: a
    cell is one pointer away, and needs no specialization.
    """
    outer = "closure"

    def loop() -> None:
        for _ in range(100):
            _ = outer
            _ = outer
            _ = outer
            _ = outer
            _ = outer
            _ = outer
            _ = outer
            _ = outer
            _ = outer
            _ = outer

    benchmark.extra_info["operations"] = 1000
    benchmark(loop)


def test_benchmark_interpreter_store_instance(statement: Statement) -> None:
    """Store an attribute that the instance has already.

    One operation is a specialized store, and dropping the old value. Expect a
    little more than `read_instance`; on free-threaded builds also a lock.
    """
    statement("record.value = None", record=Record())


def test_benchmark_interpreter_store_slot(statement: Statement) -> None:
    """Store an attribute that lives in a slot.

    One operation is a specialized store at a fixed offset. Expect about
    `store_instance`, or less.
    """
    statement("record.value = None", record=Slotted())
