"""What making a tensor costs, by where its contents come from."""

from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="tensors", max_time=0.2)

Statement = Callable[..., object]

LISTED = 1000
MIDDLE = 100_000


def test_benchmark_pytorch_empty_small(torch: ModuleType, statement: Statement) -> None:
    """Make a tensor of 8 elements without contents, and drop it.

    One operation is `empty(8)`: parsing the argument, the dispatcher, storage, the
    tensor and its Python object. Expect 0.4 to 3 us, ten times numpy's: the floor of
    every operation that makes a tensor.
    """
    statement("_ = empty(8)", empty=torch.empty)


def test_benchmark_pytorch_from_list(
    benchmark: BenchmarkFixture, torch: ModuleType
) -> None:
    """Make a tensor of a list of a thousand floats.

    One operation is one element of `torch.tensor`, converted to float32. Expect 30
    to 150 ns, several times numpy's.
    """
    listed = [float(number) for number in range(LISTED)]
    benchmark.extra_info["operations"] = LISTED
    result = benchmark(torch.tensor, listed)
    assert result[-1] == LISTED - 1


def test_benchmark_pytorch_to_list(
    benchmark: BenchmarkFixture, torch: ModuleType
) -> None:
    """Make a list of a tensor of a thousand floats.

    One operation is one element of `tolist`, made into a Python float. Expect 8 to
    40 ns.
    """
    tensor = torch.arange(float(LISTED))
    benchmark.extra_info["operations"] = LISTED
    assert len(benchmark(tensor.tolist)) == LISTED


def test_benchmark_pytorch_randn(
    benchmark: BenchmarkFixture, torch: ModuleType
) -> None:
    """Draw a hundred thousand normal floats into a new tensor.

    One operation is one element of `torch.randn`. Expect 1 to 10 ns.
    """
    benchmark.extra_info["operations"] = MIDDLE
    benchmark(torch.randn, MIDDLE)
