"""What making a small record costs, by how its class was written.

Each row makes and drops a record of two fields from two existing values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="records")

Unrolled = Callable[..., Callable[[], object]]


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
def test_benchmark_interpreter_record(
    benchmark: BenchmarkFixture, unrolled: Unrolled, kind: type
) -> None:
    """Make a record and drop it.

    One operation is the call of the class: the object, its `__init__` (of a named
    tuple its `__new__`), two stores, and freeing it. Expect 50 to 150 ns for a
    plain class, a dataclass the same, slots a little less, a named tuple half more
    or twice, and frozen most (each field is set through a C call).
    """
    benchmark(unrolled("_ = kind(None, None)", kind=kind))
