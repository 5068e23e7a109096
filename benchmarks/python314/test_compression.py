"""What Zstandard costs, next to zlib (PEP 784).

Everything is done on 64 KiB of words in random order, whole, in memory.
"""

import importlib
import random
import sys
import zlib
from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="compression", max_time=0.15)

Change = Callable[[bytes], bytes]

SIZE = 1 << 16
WORDS = ("the", "of", "and", "to", "in", "is", "that", "was", "for", "with", "they")


@pytest.fixture(scope="session")
def text() -> bytes:
    """Make the text: the same in every run."""
    return " ".join(random.Random(1).choices(WORDS, k=SIZE)).encode()[:SIZE]


def zstd() -> ModuleType:
    """Import `compression.zstd`, or skip the row and say which of two reasons it is."""
    try:
        return importlib.import_module("compression.zstd")
    except ModuleNotFoundError:
        if sys.version_info < (3, 14):
            pytest.skip("n/a: needs Python 3.14 (PEP 784)")
        pytest.skip("n/a: this Python was built without libzstd")


@pytest.mark.parametrize(
    ("codec", "level"),
    [("zlib", 6), ("zstd", 1), ("zstd", 3), ("zstd", 19)],
    ids=["codec=zlib-6", "codec=zstd-1", "codec=zstd-3", "codec=zstd-19"],
)
def test_benchmark_python314_compress(
    benchmark: BenchmarkFixture, text: bytes, codec: str, level: int
) -> None:
    """Compress 64 KiB of text.

    One operation is one `compress`, its context made and dropped. Expect zlib at its
    usual level 6 to take 2 to 6 ms; zstd 0.1 to 0.8 ms at levels 1 and 3 (its usual
    one), ten times faster for about the same size, and 10 to 60 ms at level 19.
    `extra_info["ratio"]` says how many times smaller the text became.
    """
    module = zlib if codec == "zlib" else zstd()
    compressed: bytes = benchmark(module.compress, text, level)
    benchmark.extra_info["ratio"] = round(len(text) / len(compressed), 2)
    assert module.decompress(compressed) == text


@pytest.mark.parametrize("codec", ["zlib", "zstd"], ids=lambda c: f"codec={c}")
def test_benchmark_python314_decompress(
    benchmark: BenchmarkFixture, text: bytes, codec: str
) -> None:
    """Decompress 64 KiB of text, from the codec's usual level.

    One operation is one `decompress`. Expect 40 to 500 us for zlib, and less for
    zstd: how much, the text decides.
    """
    module = zlib if codec == "zlib" else zstd()
    assert benchmark(module.decompress, module.compress(text)) == text
