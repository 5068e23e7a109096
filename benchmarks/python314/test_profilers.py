"""What being profiled costs the program, by the kind of profiler.

Each row asks a child for the same loop of method calls, alone or profiled. `none` is
the control and the program's own speed.
"""

import importlib.util
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="profilers", max_time=0.15)

StartChild = Callable[..., Any]

RATE_HZ = 1000
ATTACH_S = 0.5  # until the sampler, which is ready then, has attached and sampled
END_S = 30.0  # until it has written what it found
# Far fewer than it takes in the row's time, and more than it could by mistake.
LEAST_SAMPLES = 50
# The sampler ends at SIGINT. A shell's background jobs inherit that it is ignored, and
# one that ignores it would never end. It says when it has imported what it needs: on a
# busy machine that takes seconds, and a signal in the middle would end it there.
SAMPLER = """\
import runpy, signal
import profiling.sampling.cli
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
runpy.run_module("profiling.sampling", run_name="__main__", alter_sys=True)
"""


def has_sampling() -> bool:
    """Tell whether this Python comes with the sampling profiler."""
    try:
        return importlib.util.find_spec("profiling.sampling") is not None
    except ModuleNotFoundError:
        return False


@contextmanager
def sampled(pid: int, collected: Path) -> Iterator[None]:
    """Sample a process from another one; see afterwards that it was."""
    argv = [sys.executable, "-c", SAMPLER, "attach", str(pid)]
    argv += ["-r", str(RATE_HZ), "--collapsed", "-o", str(collected)]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as sampler:
        try:
            assert sampler.stdout is not None
            if sampler.stdout.readline().strip() == "ready":
                time.sleep(ATTACH_S)
                yield
                sampler.send_signal(signal.SIGINT)
            said, _ = sampler.communicate(timeout=END_S)
        finally:
            sampler.kill()
    if "PermissionError" in said or "permission" in said.lower():
        pytest.skip("n/a: no process may read its sibling's memory here")
    # A line is a stack and how often it was seen.
    lines = collected.read_text().splitlines() if collected.exists() else []
    if sum(int(line.rpartition(" ")[2]) for line in lines) < LEAST_SAMPLES:
        raise RuntimeError(f"the sampling profiler took too few samples: {said}")


@pytest.mark.parametrize(
    "by",
    [
        "none",
        "cprofile",
        pytest.param(
            "sampling",
            marks=pytest.mark.skipif(
                not has_sampling(),
                reason="n/a: needs Python 3.15 (PEP 799)",
            ),
        ),
    ],
    ids=lambda by: f"by={by}",
)
def test_benchmark_python314_profiled(
    benchmark: BenchmarkFixture, start_child: StartChild, tmp_path: Path, by: str
) -> None:
    """Run a loop of method calls, alone, under `cProfile`, or being sampled.

    One operation is one turn with its call. Expect 40 to 200 ns alone, two to eight
    times that under `cProfile`, which is called at each call and return; and nothing
    more for `profiling.sampling` at 1 kHz (3.15), which reads the child's memory from
    a process of its own and stops no thread, as long as it has a CPU of its own.
    """
    child = start_child("profiled-calls" if by == "cprofile" else "calls")
    if by == "sampling":
        with sampled(child.pid, tmp_path / "stacks"):
            benchmark(child.ask)
        benchmark.extra_info["rate_hz"] = RATE_HZ
    else:
        benchmark(child.ask)
