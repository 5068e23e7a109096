"""What annotations cost at import, and when they are requested.

Three generated modules differ in their annotations alone: a thousand functions with
three parameters. In the first rows one operation is a child's whole life with the
import of one, from bytecode; the annotations' cost is the difference between the rows.
In the others it is asking one function for its annotations, in this process.
"""

import typing
from collections import deque
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="annotations")

TimeChild = Callable[..., None]
Statement = Callable[..., object]

FUNCTIONS = 1000

PLAIN = "def function_{number}(first, second, third): return first\n"
ANNOTATED = (
    "def function_{number}(first: int, second: dict[str, list[int]],"
    " third: str | None) -> tuple[int, ...]: return first\n"
)
STYLES = {
    "none": PLAIN,
    "evaluated": ANNOTATED,
    "strings": ANNOTATED,
}


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"style={style}")
def test_benchmark_startup_annotated(
    benchmark: BenchmarkFixture, time_child: TimeChild, tmp_path: Path, style: str
) -> None:
    """Import a module of a thousand functions: bare, annotated, annotated in strings.

    `style=strings` has `from __future__ import annotations`. Up to 3.13 expect
    `evaluated` 1 to 3 ms above `none`, for building four thousand types, and
    `strings` in between. From 3.14 nothing is evaluated until it is requested, and
    what remains is loading a function more for each function.
    """
    body = "".join(STYLES[style].format(number=number) for number in range(FUNCTIONS))
    if style == "strings":
        body = "from __future__ import annotations\n" + body
    (tmp_path / "annotated.py").write_text(body)
    benchmark.extra_info["functions"] = FUNCTIONS
    time_child(
        f"import sys; sys.path.append({str(tmp_path)!r}); import annotated",
        "-S",
        floor="bare",
    )


def annotated_functions(future: bool) -> list[FunctionType]:
    """Make a thousand annotated functions whose annotations were never read."""
    body = "".join(ANNOTATED.format(number=number) for number in range(FUNCTIONS))
    if future:
        body = "from __future__ import annotations\n" + body
    scope: dict[str, Any] = {}
    # Or this file's own `from __future__` would be in force there too.
    exec(compile(body, "<annotated>", "exec", dont_inherit=True), scope)
    return [value for value in scope.values() if isinstance(value, FunctionType)]


@pytest.mark.parametrize("style", ["evaluated", "strings"])
def test_benchmark_startup_annotations_first(
    benchmark: BenchmarkFixture, style: str
) -> None:
    """Ask a function for its annotations, the first time.

    One operation is `function.__annotations__` in a loop in C, of functions that have
    just been made; making them is excluded. Up to 3.13, and in strings, expect 80 to
    200 ns, a dict made of a tuple. From 3.14 `evaluated` ones are evaluated now: four
    types built, 0.5 to 3 us (PEP 649).
    """
    functions: list[FunctionType] = []
    ask = attrgetter("__annotations__")

    def prepare() -> None:
        functions[:] = annotated_functions(style == "strings")

    def ask_all() -> None:
        deque(map(ask, functions), maxlen=0)

    benchmark.extra_info["operations"] = FUNCTIONS
    benchmark.pedantic(ask_all, setup=prepare, rounds=6)  # type: ignore[no-untyped-call]
    assert all(len(ask(function)) == 4 for function in functions)


def test_benchmark_startup_annotations_again(statement: Statement) -> None:
    """Ask a function for its annotations, which it has been asked for before.

    One operation is `function.__annotations__`, a dict that the function keeps. Expect
    10 to 40 ns.
    """
    function = annotated_functions(future=False)[0]
    assert function.__annotations__["first"] is int
    statement("function.__annotations__", function=function)


@pytest.mark.parametrize("style", ["evaluated", "strings"])
def test_benchmark_startup_annotations_hints(
    benchmark: BenchmarkFixture, style: str
) -> None:
    """Ask `typing.get_type_hints` for a function's annotations.

    One operation is one call, for annotations that are there. Expect 2 to 20 us where
    they have been evaluated, and 15 to 60 us more for strings, each of which is
    compiled and evaluated every time.
    """
    function = annotated_functions(style == "strings")[0]
    benchmark(typing.get_type_hints, function)
