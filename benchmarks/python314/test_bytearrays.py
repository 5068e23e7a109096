"""What getting `bytes` out of a buffer costs, copied or taken."""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="bytearrays", max_time=0.15)

CONTENT = bytes(range(256)) * 1024  # 256 KiB


@pytest.mark.parametrize("by", ["copy", "take"], ids=lambda by: f"by={by}")
def test_benchmark_python314_bytearray(benchmark: BenchmarkFixture, by: str) -> None:
    """Fill a `bytearray` with 256 KiB and get them as `bytes`.

    One operation is both: filling it, a copy that either way needs, and `bytes(...)`
    or, from 3.15, `take_bytes`, which hands its memory over and leaves the buffer
    empty. Expect 5 to 60 us for `copy`, and half or less for `take`.
    """
    if not hasattr(bytearray, "take_bytes") and by == "take":
        pytest.skip("n/a: needs Python 3.15 (bytearray.take_bytes)")

    def copy() -> bytes:
        return bytes(bytearray(CONTENT))

    def take() -> bytes:
        taken: Callable[[], bytes] = getattr(bytearray(CONTENT), "take_bytes")  # noqa: B009
        return taken()

    assert benchmark(take if by == "take" else copy) == CONTENT
