"""What elementary functions cost, of real and complex numbers, and transforms.

Arrays have ten thousand elements, so the call's half microsecond is 0.05 ns of each
element, and results go into memory that exists.
"""

from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="elementary", max_time=0.2)

ELEMENTS = 10_000


@pytest.mark.parametrize(
    "function", ["sqrt", "sin", "exp"], ids=lambda function: f"function={function}"
)
def test_benchmark_numpy_real(
    benchmark: BenchmarkFixture, np: ModuleType, function: str
) -> None:
    """Compute a function of each of ten thousand floats between 1 and 10.

    One operation is one element. Expect `sqrt` at 0.5 to 3 ns, an instruction of
    the CPU, and `sin` and `exp` at 0.5 to 15 ns, by whether this numpy has them
    vectorised for this CPU or calls the C library for each.
    """
    numbers, out = np.linspace(1.0, 10.0, ELEMENTS), np.empty(ELEMENTS)
    benchmark.extra_info["operations"] = ELEMENTS
    benchmark(getattr(np, function), numbers, out)
    assert np.isfinite(out).all()


@pytest.mark.parametrize(
    "function",
    ["multiply", "absolute", "sqrt", "exp"],
    ids=lambda function: f"function={function}",
)
def test_benchmark_numpy_complex(
    benchmark: BenchmarkFixture, np: ModuleType, function: str
) -> None:
    """Compute a function of each of ten thousand complex numbers.

    One operation is one element of 16 bytes. Expect `multiply` at 0.2 to 3 ns, four
    multiplications; `absolute` at 0.5 to 10 ns, which must not overflow on the way
    to the root; `sqrt` and `exp` at 10 to 80 ns, calls of the C library, which computes
    `exp` from a real `exp`, a sine and a cosine.
    """
    real = np.linspace(1.0, 10.0, ELEMENTS)
    numbers = real + 1j * real[::-1]
    operands = (numbers, numbers) if function == "multiply" else (numbers,)
    result = getattr(np, function)(*operands)
    out = np.empty_like(result)
    benchmark.extra_info["operations"] = ELEMENTS
    benchmark(getattr(np, function), *operands, out)
    assert (out == result).all()


@pytest.mark.parametrize("length", [4096, 4099], ids=lambda length: f"length={length}")
def test_benchmark_numpy_fft(
    benchmark: BenchmarkFixture, np: ModuleType, length: int
) -> None:
    """Transform complex numbers, a power of two of them or a prime number.

    One operation is one whole `fft.fft`. Expect 20 to 120 us for 4096; for the
    prime 4099 three to eight times that, because it is done by way of transforms of a
    length that factors (Bluestein).
    """
    signal = np.exp(1j * np.arange(length))
    result = benchmark(np.fft.fft, signal)
    assert np.allclose(np.fft.ifft(result), signal)


def test_benchmark_numpy_rfft(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Transform 4096 real numbers.

    One operation is one whole `fft.rfft`. Expect a little more than half of
    `fft[length=4096]`: the other half of its result would be the mirror of this.
    """
    signal = np.sin(np.arange(4096.0))
    result = benchmark(np.fft.rfft, signal)
    assert np.allclose(np.fft.irfft(result), signal)
