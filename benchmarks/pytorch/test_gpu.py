"""What a GPU gains and what reaching it costs, next to one thread of the CPU.

Work on a GPU is only ordered by the call that asks for it, so every row waits for
its end (`torch.cuda.synchronize`) inside the timing. Without a CUDA device that
torch can use, those rows are n/a; the CPU's are measured everywhere.
"""

from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="gpu", max_time=0.2)

SIDE = 768
SMALL = 8
COPIED = 1 << 20  # floats: 4 MiB

Synchronize = Callable[[], object]

on_devices = pytest.mark.parametrize(
    "device", ["cpu", "cuda"], ids=lambda device: f"device={device}"
)


@pytest.fixture
def synchronize(
    benchmark: BenchmarkFixture, torch: ModuleType, device: str
) -> Synchronize:
    """Return what waits for a device's work to be done, or skip the row without one."""
    if device == "cpu":
        return lambda: None
    if torch.version.cuda is None:
        pytest.skip(f"n/a: torch {torch.__version__} was built without CUDA")
    if not torch.cuda.is_available():
        pytest.skip("n/a: torch finds no CUDA device that it can use")
    benchmark.extra_info["device"] = torch.cuda.get_device_name()
    synchronize: Synchronize = torch.cuda.synchronize
    return synchronize


@on_devices
def test_benchmark_pytorch_gpu_matmul(
    benchmark: BenchmarkFixture,
    torch: ModuleType,
    synchronize: Synchronize,
    device: str,
) -> None:
    """Multiply two matrices of 768 x 768, which are on the device already.

    One operation is one whole product of float32, 0.9 billion floating-point
    operations, and waiting for it. Expect 6 to 30 ms for one thread of a CPU, and 30
    to 300 us for a GPU.
    """
    matrix = torch.randn(SIDE, SIDE, device=device)

    def multiply() -> object:
        result = torch.matmul(matrix, matrix)
        synchronize()
        return result

    multiply()  # the first one loads the library that does it
    benchmark.extra_info["flops"] = 2 * SIDE**3
    benchmark(multiply)


@on_devices
def test_benchmark_pytorch_gpu_add_small(
    benchmark: BenchmarkFixture,
    torch: ModuleType,
    synchronize: Synchronize,
    device: str,
) -> None:
    """Add 8 floats in place on the device.

    One operation is `add_` and waiting for it. Expect 0.8 to 3 us for a CPU, which
    has nothing to wait for, and 10 to 40 us for a GPU: the cost of one launch. Two
    Python calls around it are up to a quarter of the CPU's value
    (`add_small_out` has it without).
    """
    tensor, zeros = torch.ones(SMALL, device=device), torch.zeros(SMALL, device=device)

    def add() -> None:
        tensor.add_(zeros)
        synchronize()

    add()  # the first one loads the kernel
    benchmark(add)
    assert tensor.sum() == SMALL


@on_devices
def test_benchmark_pytorch_gpu_copy(
    benchmark: BenchmarkFixture,
    torch: ModuleType,
    synchronize: Synchronize,
    device: str,
) -> None:
    """Copy 4 MiB to the device and back.

    One operation is both copies, from and into ordinary memory. For a CPU, the
    control, they are copies within memory: expect 0.1 to 2 ms; for a GPU 1 to 4 ms,
    as its link allows.
    """
    source, there = torch.randn(COPIED), torch.empty(COPIED, device=device)
    back = torch.empty(COPIED)

    def copy() -> None:
        there.copy_(source)
        back.copy_(there)
        synchronize()

    benchmark(copy)
    assert torch.equal(back, source)
