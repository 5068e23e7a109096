"""How cheap a plain row can be."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="floor")


def nothing() -> None:
    """Do nothing."""


def test_benchmark_interpreter_empty_call(benchmark: BenchmarkFixture) -> None:
    """An empty function, timed as people time their own: the floor of plain rows.

    One operation is one turn of pytest-benchmark's own loop around an empty Python
    function: the loop, a call with unpacked arguments, the return. Nothing is
    excluded. Expect 30 to 80 ns: that is why rows of cheaper things do a thousand
    of them per call, and why native rows do not go through this loop.
    """
    benchmark(nothing)
