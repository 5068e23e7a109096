"""What changing the shape of tensors costs, with and without moving elements."""

from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="shapes", max_time=0.2)

Statement = Callable[..., object]

SIDE = 48  # of a cube of 442 kB
PARTS = 10
PART = 1000  # elements


def test_benchmark_pytorch_reshape(torch: ModuleType, statement: Statement) -> None:
    """See 8 elements as 4 x 2.

    One operation is `reshape(4, 2)`, which makes a tensor and moves nothing. Expect
    0.4 to 3 us whatever the size.
    """
    statement("_ = tensor.reshape(4, 2)", tensor=torch.arange(8.0))


def test_benchmark_pytorch_permute(torch: ModuleType, statement: Statement) -> None:
    """Change the order of three dimensions.

    One operation is `permute(2, 0, 1)`, which makes a tensor and moves nothing.
    Expect 0.6 to 3 us whatever the size.
    """
    tensor = torch.arange(8.0).reshape(2, 2, 2)
    statement("_ = tensor.permute(2, 0, 1)", tensor=tensor)


@pytest.mark.parametrize("order", ["kept", "changed"], ids=lambda o: f"order={o}")
def test_benchmark_pytorch_copy(
    benchmark: BenchmarkFixture, torch: ModuleType, order: str
) -> None:
    """Copy a cube of 48 x 48 x 48 floats, as it lies or with permuted dimensions.

    One operation is one element. `order=kept` is `clone`, the control; `changed` is
    `contiguous` of a permuted view, which has to gather. Expect 0.05 to 0.5 ns, and
    five to fifteen times that.
    """
    cube = torch.randn(SIDE, SIDE, SIDE)
    source = cube if order == "kept" else cube.permute(2, 1, 0)
    copy = source.clone if order == "kept" else source.contiguous
    benchmark.extra_info["operations"] = SIDE**3
    result = benchmark(copy)
    assert result.is_contiguous()
    assert result.data_ptr() != cube.data_ptr()
    assert torch.equal(result, source)


@pytest.mark.parametrize("by", ["cat", "stack"], ids=lambda by: f"by={by}")
def test_benchmark_pytorch_join(
    benchmark: BenchmarkFixture, torch: ModuleType, by: str
) -> None:
    """Join ten tensors of a thousand floats, along a dimension or along a new one.

    One operation is one whole `cat` or `stack`, with its new tensor of 40 kB. Expect
    2 to 10 us, of which copying takes one or two; `stack` makes sure first that all
    parts have one shape.
    """
    parts = [torch.randn(PART) for _ in range(PARTS)]
    result = benchmark({"cat": torch.cat, "stack": torch.stack}[by], parts)
    assert torch.equal(result.reshape(-1)[-PART:], parts[-1])
