"""What changing the type of elements costs."""

from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="dtypes", max_time=0.2)

ELEMENTS = 10_000


@pytest.mark.parametrize(
    "to", ["float64", "float32", "int64", "bool"], ids=lambda to: f"to={to}"
)
def test_benchmark_numpy_cast(
    benchmark: BenchmarkFixture, np: ModuleType, to: str
) -> None:
    """Convert ten thousand float64 to another type.

    One operation is one element of `astype`, with its share of the new array.
    `to=float64` converts nothing and is the control. Expect 0.1 to 0.5 ns for it,
    and 0.3 to 2 ns for the others, by whether the loop is vectorised.
    """
    array = np.arange(float(ELEMENTS))
    benchmark.extra_info["operations"] = ELEMENTS
    result = benchmark(array.astype, to)
    assert result.dtype == to
    assert bool(result[-1])


@pytest.mark.parametrize("other", ["float64", "float32"], ids=lambda to: f"other={to}")
def test_benchmark_numpy_mixed(
    benchmark: BenchmarkFixture, np: ModuleType, other: str
) -> None:
    """Add ten thousand float64 to as many of the same or of a narrower type.

    One operation is one element, the result's memory existing. For `float32` the
    operand is converted on the way, in pieces of 8192 elements, through a buffer.
    Expect it to cost two to five times `float64`, the control.
    """
    array, out = np.arange(float(ELEMENTS)), np.empty(ELEMENTS)
    benchmark.extra_info["operations"] = ELEMENTS
    benchmark(np.add, array, array.astype(other), out)
    assert out[-1] == 2.0 * (ELEMENTS - 1)
