"""numpy for the rows of this folder: with its BLAS held to one thread, and said so.

numpy and threadpoolctl are looked for when a row runs, not when it is collected, so
that every interpreter has the same rows; where one of the two is missing, each row
is skipped with the command that installs them. A numpy that does not declare itself
safe turns the GIL on of a free-threaded build; that makes its rows void, and is the
plugin's to notice.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

INSTALL = 'pip install -e ".[numpy]"'


def loaded(name: str, proof: str) -> ModuleType:
    """Import a package, or skip the row with the command that installs it.

    `proof` is an attribute of the real one: beside this folder, or with `benchmarks`
    on the path, `import numpy` finds an empty namespace and no error.
    """
    is_first = name not in sys.modules
    try:
        with warnings.catch_warnings():
            # As an error it would leave a numpy that was loaded by half, and a GIL
            # that is on all the same.
            warnings.filterwarnings("default", message="The global interpreter lock")
            module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        pytest.skip(f"n/a: {name} is not installed: {INSTALL}")
    if not hasattr(module, proof):
        pytest.skip(f"n/a: {name} is not installed: {INSTALL}")
    if is_first:
        # What a package made at its import lives as long as the process. Every later
        # row's full collections would walk through it.
        gc.collect()
        gc.freeze()
    return module


def blas_facts(numpy: ModuleType, pools: list[dict[str, Any]]) -> dict[str, Any]:
    """Say which BLAS numpy uses, and how many threads it has.

    `pools` is what threadpoolctl found. A BLAS that it does not know (Accelerate)
    cannot be held to any number: it is named from numpy's own record, and its
    threads are null.
    """
    found = [pool for pool in pools if pool["user_api"] == "blas"]
    # A second one may be of another package; numpy's wheels bring theirs along.
    found.sort(key=lambda pool: "numpy" not in pool["filepath"])
    if found:
        return {
            "library": found[0]["internal_api"],
            "version": found[0]["version"],
            "threads": found[0]["num_threads"],
        }
    built_with = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "library": built_with.get("name"),
        "version": built_with.get("version"),
        "threads": None,
    }


def usable_cpu_count() -> int:
    """Count the CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@pytest.fixture
def blas_threads() -> int:
    """Tell how many threads BLAS may use; a row that asks for more parametrizes it."""
    return 1


@pytest.fixture(scope="session")
def packages() -> tuple[ModuleType, ModuleType]:
    """Return numpy and threadpoolctl, or skip every row.

    For the session, so that it comes before the row's `benchmark`: pytest-benchmark
    takes a fixture that was made for a skipped row for one that was forgotten.
    """
    return loaded("numpy", "ndarray"), loaded("threadpoolctl", "threadpool_limits")


@pytest.fixture
def np(
    packages: tuple[ModuleType, ModuleType],
    benchmark: BenchmarkFixture,
    blas_threads: int,
) -> Iterator[ModuleType]:
    """Return numpy, whose BLAS is held to a number of threads until the row ends.

    `extra_info["blas"]` has what was asked of the library afterwards, not before.
    """
    numpy, threadpoolctl = packages
    with threadpoolctl.threadpool_limits(limits=blas_threads, user_api="blas"):
        facts = blas_facts(numpy, threadpoolctl.threadpool_info())
        benchmark.extra_info["numpy"] = numpy.__version__
        benchmark.extra_info["blas"] = facts
        if blas_threads > 1:
            if facts["threads"] != blas_threads:
                pytest.skip(
                    f"n/a: {facts['library']} has {facts['threads']} threads, and "
                    f"threadpoolctl cannot make it {blas_threads}"
                )
            benchmark.extra_info["threads"] = blas_threads
            benchmark.extra_info["oversubscribed"] = blas_threads > usable_cpu_count()
        yield numpy
