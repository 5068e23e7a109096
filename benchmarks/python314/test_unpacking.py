"""What joining many lists into one costs, by how it is written (PEP 798)."""

from collections.abc import Callable
from itertools import chain

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="unpacking", max_time=0.15)

PARTS = 100  # lists
LENGTH = 10  # of each
WAYS = {
    "loops": "[item for part in parts for item in part]",
    "chain": "list(chain.from_iterable(parts))",
    "unpack": "[*part for part in parts]",
}


@pytest.mark.parametrize("by", WAYS, ids=lambda by: f"by={by}")
def test_benchmark_python314_join_lists(benchmark: BenchmarkFixture, by: str) -> None:
    """Make one list of a hundred lists of ten.

    One operation is one element. `by=loops` is a comprehension with two loops, where
    each element passes the interpreter; `chain` is `itertools`, where it passes an
    iterator in C; `unpack` is a comprehension that takes whole lists, as 3.15 can.
    Expect 5 to 25 ns, 4 to 15, and 2 to 6.
    """
    try:
        code = compile(f"lambda: {WAYS[by]}", f"<statement: {WAYS[by]}>", "eval")
    except SyntaxError:
        pytest.skip("n/a: needs Python 3.15 (PEP 798)")
    parts = [[*range(LENGTH)] for _ in range(PARTS)]
    join: Callable[[], list[int]] = eval(code, {"parts": parts, "chain": chain})
    benchmark.extra_info["operations"] = PARTS * LENGTH
    assert benchmark(join) == [*range(LENGTH)] * PARTS
