"""What gradients cost: recording the graph, and going back through it.

The network has three linear layers of 32, 64 and 64 inputs with ReLU between them,
and gets a batch of 64: small enough that Python and dispatch are a good part, as in
much of what people train on a CPU.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="autograd", max_time=0.2)

INPUTS, HIDDEN, BATCH = 32, 64, 64
CHAIN = 100  # operations one after another


def network(torch: ModuleType) -> Any:
    """Make the network, the same in every run (the row's seed is set before)."""
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(INPUTS, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, 1),
    )


@pytest.mark.parametrize(
    "mode", ["recorded", "no_grad", "inference"], ids=lambda mode: f"mode={mode}"
)
def test_benchmark_pytorch_forward(
    benchmark: BenchmarkFixture, torch: ModuleType, mode: str
) -> None:
    """Run the network forward on one batch.

    One operation is the call of the network, five modules written in Python. Expect
    20 to 100 us; `recorded` makes a node of the graph for each operation, which
    `no_grad` and `inference` spare: some us less.
    """
    model, batch = network(torch), torch.randn(BATCH, INPUTS)
    modes: dict[str, Callable[[], Any]] = {
        "recorded": torch.enable_grad,
        "no_grad": torch.no_grad,
        "inference": torch.inference_mode,
    }
    with modes[mode]():
        model(batch)  # libraries choose and prepare their loops at the first call
        result = benchmark(model, batch)
    assert result.shape == (BATCH, 1)
    assert result.requires_grad == (mode == "recorded")


def test_benchmark_pytorch_backward(
    benchmark: BenchmarkFixture, torch: ModuleType
) -> None:
    """Go back through the network once.

    One operation is `backward` of a loss whose graph is kept, so that no forward run
    is inside; gradients are added to those of the call before. Expect 60 to 250 us,
    two to four times `forward[mode=recorded]`: each layer needs two products.
    """
    model, batch = network(torch), torch.randn(BATCH, INPUTS)
    loss = model(batch).square().mean()
    benchmark(loss.backward, None, True)
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_benchmark_pytorch_gradient(
    benchmark: BenchmarkFixture, torch: ModuleType
) -> None:
    """Compute a function's derivative with `autograd.grad`.

    One operation is both ways: the sum of the sines of a thousand floats, and its
    gradient, which is returned and stored nowhere. Expect 15 to 80 us, of which the
    arithmetic takes less than five.
    """
    numbers = torch.linspace(0.0, 1.0, 1000, requires_grad=True)

    def differentiate() -> Any:
        (gradient,) = torch.autograd.grad(numbers.sin().sum(), numbers)
        return gradient

    result = benchmark(differentiate)
    assert torch.allclose(result, numbers.detach().cos())


@pytest.mark.parametrize("way", ["forward", "both"], ids=lambda way: f"way={way}")
def test_benchmark_pytorch_chain(
    benchmark: BenchmarkFixture, torch: ModuleType, way: str
) -> None:
    """Double a number a hundred times in a row, forward or forward and back.

    One operation is one of the hundred, recorded. `way=both` goes back through it
    as well: what is added is the engine's cost for a node, which is all C++. Expect
    1.5 to 6 us forward, and twice that or a little more for both.
    """
    start = torch.ones(1, requires_grad=True)

    def double() -> Any:
        number = start
        for _ in range(CHAIN):
            number = number * 2.0
        if way == "both":
            (number,) = torch.autograd.grad(number, start)
        return number

    benchmark.extra_info["operations"] = CHAIN
    result = benchmark(double)
    assert result.item() == 2.0**CHAIN
