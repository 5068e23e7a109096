"""torch for the rows of this folder, held to one thread of its own, and said so.

torch is looked for when a row runs, not when it is collected, so that every
interpreter has the same rows; where it is missing, each row is skipped with the
command that installs it. A torch that does not declare itself safe turns the GIL on
of a free-threaded build; that makes its rows void, and is the plugin's to notice.
"""

import gc
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

NOT_INSTALLED = (
    "n/a: torch is not installed: pip install torch, or compare --with torch"
)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say of each row here what it needs."""
    item.add_marker(pytest.mark.needs("torch"))


@pytest.fixture(scope="session")
def package() -> ModuleType:
    """Return torch, or skip every row.

    For the session, so that it comes before the row's `benchmark`: pytest-benchmark
    takes a fixture that was made for a skipped row for one that was forgotten.
    """
    is_first = "torch" not in sys.modules
    try:
        with warnings.catch_warnings():
            # As an error it would leave a torch that was loaded by half, and a GIL
            # that is on all the same.
            warnings.filterwarnings("default", message="The global interpreter lock")
            # No row needs numpy, which torch looks for and may warn about.
            warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
            module = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        pytest.skip(NOT_INSTALLED)
    # An empty folder of that name on the path imports without an error.
    if not hasattr(module, "Tensor"):
        pytest.skip(NOT_INSTALLED)
    if is_first:
        # What torch made at its import, a few hundred thousand objects, lives as long
        # as the process. Every later row's full collections would walk through it.
        gc.collect()
        gc.freeze()
    return module


def usable_cpu_count() -> int:
    """Count the CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@pytest.fixture
def torch_threads() -> int:
    """Tell how many threads an operation may use; a row may parametrize it."""
    return 1


@pytest.fixture
def torch(
    package: ModuleType, benchmark: BenchmarkFixture, torch_threads: int
) -> Iterator[ModuleType]:
    """Return torch with the threads inside its operations set, until the row ends.

    Parameters and random tensors are the same in every run: the generator is seeded
    for each row.
    """
    before = package.get_num_threads()
    package.set_num_threads(torch_threads)
    package.manual_seed(1)
    benchmark.extra_info["torch"] = {
        "version": package.__version__,
        "threads": package.get_num_threads(),
        "cuda": package.version.cuda,
    }
    if torch_threads > 1:
        benchmark.extra_info["threads"] = torch_threads
        benchmark.extra_info["oversubscribed"] = torch_threads > usable_cpu_count()
    yield package
    package.set_num_threads(before)
