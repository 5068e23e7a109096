"""What annotations cost: to write, to read, and to read in another form (PEP 649, 749).

Up to 3.13 the interpreter evaluates annotations when it makes a class; from 3.14 it
keeps a function that does so for whoever reads them first. Each class here has ten
annotated names, four of which need a type to be built.
"""

import importlib
import inspect
import typing
from collections.abc import Callable
from types import CodeType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="deferred", max_time=0.15)

Statement = Callable[..., object]

FRESH = 100  # classes whose annotations were never read

BARE = "class Record:\n    pass\n"
FIELDS = ["int", "str", "float", "bytes", "bool", "object"]
FIELDS += ["dict[str, int]", "list[str]", "tuple[int, ...]", "int | None"]
ANNOTATED = "class Record:\n" + "".join(
    f"    field_{number}: {kind}\n" for number, kind in enumerate(FIELDS)
)
STYLES = {
    "none": BARE,
    "evaluated": ANNOTATED,
    "strings": "from __future__ import annotations\n" + ANNOTATED,
}


def code_of(source: str) -> CodeType:
    """Compile a module without what this file itself imports from the future."""
    return compile(source, "<statement: class Record: ...>", "exec", dont_inherit=True)


def class_of(code: CodeType) -> Any:
    """Run a module and return its class."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(code, names)
    return names["Record"]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"style={style}")
def test_benchmark_python314_class(benchmark: BenchmarkFixture, style: str) -> None:
    """Make a class of ten annotated names, or of none.

    One operation is running the statement, from compiled code. `style=none` is the
    control; `strings` has `from __future__ import annotations`. Expect 2 to 20 us
    for a class alone. Up to 3.13 `evaluated` takes 1 to 3 us more, for building four
    types and filling a dict, and `strings` less; from 3.14 `evaluated` adds one
    function object, next to nothing, and less than `strings`.
    """
    names: dict[str, object] = {"__name__": __name__}
    benchmark(exec, code_of(STYLES[style]), names)


def test_benchmark_python314_annotations_first(benchmark: BenchmarkFixture) -> None:
    """Read a class's annotations for the first time.

    One operation is `cls.__annotations__` of one of a hundred classes, made for each
    round outside the timing. From 3.14 expect 1 to 4 us: now they are evaluated.
    Before it 20 to 60 ns, of which the loop is a fourth: making the class has done
    it.
    """
    code = code_of(ANNOTATED)
    classes: list[Any] = []

    def prepare() -> None:
        classes[:] = [class_of(code) for _ in range(FRESH)]

    def read() -> None:
        for fresh in classes:
            _ = fresh.__annotations__

    benchmark.extra_info["operations"] = FRESH
    # pytest-benchmark declares no types for it.
    benchmark.pedantic(read, setup=prepare, rounds=20)  # type: ignore[no-untyped-call]
    assert all(len(read.__annotations__) == len(FIELDS) for read in classes)


def test_benchmark_python314_annotations_again(statement: Statement) -> None:
    """Read a class's annotations again.

    One operation is `cls.__annotations__`. Expect 15 to 80 ns on every Python: what
    was evaluated is kept.
    """
    record = class_of(code_of(ANNOTATED))
    assert len(record.__annotations__) == len(FIELDS)
    statement("_ = record.__annotations__", record=record)


@pytest.mark.parametrize(
    "form", ["value", "forwardref", "string"], ids=lambda form: f"as={form}"
)
def test_benchmark_python314_annotations(
    benchmark: BenchmarkFixture, form: str
) -> None:
    """Get a class's annotations as values, with names missing, or as text.

    One operation is `get_annotations`, of `inspect` for `as=value` (measured on
    every Python) and of `annotationlib` for the two that are new. Expect 0.3 to 3 us
    for values, which are copied from what is kept. The others are not kept: expect 20
    to 200 us for `string`, which runs the class's function in a made-up world where
    every name gives its own text; for `forwardref`, of a class with one name that is
    not defined, 4 to 40 us, since only that name has to be made up.
    """
    get: Callable[..., dict[str, Any]] = inspect.get_annotations
    options: dict[str, Any] = {}
    if form != "value":
        try:
            annotationlib = importlib.import_module("annotationlib")
        except ModuleNotFoundError:
            pytest.skip("n/a: needs Python 3.14 (PEP 749)")
        get = annotationlib.get_annotations
        options["format"] = annotationlib.Format[form.upper()]
    source = ANNOTATED + ("    field_10: Undefined\n" if form == "forwardref" else "")
    found = benchmark(get, class_of(code_of(source)), **options)
    assert len(found) == source.count(": ")
    assert form != "string" or found["field_8"] == FIELDS[8]
    assert form != "forwardref" or found["field_10"].__forward_arg__ == "Undefined"


def test_benchmark_python314_type_hints(benchmark: BenchmarkFixture) -> None:
    """Get a class's annotations with `typing.get_type_hints`.

    One operation is the call, for a class whose annotations are values already.
    Expect 10 to 60 us, many times `annotations[as=value]`: every class it
    inherits from is asked, and every value examined.
    """
    record = class_of(code_of(ANNOTATED))
    assert len(benchmark(typing.get_type_hints, record)) == len(FIELDS)
