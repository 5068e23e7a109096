"""What structural pattern matching costs."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

pytestmark = pytest.mark.benchmark(group="patterns")

Statement = Callable[..., object]


@dataclass
class Point:
    """Something with two fields to match."""

    x: int
    y: int


def test_benchmark_interpreter_match_literal(statement: Statement) -> None:
    """Match a number against four literals, of which the last fits.

    One operation is four comparisons and branches: there is no jump table. Expect
    15 to 30 ns, four times `branch`.
    """
    source = "\n".join(
        ["match value:", *(f"    case {literal}: pass" for literal in (1, 2, 3, 4))]
    )
    statement(source, value=4)


def test_benchmark_interpreter_match_class(statement: Statement) -> None:
    """Match an instance against a class pattern with two positions.

    One operation is the instance check, two attribute reads by the names in
    `__match_args__`, collected in a tuple, and two stores. Expect 80 to 250 ns:
    the pattern is interpreted, not specialized.
    """
    statement(
        "match point:\n    case Point(x, y): pass",
        point=Point(1, 2),
        Point=Point,
    )


def test_benchmark_interpreter_match_mapping(statement: Statement) -> None:
    """Match a dict against a mapping pattern with two keys.

    One operation is the type check, the length check, two look-ups through `get`
    and two stores. Expect 80 to 250 ns.
    """
    statement(
        "match table:\n    case {'x': x, 'y': y}: pass",
        table={"x": None, "y": None},
    )


def test_benchmark_interpreter_match_sequence(statement: Statement) -> None:
    """Match a tuple against a sequence pattern of two.

    One operation is the type check by a flag, the length check, the unpacking and
    two stores. Expect 10 to 25 ns.
    """
    statement("match pair:\n    case [x, y]: pass", pair=(None, None))
