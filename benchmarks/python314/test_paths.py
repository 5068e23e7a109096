"""What copying and moving files costs, by module and by method."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="paths", max_time=0.15),
    pytest.mark.parametrize(
        "by",
        [
            "shutil",
            pytest.param(
                "path",
                marks=pytest.mark.skipif(
                    not hasattr(Path, "copy"),
                    reason="n/a: needs Python 3.14 (pathlib.Path.copy)",
                ),
            ),
        ],
        ids=lambda by: f"by={by}",
    ),
]

CONTENT = bytes(range(256)) * 256  # 64 KiB


def test_benchmark_python314_copy(
    benchmark: BenchmarkFixture, tmp_path: Path, by: str
) -> None:
    """Copy a file of 64 KiB over another one.

    One operation is `shutil.copyfile` or `Path.copy`. Expect 40 to 400 us, most of
    it in the kernel. `Path.copy` first asks for a clone, which some file systems
    make without copying, then for a copy inside the kernel.
    """
    source: Any = tmp_path / "source"
    target = tmp_path / "target"
    source.write_bytes(CONTENT)
    if by == "shutil":
        benchmark(shutil.copyfile, source, target)
    else:
        benchmark(source.copy, target)
    assert target.read_bytes() == CONTENT


def test_benchmark_python314_move(
    benchmark: BenchmarkFixture, tmp_path: Path, by: str
) -> None:
    """Move a file within a file system, there and back.

    One operation is one way, of two timed together: `shutil.move` or `Path.move`,
    each a `rename` and looking first what is there. Expect 8 to 60 us.
    """
    here, there = tmp_path / "here", tmp_path / "there"
    here.write_bytes(CONTENT)
    move: Callable[[Any, Path], object] = (
        shutil.move if by == "shutil" else lambda source, target: source.move(target)
    )

    def move_twice() -> None:
        move(here, there)
        move(there, here)

    benchmark.extra_info["operations"] = 2
    benchmark(move_twice)
    assert here.read_bytes() == CONTENT
    assert not there.exists()
