"""What calling with arguments fixed or counted costs."""

import functools
import operator
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="callables", max_time=0.15)

Statement = Callable[..., object]

MAPPED = 1000
PLACEHOLDER: Any = getattr(functools, "Placeholder", None)


def first_of(first: object, second: object) -> object:
    """Return the first of two arguments."""
    return first


def refuses_strict() -> bool:
    """Tell whether `map` does not know the keyword `strict`."""
    arguments: dict[str, Any] = {"strict": True}
    try:
        map(int, "", **arguments)
    except TypeError:
        return True
    return False


@pytest.mark.parametrize(
    "by",
    [
        "lambda",
        "keyword",
        pytest.param(
            "placeholder",
            marks=pytest.mark.skipif(
                PLACEHOLDER is None,
                reason="n/a: needs Python 3.14 (functools.Placeholder)",
            ),
        ),
    ],
    ids=lambda by: f"by={by}",
)
def test_benchmark_python314_partial(statement: Statement, by: str) -> None:
    """Call a Python function of two parameters, the second of which is fixed.

    One operation is the call with the first argument alone. Expect 25 to 70 ns for a
    `lambda`, a call within a call; for a `partial` that fixes it by `keyword` twice
    that, because keywords are matched to parameters; for one that leaves a
    `Placeholder` in front, about as much as for the `lambda`.
    """
    ways: dict[str, Callable[[], Callable[[object], object]]] = {
        "lambda": lambda: lambda first: first_of(first, 2),
        "keyword": lambda: functools.partial(first_of, second=2),
        "placeholder": lambda: functools.partial(first_of, PLACEHOLDER, 2),
    }
    function = ways[by]()
    assert function(1) == 1
    statement("function(1)", function=function)


@pytest.mark.parametrize(
    "strict",
    [
        pytest.param(False, id="strict=no"),
        pytest.param(
            True,
            id="strict=yes",
            marks=pytest.mark.skipif(
                refuses_strict(), reason="n/a: needs Python 3.14 (map(strict=True))"
            ),
        ),
    ],
)
def test_benchmark_python314_map(benchmark: BenchmarkFixture, strict: bool) -> None:
    """Add a thousand pairs of small numbers with `map`, strictly or not.

    One operation is one pair; the results are dropped in C. Expect 8 to 60 ns, and
    no difference: only the end is looked at twice.
    """
    numbers = [number % 100 for number in range(MAPPED)]
    options: dict[str, Any] = {"strict": True} if strict else {}

    def add_pairs() -> Iterable[int]:
        return deque(map(operator.add, numbers, numbers, **options), maxlen=1)

    benchmark.extra_info["operations"] = MAPPED
    assert [*benchmark(add_pairs)] == [2 * numbers[-1]]
