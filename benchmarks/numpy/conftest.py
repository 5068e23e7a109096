"""numpy for the rows of this folder: with its BLAS held to one thread, and said so.

numpy is looked for when a row runs, not when it is collected, so that every
interpreter has the same rows; where it is missing, each row is skipped with the
command that installs it. threadpoolctl limits the threads of BLAS. Where it is
missing, numpy is imported with the variables that limit them, and only the rows that
ask for more threads are skipped. A numpy that does not declare itself safe turns the
GIL on of a free-threaded build; that makes its rows void, and is the plugin's to
notice.
"""

import gc
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

INSTALL = "pip install 'pybench-native[numpy]', or compare --with numpy"

# What OpenBLAS, MKL, BLIS, Accelerate and a BLAS of OpenMP read when they are loaded.
THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OMP_NUM_THREADS",
)

# Who holds BLAS to its threads, as `extra_info["blas"]["limited_by"]` has it.
BY_THREADPOOLCTL = "threadpoolctl"
BY_VARIABLES = "variables"


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

    `pools` is what threadpoolctl found, nothing where it is missing. A BLAS that it
    does not know (Accelerate) is named from numpy's own record, and its threads are
    null.
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


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say of each row here what it needs."""
    item.add_marker(pytest.mark.needs("numpy"))


@dataclass(frozen=True)
class Packages:
    """numpy, what can set the threads of its BLAS if that is there, and who limits."""

    numpy: ModuleType
    threadpoolctl: ModuleType | None
    limited_by: str | None


@contextmanager
def one_thread_variables() -> Iterator[None]:
    """Ask each BLAS for one thread while it is loaded; children never see it."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def load_packages() -> Packages:
    """Import numpy, and find out who holds its BLAS to one thread.

    Skips the row if numpy is not there.
    """
    try:
        threadpoolctl = importlib.import_module("threadpoolctl")
    except ModuleNotFoundError as error:
        if error.name != "threadpoolctl":
            raise
    else:
        return Packages(loaded("numpy", "ndarray"), threadpoolctl, BY_THREADPOOLCTL)
    # What has been loaded does not read the variables again.
    was_loaded = "numpy" in sys.modules
    with one_thread_variables():
        numpy = loaded("numpy", "ndarray")
        if not was_loaded:
            # Some read them at their first product.
            numpy.ones((2, 2)).dot(numpy.ones((2, 2)))
    return Packages(numpy, None, None if was_loaded else BY_VARIABLES)


def limit_note(limited_by: str | None) -> str | None:
    """Say how BLAS is limited where that is not by threadpoolctl."""
    if limited_by == BY_THREADPOOLCTL:
        return None
    if limited_by == BY_VARIABLES:
        return (
            "threadpoolctl is not installed: numpy was imported with "
            "*_NUM_THREADS=1, and nobody has asked BLAS whether it obeys; to be "
            f"sure: {INSTALL}"
        )
    return (
        "the threads of BLAS are not limited: threadpoolctl is not installed, and "
        f"numpy was imported before the first row: {INSTALL}"
    )


@pytest.fixture(scope="session")
def packages(pytestconfig: pytest.Config) -> Packages:
    """Return numpy and what limits its BLAS, or skip every row.

    For the session, so that it comes before the row's `benchmark`: pytest-benchmark
    takes a fixture that was made for a skipped row for one that was forgotten.
    """
    found = load_packages()
    note = limit_note(found.limited_by)
    session: Any = pytestconfig.pluginmanager.get_plugin("pybench-session")
    if note and session is not None:
        session.say(note)
    return found


@contextmanager
def blas_held_to(threads: int, packages: Packages) -> Iterator[dict[str, Any]]:
    """Hold BLAS to a number of threads; gives what `extra_info["blas"]` gets.

    Skips a row of more than one thread where their number cannot be set.
    """
    threadpoolctl = packages.threadpoolctl
    if threadpoolctl is None:
        if threads > 1:
            pytest.skip(
                f"n/a: BLAS cannot be given {threads} threads: threadpoolctl is not "
                f"installed: {INSTALL}"
            )
        yield blas_facts(packages.numpy, []) | {"limited_by": packages.limited_by}
        return
    with threadpoolctl.threadpool_limits(limits=threads, user_api="blas"):
        facts = blas_facts(packages.numpy, threadpoolctl.threadpool_info())
        if threads > 1 and facts["threads"] != threads:
            pytest.skip(
                f"n/a: {facts['library']} has {facts['threads']} threads, and "
                f"threadpoolctl cannot make it {threads}"
            )
        # It may not know this BLAS, and then has limited nothing.
        is_known = facts["threads"] is not None
        yield facts | {"limited_by": BY_THREADPOOLCTL if is_known else None}


@pytest.fixture
def np(
    packages: Packages, benchmark: BenchmarkFixture, blas_threads: int
) -> Iterator[ModuleType]:
    """Return numpy, whose BLAS is held to a number of threads until the row ends.

    `extra_info["blas"]` has what was asked of the library afterwards, not before, and
    null for the threads where it cannot be asked.
    """
    with blas_held_to(blas_threads, packages) as facts:
        benchmark.extra_info["numpy"] = packages.numpy.__version__
        benchmark.extra_info["blas"] = facts
        if blas_threads > 1:
            benchmark.extra_info["threads"] = blas_threads
            benchmark.extra_info["oversubscribed"] = blas_threads > usable_cpu_count()
        yield packages.numpy
