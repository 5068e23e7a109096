"""Tell whether the kernels cost what their operations cost in C without Python.

Builds `reference.c` with the extension's own flags, runs it and the kernels in turn,
one call of either a turn, and prints the median of the paired ratios. The aim is 0.95
to 1.05 with one thread. With several, who meets whom when decides more than any code
does, so there the ratio is shown and no aim is set.

    python benchmarks/reference/run.py [--pairs 21] [--seed N]
"""

import argparse
import json
import math
import os
import platform
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import _pybench

SOURCE = Path(__file__).with_name("reference.c")

# Fewer would leave no interval worth its name: of 15 values, the 4th and the 12th
# enclose the median in 96 of 100 cases.
PAIRS_LEAST = 15

# A turn is this many rounds of about this long, on either side.
ROUNDS = 11
WINDOW_NS = 1_000_000

AIM = (0.95, 1.05)
CONFIDENCE = 0.95

# Seconds for one turn of the C program, or for building it.
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation, by its name here, in the C program and among the kernels."""

    title: str
    twin: str
    kernel: str
    variant: dict[str, str]


def counters(title: str, twin: str, **variant: str) -> Operation:
    """Make an operation of the counters' kernel."""
    return Operation(
        title=title, twin=twin, kernel="counters_increment", variant=variant
    )


OPERATIONS = (
    Operation(title="empty loop", twin="empty", kernel="yardstick_empty", variant={}),
    counters("store", "store", operation="store", layout="padded"),
    counters("atomic add, padded", "padded", layout="padded"),
    counters("atomic add, unpadded", "unpadded", layout="unpadded"),
    counters("atomic add, shared", "shared", layout="shared"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One row of the table; times in nanoseconds per operation."""

    kernel_ns: float
    twin_ns: float
    ratio: float
    least: float
    most: float


def compiler_command() -> list[str]:
    """Name the compiler that an extension of this interpreter is built with."""
    for words in (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc"):
        command = shlex.split(words or "")[:1]
        if command and shutil.which(command[0]):
            return command
    raise SystemExit("reference: no C compiler found; set CC")


def build_twin(folder: Path) -> Path:
    """Compile the C program as the extension was compiled; return its path."""
    # Without the macros, which are about Python and the extension.
    words = shlex.split(_pybench.BUILD["flags"])
    flags = [word for word in words if not word.startswith(("-D", "-U"))]
    program = folder / "reference"
    command = [*compiler_command(), *flags, str(SOURCE), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode != 0:
        raise SystemExit(f"reference: {shlex.join(command)} failed:\n{done.stderr}")
    return program


def compiler_version() -> str:
    """Return the first line of what the compiler says of itself."""
    command = [*compiler_command(), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    return (done.stdout.splitlines() or ["unknown"])[0]


def typical_ns(rounds: list[float], threads: int) -> float:
    """Reduce a turn's rounds to one number, on both sides alike.

    Alone, a disturbance can only add, so the least is nearest to the truth. Among
    threads that contend, the least would be the round in which they hardly met.
    """
    return min(rounds) if threads == 1 else statistics.median(rounds)


def run_twin(
    program: Path, operation: Operation, threads: int, iterations: int
) -> float:
    """Run one turn of the C program; return nanoseconds per operation."""
    numbers = [str(number) for number in (threads, iterations, ROUNDS)]
    command = [str(program), operation.twin, *numbers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode != 0:
        raise SystemExit(f"reference: {shlex.join(command)} failed:\n{done.stderr}")
    rounds = [json.loads(line)["ns_per_operation"] for line in done.stdout.splitlines()]
    return typical_ns(rounds, threads)


def run_kernel(operation: Operation, threads: int, iterations: int) -> float:
    """Run one turn of the kernel; return nanoseconds per operation."""
    kernel = getattr(_pybench, operation.kernel)
    results = kernel(iterations, rounds=ROUNDS, threads=threads, **operation.variant)
    return typical_ns([result.ns_per_operation for result in results], threads)


def size_iterations(operation: Operation, threads: int) -> int:
    """Find the power of two whose window is about a millisecond."""
    iterations = 1 << 12
    while run_kernel(operation, threads, iterations) * iterations < WINDOW_NS / 2:
        iterations *= 2
    return iterations


def median_interval(values: list[float]) -> tuple[float, float]:
    """Return the order statistics that enclose the median in 95 of 100 cases.

    Each value is above the median with probability one half, whatever their
    distribution, so the number below it is binomial (the interval of the sign test).
    """
    ordered, count = sorted(values), len(values)
    outside, rank = 0.0, 0
    while 2 * (outside + math.comb(count, rank) / 2**count) <= 1 - CONFIDENCE:
        outside += math.comb(count, rank) / 2**count
        rank += 1
    rank = max(rank - 1, 0)
    return ordered[rank], ordered[count - 1 - rank]


def compare(
    program: Path, operation: Operation, threads: int, pairs: int, coin: random.Random
) -> Comparison:
    """Run both sides in turn and compare what was next to each other."""
    iterations = size_iterations(operation, threads)
    sides: list[Callable[[], float]] = [
        lambda: run_kernel(operation, threads, iterations),
        lambda: run_twin(program, operation, threads, iterations),
    ]
    kernel_ns, twin_ns = [], []
    for _ in range(pairs):
        taken = [0.0, 0.0]
        for side in coin.sample((0, 1), 2):
            taken[side] = sides[side]()
        kernel_ns.append(taken[0])
        twin_ns.append(taken[1])
    ratios = [ours / theirs for ours, theirs in zip(kernel_ns, twin_ns, strict=True)]
    least, most = median_interval(ratios)
    return Comparison(
        kernel_ns=statistics.median(kernel_ns),
        twin_ns=statistics.median(twin_ns),
        ratio=statistics.median(ratios),
        least=least,
        most=most,
    )


def remark(comparison: Comparison, threads: int) -> str:
    """Say how the ratio stands to the aim."""
    low, high = AIM
    if threads > 1:
        return "no aim"
    if low <= comparison.ratio <= high:
        return "as aimed"
    if comparison.least <= high and comparison.most >= low:
        return f"outside {low}-{high}, not surely"
    return f"outside {low}-{high}"


def usable_cpus() -> list[int]:
    """List the CPUs this process may use; empty where the system does not tell."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return []


def machine_name() -> str:
    """Return the CPU's name as the system knows it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    lines = [line for line in text.splitlines() if line.startswith("model name")]
    return lines[0].split(":", 1)[1].strip() if lines else platform.machine()


def print_heading(seed: int, pairs: int, cpus: list[int]) -> None:
    """Say on what, with what and how it was measured."""
    count = len(cpus) or os.cpu_count()
    build = "free-threaded" if _pybench.BUILD["free_threaded"] else "with the GIL"
    flavour = _pybench.BUILD["flavour"]
    print(f"machine   {machine_name()}, {count} CPUs usable")
    print(f"python    {platform.python_version()}, {build}")
    print(f"kernels   {_pybench.BUILD['compiler']}, {flavour} build")
    print(f"C twin    {compiler_version()}, the same flags")
    print(f"method    {pairs} pairs of {ROUNDS} rounds, order by seed {seed}")
    print()


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=21, help="at least 15")
    parser.add_argument("--seed", type=int, default=None, help="of who starts a pair")
    options = parser.parse_args()
    if options.pairs < PAIRS_LEAST:
        parser.error(f"--pairs must be at least {PAIRS_LEAST}, not {options.pairs}")
    seed = random.randrange(10**6) if options.seed is None else options.seed
    coin = random.Random(seed)
    cpus = usable_cpus()

    print_heading(seed, options.pairs, cpus)
    print(
        f"{'operation':22}{'threads':>8}{'kernel ns':>11}{'twin ns':>10}"
        f"{'ratio':>8}   {'95 % interval':16}aim {AIM[0]}-{AIM[1]}"
    )
    with tempfile.TemporaryDirectory() as folder:
        program = build_twin(Path(folder))
        for threads in (1, 2):
            if cpus:
                # Both sides on the same CPUs; the C program inherits this.
                os.sched_setaffinity(0, cpus[:threads])
            for operation in OPERATIONS:
                row = compare(program, operation, threads, options.pairs, coin)
                print(
                    f"{operation.title:22}{threads:8}{row.kernel_ns:11.3f}"
                    f"{row.twin_ns:10.3f}{row.ratio:8.3f}"
                    f"   {f'{row.least:.3f} to {row.most:.3f}':16}"
                    f"{remark(row, threads)}",
                    flush=True,
                )
    if cpus and len(cpus) < 2:
        print("\nTwo threads had one CPU: their rows compare schedulers.")


if __name__ == "__main__":
    if getattr(_pybench, "BUILD", None) is None:
        sys.exit("reference: the extension is not built: python -m pip install -e .")
    main()
