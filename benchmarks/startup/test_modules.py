"""What executing a module costs, by what it defines.

One operation is one definition: the time of importing a generated module that has many
of a kind, divided by their number. The module is imported from bytecode into a child
that exists, has all it needs, and never destroys one of its modules; finding and
reading the file is inside and small against the rest.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="modules")

Serving = Callable[..., Callable[[], None]]
TimeModule = Callable[[str, str, int], None]


@pytest.fixture
def time_module(
    benchmark: BenchmarkFixture, serving: Serving, tmp_path: Path
) -> TimeModule:
    """Return a function that times the import of a module.

    `time_module(head, definition, count)` writes a module of so many definitions, in
    which `{number}` is the number of each.
    """

    def time(head: str, definition: str, count: int) -> None:
        body = "".join(definition.format(number=number) for number in range(count))
        (tmp_path / "defined.py").write_text(head + body)
        benchmark.extra_info["operations"] = count
        benchmark(serving("import", tmp_path, "defined", 1))

    return time


def test_benchmark_startup_define_function(time_module: TimeModule) -> None:
    """Define a function of three parameters, one with a default.

    Expect 0.3 to 2 us: its code is read from the file, the function is made of it, and
    a name is bound.
    """
    definition = "def function_{number}(first, second, third=None): return first\n"
    time_module("", definition, 1000)


def test_benchmark_startup_define_class(time_module: TimeModule) -> None:
    """Define a class of three methods.

    Expect 5 to 20 us: three functions, the class body's own call, and the type with its
    slots and its dict.
    """
    definition = (
        "class Class_{number}:\n"
        "    def __init__(self, value): self.value = value\n"
        "    def first(self): return self.value\n"
        "    def second(self, other): return other\n"
    )
    time_module("", definition, 200)


def test_benchmark_startup_define_dataclass(time_module: TimeModule) -> None:
    """Define a dataclass of three fields.

    Expect 100 to 600 us, twenty to fifty times a class: the source of its methods is
    put together, compiled and executed at each import.
    """
    definition = (
        "@dataclass\n"
        "class Class_{number}:\n"
        "    first: int\n"
        "    second: str = ''\n"
        "    third: object = None\n"
    )
    time_module("from dataclasses import dataclass\n", definition, 20)


def test_benchmark_startup_define_namedtuple(time_module: TimeModule) -> None:
    """Define a namedtuple of three fields.

    Expect 20 to 150 us: one function is compiled, and a class made with its fields.
    """
    definition = "Named_{number} = namedtuple('Named', 'first second third')\n"
    time_module("from collections import namedtuple\n", definition, 50)


def test_benchmark_startup_define_enum(time_module: TimeModule) -> None:
    """Define an enumeration of five members.

    Expect 30 to 150 us: a metaclass in Python that makes and checks every member.
    """
    members = "".join(f"    MEMBER_{number} = {number}\n" for number in range(5))
    definition = "class Enum_{number}(Enum):\n" + members
    time_module("from enum import Enum\n", definition, 50)


def test_benchmark_startup_define_constant(time_module: TimeModule) -> None:
    """Bind a name to a tuple of five constants.

    Expect 0.2 to 1 us: nothing but reading the constants from the file, the interned
    names among them, and a store.
    """
    definition = "CONSTANT_{number} = ('a{number}', 'b{number}', {number}.5, 3, None)\n"
    time_module("", definition, 2000)
