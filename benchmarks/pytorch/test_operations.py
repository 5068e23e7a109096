"""What an operation on tensors costs: the way to it, and the elements."""

from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="operations", max_time=0.2)

Statement = Callable[..., object]
Unrolled = Callable[..., Callable[[], object]]

SMALL = 8
ELEMENTS = 20_000  # 80 kB of float32: below the size that torch splits among threads
SIDE = 128
SPLIT = 512  # side of a product that is worth a second thread


@pytest.mark.parametrize(
    "mode", ["plain", "recorded", "inference"], ids=lambda mode: f"mode={mode}"
)
def test_benchmark_pytorch_add_small(
    benchmark: BenchmarkFixture, torch: ModuleType, unrolled: Unrolled, mode: str
) -> None:
    """Add two tensors of 8 floats: the overhead of dispatch.

    One operation is `first + second` with its new tensor. Expect 0.8 to 4 us, of which
    the eight additions take a nanosecond. `recorded` has an operand that wants
    gradients, so a node of the graph is made as well; `inference` is within
    `inference_mode`, where the bookkeeping for views and versions is left out.
    """
    first = torch.ones(SMALL, requires_grad=mode == "recorded")
    add = unrolled("_ = first + second", first=first, second=torch.ones(SMALL))
    with torch.inference_mode(mode == "inference"):
        result = first + torch.ones(SMALL)
        assert result.requires_grad == (mode == "recorded")
        assert result.is_inference() == (mode == "inference")
        benchmark(add)


def test_benchmark_pytorch_add_small_out(
    torch: ModuleType, statement: Statement
) -> None:
    """Add a tensor of 8 floats to one in place.

    One operation is `add_`. Expect less than `add_small[mode=plain]`, by what making
    a tensor costs (`empty_small`).
    """
    tensor, zeros = torch.ones(SMALL), torch.zeros(SMALL)
    statement("tensor.add_(zeros)", tensor=tensor, zeros=zeros)
    assert torch.equal(tensor, torch.ones(SMALL))


@pytest.mark.parametrize(
    "function", ["add", "exp"], ids=lambda function: f"function={function}"
)
def test_benchmark_pytorch_elementwise(
    benchmark: BenchmarkFixture, torch: ModuleType, function: str
) -> None:
    """Compute a function of each of twenty thousand floats.

    One operation is one element of float32, written into memory that exists. Expect
    0.1 to 0.4 ns for `add`, and 0.2 to 2 ns for `exp`, which torch vectorises.
    """
    numbers, out = torch.linspace(1.0, 10.0, ELEMENTS), torch.empty(ELEMENTS)
    operands = (numbers, numbers) if function == "add" else (numbers,)
    compute = getattr(torch, function)
    benchmark.extra_info["operations"] = ELEMENTS
    benchmark(lambda: compute(*operands, out=out))
    assert torch.equal(out, compute(*operands))


def test_benchmark_pytorch_sum(benchmark: BenchmarkFixture, torch: ModuleType) -> None:
    """Add up twenty thousand floats.

    One operation is one element of float32. Expect 0.05 to 0.3 ns.
    """
    tensor = torch.ones(ELEMENTS)
    benchmark.extra_info["operations"] = ELEMENTS
    assert benchmark(tensor.sum) == ELEMENTS


def test_benchmark_pytorch_softmax(
    benchmark: BenchmarkFixture, torch: ModuleType
) -> None:
    """Take the softmax of each row of 128 x 128.

    One operation is one element: a maximum, an exponential, a sum and a division.
    Expect 0.5 to 3 ns, a few times `elementwise[function=exp]`.
    """
    tensor = torch.randn(SIDE, SIDE)
    benchmark.extra_info["operations"] = SIDE * SIDE
    result = benchmark(torch.softmax, tensor, 1)
    assert torch.allclose(result.sum(1), torch.ones(SIDE))


@pytest.mark.parametrize("side", [8, 256], ids=lambda side: f"side={side}")
def test_benchmark_pytorch_matmul(
    benchmark: BenchmarkFixture, torch: ModuleType, side: int
) -> None:
    """Multiply two square matrices of float32.

    One operation is one whole product with its new tensor, in one thread. Expect 1 to
    5 us for 8 x 8, most of it the way there, and 0.2 to 1 ms for 256 x 256.
    """
    matrix = torch.randn(side, side)
    benchmark.extra_info["flops"] = 2 * side**3
    result = benchmark(torch.matmul, matrix, matrix)
    assert torch.allclose(result[0], matrix[0] @ matrix, atol=1e-3)


@pytest.mark.parametrize("torch_threads", [1, 2], ids=["threads=1", "threads=2"])
def test_benchmark_pytorch_matmul_split(
    benchmark: BenchmarkFixture, torch: ModuleType, torch_threads: int
) -> None:
    """Multiply two matrices of 512 x 512 with one or two threads inside torch.

    One operation is one whole product of float32, 268 million floating-point
    operations. Expect 2 to 8 ms with one thread and little more than half with two
    on two CPUs, on every build: no GIL is asked inside. Where something else keeps
    one of the CPUs busy, two threads take several times as long as one.
    """
    matrix = torch.randn(SPLIT, SPLIT)
    benchmark.extra_info["flops"] = 2 * SPLIT**3
    result = benchmark(torch.matmul, matrix, matrix)
    assert torch.allclose(result[0], matrix[0] @ matrix, atol=1e-2)
