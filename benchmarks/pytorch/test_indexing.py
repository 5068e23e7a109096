"""What reaching elements of a tensor costs, one by one and by ranges."""

from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="indexing", max_time=0.2)

Statement = Callable[..., object]

SELECTED = 50_000  # of twice as many


def test_benchmark_pytorch_element(torch: ModuleType, statement: Statement) -> None:
    """Read one element of a tensor as a Python float.

    One operation is `tensor[3].item()`: a tensor without dimensions is made on the
    way. Expect 0.7 to 6 us, some thirty times what numpy's element takes.
    """
    statement("_ = tensor[3].item()", tensor=torch.arange(8.0))


def test_benchmark_pytorch_element_write(
    torch: ModuleType, statement: Statement
) -> None:
    """Write one element of a tensor.

    One operation is `tensor[3] = 1.5`. Expect 1 to 8 us: a view of the element, and
    a fill.
    """
    statement("tensor[3] = 1.5", tensor=torch.arange(8.0))


def test_benchmark_pytorch_slice(torch: ModuleType, statement: Statement) -> None:
    """Take a slice of a tensor.

    One operation is `tensor[2:6]`, a tensor over the same memory. Expect 0.6 to 4 us
    whatever the length.
    """
    statement("_ = tensor[2:6]", tensor=torch.arange(8.0))


@pytest.mark.parametrize("by", ["slice", "index", "mask"], ids=lambda by: f"by={by}")
def test_benchmark_pytorch_select(
    benchmark: BenchmarkFixture, torch: ModuleType, by: str
) -> None:
    """Copy every second of a hundred thousand floats, asked for in three ways.

    One operation is one element of the result, a new tensor. `slice` is
    `tensor[::2].clone()`, `index` a tensor of integers, `mask` one of truth values,
    of which half are false. Expect the slice cheapest at 0.2 to 1 ns, the index at a
    few times that, and the mask most: it is made into an index first.
    """
    tensor = torch.arange(2.0 * SELECTED)
    index = torch.arange(0, 2 * SELECTED, 2)
    mask = torch.arange(2 * SELECTED) % 2 == 0
    ways: dict[str, Callable[[], object]] = {
        "slice": lambda: tensor[::2].clone(),
        "index": lambda: tensor[index],
        "mask": lambda: tensor[mask],
    }
    benchmark.extra_info["operations"] = SELECTED
    result = benchmark(ways[by])
    assert torch.equal(result, index.to(result.dtype))
