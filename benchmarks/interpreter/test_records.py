"""What a small record costs to make, read and compare, by how its class was written.

A record has two fields, made of two existing values.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.benchmark(group="records")

Statement = Callable[..., object]


class Plain:
    """Two fields, set by hand."""

    def __init__(self, first: object, second: object) -> None:
        self.first = first
        self.second = second


@dataclass
class Data:
    """Two fields, set by a generated `__init__`."""

    first: object
    second: object


@dataclass(slots=True)
class Slots:
    """Two fields in slots."""

    first: object
    second: object


@dataclass(frozen=True)
class Frozen:
    """Two fields, set by way of `object.__setattr__`."""

    first: object
    second: object


class Named(NamedTuple):
    """Two fields of a tuple."""

    first: object
    second: object


def name_of(kind: type) -> str:
    """Name a row after the class it makes."""
    return f"kind={kind.__name__}"


@pytest.mark.parametrize("kind", [Plain, Data, Slots, Frozen, Named], ids=name_of)
def test_benchmark_interpreter_record(statement: Statement, kind: type) -> None:
    """Make a record and drop it.

    One operation is the call of the class: the object, its `__init__` (of a named
    tuple its `__new__`), two stores, and freeing it. Expect 50 to 150 ns for a
    plain class, a dataclass the same, slots a little less, a named tuple half more
    or twice, and frozen most (each field is set through a C call).
    """
    statement("_ = kind(None, None)", kind=kind)


# The ways to hold two fields whose reads and comparisons differ; a frozen dataclass
# reads like any other.
KINDS = [Data, Slots, Named]


@pytest.mark.parametrize("kind", [*KINDS, dict], ids=name_of)
def test_benchmark_interpreter_record_read(statement: Statement, kind: type) -> None:
    """Read the second field of a record.

    One operation is an attribute read, of a dict a look-up by a constant key. Expect
    2 to 5 ns for dataclass and slots, which are specialized; a named tuple's field is
    a descriptor in C, and a dict hashes nothing, its key being a constant text.
    """
    record = {"first": 1, "second": 2} if kind is dict else kind(1, 2)
    read = "record['second']" if kind is dict else "record.second"
    statement(f"_ = {read}", record=record)


@pytest.mark.parametrize("kind", [*KINDS, dict], ids=name_of)
def test_benchmark_interpreter_record_equal(statement: Statement, kind: type) -> None:
    """Compare a record with an equal one.

    One operation is `==` of two records with the same two values. Expect the
    dataclasses to cost most, 60 to 200 ns: their comparison is Python code, which up
    to 3.12 made two tuples. A named tuple and a dict compare in C.
    """
    made = [{"first": 1, "second": 2} if kind is dict else kind(1, 2) for _ in "ab"]
    statement("_ = one == other", one=made[0], other=made[1])


def test_benchmark_interpreter_record_dict(statement: Statement) -> None:
    """Make a dict of two fields and drop it: the record without a class.

    One operation is the display and freeing it. Expect 40 to 100 ns, about a plain
    class.
    """
    statement("_ = {'first': None, 'second': None}")


def test_benchmark_interpreter_record_replace(statement: Statement) -> None:
    """Copy a dataclass with one field changed, by `dataclasses.replace`.

    One operation is the call, which goes through the fields in Python. Expect 0.5 to
    1.5 us, several times `record`.
    """
    statement("_ = replace(record, first=2)", replace=replace, record=Data(1, 2))
