"""What training costs, step by step, and feeding it.

The task is made up: a thousand points of 32 numbers, and a smooth function of them
to learn, by a network of three layers. That the loss falls is checked outside the
timing: a loop that learns nothing would be a fast one.
"""

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="training", max_time=0.2)

INPUTS, HIDDEN, BATCH = 32, 64, 64
POINTS = 16 * BATCH
EPOCHS = 2

Step = Callable[[Any, Any], None]


class Learner:
    """A network, its optimizer, and one step of learning."""

    def __init__(self, torch: ModuleType, optimizer: str) -> None:
        nn = torch.nn
        self.model = nn.Sequential(
            nn.Linear(INPUTS, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, 1),
        )
        parameters = self.model.parameters()
        self.optimizer = {
            "sgd": lambda: torch.optim.SGD(parameters, lr=0.05),
            "adam": lambda: torch.optim.Adam(parameters, lr=0.01),
        }[optimizer]()
        self.loss = nn.functional.mse_loss

    def step(self, points: Any, values: Any) -> None:
        """Learn from one batch."""
        self.optimizer.zero_grad()
        self.loss(self.model(points), values).backward()
        self.optimizer.step()

    def error(self, points: Any, values: Any) -> float:
        """Tell how wrong the network is."""
        return float(self.loss(self.model(points), values).detach())


def task(torch: ModuleType) -> tuple[Any, Any]:
    """Make the points and what is to be learned of them."""
    points = torch.randn(POINTS, INPUTS)
    return points, points[:, :4].sin().sum(dim=1, keepdim=True)


def batches(points: Any, values: Any) -> Iterable[tuple[Any, Any]]:
    """Cut the points into batches."""
    for start in range(0, POINTS, BATCH):
        yield points[start : start + BATCH], values[start : start + BATCH]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"], ids=lambda o: f"optimizer={o}")
def test_benchmark_pytorch_step(
    benchmark: BenchmarkFixture, torch: ModuleType, optimizer: str
) -> None:
    """Learn from one batch of 64.

    One operation is `zero_grad`, the forward run, the loss, `backward` and the
    optimizer's step, on the same batch over and over. Expect 150 to 600 us with
    plain SGD; Adam's step has some ten operations per parameter instead of one, in
    Python's turn: up to twice that.
    """
    points, values = task(torch)
    learner = Learner(torch, optimizer)
    batch = points[:BATCH], values[:BATCH]
    before = learner.error(*batch)
    learner.step(*batch)  # the first one makes the gradients and the optimizer's state
    benchmark(learner.step, *batch)
    assert learner.error(*batch) < before


def test_benchmark_pytorch_training(
    benchmark: BenchmarkFixture, torch: ModuleType
) -> None:
    """Train a new network for two epochs of 16 batches.

    One operation is the whole loop with SGD; the network is made before, outside the
    timing, and each has the same numbers to begin with. Expect 32 times
    `step[optimizer=sgd]` and a few per cent for cutting batches.
    """
    points, values = task(torch)
    learners: list[Learner] = []
    before: list[float] = []

    def prepare() -> None:
        torch.manual_seed(2)
        learners.append(Learner(torch, "sgd"))
        before.append(learners[-1].error(points, values))

    def train() -> None:
        step = learners[-1].step
        for _ in range(EPOCHS):
            for batch in batches(points, values):
                step(*batch)

    # pytest-benchmark declares no types for it.
    benchmark.pedantic(train, setup=prepare, rounds=15)  # type: ignore[no-untyped-call]
    after = [learner.error(points, values) for learner in learners]
    assert len({*before}) == len({*after}) == 1
    assert after[0] < before[0]


@pytest.mark.parametrize("by", ["slice", "loader"], ids=lambda by: f"by={by}")
def test_benchmark_pytorch_batches(
    benchmark: BenchmarkFixture, torch: ModuleType, by: str
) -> None:
    """Cut a thousand points into batches of 64, with slices or with a `DataLoader`.

    One operation is one batch, points and values. `by=slice` makes two views, some
    us. The loader, without workers and without shuffling, takes 64 pairs out of a
    `TensorDataset` one by one and stacks them: expect 100 to 600 us, as much as a
    step of learning from it.
    """
    points, values = task(torch)
    data = torch.utils.data
    loader = data.DataLoader(data.TensorDataset(points, values), batch_size=BATCH)

    def run_through() -> int:
        source = batches(points, values) if by == "slice" else loader
        return sum(len(batch[0]) for batch in source)

    benchmark.extra_info["operations"] = POINTS // BATCH
    assert benchmark(run_through) == POINTS
