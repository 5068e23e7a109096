"""What starting an interpreter costs before it does anything.

One operation is a child's whole life: `posix_spawn`, the start, the shutdown, and
waiting for its end. The children's environment and bytecode are this session's own
(see `conftest.py`); one untimed child has run before. Rows here are the floor of
the other rows of this folder.
"""

import sys
import sysconfig
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
    benchmark.extra_info["pth_files"] = sum(
        len(list(folder.glob("*.pth"))) for folder in folders
    )
    time_child("pass", floor="bare")


def test_benchmark_startup_bare_unfrozen(time_child: TimeChild) -> None:
    """Start an interpreter without `site`, with its frozen modules switched off.

    The difference to `bare` is reading the modules of the start from .pyc files
    instead of from the binary. Expect 1 to 4 ms more.
    """
    time_child("pass", "-S", "-X", "frozen_modules=off", floor="bare")


def test_benchmark_startup_exit_fast(time_child: TimeChild) -> None:
    """Start an interpreter without `site` and leave it by `os._exit`.

    The difference to `bare` is the orderly shutdown: modules cleared, threads
    joined, memory freed. Expect 1 to 4 ms less.
    """
    time_child("import os; os._exit(0)", "-S", floor="bare")


@pytest.mark.parametrize("option", ["-E", "-I", "-P"])
def test_benchmark_startup_option(time_child: TimeChild, option: str) -> None:
    """Start an interpreter without `site` and with one option that leaves things out.

    `-E` ignores the environment's variables, `-P` the script's folder, and `-I` both
    and the user's packages, so that the bytecode is the installation's with `-E` and
    `-I`. Expect `bare`: what is left out is little where all of it is empty, as here.
    """
    time_child("pass", "-S", option, floor="bare")


def test_benchmark_startup_option_utf8(time_child: TimeChild) -> None:
    """Start an interpreter without `site` and in UTF-8 mode.

    The mode asks the locale for nothing. It is off in `bare` up to 3.14 and on from
    3.15 (PEP 686). Expect `bare`, as its locale has this encoding too.
    """
    time_child("pass", "-S", "-X", "utf8", floor="bare")


def test_benchmark_startup_option_importtime(time_child: TimeChild) -> None:
    """Start an interpreter without `site`, import json, and report each import's time.

    The difference to `import[module=json]` is what `-X importtime` costs: two clocks
    and a line on stderr, here a file, for each of some forty modules. Expect 0.2 to
    2 ms more.
    """
    time_child("import json", "-S", "-X", "importtime", floor="import[module=json]")


def test_benchmark_startup_option_dev(time_child: TimeChild) -> None:
    """Start an interpreter without `site` in development mode.

    The difference to `bare` is what `-X dev` costs: each allocation is padded and
    checked, the fault handler is installed, and warnings are shown. Expect 1 to 10 ms
    more.
    """
    time_child("pass", "-S", "-X", "dev", floor="bare")


def test_benchmark_startup_option_tracemalloc(time_child: TimeChild) -> None:
    """Start an interpreter without `site`, its allocations traced.

    The difference to `bare` is what `-X tracemalloc` costs for the allocations of a
    start, some tens of thousands, and for `tracemalloc` itself. Expect 1 to 10 ms more.
    """
    time_child("pass", "-S", "-X", "tracemalloc", floor="bare")


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"),
    reason="n/a: a build with a GIL cannot switch it off: use a free-threaded one",
)
@pytest.mark.parametrize("gil", [0, 1])
def test_benchmark_startup_option_gil(time_child: TimeChild, gil: int) -> None:
    """Start a free-threaded interpreter without `site`, its GIL off or on.

    Whatever this process has. Expect no difference: a start is the work of one thread.
    """
    time_child("pass", "-S", "-X", f"gil={gil}", floor="bare")
