"""What importing common modules adds to a start.

One operation is a child's whole life with one import in it, from bytecode that
exists. The import is the difference to `test_benchmark_startup_bare`, which is
measured in the same session and named in `extra_info["floor"]`; it is not
subtracted, since a difference of two noisy rows is noisier than both.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="imports")

TimeChild = Callable[..., None]

MODULES = ("json", "asyncio", "typing", "re", "dataclasses", "logging", "argparse")


@pytest.mark.parametrize("module", MODULES, ids=lambda name: f"module={name}")
def test_benchmark_startup_import(
    benchmark: BenchmarkFixture, time_child: TimeChild, module: str
) -> None:
    """Start an interpreter without `site` and import one module.

    Expect above `bare`: 2 to 10 ms for most, since each of these needs `re` or its
    like with what that needs, and 20 to 50 ms for asyncio, which needs 60 modules,
    sockets and TLS among them.
    """
    benchmark.extra_info["floor"] = "test_benchmark_startup_bare"
    time_child(f"import {module}", "-S")
