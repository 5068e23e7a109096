"""What starting an interpreter costs before it does anything.

One operation is a child's whole life: `posix_spawn`, the start, the shutdown, and
waiting for its end. The children's environment and bytecode are this session's own
(see `conftest.py`); one untimed child has run before. Rows here are the floor of
the other rows of this folder.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="bare")

TimeChild = Callable[..., None]


def test_benchmark_startup_bare(time_child: TimeChild) -> None:
    """Start an interpreter without `site`, do nothing, end it.

    Expect 6 to 15 ms: most modules it needs are frozen into the binary, and the
    rest is linking, memory, and the encodings.
    """
    time_child("pass", "-S")


def test_benchmark_startup_site(
    benchmark: BenchmarkFixture, time_child: TimeChild
) -> None:
    """Start an interpreter with `site`, as users do.

    The difference to `bare` is `site` with the .pth files of this environment, whose
    number is in `extra_info["pth_files"]`: an editable install may add
    milliseconds through one. Expect 1 to 5 ms more than `bare`.
    """
    folders = [Path(folder) for folder in sys.path if folder.endswith("-packages")]
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    benchmark.extra_info["pth_files"] = sum(
        len(list(folder.glob("*.pth"))) for folder in folders
    )
    time_child("pass")


def test_benchmark_startup_bare_unfrozen(
    benchmark: BenchmarkFixture, time_child: TimeChild
) -> None:
    """Start an interpreter without `site`, with its frozen modules switched off.

    The difference to `bare` is reading the modules of the start from .pyc files
    instead of from the binary. Expect 1 to 4 ms more.
    """
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    time_child("pass", "-S", "-X", "frozen_modules=off")


def test_benchmark_startup_exit_fast(
    benchmark: BenchmarkFixture, time_child: TimeChild
) -> None:
    """Start an interpreter without `site` and leave it by `os._exit`.

    The difference to `bare` is the orderly shutdown: modules cleared, threads
    joined, memory freed. Expect 1 to 4 ms less.
    """
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    time_child("import os; os._exit(0)", "-S")
